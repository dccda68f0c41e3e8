# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls in an order that nobody would choose: two phones, a provider and time act at random, also across a restart."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule

from sipalg_core.alg.effects import Forward
from sipalg_core.alg.engine import Engine
from sipalg_core.contract.control import Counter, Status, Stray
from sipalg_core.contract.policy import Limits, PortRange, Timers
from sipalg_core.net import Endpoint, Side
from tests.torture.oracles import assert_contract, assert_effects, assert_over, assert_way_back, pinned
from tests.torture.witness import NARROW, TIGHT, Witness
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OTHER_PHONE,
    OURS,
    PHONE,
    PROVIDER,
    STRANGER,
    header,
    incoming,
    invite,
    registering,
    respond,
    sdp,
)

HOSTS = [PHONE.host, OTHER_PHONE.host, "192.168.0.99", MEDIA_PROXY.host, PROVIDER.host, OURS, "127.0.0.1", "0.0.0.0"]
ORDINARY = [14000, 14002, 14004, 14006, 14008, 14010, 14012, 14014]
PORTS = [*ORDINARY, 0, 22, 1023, 1024, 5060, 14001, 20000, 65535]
LINES = [
    "a=rtcp:14009", "a=rtcp-mux", "a=sendonly", "a=inactive", "m=video 14010 RTP/AVP 31", "m=image 14020 udptl t38",
    f"c=IN IP4 {MEDIA_PROXY.host}", "m=audio 0 RTP/AVP 8", "a=candidate:1 1 UDP 1 192.168.0.10 14000 typ host",
    "a=altc:1 IP4 192.168.0.10 14000/14001",
]  # fmt: skip


def described(hosts: list[str]) -> st.SearchStrategy[bytes]:
    return st.builds(
        lambda host, port, more: sdp(host, port, *more),
        st.sampled_from(hosts),
        st.sampled_from(PORTS),
        st.one_of(st.just([]), st.lists(st.sampled_from(LINES), max_size=3)),
    )


descriptions = st.one_of(st.just(b""), described([PHONE.host]), described([MEDIA_PROXY.host]), described(HOSTS))
tags = st.sampled_from(["", "b", "b2", "a", "x"])
METHODS = ["INVITE", "ACK", "BYE", "CANCEL", "UPDATE", "PRACK", "INFO", "REFER", "NOTIFY", "OPTIONS"]
FORGERIES = [(b"branch=", b"branch=z9hG4bKx"), (b";tag=a", b";tag=x"), (b"CSeq: ", b"CSeq: 7")]
STATUSES = [100, 180, 183, 200, 202, 302, 401, 407, 481, 486, 487, 488, 491, 500, 603]
SOURCES = [MEDIA_PROXY._replace(port=9000), MEDIA_PROXY._replace(port=9002), MEDIA_PROXY, STRANGER, PHONE, PROVIDER]
ACTS: dict[str, tuple[str, int, str, Endpoint | None]] = {
    "rings": ("INVITE", 180, "b", None),
    "early media": ("INVITE", 183, "b", MEDIA_PROXY),
    "another rings": ("INVITE", 183, "b2", MEDIA_PROXY._replace(port=7100)),
    "challenge": ("INVITE", 401, "", None),
    "again": ("INVITE", 183, "b3", MEDIA_PROXY._replace(port=7300)),
    "answer": ("INVITE", 200, "b", MEDIA_PROXY),
    "another answers": ("INVITE", 200, "b2", MEDIA_PROXY._replace(port=7100)),
    "move": ("UPDATE", 200, "b", MEDIA_PROXY._replace(port=7200)),
}
"""What a phone asks, and how it is answered."""


