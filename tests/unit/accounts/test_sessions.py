# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a session lasts, where it is listed, how it ends, and what needs a fresh proof of who one is."""

import time
from datetime import timedelta

import pytest
from django.contrib.sessions.backends.db import SessionStore
from django.test import Client
from django.utils import timezone

from appliance.accounts import queries, services
from appliance.accounts.models import SignedIn, User
from appliance.accounts.queries import BEGAN
from appliance.backup import document
from appliance.permissions import Role
from appliance.system.models import Restoration
from tests.unit.accounts.factors import code, give_app, has_app
from tests.unit.people import PASSWORD, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def anna():
    return person(Role.OWNER)


@pytest.fixture
def browser(client, anna):
    client.force_login(anna)
    return client


def age(client, seconds, *, began=False):
    """Nobody has done anything for so long; signed in as long ago, too, where that is wanted."""
    SignedIn.objects.update(seen=timezone.now() - timedelta(seconds=seconds))
    if began:
        session = client.session
        session[BEGAN] = time.time() - seconds
        session.save()


def test_a_session_ends_after_eight_hours_however_active(browser):
    age(browser, queries.LONGEST_SESSION + 1, began=True)
    assert browser.get("/").url.startswith("/accounts/sign-in/")
    assert queries.user_for_session(browser.session.session_key or "none") is None


def test_end_of_a_session_is_said_before_and_who_proves_himself_stays(browser):
    assert "You will be signed out in" not in browser.get("/").content.decode()
    age(browser, queries.LONGEST_SESSION - 300, began=True)
    fragment = browser.get("/status/", headers={"HX-Request": "true"}).content.decode()
    for told in (browser.get("/").content.decode(), fragment):
        assert "You will be signed out in" in told
        assert "/accounts/prove/?next=/accounts/" in told
    browser.post("/accounts/prove/password/", {"password": PASSWORD, "next": "/accounts/"})
    assert "You will be signed out in" not in browser.get("/").content.decode()
    session = browser.session
    session[BEGAN] -= 600
    session.save()
    assert browser.get("/").status_code == 200  # beyond the eight hours of its beginning
    assert time.time() - queries.began(browser.session) < 60
    assert queries.user_for_session(browser.session.session_key) is not None


def test_who_cannot_prove_himself_is_told_what_lets_him_in_again(browser, anna):
    anna.set_unusable_password()
    anna.save()
    browser.force_login(anna)
    age(browser, queries.LONGEST_SESSION - 300, began=True)
    told = browser.get("/").content.decode()
    assert "You will be signed out in" in told
    assert "sign in with a new link" in told


def test_after_a_quarter_of_an_hour_one_may_look_and_must_prove_before_a_change(browser):
    age(browser, queries.LONGEST_IDLE + 1, began=True)
    fragment = {"headers": {"HX-Request": "true"}}
    assert browser.get("/status/", **fragment).status_code == 200
    answer = browser.post(
        "/firewall/rules/add/", {"name": "x"}, headers={"referer": "http://testserver/firewall/rules/"}
    )
    assert answer.url == "/accounts/prove/?next=%2Ffirewall%2Frules%2F"
    page = browser.get(answer.url, follow=True)
    assert "Is it you?" in page.content.decode()
    done = browser.post("/accounts/prove/password/", {"password": PASSWORD, "next": "/firewall/rules/"})
    assert done.url == "/firewall/rules/"
    assert browser.post("/firewall/rules/add/", {"name": "x", "action": "drop"}).url == "/firewall/rules/"


def test_a_page_that_only_polls_is_not_active(browser):
    age(browser, 120)
    before = SignedIn.objects.get().seen
    browser.get("/status/", headers={"HX-Request": "true"})
    assert SignedIn.objects.get().seen == before
    browser.get("/")
    assert SignedIn.objects.get().seen > before


def test_a_page_that_is_looked_at_writes_no_session(browser, monkeypatch):
    """Saved as a whole, it would take back what another request has just written to it."""
    age(browser, 120)
    saved = []
    monkeypatch.setattr(SessionStore, "save", lambda *_args, **_more: saved.append(1))
    for path in ("/", "/status/", "/firewall/rules/", "/accounts/", "/accounts/maintenance/"):
        assert browser.get(path).status_code == 200
    assert saved == []


def test_risky_acts_need_a_fresh_proof(browser, anna):
    age(browser, queries.FRESH + 1, began=True)
    age(browser, 1)
    answer = browser.post("/accounts/api-tokens/add/", {"name": "x", "lifetime": "30"})
    assert answer.url.startswith("/accounts/prove/")
    give_app(anna)
    assert browser.get(answer.url).url.startswith("/accounts/prove/code/")
    browser.post("/accounts/prove/code/", {"code": code()})
    assert "new-token" in browser.post("/accounts/api-tokens/add/", {"name": "x", "lifetime": "30"}).content.decode()


def test_who_has_nothing_to_prove_it_with_is_told_what_lets_him_in(browser, anna):
    anna.set_unusable_password()
    anna.save()
    browser.force_login(anna)
    age(browser, queries.FRESH + 1, began=True)
    age(browser, 1)
    for path in ("/accounts/factors/app/add/", "/accounts/factors/passkeys/add/", "/accounts/prove/password/"):
        answer = browser.get(path, follow=True)
        assert answer.status_code == 200
        assert "Your account has no password: sign in with a new link." in answer.content.decode()


