# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of system: review, apply, the revisions there were, connections, and the advisor."""

from __future__ import annotations

from django.urls import path

from appliance.system.views import advisor, backup, connections, device, log, notices, revisions, setup, tests

app_name = "system"
urlpatterns = [
    path("changes/", revisions.changes, name="changes"),
    path("changes/review/", revisions.review, name="changes_review"),
    path("changes/demand-reason/", revisions.demand_reason, name="changes_demand_reason"),
    path("changes/apply/", revisions.apply, name="changes_apply"),
    path("changes/<int:number>/", revisions.revision, name="changes_revision"),
    path("changes/<int:number>/progress/", revisions.progress, name="changes_progress"),
    path("changes/<int:number>/keep/", revisions.decide, {"verb": "keep"}, name="changes_keep"),
    path("changes/<int:number>/extend/", revisions.decide, {"verb": "extend"}, name="changes_extend"),
    path("changes/<int:number>/undo/", revisions.decide, {"verb": "undo"}, name="changes_undo"),
    path("changes/<int:number>/flush/", connections.old_connections, {"verb": "now"}, name="changes_flush"),
    path("changes/<int:number>/flush-later/", connections.old_connections, {"verb": "later"}, name="changes_wait"),
    path("advisor/", advisor.advisor, name="advisor"),
    path("advisor/ignored/<int:pk>/mind/", advisor.mind, name="advisor_mind"),
    path("advisor/<str:finding>/ignore/", advisor.ignore, name="advisor_ignore"),
    path("advisor/<str:finding>/fix/", advisor.fix, name="advisor_fix"),
    path("notices/", notices.notices, name="notices"),
    path("notices/ask/", notices.ask, name="notices_ask"),
    path("notices/test/", notices.test, name="notices_test"),
    path("backup/", backup.backup, name="backup"),
    path("backup/plan/", backup.plan, name="backup_plan"),
    path("backup/made/<str:name>", backup.made, name="backup_made"),
    path("backup/make/", backup.make, name="backup_make"),
    path("backup/configuration.json", backup.configuration, name="backup_configuration"),
    path("backup/look/", backup.look, name="backup_look"),
    path("backup/<int:pk>/", backup.restore, name="backup_restore"),
    path("backup/<int:pk>/enter/", backup.enter, name="backup_enter"),
    path("tests/", tests.tests, name="tests"),
    path("tests/<slug:job>/", tests.results, name="tests_results"),
    path("tests/<slug:job>/capture.pcap", tests.capture, name="tests_capture"),
    path("log/", log.log, name="log"),
    path("log/<str:line_id>/", log.line, name="log_line"),
    path("connections/", connections.connections, name="connections"),
    path("connections/flush/", connections.flush, name="connections_flush"),
    path("device/", device.device, name="device"),
    path("device/certificate/", device.certificate, name="device_certificate"),
    path("updates/", device.updates, name="updates"),
    path("about/", device.about, name="about"),
    path("about/licence/", device.licence, name="about_licence"),
    path("about/licence/<slug:name>/", device.licence, name="about_licence_of"),
    path("about/source.tar.gz", device.source, name="about_source"),
    path("setup/", setup.setup, name="setup"),
    path("setup/dismiss/", setup.dismiss, name="setup_dismiss"),
    path("setup/restart/", setup.restart, name="setup_restart"),
    path("setup/owner/password/", setup.password, name="setup_password"),
    path("setup/parts/preview/", setup.preview, name="setup_preview"),
    path("setup/parts/internet/", setup.internet, name="setup_internet"),
    path("setup/parts/servers/", setup.servers, name="setup_servers"),
    path("setup/parts/apply/", setup.apply, name="setup_apply"),
    path("setup/parts/heard/", setup.heard, name="setup_heard"),
    path("setup/<slug:step>/", setup.step, name="setup_step"),
    path("changes/<int:number>/go-back/", revisions.go_back, name="changes_go_back"),
]
