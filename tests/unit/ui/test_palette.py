# SPDX-License-Identifier: GPL-2.0-or-later
"""The command palette finds pages, rules, objects and calls, and only what the reader may see."""

from __future__ import annotations

import pytest

from appliance.firewall.services import create_address, create_rule
from appliance.permissions import Role
from tests.unit.people import person


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


def found(console, text: str) -> str:
    return console.get("/palette/", {"q": text}).content.decode()


def test_without_a_word_all_pages_stand_there(console):
    text = found(console, "")
    assert "Live calls" in text
    assert "Advisor" in text
    assert 'role="option"' in text


@pytest.mark.parametrize(("words", "address"), [
    ("wizard", "/system/setup/"), ("set up", "/system/setup/"), ("undo", "/system/changes/"),
    ("port forward", "/firewall/recipes/server/"), ("internet", "/firewall/recipes/office/"),
    ("support bundle", "/calls/"), ("blocked", "/system/log/"),
    ("password", "/accounts/"), ("technician access", "/accounts/people/"), ("restore", "/system/backup/"),
])  # fmt: skip
def test_what_people_come_to_do_is_found_by_their_words(console, words, address):
    assert f'href="{address}"' in found(console, words)


def test_every_word_must_fit(console):
    assert "Live calls" in found(console, "live CALLS")
    assert "Nothing found." in found(console, "live zebra")


def test_rule_is_found_by_name_and_leads_to_its_line(console, owner):
    pbx = create_address(actor=owner, name="Straße 5", kind="host", value="192.168.0.2")
    rule = create_rule(actor=owner, name="Fernwartung", source=pbx, action="accept", table="forward")
    assert f"?table=forward#rule-{rule.pk}" in found(console, "fernw")


def test_object_is_found_by_an_address_that_it_holds(console, owner):
    net = create_address(actor=owner, name="Office", kind="network", value="10.0.0.0/24")
    assert f"/firewall/objects/addresses/{net.pk}/" in found(console, "10.0.0.5")
    assert "Nothing found." in found(console, "10.0.1.5")


def test_text_of_others_is_text(console, owner):
    create_address(actor=owner, name="<script>alert(1)</script>", kind="host", value="192.168.0.9")
    assert "&lt;script&gt;" in found(console, "alert")


def test_pages_that_one_may_not_open_are_not_found(client, db):
    client.force_login(person(Role.TECHNICIAN))
    assert "Users and passes" not in found(client, "users")


def test_calls_need_the_engine_and_the_rest_does_not(console):
    assert "Nothing found." in found(console, "sip:300")
