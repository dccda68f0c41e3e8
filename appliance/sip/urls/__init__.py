# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of sip: the live pages, the history, the self-test, one call. What begins with a call's id stands last."""

from __future__ import annotations

from django.urls import path

from appliance.sip.views import bundle, calls, exports, history, live, quality, selftests

app_name = "sip"
urlpatterns = [
    path("", live.calls, name="calls"),
    path("quiet/", live.quiet, name="calls_quiet"),
    path("measured/", calls.measured, name="calls_measured"),
    path("registrations/", live.registrations, name="registrations"),
    path("pinholes/", live.pinholes, name="pinholes"),
    path("pinholes/<str:pinhole_id>/close/", live.close_pinhole, name="pinholes_close"),
    path("engine/start/", live.start_engine, name="engine_start"),
    path("bans/", live.bans, name="bans"),
    path("bans/lift/", live.lift_ban, name="bans_lift"),
    path("quality/", quality.quality, name="quality"),
    path("history/", history.history, name="history"),
    path("history/settings/", history.history_settings, name="history_settings"),
    path("history/calls.csv", history.history_csv, name="history_csv"),
    path("selftests/", selftests.selftests, name="selftests"),
    path("selftests/start/", selftests.start_selftest, name="selftests_start"),
    path("selftests/<int:pk>/", selftests.selftest, name="selftests_one"),
    path("selftests/<int:pk>/report.txt", selftests.selftest_report, name="selftests_report"),
    path("<str:call_id>/", calls.call, name="calls_one"),
    path("<str:call_id>/figures/", calls.figures, name="calls_figures"),
    path("<str:call_id>/bundle/", bundle.bundle, name="calls_bundle"),
    path("<str:call_id>/export/", exports.export, name="calls_export"),
    path("<str:call_id>/messages/<str:message_id>/", calls.message, name="calls_message"),
]
