# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of audit."""

from __future__ import annotations

from django.urls import path

from appliance.audit import views

app_name = "audit"
urlpatterns = [
    path("", views.log, name="log"),
    path("export/", views.export, name="log_export"),
    path("check/", views.check, name="log_check"),
]
