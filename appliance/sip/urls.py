# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of sip: the live pages."""

from __future__ import annotations

from django.urls import path

from appliance.sip.views import live

app_name = "sip"
urlpatterns = [
    path("", live.calls, name="calls"),
    path("registrations/", live.registrations, name="registrations"),
    path("pinholes/", live.pinholes, name="pinholes"),
]
