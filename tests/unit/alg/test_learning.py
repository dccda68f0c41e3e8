# SPDX-License-Identifier: GPL-2.0-or-later
"""Media from elsewhere than its description said: learnt where the operator wants it, once, never a stranger's."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from ipaddress import ip_network
from random import Random
from typing import Any

import pytest

from sipalg_core.alg.effects import ClosePinhole
from sipalg_core.alg.engine import Engine
from sipalg_core.alg.learning import WINDOW
from sipalg_core.contract.control import Counter, Pinhole, Stray
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.net import Endpoint, Side
from tests.unit.alg.harness import MEDIA_PROXY, PHONE, World, established, incoming, invite, policy, respond, sdp

PACKETS = 25  # in half a second
REAL = Endpoint("203.0.113.98", 9000)
RIVAL = Endpoint("203.0.113.97", 9000)
THIEF = Endpoint("198.51.100.66", 7000)


def learning(**words: Any) -> AlgPolicy:
    words = {"learn_media": True, "media": (ip_network("203.0.113.96/28"),)} | words
    return policy(peerings=(replace(policy().peerings[0], **words),))


class Media:
    """What arrives at the ports of a world's call, counted as the kernel does."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.strays: dict[tuple[Endpoint, Endpoint], int] = {}
        self.passed: dict[int, list[int]] = {}

    def hole(self, component: str = "rtp", *, learnt: bool = False) -> Pinhole:
        (found,) = (hole for hole in self.holes(component) if hole.learnt is learnt)
        return found

    def holes(self, component: str = "rtp") -> list[Pinhole]:
        return [hole for hole in self.world.open.values() if hole.internal.port % 2 == (component == "rtcp")]

    def comes(self, *sources: Endpoint, to: Endpoint | None = None, packets: int = PACKETS, outward: int = 0) -> None:
        """Half a second in which these send to us, each through its pinhole where it has one."""
        self.world.now += 0.5
        mapped = to or next(hole.mapped for hole in self.holes() if not hole.learnt)
        for source in sources:
            through = [each for each in self.world.open.values() if (each.mapped, each.external) == (mapped, source)]
            if through:
                self.passed.setdefault(through[0].id, [0, 0])[0] += packets
            else:
                self.strays[source, mapped] = self.strays.get((source, mapped), 0) + packets
        if outward:
            self.passed.setdefault(self.hole().id, [0, 0])[1] += outward
        counters = [Counter(ident, *self.passed.get(ident, (0, 0))) for ident in self.world.open]
        self.world.count(*counters, strays=[Stray(Side.EXTERNAL, *flow, count) for flow, count in self.strays.items()])


def in_call(engine_policy: AlgPolicy) -> Media:
    world = World(engine_policy)
    established(world)
    return Media(world)


def externals(media: Media) -> set[Endpoint]:
    return {hole.external for hole in media.holes()}


def openings(world: World) -> list[dict[str, Any]]:
    return [dict(row) for row in world.engine.looks.ledger() if row["component"] == "rtp" and row["kind"] != "gate"]


def test_c53_source_within_the_providers_networks_is_learnt_and_told():
    media = in_call(learning())
    world = media.world
    media.comes(REAL, outward=PACKETS)
    assert externals(media) == {MEDIA_PROXY, REAL}
    described, learnt = media.hole(), media.hole(learnt=True)
    assert learnt == described._replace(id=learnt.id, external=REAL, learnt=True)
    assert world.engine.counts["learnt:media"] == 1
    media.comes(REAL, outward=PACKETS)
    verdict: Any = world.call()["verdict"]
    assert verdict["text"] == (
        "Audio flows in both directions; "
        "the other side sends from 203.0.113.98:9000, not from 203.0.113.99:7000: learnt."
    )
    row = next(row for row in openings(world) if row["kind"] == "learnt")
    assert (row["external"], row["instead_of"], row["opened_by"], row["line"]) == (
        str(REAL),
        str(MEDIA_PROXY),
        "200 INVITE",
        1,
    )
    rows: list[Any] = world.engine.rows("pinholes", world.now)
    told = {each["external"]: (each["kind"], each["instead_of"]) for each in rows if each["component"] == "rtp"}
    assert told == {str(MEDIA_PROXY): ("exact", ""), str(REAL): ("learnt", str(MEDIA_PROXY))}


@pytest.mark.parametrize(
    "words",
    [
        {"learn_media": False},
        {"media": ()},
        {"media": (ip_network("0.0.0.0/0"),)},
        {"media": (ip_network("128.0.0.0/1"),)},
    ],
    ids=["off", "no networks", "any network", "half of all"],
)
def test_c53_nobody_is_learnt_without_the_operators_word_and_networks_of_the_provider(words: dict[str, Any]):
    media = in_call(learning(**words))
    for _ in range(4):
        media.comes(REAL)
    assert externals(media) == {MEDIA_PROXY}
    assert media.world.engine.counts["strays:external"] == 4 * PACKETS


