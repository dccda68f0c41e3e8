# SPDX-License-Identifier: GPL-2.0-or-later
"""The acts of the list of rules: a row's menu, a place to move to, several at once, and taking back."""

import html
import json
import re
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from appliance.accounts.services import create_api_token
from appliance.firewall.models import AddressObject, Content, Rule
from appliance.firewall.services import create_address, create_rule, create_service, delete_rule, update_rule
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.snapshot import snapshot
from appliance.system.models import Revision, State

HTMX = {"HX-Request": "true"}


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


def names():
    return list(Rule.objects.order_by("position").values_list("name", flat=True))


def several(console, rules, verb, **values):
    return console.post(
        "/firewall/rules/several/", {"rule": [rule.pk for rule in rules], "verb": verb} | values, headers=HTMX
    )


def test_menu_leads_to_all_that_can_be_done(console, make_rule, pbx, provider, sip):
    rule = make_rule("Phones", source=pbx, destination=provider, service=sip)
    text = console.get(f"/firewall/rules/{rule.pk}/menu/").content.decode()
    for words in ("Edit", "Clone below", "Insert above", "Move above…", "Test this rule", "History", "Delete"):
        assert words in text
    assert f"saddr={pbx.value}" in text


def test_moving_above_another_rule_and_back(console, make_rule):
    first, second, third = (make_rule(name) for name in ("a", "b", "c"))
    assert "To the end" in console.get(f"/firewall/rules/{third.pk}/place/", headers=HTMX).content.decode()
    answer = console.post(f"/firewall/rules/{third.pk}/move/", {"before": first.pk}, headers=HTMX)
    assert "Rule “c” is moved." in answer.content.decode()
    assert names() == ["c", "a", "b"]
    console.post("/firewall/rules/undo/")
    assert names() == ["a", "b", "c"]
    console.post(f"/firewall/rules/{first.pk}/move/", {"last": "1"}, headers=HTMX)
    assert names() == ["b", "c", "a"]
    console.post(f"/firewall/rules/{first.pk}/move/", {"after": second.pk}, headers=HTMX)
    assert names() == ["b", "a", "c"]


def test_several_rules_at_once_and_back(console, make_rule):
    rules = [make_rule(name) for name in ("a", "b", "c")]
    assert "3 rules are changed." in several(console, rules, "disable").content.decode()
    assert not Rule.objects.filter(enabled=True).exists()
    several(console, rules[:2], "tag", tag="spring")
    several(console, rules[:2], "tag", tag="spring")
    assert [rule.tags for rule in Rule.objects.order_by("name")] == [["spring"], ["spring"], []]
    several(console, [rules[0], rules[2]], "section", section="Later")
    assert names() == ["b", "a", "c"]
    end = timezone.now().year + 1
    several(console, rules, "until", until=f"{end}-01-01T12:00")
    assert {rule.until.year for rule in Rule.objects.all()} == {end}
    assert "It is as it was before." in console.post("/firewall/rules/undo/", follow=True).content.decode()
    assert {rule.until for rule in Rule.objects.all()} == {None}


@pytest.mark.parametrize(("verb", "value"), [("until", "soon"), ("until", "2001-01-01T00:00"), ("explode", "")])
def test_what_one_rule_refuses_is_done_to_none(console, make_rule, verb, value):
    rules = [make_rule("a"), make_rule("b")]
    text = several(console, rules, verb, **{verb: value}).content.decode()
    assert "level-error" in text
    assert set(Rule.objects.values_list("until", "version")) == {(None, 1)}


def test_several_are_deleted_and_those_that_are_gone_left_out(console, owner, make_rule):
    rules = [make_rule(name) for name in ("a", "b", "c")]
    delete_rule(actor=owner, rule=Rule.objects.get(name="b"))
    answer = console.post(
        "/firewall/rules/several/delete/", {"rule": [rules[0].pk, rules[2].pk, 999]}, headers=HTMX
    )  # fmt: skip
    assert "2 rules are deleted." in answer.content.decode()
    console.post("/firewall/rules/undo/")
    assert names() == ["a", "c"]


def test_rule_is_inserted_above_and_below_another_in_its_section(console, make_rule):
    rule = make_rule("a", section="Telephony")
    make_rule("c")
    fields = {"name": "b", "action": "drop", "section": "Telephony"}
    console.post(f"/firewall/rules/add/?after={rule.pk}", fields)
    console.post(f"/firewall/rules/add/?before={rule.pk}", fields | {"name": "0"})
    assert names() == ["0", "a", "b", "c"]
    assert f"?after={rule.pk}" in console.get(f"/firewall/rules/add/?after={rule.pk}", headers=HTMX).content.decode()


