# SPDX-License-Identifier: GPL-2.0-or-later
"""C50: connections that outlive a change of the rules, with packets: counted, shown, closed; calls go on."""

import json
import socket
import time
from contextlib import closing
from dataclasses import replace

import pytest

from appliance.kernel import answers, inquiry
from appliance.kernel.connections import Selection
from appliance.kernel.conntrack import ConnectionTable
from appliance.ruleset import policy, sets
from appliance.ruleset.policy import Address, Rule, Service
from appliance.system import tasks
from appliance.system.models import OldConnections, Revision, State
from sipalg_core.contract import names
from sipalg_core.nft.ranges import RangeTable
from tests.lab.kernel_rig import run, within
from tests.lab.raw_packets import behind
from tests.lab.ruleset_rig import (
    BOX,
    HOST,
    HOST6,
    INTERFACES,
    LAN,
    OUTSIDE,
    PEER,
    PEER6,
    STRANGER,
    namespaces,
    passes,
)

MEDIA = f"""
table inet media {{
  chain marking {{
    type filter hook prerouting priority -150
    udp dport 4000 ct mark set {names.MARK_ACCEPT}
  }}
}}
"""

pytestmark = [pytest.mark.lab, pytest.mark.django_db]


@pytest.fixture
def wire(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    monkeypatch.setattr(tasks, "announce", lambda revision: None)  # it would wait for a Redis that is not there
    with namespaces() as wire:
        monkeypatch.setattr(tasks, "_kernel", lambda: wire.kernel)
        monkeypatch.setattr(sets, "RangeTable", lambda table: wire.inside(RangeTable, table))
        monkeypatch.setattr(answers, "table", lambda: closing(wire.inside(ConnectionTable)))
        yield wire


def allow(ident, port, **fields):
    return Rule(ident, ident, f"to {port}", "accept", service=Service(str(port), "both", str(port)), **fields)


def applied(number, *rules, window=0, interfaces=INTERFACES):
    frozen = policy.dump(policy.Policy(number, "local", interfaces, rules))
    made = Revision.objects.create(number=number, author="anna", policy=frozen, confirm_within=window)
    tasks.apply_revision(made.pk)
    made.refresh_from_db()
    assert made.state in (State.APPLIED, State.WAITING), made.error
    return made


def test_c50_old_connections_are_counted_and_closed_and_others_go_on(wire):
    first = applied(1, allow(1, 1000), allow(2, 2000))
    assert first.old_connections == {"old": 0, "calls": 0, "choice": ""}
    with wire.connection(HOST, PEER, 1000) as allowed, wire.connection(HOST, PEER, 2000) as denied:
        second = applied(2, allow(1, 1000))
        assert second.old_connections == {"old": 1, "calls": 0, "choice": OldConnections.ASK}
        assert passes(*denied)  # as with any firewall, until somebody says otherwise
        (row,) = answers.list_connections({"old": True})["items"]
        assert (row["source"], row["dport"], row["verdict"]) == (HOST, 2000, "denied")
        assert answers.flush({"old": True}) == {"closed": 1, "spared": 0}
        assert not passes(*denied)
        assert passes(*allowed)


def test_c50_connection_of_a_changed_destination_nat_follows_the_new_one(wire):
    def to(target):
        service = Service("x", "tcp", "8080")
        return Rule(5, 1, "in", "dnat", service=service, table="dnat", target=Address("t", (target,)), target_port=None)

    applied(1, to(HOST))
    with wire.connection(STRANGER, OUTSIDE, 8080, at=HOST):
        second = applied(2, to("192.168.0.11"))
        assert second.old_connections["old"] == 1
        (row,) = answers.list_connections({"old": True})["items"]
        assert (row["verdict"], row["translated_destination"]) == ("translated", HOST)
        assert answers.flush_now(Selection(old=True)).closed == 1


def test_call_of_a_rule_that_is_gone_is_spared_until_it_ends(wire, monkeypatch):
    applied(1, allow(1, 4000))
    run("nft", "-f", "-", namespace=BOX, stdin=MEDIA)
    assert wire.reach(HOST, PEER, 4000)
    with wire.connection(HOST, PEER, 4000) as denied:
        second = applied(2)
        assert (second.old_connections["old"], second.old_connections["calls"]) == (1, 1)
        Revision.objects.update(old_connections=second.old_connections | {"choice": OldConnections.LATER})
        monkeypatch.setattr("appliance.system.queries.calls_go_on", lambda: True)
        tasks.settle()
        assert passes(*denied)
        monkeypatch.setattr("appliance.system.queries.calls_go_on", lambda: False)
        tasks.settle()
        assert not passes(*denied)
    second.refresh_from_db()
    assert (second.old_connections["choice"], second.old_connections["closed"]) == (OldConnections.CLOSED, 1)
    left = answers.list_connections({})["items"]
    assert [row["call"] for row in left if row["dport"] == 4000 and row["protocol"] == "udp"] == [True]


def test_flush_by_host_and_by_rule(wire):
    applied(1, allow(1, 1000), allow(2, 2000))
    with wire.connection(HOST, PEER, 1000) as one, wire.connection(HOST, STRANGER, 2000) as two:
        assert answers.flush({"rule": "rule:1"}) == {"closed": 1, "spared": 0}
        assert answers.flush({"rule": "rule:1"}) == {"closed": 0, "spared": 0}
        assert answers.flush({"host": STRANGER}) == {"closed": 1, "spared": 0}
        assert (passes(*one), passes(*two)) == (False, False)  # closed is closed: they have to begin anew
    with wire.connection(HOST, PEER, 1000) as again:
        assert passes(*again)


def test_what_was_closed_does_not_go_on_because_its_server_sends_something(wire):
    """The server's words would be a connection of its own to the kernel, and the peer's the answers to it."""

    def forwarded():
        service = Service("x", "tcp", "8080")
        return Rule(5, 1, "in", "dnat", service=service, table="dnat", target=Address("t", (HOST,)), target_port=None)

    out = Rule(6, 2, "out", "accept", to_zone="external", from_zone="internal")
    masquerading = tuple(replace(each, masquerade=each.role == "external") for each in INTERFACES)
    applied(1, forwarded(), out, interfaces=masquerading)
    with wire.connection(STRANGER, OUTSIDE, 8080, at=HOST) as (stranger, server):
        assert passes(stranger, server)
        applied(2, out, interfaces=masquerading)
        assert answers.flush({"old": True})["closed"] == 1
        assert not passes(server, stranger)
        assert not passes(stranger, server)


def test_what_was_closed_at_this_device_does_not_go_on_either(wire):
    applied(1, allow(1, 8080, table="input"))
    with wire.connection(STRANGER, OUTSIDE, 8080) as (stranger, server):
        assert passes(stranger, server)
        applied(2)
        assert answers.flush({"old": True})["closed"] == 1
        assert not passes(server, stranger)
        assert not passes(stranger, server)


def test_twenty_thousand_connections_are_judged_in_the_time_of_an_apply(wire):
    """With 300 rules of which the last decides, through a table that is full of somebody's scan."""
    applied(1, *(allow(each, 10_000 + each) for each in range(1, 300)), Rule(300, 300, "any", "accept"))
    entries = "\n".join(
        f"-A -p udp -s {HOST} -d 203.0.113.{3 + each % 200} --sport {1024 + each} --dport {1 + each % 900} -t 300"
        for each in range(20_000)
    )
    run("conntrack", "-R", "-", namespace=BOX, stdin=entries + "\n")
    started = time.process_time()  # others may have the machine meanwhile
    counted = answers.count_old(Revision.objects.get())
    spent = time.process_time() - started
    assert answers.list_connections({"protocol": "udp"})["total"] > 19_000
    assert counted["old"] == 0
    assert spent < 10, json.dumps(counted)


@pytest.mark.parametrize("header", ["authentication", "destination"])
def test_connection_over_ipv6_is_what_the_rules_see_in_it(wire, header):
    """Conntrack looks behind an authentication header, and calls it by what is there; the rules do not."""
    authenticated = Rule(1, 1, "AH", "accept", service=Service("AH", "other", number=51))
    applied(1, authenticated, allow(2, 3000))
    with within(LAN, lambda: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)) as raw:
        raw.sendto(behind(header, HOST6, PEER6, 3000, "?"), (PEER6, 0))
    (row,) = answers.list_connections({"host": PEER6})["items"]
    seen = ("51", None, "rule:1") if header == "authentication" else ("udp", 3000, "rule:2")
    assert (row["protocol"], row["dport"], row["rule"]) == seen
    assert row["verdict"] == ""
    applied(2, allow(2, 3000) if header == "authentication" else authenticated)
    (row,) = answers.list_connections({"host": PEER6})["items"]
    assert row["verdict"] == "denied"


def test_answer_is_delivered_to_who_waits_and_nobody_waits_for_long(lab):
    """Through the laboratory's own Redis and netadmin: the registrations of its phones."""
    found = lab.get("connections?port=5060&zone=internal")
    assert found["count"] == len(found["items"]) >= 1
    assert {(row["protocol"], row["dport"], row["verdict"]) for row in found["items"]} == {("udp", 5060, "")}
    with lab.ended("netadmin"):
        started = time.monotonic()
        with pytest.raises(AssertionError, match="does not answer"):
            lab.get("connections")
        assert time.monotonic() - started < inquiry.PATIENCE + 1
