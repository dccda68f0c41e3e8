# SPDX-License-Identifier: GPL-2.0-or-later
"""Telephony on the command line: as the console says it, for people in tables, for programs as the engine has it."""

import json

import pytest
from django.core.management import CommandError, call_command

from appliance.audit.models import Entry
from appliance.firewall.services import create_address, create_rule, create_service
from appliance.network.services import save_interface
from appliance.sip.models import Provider
from appliance.sip.services.history import note_ended
from tests.unit.sip.test_api import CALL
from tests.unit.sip.test_calls import MESSAGE, OPENING, PARTS, TEXTS
from tests.unit.sip.test_history import ended
from tests.unit.sip.test_queries import REGISTRATION

pytestmark = pytest.mark.django_db

ADVICE = {"code": "asks-too-long", "params": {"asked": "1200", "granted": "660"}, "text": "comes too late"}
PINHOLE = OPENING | {"call": "c1", "shadow": False, "expires": None}


@pytest.fixture
def pinhole(capsys):
    def run(*words):
        call_command("pinhole", *words)
        return capsys.readouterr().out

    return run


def test_calls_stand_below_the_names_of_their_columns(pinhole, engine):
    engine.rows["calls"] = [CALL, CALL | {"id": "c2", "state": "in_call", "provider": "Telephony"}]
    heading, first, second = pinhole("calls").splitlines()
    assert heading.split()[:4] == ["id", "direction", "state", "seconds"]
    assert (first.split()[0], second.split()[0]) == ("c1", "c2")
    assert first.index("Tel") == second.index("Telephony") == heading.index("provider")
    assert json.loads(pinhole("calls", "--json"))[0] == CALL
    assert Entry.objects.filter(verb="view", actor="command line", after__what="live calls").count() == 1


def test_a_call_is_read_with_every_change_and_its_rule(pinhole, engine):
    engine.items |= {"call": PARTS, "trace": [MESSAGE | TEXTS]}
    told = pinhole("call", "c1")
    assert "Contact: 192.168.0.10:5060 -> 203.0.113.2:5060  [the party's signalling endpoint" in told
    assert json.loads(pinhole("call", "c1", "--json"))["streams"][0]["id"] == "77"
    assert Entry.objects.filter(verb="view", after__what="call c1").exists()


def test_a_forgotten_call_is_said_in_words_and_not_written_down(pinhole, engine):
    with pytest.raises(CommandError, match="id: The engine does not know this call"):
        pinhole("call", "c9")
    assert not Entry.objects.exists()


def test_history_says_why_calls_ended(pinhole):
    note_ended([ended()])
    told = pinhole("history")
    assert "hung up by the phone" in told
    assert pinhole("history", "--faults").strip() == ""
    assert pinhole("history", "nobody-has-this").strip() == ""
    assert json.loads(pinhole("history", "--json"))[0]["ident"] == "c1"


def test_registrations_and_pinholes_are_listed(pinhole, engine):
    engine.rows["registrations"] = [REGISTRATION | {"advice": None, "warning": ""}]
    assert "sip:100@tel.example" in pinhole("registrations")
    engine.rows["pinholes"] = [PINHOLE]
    assert "203.0.113.99:7000" in pinhole("pinholes")
    engine.items["ledger"] = [OPENING | {"closed": 3.0, "why": "silent"}]
    assert "silent" in pinhole("pinholes", "--closed")
    assert "1970-01-01 00:00:03+00:00" in pinhole("pinholes", "--closed")


def test_a_pinhole_is_closed_and_a_ban_lifted(pinhole, engine):
    engine.items["ledger"] = [OPENING]
    assert pinhole("close-pinhole", "77").strip() == "closed: 77"
    assert engine.requests[-1] == {"op": "close", "pinhole": "77"}
    engine.items["bans"] = [{"host": "203.0.113.66", "seconds": 60.0, "packets": 3, "told": True}]
    assert "203.0.113.66" in pinhole("bans")
    pinhole("lift-ban", "203.0.113.66")
    assert engine.requests[-1] == {"op": "unban", "host": "203.0.113.66"}
    with pytest.raises(CommandError, match="pinhole: This pinhole is not open any more"):
        pinhole("close-pinhole", "78")


def test_status_is_the_sentence_of_the_overview(pinhole, engine, broker):
    assert "Telephony is closed: no revision has been applied yet" in pinhole("status")


@pytest.mark.parametrize("words", [("calls",), ("call", "c1"), ("registrations",), ("pinholes",), ("bans",)])
def test_a_silent_engine_is_said_in_words(pinhole, run_dir, words):
    with pytest.raises(CommandError, match="The SIP engine does not answer"):
        pinhole(*words)


def test_status_says_that_the_engine_is_silent(pinhole, run_dir):
    assert "level: error" in pinhole("status")


def test_advice_comes_with_its_evidence(pinhole, engine):
    save_interface(actor="test", name="wan0", role="external", addresses=["203.0.113.2/24"])
    pbx = create_address(actor="test", name="PBX", kind="host", value="192.168.0.2")
    maintenance = create_service(actor="test", name="SSH", protocol="tcp", ports="22")
    create_rule(actor="test", table="dnat", name="open", action="dnat", service=maintenance, target=pbx)
    told = json.loads(pinhole("advice", "--json"))
    assert any(each["check"].startswith("A") and each["evidence"] for each in told)


def test_providers_are_added_changed_and_deleted(pinhole):
    for name, host in (("Registrar", "203.0.113.1"), ("Proxy", "203.0.113.99")):
        create_address(actor="test", name=name, kind="host", value=host)
    pinhole("add-provider", "Tel", "--signalling", "registrar", "--media", "Proxy", "--symmetric-media")
    assert "Proxy" in pinhole("providers")
    pinhole("edit-provider", "Tel", "--rename", "Telephony", "--media", "", "--no-symmetric-media")
    found = Provider.objects.get()
    assert (found.name, found.media, found.symmetric_media) == ("Telephony", None, False)
    with pytest.raises(CommandError, match="name: There is no provider “Tel”"):
        pinhole("delete-provider", "Tel")
    pinhole("delete-provider", "Telephony")
    assert not Provider.objects.exists()


def test_settings_of_the_alg_are_shown_changed_and_inherited_again(pinhole):
    def value(path, *words):
        (found,) = (each for each in json.loads(pinhole("alg-settings", *words, "--json")) if each["path"] == path)
        return found["value"], found["origin"]

    host = create_address(actor="test", name="Registrar", kind="host", value="203.0.113.1")
    Provider.objects.create(name="Tel", signalling=host)
    assert value("timers.inactive_media") == (120, "default")
    assert value("timers.inactive_media", "timers.inactive_media=300") == (300, "own")
    assert value("peering.shadow", "--provider", "Tel", "peering.shadow=true")[0] is True
    assert value("timers.inactive_media", "--reset", "timers.inactive_media") == (120, "default")
    assert "120 s" in pinhole("alg-settings")
    pinhole("alg-settings", "timers.inactive_media=300")
    with pytest.raises(CommandError):
        pinhole("alg-settings", "--reset", "timers.inactive_media", "timers.t1=1")
    assert value("timers.inactive_media") == (300, "own")
    refused = {"timers.inactive_media": ["timers.inactive_media=1"], "value": ["nothing"], "provider": ["--provider=x"]}
    for field, words in refused.items():
        with pytest.raises(CommandError, match=f"{field}: "):
            pinhole("alg-settings", *words)
