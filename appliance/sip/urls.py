# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of sip: the three live pages."""

from __future__ import annotations

from django.urls import path

from appliance.sip import views

app_name = "sip"
urlpatterns = [
    path("", views.calls, name="calls"),
    path("registrations/", views.registrations, name="registrations"),
    path("pinholes/", views.pinholes, name="pinholes"),
]
