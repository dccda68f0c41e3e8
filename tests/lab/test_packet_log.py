# SPDX-License-Identifier: GPL-2.0-or-later
"""What the rules log, heard from the kernel: who decided, by which way, and no more lines in a flood than a few."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from appliance.kernel.lines import Line, line_of
from appliance.ruleset.compile import compile_nft
from appliance.ruleset.policy import Address, Policy, Rule, Service
from sipalg_core.contract import names
from sipalg_core.nft.counters import NamedCounters
from sipalg_core.nft.packet_log import Logged, PacketLog
from tests.lab.kernel_rig import within
from tests.lab.ruleset_rig import HOST, HOST6, INSIDE, INTERFACES, LAN, PEER, PEER6, STRANGER, WAN, Wire, namespaces

pytestmark = pytest.mark.lab

TCP = Service("tcp", "tcp", "8080")
LOGGED, SILENT, REFUSED, GONE = (
    Rule(id=number, position=number, name=str(number), action=action, service=Service(str(port), "udp", str(port)),
         from_zone="internal", log=log, destination=Address("peers", (PEER, PEER6)))
    for number, action, port, log in (
        (3, "accept", 7001, True), (4, "accept", 7002, False), (5, "reject", 7003, False), (70_000, "drop", 7004, False)
    )
)  # fmt: skip
POLICY = Policy(1, "local", interfaces=INTERFACES, rules=(LOGGED, SILENT, REFUSED, GONE))


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with namespaces() as made:
        made.kernel.apply(compile_nft(POLICY))
        yield made


@pytest.fixture
def log(wire: Wire) -> Iterator[PacketLog]:
    made = wire.inside(PacketLog, names.LOG_GROUP, 96)
    yield made
    made.close()


def heard(wire: Wire, log: PacketLog, wanted: int) -> list[Line]:
    """At least so many lines about our hosts; what a family's own machinery says is left out."""
    lines: list[Line] = []

    def read() -> list[Logged]:
        return log.read(0.5)

    for _ in range(20):
        lines += [line_of(each, "", str(each.iif), str(each.oif)) for each in wire.inside(read)]
        lines = [each for each in lines if each["saddr"] in (HOST, HOST6, STRANGER)]
        if len(lines) >= wanted:
            break
    return lines


def send(source: str, target: str, port: int, times: int = 1, namespace: str = LAN) -> None:
    def shoot() -> None:
        with socket.socket(socket.AF_INET6 if ":" in source else socket.AF_INET, socket.SOCK_DGRAM) as made:
            made.bind((source, 0))
            for _ in range(times):
                with suppress(OSError):  # a reject is one
                    made.sendto(b"?", (target, port))

    within(namespace, shoot)


@pytest.mark.parametrize(
    ("port", "verdict", "rule"),
    [
        (7001, "accept", "rule:3"),
        (7003, "reject", "rule:5"),
        (7004, "drop", "rule:70000"),
        (7005, "drop", "auto:default_deny"),
    ],
)
@pytest.mark.parametrize(("source", "target"), [(HOST, PEER), (HOST6, PEER6)])
def test_line_says_who_decided(
    wire: Wire, log: PacketLog, port: int, verdict: str, rule: str, source: str, target: str
):
    wire.forget()
    send(source, target, port)
    (line,) = heard(wire, log, 1)
    assert (line["verdict"], line["rule"], line["saddr"], line["daddr"]) == (verdict, rule, source, target)
    assert (line["protocol"], line["dport"]) == ("udp", str(port))
    indices = wire.inside(lambda: (socket.if_nametoindex("lan0"), socket.if_nametoindex("wan0")))
    assert (line["iif"], line["oif"]) == tuple(map(str, indices))


def test_what_a_rule_accepts_silently_has_no_line_and_what_is_for_us_goes_nowhere(wire: Wire, log: PacketLog):
    wire.forget()
    assert wire.reach(HOST, PEER, 7002) is not None
    send(HOST, INSIDE, 7006)
    (line,) = heard(wire, log, 1)
    assert (line["dport"], line["oif"], line["rule"]) == ("7006", "0", "auto:default_deny")


def counted(wire: Wire) -> int:
    def ask() -> Any:
        counters = NamedCounters(names.APPLIANCE_TABLE)
        try:
            return counters.packets()[names.LOG_ASKED]
        finally:
            counters.close()

    return int(wire.inside(ask))


def test_flood_costs_a_few_lines_and_hides_no_other_rule(wire: Wire, log: PacketLog):
    """Every packet is counted, so that what has no line can be told."""
    wire.forget()
    before = counted(wire)
    send(STRANGER, "203.0.113.2", 9999, times=3000, namespace=WAN)
    send(HOST, PEER, 7004)
    lines = heard(wire, log, 3000)
    assert [each["rule"] for each in lines].count("rule:70000") == 1
    assert len(lines) < 300
    assert counted(wire) - before >= 3001


def test_group_has_one_listener(wire: Wire, log: PacketLog):
    with pytest.raises(OSError, match="EPERM"):
        wire.inside(PacketLog, names.LOG_GROUP, 96)