def test_backups_are_made_and_restored_by_who_has_just_proved_who_it_is(browser, anna, token):
    kept = Restoration.objects.create(author=str(anna), content={"format": document.FORMAT, "version": 1})
    words = {"passphrase": PASSWORD, "again": PASSWORD}
    acts = (
        lambda: browser.post("/system/backup/make/", words),
        lambda: browser.post(f"/system/backup/{kept.pk}/enter/", {}),
    )
    age(browser, queries.FRESH + 1, began=True)
    age(browser, 1)
    assert [act().url.startswith("/accounts/prove/") for act in acts] == [True, True]
    by_session = browser.post("/api/v1/backup", {"passphrase": PASSWORD}, content_type="application/json")
    assert by_session.status_code == 403
    assert Restoration.objects.exists()
    sent = {"content_type": "application/json", "headers": {"Authorization": f"Bearer {token}"}}
    assert Client().post("/api/v1/backup", {"passphrase": PASSWORD}, **sent).status_code == 200, "programs have a token"
    age(browser, 1, began=True)
    assert acts[0]().headers["content-type"] == "application/octet-stream"
    assert acts[1]().url == "/system/changes/review/"


def test_who_has_no_way_to_prove_is_told_what_to_do(browser, anna):
    anna.set_unusable_password()
    anna.save()
    browser.force_login(anna)
    age(browser, queries.FRESH + 1, began=True)
    page = browser.post("/accounts/api-tokens/add/", {"name": "x"}, follow=True).content.decode()
    assert "sign in with a new link" in page


def test_a_proof_does_not_lead_to_an_outside_page(browser):
    age(browser, queries.LONGEST_IDLE + 1, began=True)
    answer = browser.post("/firewall/rules/add/", {}, headers={"referer": "https://evil.example/x"})
    assert answer.url == "/accounts/prove/?next=%2F"
    done = browser.post("/accounts/prove/password/", {"password": PASSWORD, "next": "https://evil.example/"})
    assert done.url == "/"


def test_browsers_are_listed_and_can_be_ended(browser, anna):
    other = Client(headers={"user-agent": "Telephone"})
    other.force_login(anna)
    page = browser.get("/accounts/").content.decode()
    assert "this one" in page
    assert queries.signed_in(anna).count() == 2
    row = SignedIn.objects.exclude(session=browser.session.session_key).get()
    browser.post(f"/accounts/sessions/{row.pk}/end/")
    assert other.get("/").status_code == 302
    assert browser.get("/").status_code == 200


def test_somebody_elses_browser_cannot_be_ended(browser):
    ben = person(Role.AUDITOR)
    his = Client()
    his.force_login(ben)
    row = SignedIn.objects.get(user=ben)
    assert browser.post(f"/accounts/sessions/{row.pk}/end/").status_code == 404
    assert his.get("/").status_code == 200


def test_end_all_others_and_a_new_password_keep_this_browser(browser, anna):
    other = Client()
    other.force_login(anna)
    browser.post("/accounts/sessions/end-others/")
    assert other.get("/").status_code == 302
    browser.post("/accounts/password/", {"password": "another long pass phrase"})
    assert browser.get("/accounts/").content.decode().count("this one") == 1


@pytest.mark.parametrize(
    "verb",
    [
        lambda ben: services.set_role(actor="test", user=ben, role=Role.AUDITOR),
        lambda ben: services.set_active(actor="test", user=ben, active=False),
        lambda ben: services.reset_factors(actor="test", user=ben),
        lambda ben: services.end_sessions(actor="test", user=ben),
    ],
)
def test_what_changes_a_person_ends_his_sessions(client, verb):
    ben = person(Role.ADMINISTRATOR)
    give_app(ben)
    client.force_login(ben)
    key = client.session.session_key
    verb(ben)
    assert queries.user_for_session(key) is None
    assert client.get("/").status_code == 302


def test_people_are_made_changed_and_switched_off(browser, anna):
    page = browser.post("/accounts/people/add/", {"username": "Ben", "role": "administrator"}).content.decode()
    assert "This link lets Ben in once." in page
    ben = User.objects.get(username="Ben")
    assert (ben.role, ben.has_usable_password()) == ("administrator", False)
    give_app(ben)
    browser.post(f"/accounts/people/{ben.pk}/factors/")
    assert not has_app(ben)
    browser.post(f"/accounts/people/{ben.pk}/role/", {"role": "auditor"})
    browser.post(f"/accounts/people/{ben.pk}/active/", {})
    ben.refresh_from_db()
    assert (ben.role, ben.is_active) == ("auditor", False)
    form = {"username": "ben", "role": "auditor"}
    assert "There is an account" in browser.post("/accounts/people/add/", form).content.decode()


def test_the_last_owner_stays(browser, anna):
    for verb, form in (("role", {"role": "auditor"}), ("active", {})):
        path = f"/accounts/people/{anna.pk}/{verb}/"
        assert "This is the last owner." in browser.post(path, form, follow=True).content.decode()
    anna.refresh_from_db()
    assert anna.works
    assert anna.role == Role.OWNER


def test_the_owner_decides_who_may_exempt(browser):
    technician = person(Role.TECHNICIAN)
    assert queries.permits(technician, "alg.exempt")
    browser.post("/accounts/people/grants/", {"grant": ["alg.exempt:administrator"]})
    assert not queries.permits(technician, "alg.exempt")
    assert queries.permits(person(Role.ADMINISTRATOR), "alg.exempt")
    browser.post("/accounts/people/grants/", {"grant": ["alg.exempt:technician"]})
    assert queries.permits(technician, "alg.exempt")
