# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of rules: list, add, edit, switch, move, delete."""

import re

import pytest
from django.utils import timezone, translation

from appliance.firewall.columns import rule_sentence
from appliance.firewall.models import Rule
from appliance.firewall.services import create_service

HTMX = {"HX-Request": "true"}


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def fields(pbx, provider, sip):
    return {
        "name": "Phones", "action": "accept", "source": pbx.pk, "destination": provider.pk, "service": sip.pk,
        "from_zone": "internal", "to_zone": "external", "comment": "Contract 2291", "enabled": "on",
    }  # fmt: skip


def names():
    return list(Rule.objects.order_by("position").values_list("name", flat=True))


def test_the_list_says_each_rule_in_words_and_shows_what_the_system_adds(console, make_rule, pbx, provider, sip):
    rule = make_rule("Phones", source=pbx, destination=provider, service=sip, from_zone="internal")
    text = console.get("/firewall/rules/").content.decode()
    assert rule_sentence(rule) in text
    assert text.index("Running connections") < text.index(f'id="rule-{rule.pk}"') < text.index("Everything else")


def test_the_sentence_names_objects_and_sides(make_rule, pbx, provider, sip):
    rule = make_rule("Phones", source=pbx, destination=provider, service=sip, from_zone="internal", to_zone="external")
    assert rule_sentence(rule) == (
        '<span class="verdict-accept">Accept</span> <b>SIP</b> from <b>PBX</b> (internal) to <b>Provider</b> '
        "(external). The ALG opens the media of each call and closes it afterwards."
    )


def test_the_verb_is_written_small_where_a_language_has_it_last(make_rule, pbx, provider, sip):
    rule = make_rule("Calls", source=pbx, destination=provider, service=sip)
    with translation.override("tr"):
        assert ' <span class="verdict-accept">kabul et</span>' in rule_sentence(rule)
    with translation.override("de"):
        assert rule_sentence(rule).startswith('<span class="verdict-accept">Annehmen</span>')


def test_the_sentence_escapes_names(make_rule, pbx):
    pbx.name = "<b>"
    assert "&lt;b&gt;" in rule_sentence(make_rule("Odd", source=pbx))


def test_no_rules_is_said_with_what_to_do(console):
    assert "No rules yet." in console.get("/firewall/rules/").content.decode()
    forwardings = console.get("/firewall/rules/?table=dnat").content.decode()
    assert "No port forwardings." in forwardings
    assert "When are they needed?" in forwardings


def test_adding_a_rule(console, fields):
    assert console.post("/firewall/rules/add/", fields).url == "/firewall/rules/"
    rule = Rule.objects.get()
    assert (rule.name, rule.from_zone, rule.changed_by) == ("Phones", "internal", "anna")


def test_adding_from_the_panel_loads_the_page_anew(console, fields):
    assert console.post("/firewall/rules/add/", fields, headers=HTMX).headers["HX-Refresh"] == "true"


def test_a_refused_rule_says_why_at_the_field_and_keeps_what_was_typed(console, fields):
    answer = console.post("/firewall/rules/add/", fields | {"source": "", "name": ""}, headers=HTMX)
    text = answer.content.decode()
    assert "Give the rule a name" in text
    assert "A SIP rule names its phones and its provider." in text
    assert "Contract 2291" in text
    assert "<html" not in text
    assert not Rule.objects.exists()


def test_editing_a_rule(console, make_rule, fields):
    rule = make_rule("Old")
    console.post(f"/firewall/rules/{rule.pk}/", fields | {"version": rule.version})
    rule.refresh_from_db()
    assert (rule.name, rule.version) == ("Phones", 2)


def test_an_edit_conflict_names_who_was_faster_and_changes_nothing(console, make_rule, fields):
    rule = make_rule("Old")
    text = console.post(f"/firewall/rules/{rule.pk}/", fields | {"version": 0}).content.decode()
    assert "anna changed this rule at" in text
    assert names() == ["Old"]


def test_after_an_edit_conflict_both_are_shown_and_saving_again_replaces(console, make_rule, fields, pbx):
    rule = make_rule("Old", source=pbx, action="drop")
    answer = console.post(f"/firewall/rules/{rule.pk}/", fields | {"version": 0})
    text = answer.content.decode()
    assert rule_sentence(rule) in text
    assert 'value="Phones"' in text
    differing = {str(each.label): (each.before, each.after) for each in answer.context["conflict"]}
    assert differing["Action"] == ("drop", "accept")
    assert differing["Name"] == ("Old", "Phones")
    assert differing["To"] == ("–", "Provider")
    assert "Log what it decides" not in differing  # both say no
    console.post(f"/firewall/rules/{rule.pk}/", fields | {"version": 0, "choose": "theirs"})
    assert names() == ["Old"]
    version = re.search(r'name="version" value="(\d+)"', text)[1]
    console.post(f"/firewall/rules/{rule.pk}/", fields | {"version": version})
    assert names() == ["Phones"]


def test_the_form_is_a_page_of_its_own_without_htmx(console, make_rule):
    assert "<html" in console.get(f"/firewall/rules/{make_rule('Old').pk}/").content.decode()


def test_the_unfinished_form_in_words(console, pbx):
    text = console.get("/firewall/rules/sentence/", {"action": "drop", "source": pbx.pk}).content.decode()
    assert text == '<span class="verdict-drop">Drop</span> <b>everything</b> from <b>PBX</b> to <b>anywhere</b>.'


