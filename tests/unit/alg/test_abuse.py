# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is to be banned for what he says, and who never is."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.alg.abuse import MAX_NOTED, WINDOW, Abuse
from sipalg_core.alg.effects import Ban
from sipalg_core.contract.policy import AlgPolicy, Screening
from sipalg_core.net import Endpoint, Flow, Side, Transport
from tests.unit.alg.harness import OURS, PHONE, World, incoming, invite, policy

ANYBODY = Endpoint("203.0.113.77", 5060)
NONSENSE = b"INVITE nonsense\r\n\r\n"
AFTER = Screening().ban_after


def open_policy(**screening: float) -> AlgPolicy:
    """The provider is anybody in a network; one host of it has a name."""
    base = policy()
    external = (*base.peerings[0].external, ip_network("203.0.113.64/26"))
    return replace(base, peerings=(replace(base.peerings[0], external=external),), screening=Screening(**screening))


def world(**screening: float) -> World:
    made = World(open_policy(**screening))
    made.out(b"\r\n\r\n")
    return made


def bans(around: World) -> list[Ban]:
    return [effect for effect in around.done if isinstance(effect, Ban)]


def test_the_tenth_abuse_in_a_minute_is_the_one_too_much():
    around = world()
    for _ in range(AFTER - 1):
        around.into(NONSENSE, source=ANYBODY)
    assert bans(around) == []
    around.into(NONSENSE, source=ANYBODY)
    assert bans(around) == [Ban(ANYBODY.host, 3600)]
    assert around.engine.counts["banned:abuse"] == 1


@pytest.mark.parametrize("data", [NONSENSE, incoming(method="REGISTER"), b"GET / HTTP/1.1\r\n\r\n"])
def test_what_no_provider_says_counts_and_good_messages_do_not(data):
    around = world()
    for number in range(2 * AFTER):
        around.into(incoming(f"c{number}", method="OPTIONS"), source=ANYBODY)
    assert bans(around) == []
    for _ in range(AFTER):
        around.into(data, source=ANYBODY)
    assert len(bans(around)) == 1


def test_a_few_in_every_minute_are_borne():
    around = world()
    for _ in range(10):
        for _ in range(AFTER - 1):
            around.into(NONSENSE, source=ANYBODY)
        around.wait(WINDOW)
    assert bans(around) == []


def test_neither_a_known_host_nor_one_that_we_are_in_touch_with_is_banned():
    """Its packets may be forged."""
    around = world()
    for _ in range(3 * AFTER):
        around.into(NONSENSE)  # of the provider that has a name
    assert around.engine.counts["spared:ban"] == 3
    around.out(invite(), to=ANYBODY)
    for _ in range(AFTER):
        around.into(NONSENSE, source=ANYBODY)
    assert bans(around) == []
    assert around.engine.counts["spared:ban"] == 4


def test_nobody_inside_is_banned():
    around = world()
    for _ in range(3 * AFTER):
        around.out(NONSENSE)
    assert bans(around) == []


def test_it_is_a_setting():
    around = world(ban=0)
    for _ in range(3 * AFTER):
        around.into(NONSENSE, source=ANYBODY)
    assert bans(around) == []
    around = world(ban=60, ban_after=3)
    for _ in range(3):
        around.into(NONSENSE, source=ANYBODY)
    assert bans(around) == [Ban(ANYBODY.host, 60)]


def test_a_stream_of_another_protocol_counts():
    around = world()
    flow = Flow(Transport.TCP, Side.EXTERNAL, ANYBODY, Endpoint(OURS, PHONE.port))
    told = [around.engine.abused(flow, around.now) for _ in range(AFTER)]
    assert told == [[]] * (AFTER - 1) + [[Ban(ANYBODY.host, 3600)]]


def test_what_is_noted_has_an_end():
    abuse, allowed = Abuse(), open_policy(ban_after=2)
    for number in range(MAX_NOTED + 1):
        abuse.once_more(f"host-{number}", allowed, 0)
    assert not abuse.once_more("host-0", allowed, 0)  # it had to go
    assert abuse.once_more("host-9000", allowed, 0)
