# SPDX-License-Identifier: GPL-2.0-or-later
"""The overview, the state in the top bar, and who gets to see them."""

import pytest
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory
from django.views.defaults import permission_denied, server_error

from appliance.network.services import save_interface
from appliance.system.services import request_apply

PAGES = ["/", "/status/", "/calls/", "/calls/registrations/", "/calls/pinholes/", "/firewall/rules/"]
PAGES += ["/firewall/objects/", "/system/changes/", "/system/changes/review/", "/accounts/"]


@pytest.fixture
def page(client, owner):
    client.force_login(owner)
    return lambda path, **headers: client.get(path, headers=headers).content.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_strangers_are_sent_to_the_sign_in_page(client, path):
    answer = client.get(path)
    assert answer.status_code == 302
    assert answer.url == f"/accounts/sign-in/?next={path}"


@pytest.mark.django_db
def test_a_fragment_for_a_stranger_leaves_the_page_and_says_so(client):
    answer = client.get("/status/", headers={"HX-Request": "true"})
    assert answer.status_code == 204
    assert "signed-out" in answer.headers["HX-Trigger"]


@pytest.mark.django_db
def test_a_change_by_a_stranger_leads_the_whole_page_to_the_sign_in_page(client):
    headers = {"HX-Request": "true", "HX-Current-URL": "http://127.0.0.1:8000/firewall/rules/"}
    answer = client.post("/firewall/rules/add/", headers=headers)
    assert answer.headers["HX-Redirect"] == "/accounts/sign-in/?next=/firewall/rules/"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_shows_without_engine_redis_and_configuration(page, path):
    assert "The SIP engine does not answer." in page(path)


def test_overview_says_whether_telephony_works(page, engine, broker):
    assert "no revision has been applied yet" in page("/")


def test_overview_names_the_external_address(page, owner):
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24"])
    assert '<span class="mono">203.0.113.2</span><small>wan0</small>' in page("/")


def test_overview_for_htmx_is_the_verdict_alone(page):
    text = page("/", **{"HX-Request": "true"})
    assert 'id="verdict"' in text
    assert "<html" not in text


def test_the_pill_counts_what_is_not_applied(page, owner):
    assert "data-pending" not in page("/status/")
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24"])
    assert 'data-pending="1"' in page("/status/")


def test_the_current_page_is_marked(page):
    assert page("/firewall/rules/add/").count('aria-current="page"') == 1


def test_the_language_is_remembered(client, owner):
    client.force_login(owner)
    client.post("/language/", {"language": "de", "next": "/accounts/"})
    assert '<html lang="de"' in client.get("/accounts/").content.decode()


def test_names_are_text_and_never_markup(page, owner):
    request_apply(actor=owner, reason="<script>alert(1)</script>")
    text = page("/system/changes/")
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)" in text


def test_a_page_that_is_not_there_looks_like_the_console(client, owner):
    client.force_login(owner)
    answer = client.get("/no/such/page/", headers={"accept-language": "de"})
    assert answer.status_code == 404
    assert "Diese Seite gibt es nicht" in answer.content.decode()
    assert "css/tokens" in answer.content.decode()


def test_an_error_of_ours_is_said_without_any_help_of_the_request():
    answer = server_error(RequestFactory().get("/"))
    assert answer.status_code == 500
    assert "This page could not be made" in answer.content.decode()


def test_name_that_is_not_the_consoles_and_what_is_forbidden_are_said_in_words(client):
    answer = client.get("/", headers={"host": "elsewhere.example"})
    assert answer.status_code == 400
    assert "PINHOLE_CONSOLE_ORIGINS" in answer.content.decode()
    request = RequestFactory().get("/")
    answer = permission_denied(request, PermissionDenied())
    assert answer.status_code == 403
    assert "This is not open to you" in answer.content.decode()