class Calls(RuleBasedStateMachine):
    """`outside` holds what the provider has received, `inside` what the phones have."""

    outside = Bundle("outside")
    inside = Bundle("inside")

    @initialize(limits=st.sampled_from([None, TIGHT, NARROW]))
    def begin(self, limits: Limits | None) -> None:
        self.witness = Witness(limits)
        self.engines, self.strays, self.calls = 100, 0, 0
        self.world = self.witness.world
        self.world.out(b"\r\n\r\n")
        self.world.out(b"\r\n\r\n", source=OTHER_PHONE)

    def _say(
        self, data: bytes, side: Side, source: Endpoint | None = None, to: Endpoint | None = None
    ) -> list[Forward]:
        return self.witness.hears(data, side, source or (PHONE if side is Side.INTERNAL else PROVIDER), to)

    # --- who speaks ---

    @rule(
        target=outside,
        call=st.sampled_from("ABCDE"),
        cseq=st.integers(0, 4),
        method=st.sampled_from(METHODS),
        tag=tags,
        body=descriptions,
        branch=st.sampled_from(["", "same"]),
    )
    def phone_asks(self, call: str, cseq: int, method: str, tag: str, body: bytes, branch: str) -> object:
        data = invite(call, cseq, body, method=method, to_tag=tag, branch=branch)
        sent = self._say(data, Side.INTERNAL)
        out = [each for each in sent if each.side is Side.EXTERNAL]
        if out:
            assert_way_back(self.world, data, out[0])
        return multiple(*(each.data for each in out))

    @rule(
        target=outside,
        call=st.sampled_from("ABCDE"),
        status=st.sampled_from([180, 183, 200]),
        tag=st.sampled_from(["b", "b2"]),
        offer=described([PHONE.host]),
        answer=described([MEDIA_PROXY.host]),
    )
    def somebody_is_called(self, call: str, status: int, tag: str, offer: bytes, answer: bytes) -> object:
        """As it should be, so that the others have something to spoil."""
        sent = [each for each in self._say(invite(call, body=offer), Side.INTERNAL) if each.side is Side.EXTERNAL]
        for each in sent:
            self._say(respond(each.data, status, "x", tag=tag, body=answer), Side.EXTERNAL)
            if status == 200:
                self._say(invite(call, method="ACK", to_tag=tag, branch=f"{call}-ack"), Side.INTERNAL)
        return multiple(*(each.data for each in sent))

    @rule(
        acts=st.lists(st.sampled_from(sorted(ACTS)), max_size=4),
        end=st.sampled_from(["BYE", "CANCEL", "486"]),
        replayed=st.booleans(),
        port=st.sampled_from(ORDINARY),
        more=st.sampled_from([(), ("m=video 14010 RTP/AVP 31",)]),
    )
    def a_call_takes_its_course(self, acts: list[str], end: str, replayed: bool, port: int, more: tuple[str]) -> None:
        """A new one, from its INVITE to its end; then what was said is said again, and time passes."""
        self.calls, first, later = self.calls + 1, 1, 10
        call, offer = f"course-{self.calls}", sdp(PHONE.host, port, *more)
        self._asks(invite(call, first, offer))
        answers: list[bytes] = []
        for act in acts:
            method, status, tag, media = ACTS[act]
            if act == "again":
                first += 1
            later += 1
            within = method != "INVITE"
            request = invite(call, later if within else first, offer, method=method, to_tag="b" if within else "")
            answers += self._asks(request, status, tag, sdp(*media, *more) if media else b"")
        if end == "BYE":
            self._asks(invite(call, 20, method="BYE", to_tag="b"), 200)
        elif end == "CANCEL":
            self._asks(invite(call, first, method="CANCEL", branch=f"{call}-{first}-INVITE"), 200)
        else:
            self._asks(invite(call, first, offer), int(end), "b")
        for each in answers if replayed else []:
            self._say(each, Side.EXTERNAL)
        if replayed:
            self._asks(invite(call, 30, offer, to_tag="b"), 200, "b", sdp(MEDIA_PROXY.host, 7400, *more))
        self.time_passes(6)

    def _asks(self, request: bytes, status: int = 0, tag: str = "", media: bytes = b"") -> list[bytes]:
        """The phone asks and the provider answers; returns the answers."""
        sent = [each.data for each in self._say(request, Side.INTERNAL) if each.side is Side.EXTERNAL]
        answers = [respond(each, status, "x", tag=tag, body=media) for each in sent if status]
        for each in answers:
            self._say(each, Side.EXTERNAL)
        return answers

    @rule(
        target=inside,
        call=st.sampled_from("ABCDEX"),
        cseq=st.integers(0, 4),
        method=st.sampled_from([*METHODS, "REGISTER"]),
        tag=tags,
        body=descriptions,
    )
    def provider_asks(self, call: str, cseq: int, method: str, tag: str, body: bytes) -> object:
        sent = self._say(incoming(call, cseq, body, method=method, to_tag=tag), Side.EXTERNAL)
        return multiple(*(each.data for each in sent if each.side is Side.INTERNAL))

    @rule(request=outside, status=st.sampled_from(STATUSES), tag=tags, body=descriptions)
    def provider_answers(self, request: bytes, status: int, tag: str, body: bytes) -> None:
        contact = "<sip:200@203.0.113.1>"
        self._say(respond(request, status, "x", tag=tag, contact=contact, body=body), Side.EXTERNAL)

    @rule(request=inside, status=st.sampled_from(STATUSES), tag=tags, body=descriptions)
    def phone_answers(self, request: bytes, status: int, tag: str, body: bytes) -> None:
        reply = respond(request, status, "x", tag=tag, contact=f"<sip:101@{PHONE}>", body=body)
        self._say(reply, Side.INTERNAL)

    @rule(request=consumes(outside), to=st.sampled_from([*[PROVIDER] * 3, STRANGER]))
    def provider_repeats(self, request: bytes, to: Endpoint) -> None:
        """What it received comes back as if it were its own, or a stranger's."""
        self._say(request, Side.EXTERNAL, source=to)

    @rule(request=outside, source=st.sampled_from([STRANGER, *[PROVIDER] * 3]), forged=st.sampled_from(FORGERIES))
    def somebody_forges_an_answer(self, request: bytes, source: Endpoint, forged: tuple[bytes, bytes]) -> None:
        """Of a stranger that knows all of the request, or of the provider with one word wrong."""
        reply = respond(request, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
        self._say(reply.replace(*forged) if source == PROVIDER else reply, Side.EXTERNAL, source=source)

    @rule(request=outside, method=st.sampled_from(["BYE", "CANCEL", "INVITE", "UPDATE"]), body=descriptions)
    def another_phone_meddles(self, request: bytes, method: str, body: bytes) -> None:
        """It knows Call-ID and tags of its neighbour's call."""
        call = header(request, "Call-ID")
        self._say(invite(call, 9, body, method=method, to_tag="b"), Side.INTERNAL, source=OTHER_PHONE)

    @rule(
        expires=st.integers(0, 700),
        granted=st.integers(0, 700),
        phone=st.sampled_from([PHONE, OTHER_PHONE]),
        statuses=st.lists(st.sampled_from([100, 200, 200, 401, 403]), max_size=2),
    )
    def phone_registers(self, expires: int, granted: int, phone: Endpoint, statuses: list[int]) -> None:
        for sent in self._say(registering(phone, expires), Side.INTERNAL, source=phone):
            for status in statuses if sent.side is Side.EXTERNAL else []:
                contact = header(sent.data, "Contact")
                reply = respond(sent.data, status, "x", contact=contact, expires=granted)
                self._say(reply, Side.EXTERNAL, source=STRANGER, to=sent.source)
                self._say(reply, Side.EXTERNAL, to=sent.source)

    # --- what else happens ---

    @rule(seconds=st.sampled_from([0.1, 1, 4, 6, 33, 61, 181, 4000]))
    def time_passes(self, seconds: float) -> None:
        self.world.wait(seconds)
        self.witness.looks()

    @rule(packets=st.integers(0, 50))
    def media_flows(self, packets: int) -> None:
        self.world.count(*(Counter(ident, packets, packets) for ident in self.world.open))

    @rule(sources=st.lists(st.sampled_from(SOURCES), min_size=1, max_size=2), which=st.integers(0, 9))
    def media_comes_from_elsewhere(self, sources: list[Endpoint], which: int) -> None:
        ours = sorted({hole.mapped for hole in self.world.open.values()})
        if ours:
            self.strays += 25
            mapped = ours[which % len(ours)]
            self.witness.counts(*(Stray(Side.EXTERNAL, each, mapped, self.strays) for each in set(sources)))

    @rule(refusal=st.sampled_from([Status.REFUSED, Status.FAILED]))
    def broker_refuses_or_is_away_for_a_while(self, refusal: Status) -> None:
        self.world.refuse, self.world.refusal = not self.world.refuse, refusal

    @rule(silence=st.sampled_from([30, 120, 600]), first=st.sampled_from([20000, 20050]))
    def policy_changes(self, silence: float, first: int) -> None:
        """Of the world's ports one half or the other; what is open stays open, with another lifetime."""
        ports, timers = PortRange(first, first + 49), Timers(inactive_media=silence)
        self.witness.policy = replace(self.witness.policy, media_ports=ports, timers=timers)
        before = set(self.world.open)
        self.world.policy(self.witness.policy)
        assert set(self.world.open) == before
        self.witness.looks()

    @rule()
    def engine_is_restarted(self) -> None:
        exported, names = self.world.engine.state.export(), map(repr, self._alive())
        rows = self.world.engine.rows("calls", self.world.now)
        self.engines += 1
        engine = Engine(self.witness.policy, random=Random(self.engines), wall=1_700_000_000.0)
        self.world.engine = engine
        assert engine.state.restore(json.loads(json.dumps(exported)), self.world.now) == 0
        before = set(self.world.open)
        assert sorted(map(repr, engine.state.names())) == sorted(names)
        assert engine.rows("calls", self.world.now) == rows
        self.world._do(engine.reconcile([Counter(ident, 0, 0) for ident in before], self.world.now))
        assert_effects(self.world.effects)
        if not self.world.refuse:
            assert set(self.world.open) == before

    def _alive(self) -> list[tuple[Any, ...]]:
        """What survives; transactions are forgotten about in the order of their ends, so that some outlive theirs."""
        known = self.world.engine._transactions
        return [
            (part, key)
            for part, key in self.world.engine.state.names()
            if part != "transaction" or known.at(key).deadline > self.world.now  # type: ignore[union-attr]  # it is named
        ]

    # --- what always holds ---

    @invariant()
    def what_is_open_is_allowed_and_belongs_to_a_call(self) -> None:
        if not hasattr(self, "world"):
            return
        calls = {row["id"] for row in self.world.engine.rows("calls", self.world.now)}
        known = {int(str(row["id"])): row for row in self.world.engine.rows("pinholes", self.world.now)}
        for ident, hole in self.world.open.items():
            assert_contract(hole)
            assert known[ident]["call"] in calls
        ports = [(hole.mapped, hole.internal) for hole in self.world.open.values() if not pinned(hole)]
        assert len({mapped for mapped, _ in ports}) == len(set(ports)), "one port for two"

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.refuse = False
            assert_over(self.world)


TestCalls = Calls.TestCase
TestCalls.settings = settings(
    max_examples=max(150, settings.default.max_examples // 20), stateful_step_count=40, phases=(Phase.generate,)
)
