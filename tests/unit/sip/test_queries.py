# SPDX-License-Identifier: GPL-2.0-or-later
"""The one sentence on telephony follows from what engine, broker and revision really say."""

import re

import pytest

from appliance.firewall.services import create_address, create_rule, create_service
from appliance.ruleset import policy
from appliance.ruleset.snapshot import snapshot
from appliance.sip.queries import telephony
from appliance.sip.services import note_ended
from appliance.system.models import Revision, State
from tests.unit.sip.test_api import CALL
from tests.unit.sip.test_history import SILENT, ended

REGISTRATION = {
    "id": "r1", "aor": "sip:100@tel.example", "contact": "", "mapped": "", "internal": "", "provider": "Tel",
    "registrar": "203.0.113.1", "state": "registered", "registered": 0.0, "asked": 600, "granted": 600, "expires": 0.0,
    "status": "200 OK",
}  # fmt: skip

pytestmark = pytest.mark.django_db


@pytest.fixture
def applied():
    return Revision.objects.create(
        number=3, author="anna", state=State.APPLIED, policy=policy.dump(snapshot("local", 3))
    )


@pytest.fixture
def open_engine(engine, applied):
    engine.health.update({"enabled": True, "revision": 3, "calls": 2})
    return engine


def test_silent_engine():
    answer = telephony()
    assert answer.level == "error"
    assert answer.sentence == "The SIP engine does not answer. Running calls continue; new calls get no openings."


def test_silent_broker(engine):
    engine.broker = False
    assert telephony().sentence.startswith("The pinhole broker does not answer.")


def test_nothing_applied(engine):
    assert telephony().sentence.startswith("Telephony is closed: no revision has been applied yet.")


def test_engine_with_another_revision(open_engine):
    open_engine.health["revision"] = 2
    assert telephony().level == "error"


def test_no_rule_allows_sip(engine, applied, owner):
    engine.health.update({"enabled": False, "revision": 3})
    assert telephony().level == "hint"
    ends = [create_address(actor=owner, name=name, kind="host", value=value)
            for name, value in (("PBX", "192.168.0.2"), ("Tel", "203.0.113.1"))]  # fmt: skip
    service = create_service(actor=owner, name="SIP", protocol="udp", ports="5060", application="sip")
    create_rule(actor=owner, name="x", source=ends[0], destination=ends[1], service=service, action="accept")
    assert "is not applied yet" in telephony().sentence


def test_changes_that_the_caller_knows_are_not_looked_for_again(open_engine, django_assert_max_num_queries):
    with django_assert_max_num_queries(4):  # twice: is there a trial, and which revision runs
        assert telephony(2).details == ("2 changes are not applied.",)
        assert telephony(0).details == ()


def test_it_works(open_engine):
    assert telephony().sentence == "Telephony is ready: no phone system has registered yet, 2 calls are running."
    open_engine.rows["registrations"] = [REGISTRATION]
    answer = telephony()
    assert (answer.level, answer.sentence, answer.details) == (
        "ok", "Telephony works: 1 account is registered, 2 calls are running.", ()
    )  # fmt: skip


def test_page_without_calls_says_who_is_registered_and_when_the_last_call_was(open_engine, client, owner):
    open_engine.rows["registrations"] = [REGISTRATION, REGISTRATION | {"id": "r2"}]
    note_ended([ended("c1")])
    client.force_login(owner)
    told = client.get("/calls/quiet/").content.decode()
    assert re.search(r"The ALG is active and 2 accounts are registered \(last call <time [^>]*>[^<]+</time>\)\.", told)
    assert "Last call:" not in told


def test_lost_registrations(open_engine):
    lost = REGISTRATION | {"id": "r2", "state": "failed", "status": "403 Forbidden"}
    open_engine.rows["registrations"] = [REGISTRATION, lost]
    answer = telephony()
    assert answer.level == "warning"
    assert "403 Forbidden" in answer.details[0]
    open_engine.rows["registrations"] = [lost]
    assert telephony().level == "error"


def test_call_without_audio_is_named(open_engine):
    open_engine.rows["registrations"] = [REGISTRATION]
    open_engine.rows["calls"] = [CALL | {"verdict": SILENT}, CALL, CALL | {"verdict": SILENT, "ended": 5.0}]
    answer = telephony()
    assert (answer.level, answer.sentence) == (
        "warning", "Telephony works in part: 1 account is registered, but something is wrong with 1 of 2 running calls."
    )  # fmt: skip
    assert answer.details == (
        "Call a → b: No packets from 203.0.113.99:7000 since the answer; nothing comes from anywhere else either.",
    )