@pytest.mark.parametrize(
    "source",
    [THIEF, Endpoint("203.0.113.95", 7000), Endpoint("203.0.113.2", 7000), Endpoint("192.168.0.66", 7000)],
    ids=["a stranger", "beside the networks", "ourselves", "inside"],
)
def test_c53_who_is_outside_the_providers_networks_is_never_learnt(source: Endpoint):
    media = in_call(learning(media=tuple(map(ip_network, ("203.0.113.96/28", "192.168.0.0/24", "203.0.113.2/32")))))
    if source == Endpoint("203.0.113.95", 7000) or source == THIEF:
        media = in_call(learning())
    for _ in range(4):
        media.comes(source)
    assert externals(media) == {MEDIA_PROXY}
    media.comes(source, REAL)
    assert externals(media) == {MEDIA_PROXY, REAL}  # and keeps nobody else out


def test_c53_one_is_latched_and_no_second_ever():
    media = in_call(learning())
    media.comes(REAL)
    for _ in range(4):
        media.comes(RIVAL, THIEF, REAL._replace(port=9002))
    assert externals(media) == {MEDIA_PROXY, REAL}


def test_c53_described_source_that_came_too_early_is_nobody_elses():
    """Found by fuzzing: packets that came before their pinhole had it learnt a second time."""
    media = in_call(learning())
    world = media.world
    for _ in range(3):
        world.now += 0.5
        media.strays[MEDIA_PROXY, media.hole().mapped] = (
            media.strays.get((MEDIA_PROXY, media.hole().mapped), 0) + PACKETS
        )
        media.comes()
    assert [hole.learnt for hole in media.holes()] == [False]
    media.comes(REAL)
    assert externals(media) == {MEDIA_PROXY, REAL}


def test_c53_port_of_two_calls_has_one_learnt_source():
    """Found by fuzzing: a telephone that uses one port in two calls had a source learnt for each."""
    media = in_call(learning())
    media.comes(REAL)
    world = media.world
    (sent,) = world.out(invite("call-2", body=sdp(PHONE.host, 14000)))
    other = MEDIA_PROXY._replace(port=7100)
    world.into(respond(sent.data, 200, "OK", tag="c", body=sdp(*other)), to=sent.source)
    assert len({hole.mapped for hole in media.holes()}) == 1
    for _ in range(4):
        media.comes(RIVAL)
    assert externals(media) == {MEDIA_PROXY, REAL, other}


def test_c53_where_two_claim_to_be_the_source_neither_is_learnt():
    media = in_call(learning())
    for _ in range(4):
        media.comes(REAL, RIVAL)
    assert externals(media) == {MEDIA_PROXY}
    assert media.world.engine.counts["refused:media-of-several"] == 4


def test_nothing_is_learnt_once_the_described_source_was_heard_or_the_time_is_over():
    media = in_call(learning())
    media.comes(MEDIA_PROXY)
    media.comes(REAL)
    assert externals(media) == {MEDIA_PROXY}
    late = in_call(learning())
    late.world.wait(WINDOW + 0.5)
    late.comes(REAL)
    assert externals(late) == {MEDIA_PROXY}


def test_some_packets_are_no_stream():
    media = in_call(learning())
    for _ in range(4):
        media.comes(REAL, packets=3)
    assert externals(media) == {MEDIA_PROXY}


def test_rtcp_is_learnt_from_the_host_of_the_rtp_only():
    media = in_call(learning())
    second = media.hole("rtcp").mapped
    media.comes(REAL._replace(port=9001), to=second, packets=1)
    assert len(media.holes("rtcp")) == 1
    media.comes(REAL)
    media.comes(RIVAL._replace(port=9001), to=second, packets=1)
    assert len(media.holes("rtcp")) == 1
    media.comes(REAL._replace(port=9001), to=second, packets=1)
    assert {hole.external for hole in media.holes("rtcp")} == {
        MEDIA_PROXY._replace(port=7001),
        REAL._replace(port=9001),
    }