@pytest.mark.parametrize(("posted", "state"), [({"enabled": "on"}, True), ({}, False)])
def test_switching_a_rule(console, make_rule, posted, state):
    rule = make_rule("One", enabled=not state)
    answer = console.post(f"/firewall/rules/{rule.pk}/enabled/", posted, headers=HTMX)
    rule.refresh_from_db()
    assert rule.enabled is state
    assert "changed" in answer.headers["HX-Trigger"]
    assert "switched" in answer.headers["HX-Trigger-After-Settle"]
    assert answer.content.decode().count("<tr") == 1  # the row alone


def test_after_a_switch_the_page_learns_what_others_are_now(console, make_rule, pbx):
    first, second = make_rule("One", source=pbx), make_rule("Two", source=pbx)

    def states():
        told = console.get("/firewall/rules/bar/?table=forward", headers=HTMX)
        assert '<template data-state="shadowed">' in told.content.decode()
        return [(pk, name) for pk, name, _draft in told.context["states"]]

    assert states() == [(first.pk, "active"), (second.pk, "shadowed")]
    console.post(f"/firewall/rules/{first.pk}/enabled/", {}, headers=HTMX)
    assert states() == [(first.pk, "disabled"), (second.pk, "active")]


def test_refused_switch_answers_with_the_list_and_why(console, make_rule):
    rule = make_rule("Old", enabled=False)
    Rule.objects.filter(pk=rule.pk).update(name=" ")
    answer = console.post(f"/firewall/rules/{rule.pk}/enabled/", {"enabled": "on"}, headers=HTMX)
    assert answer.headers["HX-Retarget"] == "#rule-list"
    assert "Give the rule a name" in answer.content.decode()


@pytest.mark.parametrize(
    ("moved", "direction", "order"),
    [(1, "up", "BAC"), (1, "down", "ACB"), (0, "up", "ABC"), (2, "down", "ABC")],
)
def test_moving_a_rule(console, make_rule, moved, direction, order):
    rules = [make_rule(name) for name in "ABC"]
    console.post(f"/firewall/rules/{rules[moved].pk}/move/", {"direction": direction}, headers=HTMX)
    assert "".join(names()) == order


def test_deleting_a_rule(console, make_rule):
    console.post(f"/firewall/rules/{make_rule('One').pk}/delete/")
    assert names() == []


@pytest.mark.parametrize("verb", ["enabled", "move", "clone", "delete"])
def test_reading_changes_nothing(console, make_rule, verb):
    assert console.get(f"/firewall/rules/{make_rule('One').pk}/{verb}/").status_code == 405


@pytest.mark.parametrize(
    ("table", "shown", "hidden"),
    [
        ("forward", ("from_zone", "to_zone", "until"), ("target",)),
        ("dnat", ("target", "target_port"), ("to_zone", "log")),
        ("snat", ("target", "to_zone"), ("from_zone", "target_port")),
        ("input", ("from_zone", "log"), ("to_zone", "target")),
    ],
)
def test_each_table_asks_for_what_it_knows(console, table, shown, hidden):
    text = console.get(f"/firewall/rules/add/?table={table}").content.decode()
    assert [name for name in shown if f'name="{name}"' not in text] == []
    assert [name for name in hidden if f'name="{name}"' in text] == []


def test_a_rule_is_added_to_its_table_and_said_in_words(console, pbx, owner):
    https = create_service(actor=owner, name="HTTPS", protocol="tcp", ports="443")
    values = {
        "name": "Maintenance", "action": "dnat", "from_zone": "external", "service": https.pk, "target": pbx.pk,
        "target_port": "8443", "until": "2030-01-01T12:00", "section": "Support", "tags": "pbx, later", "enabled": "on",
    }  # fmt: skip
    console.post("/firewall/rules/add/?table=dnat", values)
    rule = Rule.objects.get()
    assert (rule.table, rule.tags, rule.until.isoformat()) == ("dnat", ["pbx", "later"], "2030-01-01T12:00:00+00:00")
    text = console.get("/firewall/rules/?table=dnat").content.decode()
    assert "Support" in text
    assert re.sub(r"<[^>]*>", "", rule_sentence(rule)) == (
        "Forward HTTPS from anywhere (external) to this device on to PBX, port 8443 until 2030-01-01 12:00 UTC."
    )
    assert f'id="rule-{rule.pk}"' not in console.get("/firewall/rules/").content.decode()
    edit = console.get(f"/firewall/rules/{rule.pk}/").content.decode()
    assert 'value="pbx, later"' in edit
    assert 'value="2030-01-01T12:00"' in edit


def test_an_end_in_the_past_is_said_at_the_field(console):
    text = console.post("/firewall/rules/add/", {"name": "x", "action": "accept", "until": "2020-01-01T00:00"})
    assert "The end time is in the past. The rule would never be active." in text.content.decode()


def test_an_expired_rule_is_shown_as_expired(console, make_rule):
    rule = make_rule("Old")
    Rule.objects.update(until=timezone.now(), expired_at=timezone.now())
    text = console.get("/firewall/rules/").content.decode()
    assert 'data-state="expired"' in text
    assert f'id="rule-{rule.pk}"' in text


def test_copying_a_rule(console, make_rule):
    console.post(f"/firewall/rules/{make_rule('One').pk}/clone/", headers=HTMX)
    assert names() == ["One", "Copy of One"]
