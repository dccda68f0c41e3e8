# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of the SIP ALG's configuration: settings, providers."""

from __future__ import annotations

from django.urls import path

from appliance.sip.views import providers, settings

app_name = "alg"
urlpatterns = [
    path("settings/", settings.settings, name="settings"),
    path("settings/<slug:key>/", settings.change, name="settings_change"),
    path("settings/<slug:key>/reset/", settings.reset, name="settings_reset"),
    path("providers/", providers.providers, name="providers"),
    path("providers/add/", providers.add, name="providers_add"),
    path("providers/<int:pk>/", providers.provider, name="providers_one"),
    path("providers/<int:pk>/change/", providers.change, name="providers_change"),
    path("providers/<int:pk>/delete/", providers.delete, name="providers_delete"),
    path("providers/<int:pk>/settings/<slug:key>/", settings.change, name="providers_setting"),
    path("providers/<int:pk>/settings/<slug:key>/reset/", settings.reset, name="providers_setting_reset"),
]
