# SPDX-License-Identifier: GPL-2.0-or-later
"""Addresses of accounts: coming in, going out, and one's own account."""

from __future__ import annotations

from django.contrib.auth.views import LogoutView
from django.urls import path

from appliance.accounts import views
from appliance.ui.requests import anybody

app_name = "accounts"
urlpatterns = [
    path("sign-in/", anybody(views.SignIn.as_view()), name="sign_in"),
    path("sign-out/", anybody(LogoutView.as_view(next_page="accounts:sign_in")), name="sign_out"),
    path("link/<str:token>/", anybody(views.link), name="link"),
    path("", views.account, name="account"),
    path("password/", views.set_password, name="account_password"),
    path("tokens/add/", views.create_token, name="account_token"),
    path("tokens/<int:pk>/revoke/", views.revoke_token, name="account_revoke"),
]