def test_call_that_makes_the_rule_makes_it(console, owner, make_rule, pbx, web):
    rule = make_rule("a", source=pbx, service=web, tags=["x"])
    text = console.get(f"/firewall/rules/{rule.pk}/call/", headers=HTMX).context["body"]
    assert json.loads(text)["source"] == pbx.name
    _token, token = create_api_token(user=owner, name="tests")
    bearer = {"Authorization": f"Bearer {token}"}
    assert console.post("/api/v1/rules", text, content_type="application/json", headers=bearer).status_code == 201
    assert names() == ["a", "a"]


def test_history_of_a_rule_says_what_each_change_changed_whatever_it_was_called(console, owner, make_rule, pbx):
    rule, twin = make_rule("a"), make_rule("a")
    update_rule(actor=owner, rule=rule, version=1, name="b", source=pbx, until=timezone.now() + timedelta(days=1))
    entries = console.get(f"/firewall/rules/{rule.pk}/history/", headers=HTMX).context["entries"]
    assert [entry.verb for entry, _words, _differences in entries] == ["update", "create"]
    changed = {str(each.label): (each.before, each.after) for each in entries[0][2]}
    assert changed["Name"] == ("a", "b")
    assert changed["From"] == ("–", "PBX")
    assert len(console.get(f"/firewall/rules/{twin.pk}/history/").context["entries"]) == 1


def test_connections_of_a_rule_are_flushed_from_its_menu(console, make_rule, monkeypatch):
    rule = make_rule("a")
    assert f"/firewall/rules/{rule.pk}/flush/" in console.get(f"/firewall/rules/{rule.pk}/menu/").content.decode()
    answer = console.post(f"/firewall/rules/{rule.pk}/flush/", headers=HTMX)
    assert "No rules run yet." in answer.content.decode()
    Revision.objects.create(number=1, state=State.APPLIED, author="anna", policy=policy.dump(snapshot("local", 1)))
    answer = console.post(f"/firewall/rules/{rule.pk}/flush/", headers=HTMX)  # Redis is away
    assert "level-error" in answer.content.decode()
    asked = []
    monkeypatch.setattr(
        "appliance.system.services.connections.ask", lambda *_, **told: asked.append(told) or {"closed": 2, "spared": 1}
    )
    answer = console.post(f"/firewall/rules/{rule.pk}/flush/", headers=HTMX)
    assert "2 connections closed, 1 call spared." in answer.content.decode()
    assert asked[0]["selection"] == {"rule": f"rule:{rule.pk}"}


@pytest.mark.parametrize(
    "service",
    [
        None,
        {"protocol": "udp", "ports": "5060"},
        {"protocol": "both", "ports": "2000-3000"},
        {"protocol": "tcp"},
        {"protocol": "icmp"},
        {"protocol": "any"},
        {"protocol": "other", "number": 50},
        {"protocol": "group"},
    ],
)
def test_testing_a_rule_from_its_menu_is_answered_by_that_rule(console, owner, make_rule, pbx, provider, service):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24"])
    if service and service["protocol"] == "group":
        service = service | {"members": [create_service(actor=owner, name="ESP", protocol="other", number=50)]}
    made = create_service(actor=owner, name="x", **service) if service else None
    rule = make_rule("asked", source=pbx, destination=provider, service=made)
    assert f'data-reason="rule:{rule.pk}"' in asked_from_menu(console, rule)


def asked_from_menu(console, rule):
    """The page that "Test this rule" leads to."""
    menu = console.get(f"/firewall/rules/{rule.pk}/menu/").content.decode()
    link = html.unescape(re.search(r'href="(/firewall/questions/[^"]*)"', menu)[1])
    return console.get(f"{link}&draft=on").content.decode()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"from_zone": "internal", "to_zone": "external"},
        {"from_zone": "external"},
        {"table": "input"},
        {"table": "input", "from_zone": "external", "action": "drop"},
        {"source": {"kind": "network", "value": "192.168.0.0/24"}},
        {"source": {"kind": "range", "value": "192.168.0.1-192.168.0.9"}},
        {"source": {"kind": "host", "value": "fd00::2"}, "destination": {"kind": "host", "value": "2001:db8::5"}},
        {"destination": {"kind": "dns", "value": "sip.example.net"}},
        {"source": {"kind": "country", "value": "DE", "negated": True}, "from_zone": "external"},
    ],
)
def test_testing_a_rule_asks_for_somebody_whom_it_means(console, owner, make_rule, fields):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24", "fd00::1/64"])
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24"])
    Content.objects.create(lookup="address:sip.example.net", seen={"203.0.113.9": time.time()}, refreshed=time.time())
    made = {
        name: create_address(actor=owner, name=name, **value) if isinstance(value, dict) else value
        for name, value in fields.items()
    }
    rule = make_rule("asked", **made)
    assert f'data-reason="rule:{rule.pk}"' in asked_from_menu(console, rule)


