# SPDX-License-Identifier: GPL-2.0-or-later
"""`pinhole VERB`: the same services, words and refusals as everywhere; the answer as lines or as JSON."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from appliance.audit.models import Entry
from appliance.firewall.models import Activation, AddressObject, Hits, Rule
from appliance.firewall.services import activations
from appliance.network.services import save_interface
from appliance.notices import channels
from appliance.ruleset import policy
from appliance.system.management.commands.pinhole import VERBS
from appliance.system.models import Notice, Revision, State
from appliance.system.services import connections

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


def test_rules_tell_what_was_counted_of_them(configured):
    rule = json.loads(configured("add-rule", "counted", "--action", "accept", "--source", "pbx", "--json"))
    assert (rule["hits"], rule["hits_by_day"], rule["connections"]) == (None, None, None)
    now = timezone.now()
    days = {now.date().isoformat(): 7}
    Hits.objects.create(rule_id=rule["id"], packets=7, last=now, days=days, connections=2, connections_at=now)
    (told,) = json.loads(configured("rules", "--json"))
    assert (told["hits"], told["hits_by_day"][now.date().isoformat()], told["connections"]) == (7, 7, 2)


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


def test_lists_are_tables_for_people_without_marks_and_without_empty_columns(configured):
    configured("add-rule", "Out & up", "--action", "accept", "--source", "pbx")
    heading, row = configured("rules").splitlines()
    assert heading.split() == ["id", "table", "on", "name", "what"]
    assert row[heading.index("name") :].startswith("Out & up")
    assert row[heading.index("what") :] == "Accept everything from PBX to anywhere."
    assert configured("objects").splitlines()[0].split()[:3] == ["name", "kind", "value"]


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
        (("which-rule", "192.168.0.2", "203.0.113.1", "17"), "number: Protocol 17 has a choice of its own"),
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


def test_question_for_another_time_is_answered_for_that_time(configured):
    save_interface(actor="test", name="lan0", role="internal", addresses=["192.168.0.1/24"])
    save_interface(actor="test", name="wan0", role="external", addresses=["203.0.113.2/24"])
    configured("add-schedule", "Monday", "08:00", "18:00", "--weekday", "0")
    configured("add-rule", "office", "--action", "accept", "--source", "PBX", "--schedule", "Monday")
    configured("add-rule", "a while", "--action", "accept", "--source", "PBX", "--until", "2036-12-24T18:00Z")
    asked = ("which-rule", "192.168.0.2", "203.0.113.1", "udp", "53", "--draft", "--json", "--at")
    now = timezone.now()
    monday = (now + timedelta(days=7 - now.weekday())).replace(hour=9, minute=0)
    assert [
        json.loads(configured(*asked, each))["rule"]
        for each in (monday.isoformat(), monday.replace(hour=7).isoformat(), "2036-12-24T18:00:01Z")
    ] == ["office", "a while", "auto:default_deny"]
    with pytest.raises(CommandError, match="at: Write"):
        configured(*asked, "2036-12-24T18:00")


def test_connections_are_flushed_by_object(configured, monkeypatch):
    asked = []

    def netadmin(question, **arguments):
        asked.append((question, arguments))
        return {"closed": 3, "spared": 1}

    monkeypatch.setattr(connections, "ask", netadmin)
    frozen = policy.dump(policy.Policy(1, "local", ()))
    Revision.objects.create(number=1, author="anna", policy=frozen, state=State.APPLIED)
    assert configured("flush", "--object", "phones").split() == ["closed:", "3", "spared:", "1"]
    ((question, arguments),) = asked
    assert (question, arguments["selection"]["within"], arguments["calls"]) == ("flush", ("192.168.0.2",), False)
    with pytest.raises(CommandError, match="object: There is no object"):
        configured("flush", "--object", "nobody")
    with pytest.raises(CommandError, match="host: Say which"):
        configured("flush")


def test_whom_to_tell_is_shown_changed_tried_and_listed(pinhole, tmp_path, monkeypatch):
    (tmp_path / "p").write_text("secret of the mail\n")
    said = json.loads(
        pinhole("notice-settings", "--email-to", "a@example.net", "--email-to", "b@example.net", "--email-from",
                "box@example.net", "--smtp-host", "mail.example.net", "--smtp-security", "tls", "--smtp-port", "465",
                "--smtp-password-file", str(tmp_path / "p"), "--before-minutes", "30", "--inside", "--json")
    )  # fmt: skip
    assert (said["email_to"], said["smtp_port"], said["inside"]) == (["a@example.net", "b@example.net"], 465, True)
    assert (said["smtp_password"], said["webhook_secret"]) == (True, False)
    assert "of the mail" not in json.dumps(list(Entry.objects.values_list("after", flat=True)))
    said = json.loads(
        pinhole("notice-settings", "--webhook-url", "https://hook.example.net/", "--syslog-host", "192.0.2.9",
                "--syslog-protocol", "tcp", "--forget", "smtp_password", "--no-inside", "--json")
    )  # fmt: skip
    assert (said["smtp_password"], said["smtp_host"], said["inside"]) == (False, "mail.example.net", False)
    for words, field in (
        (("--email-to", "nobody"), "email_to"), (("--syslog-port", "0"), "syslog_port"),
        (("--webhook-url", "x"), "webhook_url"), (("--smtp-password-file", "/nonexistent"), "file"),
    ):  # fmt: skip
        with pytest.raises(CommandError, match=f"{field}: "):
            pinhole("notice-settings", *words)
    assert json.loads(pinhole("notice-settings", "--email-to", "", "--json"))["email_to"] == []
    went = []
    for channel in ("webhook", "syslog"):
        monkeypatch.setitem(channels.CHANNELS, channel, lambda _way, message, channel=channel: went.append(channel))
    assert "syslog: sent" in pinhole("test-notices")
    assert sorted(went) == ["syslog", "webhook"]
    Notice.objects.create(key="k", kind="x", level="hint", subject="A rule ends", deliveries={"syslog": {"done": True}})
    assert "A rule ends" in pinhole("notices")


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


def test_rule_is_edited_by_what_is_said_and_cloned(configured):
    configured("add-service", "Web", "tcp", "80,443")
    configured("add-schedule", "Office", "08:00", "18:00", "--weekday", "0", "--weekday", "4")
    made = json.loads(
        configured("add-rule", "web", "--action", "accept", "--source", "PBX", "--service", "Web", "--tag", "a",
                   "--tag", "b", "--log", "--json")
    )  # fmt: skip
    ident = str(made["id"])
    changed = ("edit-rule", ident, "--schedule", "office", "--source", "", "--until", "2036-12-24T18:00Z", "--no-log")
    edited = json.loads(configured(*changed, "--json"))
    assert (edited["schedule"], edited["source"], edited["log"], edited["tags"]) == ("Office", None, False, ["a", "b"])
    assert edited["service"] == "Web"
    assert "2036-12-24" in str(edited["until"])
    with pytest.raises(CommandError, match="version: "):
        configured("edit-rule", ident, "--name", "late", "--seen", str(made["version"]))
    configured("clone-rule", ident)
    configured("edit-rule", ident, "--until", "", "--name", "always")
    assert list(Rule.objects.values_list("name", "enabled", "until")[:1]) == [("always", True, None)]
    assert Rule.objects.count() == 2


def test_objects_are_renamed_replaced_and_used(configured):
    configured("add-rule", "first", "--action", "accept", "--source", "PBX")
    configured("edit-object", "PBX", "--rename", "Telephone system", "--value", "192.168.0.3")
    assert Rule.objects.get().source.value == "192.168.0.3"
    configured("add-object", "New", "host", "192.168.0.4")
    assert "first" in configured("uses", "address", "telephone system")
    assert configured("replace", "address", "Telephone system", "New").strip() == "places: 2"
    configured("delete-object", "Telephone system")
    assert "New" in configured("objects", "192.168.0.4")
    configured("edit-object", "Phones", "--member", "New", "--rename", "Handsets")
    configured("add-object", "Far away", "country", "Almanya, Österreich", "--negated")
    assert "Far away" in configured("objects", "germany")
    assert not json.loads(configured("edit-object", "Far away", "--no-negated", "--json"))["negated"]


def test_services_and_schedules_are_changed_and_go(configured):
    configured("usual-services")
    configured("add-service", "All", "group", "--member", "STUN")
    assert "STUN" in configured("services")
    assert json.loads(configured("edit-service", "STUN", "--ports", "3479", "--json"))["ports"] == "3479"
    configured("delete-service", "All")
    configured("add-schedule", "Office", "08:00", "18:00", "--weekday", "0")
    assert "Europe/Berlin" in configured("edit-schedule", "Office", "--timezone", "Europe/Berlin", "--end", "17:00")
    configured("delete-schedule", "office")
    assert configured("schedules").strip() == ""
    configured("name-servers", "192.0.2.53")
    assert "192.0.2.53" in configured("name-servers")


def test_country_data_waits_is_used_or_discarded(configured, tmp_path):
    (tmp_path / "c.csv").write_text("203.0.113.0,203.0.113.255,DE\n")
    words = ("upload-country-data", str(tmp_path / "c.csv"), "--name", "mine", "--published", "2026-01-02")
    configured(*words, "--licence", "CC0")
    assert "CC0" in configured("country-data")
    configured("use-country-data", "--force")
    configured(*words)
    configured("discard-country-data")
    with pytest.raises(CommandError, match="data: "):
        configured("use-country-data")


def test_interface_is_edited_and_released(configured, owner):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    edited = json.loads(configured("edit-interface", "lan0", "--role", "dmz", "--json"))
    assert (edited["role"], edited["addresses"]) == ("dmz", ["192.168.0.1/24"])
    configured("release-interface", "lan0")
    assert configured("interfaces").strip() == ""


@pytest.mark.django_db(transaction=True)
def test_rule_acts_for_a_while_and_an_exemption_until_it_is_stopped(configured, monkeypatch):
    monkeypatch.setattr(activations, "tell_netadmin", lambda *, node: True)
    frozen = policy.dump(policy.Policy(1, "local", (), (policy.Rule(7, 1, "door", "accept", enabled=False),)))
    Revision.objects.create(number=1, author="anna", policy=frozen, state=State.APPLIED)
    soon = (timezone.now() + timedelta(hours=1)).isoformat()
    configured("start-rule", "7", "--until", soon, "--reason", "repair")
    made = json.loads(configured("exempt", "--server", "PBX", "--reason", "test", "--json"))
    assert "door" in configured("activations")
    configured("stop", str(made["id"]))
    assert [each.ended is None for each in Activation.objects.order_by("pk")] == [True, False]


def test_revisions_are_compared(configured):
    for number, rules in enumerate(((), (policy.Rule(1, 1, "door", "accept"),)), start=1):
        frozen = policy.dump(policy.Policy(number, "local", (), rules))
        Revision.objects.create(number=number, author="anna", policy=frozen, state=State.APPLIED)
    assert "door" in configured("compare", "2", "1")
    assert "forward" in configured("changes", "--nft", "--json")
