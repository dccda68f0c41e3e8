# SPDX-License-Identifier: GPL-2.0-or-later
"""`pinhole VERB`: the same services, words and refusals as everywhere; the answer as lines or as JSON."""

import json

import pytest
from django.core.management import CommandError, call_command

from appliance.audit.models import Entry
from appliance.firewall.models import AddressObject, Rule
from appliance.ruleset import policy
from appliance.system.management.commands.pinhole import VERBS
from appliance.system.models import Revision, State

pytestmark = pytest.mark.django_db


@pytest.fixture
def pinhole(capsys):
    def run(*words):
        call_command("pinhole", *words)
        return capsys.readouterr().out

    return run


@pytest.fixture
def configured(pinhole):
    pinhole("add-object", "PBX", "host", "192.168.0.2")
    pinhole("add-object", "Phones", "group", "--member", "PBX")
    return pinhole


def test_rules_are_added_placed_moved_switched_and_deleted(configured):
    first = json.loads(configured("add-rule", "first", "--action", "accept", "--source", "pbx", "--json"))
    second = json.loads(configured("add-rule", "second", "--action", "drop", "--before", str(first["id"]), "--json"))
    assert [rule["name"] for rule in json.loads(configured("rules", "--json"))] == ["second", "first"]
    configured("move-rule", str(second["id"]), "--after", str(first["id"]))
    assert list(Rule.objects.order_by("position").values_list("name", flat=True)) == ["first", "second"]
    configured("switch-rule", str(first["id"]), "off")
    assert not Rule.objects.get(pk=first["id"]).enabled
    assert "first" in configured("rules", "--table", "forward")
    configured("delete-rule", str(first["id"]))
    assert Rule.objects.count() == 1
    assert set(Entry.objects.values_list("actor", flat=True)) == {"command line"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add-rule", "x", "--action", "accept", "--source", "Nobody"), "source: There is no object “Nobody”"),
        (("add-rule", "x", "--action", "dnat", "--table", "dnat"), "target: Say where to"),
        (("add-rule", "x", "--action", "drop", "--until", "tomorrow"), "until: Write the end with its zone"),
        (("add-rule", "x", "--action", "drop", "--after", "99"), "after: There is no rule"),
        (("add-object", "x", "host", "300.1.1.1"), "value: "),
        (("delete-object", "PBX"), "PBX"),
        (("go-back", "99"), "number: There is no revision 99."),
        (("keep",), "revision: No revision waits"),
        (("apply", "--confirm-within", "5"), "confirm_within: Choose 30 to 600 seconds."),
        (("which-rule", "x", "203.0.113.1", "udp", "53"), "saddr: "),
        (("which-rule", "192.168.0.2", "203.0.113.1", "udp"), "dport: UDP and TCP need a port."),
        (("who-can-reach", "x"), "host: "),
        (("connections", "--host", "300.1.1.1"), "host: Write an address"),
        (("connections",), "The job queue (Redis) does not answer."),
        (("flush", "--host", "192.168.0.2"), "No rules run yet."),
        (("import", "/nonexistent"), "file: "),
        (("recipe", "pbx", "pbx=x", "server=203.0.113.1"), "pbx: Write one address"),
    ],
)
def test_refusals_name_the_field_and_change_nothing(configured, words, said):
    before = Rule.objects.count(), AddressObject.objects.count()
    with pytest.raises(CommandError) as refused:
        configured(*words)
    assert said in str(refused.value)
    assert (Rule.objects.count(), AddressObject.objects.count()) == before


@pytest.mark.django_db(transaction=True)
def test_apply_says_why_it_failed(configured):
    with pytest.raises(CommandError, match=r"queue \(Redis\) does not answer"):
        configured("apply", "--reason", "because")


def test_questions_ask_what_runs_or_the_draft(configured):
    configured("add-rule", "to all", "--action", "accept", "--from-zone", "internal")
    frozen = policy.dump(policy.Policy(1, "local", (policy.Interface("lan0", "internal", ("192.168.0.1/24",)),)))
    Revision.objects.create(number=1, author="anna", policy=frozen, state=State.APPLIED)
    asked = ("which-rule", "192.168.0.2", "192.168.0.1", "tcp", "22", "--json")
    assert json.loads(configured(*asked))["rule"] == "auto:console"
    assert "to all" in configured("who-can-reach", "203.0.113.1", "--draft")
    assert "to all" in configured("changes")


def test_backup_goes_out_and_comes_in(configured, tmp_path):
    (tmp_path / "p").write_text("correct horse battery\n")
    words = (str(tmp_path / "b"), "--passphrase-file", str(tmp_path / "p"))
    configured("backup", *words)
    AddressObject.objects.filter(name="Phones").delete()
    configured("restore", *words, "--dry-run")
    assert AddressObject.objects.count() == 1
    configured("restore", *words)
    assert AddressObject.objects.count() == 2
    (tmp_path / "c.json").write_text(configured("export", "--json"))
    configured("import", str(tmp_path / "c.json"))
    assert AddressObject.objects.count() == 2


def test_recipe_of_the_command_line_drafts(pinhole):
    said = pinhole("recipe", "pbx", "pbx=192.168.0.2", "server=203.0.113.1", "symmetric=on")
    assert "SIP" in said
    assert Rule.objects.count() == 1


def test_every_verb_says_what_it_does():
    assert len(VERBS) >= 28
    assert all(verb.about for verb in VERBS.values())
