# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of system: review, apply, and the revisions there were."""

from __future__ import annotations

from django.urls import path

from appliance.system import views

app_name = "system"
urlpatterns = [
    path("changes/", views.changes, name="changes"),
    path("changes/review/", views.review, name="changes_review"),
    path("changes/apply/", views.apply, name="changes_apply"),
    path("changes/<int:number>/", views.revision, name="changes_revision"),
    path("changes/<int:number>/progress/", views.progress, name="changes_progress"),
    path("changes/<int:number>/keep/", views.decide, {"verb": "keep"}, name="changes_keep"),
    path("changes/<int:number>/extend/", views.decide, {"verb": "extend"}, name="changes_extend"),
    path("changes/<int:number>/undo/", views.decide, {"verb": "undo"}, name="changes_undo"),
    path("changes/<int:number>/go-back/", views.go_back, name="changes_go_back"),
]
