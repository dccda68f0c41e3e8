# SPDX-License-Identifier: GPL-2.0-or-later
"""Coming in: guesses are bounded, nobody is locked out by others, and a second factor is asked for once it is there."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from django.test import Client
from django.utils import timezone

from appliance.accounts.models import Attempt, SignInLink
from appliance.accounts.services import attempts, create_owner_link
from appliance.audit.models import Entry
from appliance.permissions import Role
from tests.unit.accounts.factors import code, give_app
from tests.unit.people import PASSWORD, person

pytestmark = pytest.mark.django_db
ROOT = Path(__file__).resolve().parents[3]


def sign_in(client, user, password=PASSWORD, source="192.168.0.20"):
    form = {"username": str(user), "password": password}
    return client.post("/accounts/sign-in/", form, REMOTE_ADDR=source)


def is_in(client):
    return "_auth_user_id" in client.session


@pytest.fixture(autouse=True)
def _few_guesses(monkeypatch):
    """Each takes a tenth of a second."""
    monkeypatch.setattr(attempts, "OF_SOURCE", 7)
    monkeypatch.setattr(attempts, "OF_ACCOUNT", 6)


@pytest.fixture
def anna():
    return person(Role.OWNER)


# --- guesses ---


def test_guesses_from_one_source_are_bounded_and_told_so(client, anna):
    for _ in range(attempts.OF_ACCOUNT_FROM_SOURCE):
        assert "do not belong together" in sign_in(client, anna, "wrong").content.decode()
    answer = sign_in(client, anna, PASSWORD)
    assert "Too many wrong passwords" in answer.content.decode()
    assert not is_in(client)
    for _ in range(50):
        sign_in(client, anna, "wrong")
    assert Attempt.objects.count() == attempts.OF_ACCOUNT_FROM_SOURCE, "what must wait is not even looked at"


def test_one_source_cannot_try_many_accounts(client):
    for number in range(attempts.OF_SOURCE):
        sign_in(client, f"guess{number}", "wrong")
    assert "Too many wrong passwords" in sign_in(client, "another", "wrong").content.decode()
    assert "do not belong" in sign_in(client, "another", "wrong", source="192.168.0.21").content.decode()


def test_many_sources_are_bounded_together_and_the_owner_still_gets_in(client, anna):
    assert sign_in(client, anna).url == "/"
    client.logout()
    for number in range(attempts.OF_ACCOUNT):
        sign_in(client, anna, "wrong", source=f"203.0.113.{number}")
    assert "Too many wrong passwords" in sign_in(client, anna, source="203.0.113.200").content.decode()
    assert sign_in(client, anna, source="192.168.0.20").url == "/", "from where he came in before"


def test_the_machine_itself_always_lets_the_owner_in(client, anna):
    for number in range(attempts.OF_ACCOUNT + 5):
        sign_in(client, anna, "wrong", source=f"203.0.113.{number}")
    client.post(f"/accounts/link/{create_owner_link()}/")
    assert is_in(client)


def test_time_ends_the_wait(client, anna):
    for _ in range(attempts.OF_ACCOUNT_FROM_SOURCE):
        sign_in(client, anna, "wrong")
    Attempt.objects.update(time=timezone.now() - attempts.SHORT)
    assert sign_in(client, anna).url == "/"


def test_an_ipv6_host_does_not_get_a_guess_for_each_of_its_addresses():
    assert attempts.network_of("2001:db8::1") == attempts.network_of("2001:db8::ffff") == "2001:db8::/64"
    assert attempts.network_of("203.0.113.1") == "203.0.113.1"


# --- the second factor ---


def test_password_alone_is_not_enough_where_there_is_a_second_factor(client, anna):
    give_app(anna)
    answer = sign_in(client, anna)
    assert answer.url == "/accounts/authenticate/"
    assert not is_in(client)
    assert client.get("/").status_code == 302
    assert "Incorrect code." in client.post("/accounts/authenticate/", {"code": "000000"}).content.decode()
    assert client.post("/accounts/authenticate/", {"code": code()}).url == "/"
    assert is_in(client)


def test_a_code_opens_once(client, anna):
    give_app(anna)
    shown = code()
    sign_in(client, anna)
    assert client.post("/accounts/authenticate/", {"code": shown}).url == "/"
    client.logout()
    sign_in(client, anna)
    assert "Incorrect code." in client.post("/accounts/authenticate/", {"code": shown}).content.decode()
    assert not is_in(client)


def test_guesses_at_a_code_are_bounded(client, anna):
    give_app(anna)
    sign_in(client, anna)
    for _ in range(5):
        client.post("/accounts/authenticate/", {"code": "000000"})
    assert "Too many" in client.post("/accounts/authenticate/", {"code": code()}).content.decode()
    assert not is_in(client)


def test_a_recovery_code_opens_once(client, anna):
    give_app(anna)
    first = RecoveryCodes.activate(anna).get_unused_codes()[0]
    for expected in (True, False):
        sign_in(client, anna)
        client.post("/accounts/authenticate/", {"code": first})
        assert is_in(client) is expected
        client.logout()


def test_app_is_set_up_with_the_code_that_it_shows(client, anna):
    sign_in(client, anna)
    page = client.get("/accounts/factors/app/add/").content.decode()
    secret = page.split('id="totp-secret">')[1].split("<")[0]
    assert client.post("/accounts/factors/app/add/", {"code": "000000"}).status_code == 200
    answer = client.post("/accounts/factors/app/add/", {"code": code(secret)})
    assert answer.url == "/accounts/factors/codes/"
    assert len(client.get(answer.url).content.decode().split('id="recovery-codes"')[1].split("</pre>")[0].split()) > 10
    assert Entry.objects.filter(verb="add second factor").exists()
    assert secret not in str(list(Entry.objects.values()))


def test_nothing_of_allauth_lets_strangers_make_accounts(client):
    for path in ("/accounts/signup/", "/accounts/email/", "/accounts/password/reset/", "/accounts/social/"):
        assert client.get(path).status_code == 404


# --- links ---


def test_a_pass_needs_its_code_and_wrong_codes_end_it(client, anna):
    client.force_login(anna)
    form = {"username": "Technik GmbH", "lasts": "24", "source": ""}
    page = client.post("/accounts/people/add-pass/", form).content.decode()
    link = page.split('id="invitation-link">')[1].split("<")[0].removeprefix("http://127.0.0.1:8000")
    secret = page.split('id="invitation-code">')[1].split("<")[0]
    client.logout()
    assert 'name="code"' in client.get(link).content.decode()
    assert "This code is wrong." in client.post(link, {"code": "1"}).content.decode()
    assert client.post(link, {"code": secret}).url == "/accounts/"
    assert is_in(client)
    client.logout()
    assert "used already" in client.post(link, {"code": secret}).content.decode()


def test_five_wrong_codes_end_a_link(client, anna):
    client.force_login(anna)
    page = client.post("/accounts/people/add-pass/", {"username": "T", "lasts": "1"}).content.decode()
    link = page.split('id="invitation-link">')[1].split("<")[0].removeprefix("http://127.0.0.1:8000")
    secret = page.split('id="invitation-code">')[1].split("<")[0]
    client.logout()
    for _ in range(5):
        client.post(link, {"code": "wrong"})
    client.post(link, {"code": secret})
    assert not is_in(client)
    assert SignInLink.objects.get().tries == 5


def test_a_pass_ends_by_itself_and_works_only_from_its_place(client):
    technician = person(Role.TECHNICIAN, ends=timezone.now() + timedelta(hours=1), source="192.168.0.0/24")
    assert sign_in(client, technician, source="203.0.113.80").url == "/accounts/sign-in/"
    assert not is_in(client)
    assert sign_in(client, technician).url == "/"
    page = client.get("/accounts/", REMOTE_ADDR="192.168.0.20").content.decode()
    assert f'data-countdown="{technician.ends.isoformat()}"' in page.split('id="pass"')[1]
    assert "192.168.0.0/24" in page
    assert client.get("/", REMOTE_ADDR="203.0.113.80").status_code == 302, "a session that was carried away"
    sign_in(client, technician)
    technician.ends = timezone.now() - timedelta(seconds=1)
    technician.save()
    assert client.get("/", REMOTE_ADDR="192.168.0.20").status_code == 302
    assert not is_in(client)


def test_a_form_that_is_not_ours_is_refused_in_words():
    strict = Client(enforce_csrf_checks=True)
    answer = strict.post("/accounts/sign-in/", {"username": "x", "password": "y"})
    assert answer.status_code == 403
    assert "This form was not taken." in answer.content.decode()
    assert 'href="/"' in answer.content.decode()
    came = strict.post("/accounts/sign-in/", {}, headers={"Referer": "http://testserver/accounts/sign-in/"})
    assert 'href="/accounts/sign-in/"' in came.content.decode()


def test_an_address_that_only_takes_a_form_leads_to_its_page(client, owner, engine):
    client.force_login(owner)
    for address, page in (
        ("/system/setup/owner/password/", "/system/setup/owner/"),
        ("/accounts/people/add-pass/", "/accounts/people/"),
        ("/firewall/rules/1/delete/", "/firewall/rules/1/"),
    ):
        answer = client.get(address, headers={"Accept": "text/html"})
        assert answer.status_code == 405
        assert f'href="{page}"' in answer.content.decode(), address
    assert client.get("/firewall/rules/1/delete/").content == b""


def test_deployment_checks_are_clean(tmp_path):
    environment = os.environ | {
        "PINHOLE_TLS": "1", "PINHOLE_STATE": str(tmp_path), "PINHOLE_CONSOLE_ORIGINS": "https://pinhole.example",
    }  # fmt: skip
    command = [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
