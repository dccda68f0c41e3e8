# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of ui: the overview, help and what every page asks for."""

from __future__ import annotations

from django.urls import path
from django.views.i18n import set_language

from appliance.ui import views
from appliance.ui.requests import anybody

app_name = "ui"
urlpatterns = [
    path("", views.overview, name="overview"),
    path("status/", views.status, name="status"),
    path("palette/", views.palette, name="palette"),
    path("help/", views.help_pages, name="help"),
    path("help/<slug:name>/", views.help_page, name="help_page"),
    path("language/", anybody(set_language), name="language"),
]