def test_what_was_learnt_lives_as_long_as_what_it_was_learnt_for():
    media = in_call(learning())
    world = media.world
    media.comes(REAL)
    learnt = media.hole(learnt=True)
    again = invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000, "a=sendonly"))
    (sent,) = world.out(again)
    world.into(respond(sent.data, 200, "OK", body=sdp(*MEDIA_PROXY, "a=recvonly")), to=sent.source)
    assert media.hole(learnt=True) == learnt  # hold
    rows: Any = world.engine.rows("pinholes", world.now)
    assert {row["kind"] for row in rows if row["component"] == "rtp"} == {"held"}
    (sent,) = world.out(invite(cseq=3, to_tag="b", body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", body=sdp("203.0.113.100", 7000)), to=sent.source)
    assert externals(media) == {Endpoint("203.0.113.100", 7000)}  # another relay: nothing is known of its source
    media.comes(RIVAL)
    assert externals(media) == {Endpoint("203.0.113.100", 7000), RIVAL}
    (sent,) = world.out(invite(cseq=4, method="BYE", to_tag="b"))
    world.into(respond(sent.data, 200, "OK"), to=sent.source)
    world.wait(6)
    assert world.open == {}
    assert [row["why"] for row in openings(world) if row["kind"] == "learnt"] == ["call-ended", "replaced"]


def test_what_the_broker_refuses_costs_the_call_nothing():
    media = in_call(learning())
    media.world.refuse = True
    media.comes(REAL)
    media.world.refuse = False
    assert externals(media) == {MEDIA_PROXY}
    assert media.world.call()["state"] == "in_call"
    assert media.world.engine.counts["refused:learnt-pinhole-refused-p3"] == 1
    media.comes(REAL)
    assert externals(media) == {MEDIA_PROXY, REAL}


def test_early_media_is_learnt_of_the_youngest_early_dialog_and_again_of_the_one_that_answers():
    world = World(learning())
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    for tag, host in (("b", "203.0.113.99"), ("c", "203.0.113.100")):
        world.into(respond(sent.data, 183, "Progress", tag=tag, body=sdp(host, 7000)), to=sent.source)
    media = Media(world)
    mapped = media.holes()[0].mapped
    media.comes(REAL, to=mapped)
    assert REAL in externals(media)
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp("203.0.113.99", 7000)), to=sent.source)
    assert externals(media) == {MEDIA_PROXY}
    media.comes(REAL)
    assert externals(media) == {MEDIA_PROXY, REAL}


def test_called_phones_media_is_learnt_alike():
    world = World(learning())
    world.registered()
    (rung,) = world.into(incoming(body=sdp(*MEDIA_PROXY)))
    world.out(respond(rung.data, 200, "OK", tag="a", body=sdp(PHONE.host, 14000)))
    media = Media(world)
    media.comes(REAL)
    assert externals(media) == {MEDIA_PROXY, REAL}


def test_shadow_learns_nothing():
    world = World(learning(shadow=True))
    established(world)
    rows: Iterable[Any] = world.engine.rows("pinholes", world.now)
    mapped = next(row["mapped"] for row in rows if row["component"] == "rtp")
    host, _, port = mapped.rpartition(":")
    media = Media(world)
    for _ in range(4):
        media.comes(REAL, to=Endpoint(host, int(port)))
    assert world.engine.counts["learnt:media"] == 0


NOT_ANY_MORE: list[dict[str, Any]] = [
    {"learn_media": False},
    {"media": ()},
    {"media": (ip_network("203.0.113.99/32"),)},
]


@pytest.mark.parametrize("words", NOT_ANY_MORE, ids=["off", "no networks", "other networks"])
def test_what_may_not_be_learnt_any_more_is_unlearnt_at_once(words: dict[str, Any]):
    media = in_call(learning())
    world = media.world
    media.comes(REAL, outward=PACKETS)
    described, learnt = media.hole(), media.hole(learnt=True)
    world.policy(learning(media=(ip_network("203.0.113.98/32"),)))
    assert media.hole(learnt=True) == learnt  # that one still may
    world.policy(learning(**words))
    assert media.holes() == [described]
    (row,) = (row for row in openings(world) if row["kind"] == "learnt")
    assert (row["why"], row["instead_of"]) == ("unlearnt", str(MEDIA_PROXY))
    for _ in range(8):
        media.comes(REAL, outward=PACKETS)
    assert media.holes() == [described]
    assert world.call()["state"] == "in_call"
    verdict: Any = world.call()["verdict"]
    assert verdict["code"] == "peer-other-host"


def test_call_whose_rule_is_gone_keeps_what_was_learnt():
    media = in_call(learning())
    media.comes(REAL)
    media.world.policy(replace(learning(), peerings=()))
    assert externals(media) == {MEDIA_PROXY, REAL}


def test_engine_that_was_dead_meanwhile_unlearns_what_it_remembers():
    media = in_call(learning())
    media.comes(REAL)
    learnt = media.hole(learnt=True)
    told = json.loads(json.dumps(media.world.engine.state.export()))
    successor = Engine(learning(learn_media=False), random=Random(8), wall=1_700_000_000.0)
    assert successor.state.restore(told, media.world.now) == 0
    effects = successor.catch_up(media.world.now)
    assert [each.pinhole for each in effects if isinstance(each, ClosePinhole)] == [learnt]


def test_where_only_what_was_learnt_is_left_the_call_says_that_its_media_is_closed():
    """What was described ended in silence: the next description opens it again, as ever."""
    media = in_call(learning())
    world = media.world
    media.comes(REAL)
    for _ in range(700):
        media.comes(REAL)
        world.wait(0.5)
        if externals(media) == {REAL}:
            break
    else:
        raise AssertionError("what was described is still open")
    world.policy(learning(learn_media=False))
    assert media.holes() == []
    verdict: Any = world.call()["verdict"]
    assert verdict["code"] == "unlearnt"
    (sent,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", body=sdp(*MEDIA_PROXY)), to=sent.source)
    assert externals(media) == {MEDIA_PROXY}
