# SPDX-License-Identifier: GPL-2.0-or-later
"""Coming in by password and by link, and the page of the own account."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from appliance.accounts.models import ApiToken, SignInLink, User
from appliance.accounts.queries import user_for_token
from appliance.accounts.services import create_api_token, create_owner_link
from appliance.permissions import Role
from appliance.system.models import Setup
from tests.unit.people import person

pytestmark = pytest.mark.django_db
PASSWORD = "correct horse battery"


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def set_up(db):
    """An appliance whose first-run wizard is done; a new one leads there (tests/unit/system/test_setup.py)."""
    Setup.objects.create(author="anna", ended=timezone.now())


def signed_in(client):
    return "_auth_user_id" in client.session


def test_password_signs_in_and_leads_on(client, owner):
    owner.set_password(PASSWORD)
    owner.save()
    answer = client.post("/accounts/sign-in/", {"username": "anna", "password": PASSWORD, "next": "/calls/"})
    assert answer.url == "/calls/"
    assert signed_in(client)


def test_an_outside_address_is_not_followed_after_sign_in(client, owner):
    owner.set_password(PASSWORD)
    owner.save()
    answer = client.post(
        "/accounts/sign-in/", {"username": "anna", "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert answer.url == "/"


def test_wrong_password_is_said_and_the_name_stays(client, owner):
    text = client.post("/accounts/sign-in/", {"username": "anna", "password": "wrong"}).content.decode()
    assert "This name and password do not belong together." in text
    assert 'value="anna"' in text
    assert not signed_in(client)


def test_opening_a_link_redeems_nothing(client):
    token = create_owner_link()
    assert client.get(f"/accounts/link/{token}/").status_code == 200
    assert not signed_in(client)
    assert SignInLink.objects.get().used is None


def test_the_button_redeems_the_link_once_and_asks_for_a_password(client, set_up):
    token = create_owner_link()
    answer = client.post(f"/accounts/link/{token}/", follow=True)
    assert signed_in(client)
    assert "Set a password now" in answer.content.decode()
    client.logout()
    answer = client.post(f"/accounts/link/{token}/")
    assert answer.status_code == 410
    assert "has been used already" in answer.content.decode()
    assert not signed_in(client)


def test_a_link_of_a_user_with_password_leads_to_the_overview(client, owner):
    owner.set_password(PASSWORD)
    owner.save()
    assert client.post(f"/accounts/link/{create_owner_link()}/").url == "/"


def test_expired_link_is_refused(client):
    token = create_owner_link()
    SignInLink.objects.update(expires=timezone.now() - timedelta(seconds=1))
    assert "has expired" in client.post(f"/accounts/link/{token}/").content.decode()


def test_sign_out_needs_a_post(console):
    assert console.get("/accounts/sign-out/").status_code == 405
    assert console.post("/accounts/sign-out/").url == "/accounts/sign-in/"
    assert not signed_in(console)


def test_setting_a_password_keeps_this_browser_in(console):
    answer = console.post("/accounts/password/", {"password": PASSWORD}, follow=True)
    assert "The password is set." in answer.content.decode()
    assert User.objects.get().check_password(PASSWORD)


def test_weak_password_is_refused_at_the_field(console):
    assert "too short" in console.post("/accounts/password/", {"password": "short"}).content.decode()


def test_a_token_is_shown_once_and_works(console, owner):
    text = console.post("/accounts/api-tokens/add/", {"name": "monitoring", "lifetime": "30"}).content.decode()
    token = re.search(r'id="new-token">([^<]+)<', text)[1]
    assert user_for_token(token) == owner
    assert token not in console.get("/accounts/").content.decode()
    assert ApiToken.objects.get().expires - timezone.now() > timedelta(days=29)


def test_a_token_without_name_is_refused_and_the_lifetime_stays(console):
    text = console.post("/accounts/api-tokens/add/", {"name": "", "lifetime": "30"}).content.decode()
    assert "Give the token a name" in text
    assert '<option value="30" selected>' in text
    assert not ApiToken.objects.exists()


def test_a_revoked_token_opens_nothing(console, owner):
    token, text = create_api_token(user=owner, name="old")
    console.post(f"/accounts/api-tokens/{token.pk}/revoke/")
    assert user_for_token(text) is None


def test_somebody_elses_token_cannot_be_revoked(client):
    client.force_login(person(Role.TECHNICIAN))  # an owner may
    other = User.objects.create(username="ben")
    token, _ = create_api_token(user=other, name="his")
    assert client.post(f"/accounts/api-tokens/{token.pk}/revoke/").status_code == 404
    assert ApiToken.objects.filter(pk=token.pk).exists()
