# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of rules: its filter finds by meaning, and each rule says in a word what is the matter with it."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.utils import timezone

from appliance.firewall.models import Hits, Rule
from appliance.firewall.services import create_address, create_rule, create_schedule, create_service
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.snapshot import snapshot
from appliance.system.models import Revision, State

HTMX = {"HX-Request": "true"}


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def office(owner) -> Rule:
    save_interface(actor=owner, name="lan0", role="internal", addresses=["10.0.0.1/24"])
    net = create_address(actor=owner, name="Büro", kind="network", value="10.0.0.0/24")
    web = create_service(actor=owner, name="Web", protocol="tcp", ports="443,8080-8090")
    return create_rule(
        actor=owner, name="Surfen", source=net, service=web, action="accept", tags=["pc"], comment="seit Mai"
    )


@pytest.fixture
def other(owner) -> Rule:
    printer = create_address(actor=owner, name="Drucker", kind="host", value="10.9.9.9")
    return create_rule(actor=owner, name="Drucken", destination=printer, action="drop")


def listed(console, text: str) -> str:
    return rows(console.get("/firewall/rules/", {"q": text}, headers=HTMX))


def rows(answer) -> str:
    """Without the changes that wait above the table."""
    return answer.content.decode().partition("<tbody>")[2]


def state_of(console, rule: Rule) -> str:
    page = console.get("/firewall/rules/").content.decode()
    row = page.partition(f'data-id="{rule.pk}"')[2].partition("</tr>")[0]
    return row.partition('data-rule-state="')[2].partition('"')[0] or "active"


@pytest.mark.parametrize("text", ["surf", "BÜRO", "10.0.0.77", "443", "tag:pc", "pc", "mai", "web accept", "-drucker"])
def test_filter_finds_by_what_a_rule_means(console, office, other, text):
    page = listed(console, text)
    assert "Surfen" in page
    assert "Drucken" not in page


@pytest.mark.parametrize("text", ["germany", "Deutschland", "almanya", "-schweiz germ"])
def test_filter_finds_by_a_country_within_a_group(console, owner, office, other, text):
    country = create_address(actor=owner, name="There", kind="country", value="DE, AT")
    group = create_address(actor=owner, name="Known", kind="group", members=[country])
    create_rule(actor=owner, name="Ausland", source=group, action="drop")
    page = listed(console, text)
    assert "Ausland" in page
    assert "Surfen" not in page


@pytest.mark.parametrize("text", ["zebra", "-tag:pc", "10.0.1.1", "surf -10.0.0.5"])
def test_filter_excludes(console, office, text):
    page = listed(console, text)
    assert "Surfen" not in page
    assert "No rule matches this filter." in page
    assert "1 rule exists." in page


def test_filtered_page_has_an_address_of_its_own(console, office, other):
    answer = console.get("/firewall/rules/", {"q": "surf"})
    assert "<html" in answer.content.decode()
    assert 'value="surf"' in answer.content.decode()
    assert "Drucken" not in rows(answer)


def run() -> None:
    Revision.objects.create(number=1, state=State.APPLIED, author="anna", policy=policy.dump(snapshot("local", 1)))


def test_states_in_words(console, owner, office, other):
    run()
    assert state_of(console, office) == "active"
    assert "data-draft" not in console.get("/firewall/rules/").content.decode()
    Rule.objects.filter(pk=other.pk).update(expired_at=timezone.now())
    assert state_of(console, other) == "expired"
    now = timezone.now()
    away = create_schedule(
        actor=owner, name="never now", weekdays=[(now.weekday() + 3) % 7], begin=time(1), end=time(2), timezone="UTC"
    )
    Rule.objects.filter(pk=office.pk).update(schedule=away)
    assert state_of(console, office) == "waiting"
    assert "data-draft" in console.get("/firewall/rules/").content.decode()


def test_shadowed_unresolved_and_unused_rules_are_marked(console, owner, office):
    twin = create_rule(actor=owner, name="Twin", source=office.source, service=office.service, action="accept")
    assert state_of(console, twin) == "shadowed"
    empty = create_address(actor=owner, name="Nobody", kind="dns", value="nobody.example.net")
    hollow = create_rule(actor=owner, name="Hollow", source=empty, action="accept")
    assert state_of(console, hollow) == "unresolved"
    Hits.objects.create(rule_id=office.pk, since=timezone.now() - timedelta(days=91))
    assert state_of(console, office) == "unused"
