# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of accounts: coming in, going out, one's own account, and people. `factors` has allauth's own names."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from appliance.accounts.views import account, door, maintenance, people, tokens
from appliance.ui.requests import anybody

app_name = "accounts"
urlpatterns = [
    path("sign-in/", anybody(door.SignIn.as_view()), name="sign_in"),
    path("sign-out/", anybody(LogoutView.as_view(next_page="accounts:sign_in")), name="sign_out"),
    path("link/<str:token>/", anybody(door.link), name="link"),
    path("", account.account, name="account"),
    path("password/", account.set_password, name="account_password"),
    path("api-tokens/", tokens.tokens, name="tokens"),
    path("api-tokens/add/", tokens.create, name="tokens_create"),
    path("api-tokens/<int:pk>/revoke/", tokens.revoke, name="tokens_revoke"),
    path("sessions/<int:pk>/end/", account.end_session, name="account_end_session"),
    path("sessions/end-others/", account.end_other_sessions, name="account_end_others"),
    path("maintenance/", maintenance.maintenance, name="maintenance"),
    path("maintenance/start/", maintenance.start, name="maintenance_start"),
    path("maintenance/<int:pk>/", maintenance.report, name="maintenance_report"),
    path("maintenance/<int:pk>/watch/", maintenance.watch, name="maintenance_watch"),
    path("maintenance/<int:pk>/end/", maintenance.end, name="maintenance_end"),
    path("maintenance/<int:pk>/take-back/", maintenance.take_back, name="maintenance_take_back"),
    path("exposure/", maintenance.exposure, name="exposure"),
    path("people/", people.people, name="people"),
    path("people/add/", people.add_user, name="people_add"),
    path("people/add-pass/", people.add_pass, name="people_add_pass"),
    path("people/demand-factor/", people.demand_factor, name="people_demand_factor"),
    path("people/grants/", people.grant, name="people_grant"),
    path("people/<int:pk>/link/", people.renew_link, name="people_link"),
    path("people/<int:pk>/role/", people.set_role, name="people_role"),
    path("people/<int:pk>/active/", people.set_active, name="people_active"),
    path("people/<int:pk>/factors/", people.reset_factors, name="people_factors"),
    path("people/<int:pk>/sessions/", people.end_sessions, name="people_sessions"),
]
