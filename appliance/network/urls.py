# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of network: zones and interfaces."""

from __future__ import annotations

from django.urls import path

from appliance.network import views

app_name = "network"
urlpatterns = [
    path("", views.interfaces, name="interfaces"),
    path("<str:name>/adopt/", views.adopt, name="interfaces_adopt"),
    path("<str:name>/edit/", views.edit, name="interfaces_edit"),
    path("<str:name>/release/", views.release, name="interfaces_release"),
]