def test_testing_a_translation_asks_for_our_own_address(console, owner, make_rule, pbx, web):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24"])
    rule = make_rule("asked", table="dnat", action="dnat", service=web, target=pbx)
    page = re.sub(r"<[^>]*>", "", asked_from_menu(console, rule))
    assert "translated to 192.168.0.2 80 by rule 1 “asked”" in page


def test_new_rule_at_either_end_of_a_section_and_moves_to_its_ends(console, owner):
    for name, section in (("one", ""), ("two", "Office"), ("three", "Office"), ("four", "")):
        create_rule(actor=owner, name=name, action="drop", section=section)
    page = console.get("/firewall/rules/").content.decode()
    assert "section=Office&amp;at=top" in page
    for at in ("top", "bottom"):
        form = console.get(f"/firewall/rules/add/?table=forward&section=Office&at={at}", headers=HTMX).content.decode()
        assert 'value="Office"' in form
        posted = {"name": f"new at the {at}", "action": "drop", "section": "Office", "enabled": "on"}
        console.post(f"/firewall/rules/add/?table=forward&section=Office&at={at}", posted)
    assert names() == ["one", "new at the top", "two", "three", "new at the bottom", "four"]
    three = Rule.objects.get(name="three")
    places = console.get(f"/firewall/rules/{three.pk}/place/", headers=HTMX).content.decode()
    for words in ("To the top of “Office”", "To the bottom of “Office”", "To the end"):
        assert words in places
    first = Rule.objects.get(name="new at the top")
    assert f'name="before" value="{first.pk}"' in places
    assert "To the top of" not in console.get(f"/firewall/rules/{first.pk}/place/", headers=HTMX).content.decode()


def test_new_rule_for_a_section_that_is_gone_stands_at_the_end(console, owner):
    create_rule(actor=owner, name="one", action="drop")
    console.post("/firewall/rules/add/?section=Gone&at=top", {"name": "new", "action": "drop", "enabled": "on"})
    assert names() == ["one", "new"]


def test_what_no_object_holds_is_typed_into_the_rule_and_becomes_one(client, owner):
    client.force_login(owner)
    page = client.get("/firewall/rules/add/?table=forward").content.decode()
    assert "another one, typed below" in page
    answers = {
        "name": "web", "action": "accept", "source": "typed", "source_typed": "192.168.0.0/24", "destination": "typed",
        "destination_typed": "www.example.net", "service": "typed", "service_typed": "tcp 443", "enabled": "on",
    }  # fmt: skip
    said = client.get("/firewall/rules/sentence/?table=forward", answers).content.decode()
    assert "192.168.0.0/24" in said
    assert not AddressObject.objects.exists()
    assert client.post("/firewall/rules/add/?table=forward", answers).status_code == 302
    rule = Rule.objects.get()
    assert (rule.source.kind, rule.destination.kind, rule.service.ports) == ("network", "dns", "443")
    client.post(f"/firewall/rules/{rule.pk}/", answers | {"version": "1", "destination": "", "name": "again"})
    rule.refresh_from_db()
    assert (rule.name, rule.destination) == ("again", None)
    assert AddressObject.objects.filter(kind="network").count() == 1  # the one that says the same is used


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("source", ""),
        ("source", "the cellar"),
        ("destination", "300.1.1.1"),
        ("service", "http"),
        ("service", "udp tcp 5"),
    ],
)
def test_what_is_typed_wrong_is_refused_there_and_nothing_is_made(client, owner, field, text):
    client.force_login(owner)
    answers = {"name": "x", "action": "drop", field: "typed", f"{field}_typed": text}
    page = client.post("/firewall/rules/add/?table=forward", answers).content.decode()
    assert f'id="id_{field}_typed_error"' in page
    assert not Rule.objects.exists()
    assert not AddressObject.objects.exists()
