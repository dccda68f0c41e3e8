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
]
