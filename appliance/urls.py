# SPDX-License-Identifier: GPL-2.0-or-later
"""The root of all addresses; each app owns what lies below its prefix."""

from __future__ import annotations

from django.urls import include, path

from appliance.api import api
from appliance.metrics import metrics
from appliance.privacy import csp_report
from appliance.ui.requests import anybody

urlpatterns = [
    path("", include("appliance.ui.urls")),
    path("accounts/", include("appliance.accounts.urls")),
    path("accounts/", include("appliance.accounts.urls.factors")),
    path("firewall/", include("appliance.firewall.urls")),
    path("network/", include("appliance.network.urls")),
    path("calls/", include("appliance.sip.urls")),
    path("audit/", include("appliance.audit.urls")),
    path("alg/", include("appliance.sip.urls.alg")),
    path("system/", include("appliance.system.urls")),
    path("api/v1/", api.urls),
    path("metrics", metrics, name="metrics"),
    path("csp-report/", anybody(csp_report), name="csp-report"),
]
