# SPDX-License-Identifier: GPL-2.0-or-later
"""Whoever stands beside an engine and is told all that is said: holds it to P9-P12 of the pinhole contract.

It keeps its own books, of messages that passed and of nothing else, and asks the broker's own guard of each opening.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sipalg_core.alg.calls import MAX_DIALOGS
from sipalg_core.alg.effects import Forward, OpenPinhole
from sipalg_core.broker.guard import Guard
from sipalg_core.contract.control import Stray
from sipalg_core.contract.policy import AlgPolicy, Limits
from sipalg_core.net import Endpoint, Side
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.message import Message
from sipalg_core.sip.uri import name_addrs
from sipalg_core.sip.via import BRANCH_COOKIE
from tests.torture.oracles import assert_effects, assert_untouched, parsed, pinned
from tests.unit.alg.harness import PROVIDER, World, policy

PROVIDERS = {PROVIDER.host, "203.0.113.3"}
TIGHT = Limits(calls_per_host=3, half_open_per_host=2, media_lines=2, ports_per_host=6)
NARROW = Limits(ports_per_host=4, media_lines=1)
PAIRS = 50  # of the world's media ports
TEARDOWN = 5.0
COOKED = len(BRANCH_COOKIE)

Sent = tuple[str, Side, bytes, bytes, int]
"""A request that passed: of which phone, from which side, branch, method, CSeq."""
Dialogs = tuple[str, bytes]
"""A phone and a Call-ID."""


class Witness:
    def __init__(self, limits: Limits | None = None) -> None:
        self.limits = limits or Limits()
        self.policy: AlgPolicy = policy(
            limits=self.limits, peerings=tuple(replace(each, learn_media=True) for each in policy().peerings)
        )
        self.world = World(self.policy)
        self._guard = Guard(self.policy)
        self._passed: set[Sent] = set()
        self._tags: defaultdict[Dialogs, set[bytes]] = defaultdict(set)  # of INVITEs and answers
        self._cseqs: Counter[tuple[Dialogs, Side]] = Counter()
        self._confirmed: defaultdict[Dialogs, set[bytes]] = defaultdict(set)
        self._over: dict[Dialogs, float] = {}  # hung up, and when nothing of them may be open any more
        self._asked: dict[tuple[bytes, int, Endpoint], set[str]] = {}
        self._granted: set[tuple[str, str]] = set()

    def hears(self, data: bytes, side: Side, source: Endpoint, to: Endpoint | None = None) -> list[Forward]:
        """Let this be said to the engine; what it sends."""
        before, message = self._books(), parsed(data)
        internal = side is Side.INTERNAL
        sent = self.world.out(data, source, to or PROVIDER) if internal else self.world.into(data, to, source)
        assert_effects(self.world.effects)
        assert_untouched(data, side, sent)
        self._p9()
        self._opened_for_the_living(before[1])
        if not internal and source.host not in PROVIDERS:
            assert sent == [], "P11: a stranger's message reached somebody"
            assert self._books() == before, "P12: a stranger's message changed something"
        if message is None:
            assert self._books()[:2] == before[:2], "P12: what is no message changed a call"
            return sent
        phones = [source.host] if internal else [each.destination.host for each in sent if each.side is Side.INTERNAL]
        for phone in phones:
            self._p12(message, side, phone, before)
        if any(each.side is not side for each in sent):
            self._note(message, side, source, phones[0])
        self.looks()
        return sent

    def counts(self, *strays: Stray) -> None:
        """The kernel tells of media that fits no pinhole, and of nothing that came through one."""
        before = set(self.world.open)
        self.world.count(strays=strays)
        assert_effects(self.world.effects)
        known = {(hole.internal, hole.mapped) for ident, hole in self.world.open.items() if ident in before}
        for ident, hole in self.world.open.items():
            if ident not in before:
                assert hole.learnt, "P1: opened for no message"
                assert self._guard.may_be_learnt(hole) == 0, f"P3: nobody of the provider's: {hole}"
                assert any(stray[1:3] == (hole.external, hole.mapped) for stray in strays), "P3: not heard"
                assert (hole.internal, hole.mapped) in known, "P7: learnt for nothing"
        learnt = Counter(hole.mapped for hole in self.world.open.values() if hole.learnt)
        assert max(learnt.values(), default=0) <= 1, "P4: two sources were learnt for one stream"
        self._p10()

    def looks(self) -> None:
        """What holds at any moment."""
        self._p10()
        for row in self.world.engine.rows("registrations", self.world.now):
            if row["state"] == "registered":
                assert (row["internal"], row["contact"]) in self._granted, "P11: a binding that nobody granted"

    def _books(self) -> tuple[Any, ...]:
        """All that people see of the engine's state, and all that would survive it."""
        engine, now = self.world.engine, self.world.now
        names = sorted(map(repr, engine.state.names()))
        return engine.rows("calls", now), engine.rows("pinholes", now), engine.rows("registrations", now), names

    # --- the rules ---

    def _p9(self) -> None:
        """Never more than a host, a call and the broker's own guard allow."""
        held = [hole for hole in self.world.open.values() if not pinned(hole)]
        by_host = Counter(hole.internal.host for hole in held)
        for effect in self.world.effects:
            if isinstance(effect, OpenPinhole) and not pinned(effect.pinhole):
                hole = effect.pinhole
                refused = self._guard.check(hole, len(held) - 1, by_host[hole.internal.host] - 1)
                assert refused == 0, f"P{refused}: the broker would refuse {hole}"
        pairs = Counter(host for host, _ in {(hole.internal.host, hole.mapped.port // 2) for hole in held})
        assert max(pairs.values(), default=0) * 100 <= PAIRS * self.limits.ports_per_host, "P9: ports of a host"
        lines = [hole.line for hole, _ in self.world.engine._dialogs.negotiation.ledger]
        assert max(lines, default=0) <= self.limits.media_lines, "P9: lines of a description"
        calls = self.world.engine.rows("calls", self.world.now)
        assert all(row["pinholes"] <= 2 * self.limits.media_lines * MAX_DIALOGS for row in calls), "P9: a call's"
        for limit, states in ((self.limits.calls_per_host, None), (self.limits.half_open_per_host, "setup")):
            of_host = Counter(row["internal"].partition(":")[0] for row in calls if states in (None, row["state"]))
            assert not limit or max(of_host.values(), default=0) <= limit, "P9: calls of a host"

    def _opened_for_the_living(self, before: list[Any]) -> None:
        known = {row["id"] for row in before}
        calls = {row["id"]: row for row in self.world.engine.rows("calls", self.world.now)}
        for row in self.world.engine.rows("pinholes", self.world.now):
            assert row["id"] in known or calls[row["call"]]["ended"] is None, "P10: opened after the end"

    def _p10(self) -> None:
        """Nothing of a call that is over is open for longer than it drains."""
        now, wall = self.world.now, 1_700_000_000.0
        calls = {row["id"]: row for row in self.world.engine.rows("calls", now)}
        for row in self.world.engine.rows("pinholes", now):
            call = calls[row["call"]]
            assert call["ended"] is None or now <= call["ended"] - wall + TEARDOWN + 0.001, "P10: open after its call"
            until = self._over.get((call["internal"].partition(":")[0], call["call_id"].encode("utf-8")))
            assert until is None or now <= until + 0.001, "P10: open after both hung up"

    def _p12(self, message: Message, side: Side, phone: str, before: tuple[Any, ...]) -> None:
        """Only what belongs to a call by Call-ID, tags and branch changes it; nothing changes another's."""
        call_id = message.call_id.decode("utf-8", "replace")
        mine = {row["id"] for row in before[0] if row["call_id"] == call_id}
        after = self._books()
        others = [[row for row in rows if row["id"] not in mine and row.get("call") not in mine] for rows in before[:2]]
        new = {row["id"] for row in after[0] if row["call_id"] == call_id}
        assert others == [
            [row for row in rows if row["id"] not in new and row.get("call") not in new] for rows in after[:2]
        ], "P12: another call has changed"
        if self._is_foreign(message, side, phone):
            assert after[:2] == before[:2], "P12: what belongs to no dialog changed a call"

    def _is_foreign(self, message: Message, side: Side, phone: str) -> bool:
        """Whether nothing that passed makes this message one of a call's."""
        if len(message.branch) <= COOKED or not message.branch.startswith(BRANCH_COOKIE):
            return False  # RFC 2543: known by other marks
        if not message.is_request:
            return (phone, side.other, message.branch, message.method, message.cseq) not in self._passed
        if message.method == b"CANCEL":
            return not any(sent[:4] == (phone, side, message.branch, b"INVITE") for sent in self._passed)
        tags = self._tags[phone, message.call_id]
        return bool(message.to_tag) and not {message.from_tag, message.to_tag} <= tags

    # --- the books ---

    def _note(self, message: Message, side: Side, source: Endpoint, phone: str) -> None:
        call, method = (phone, message.call_id), message.method
        if message.is_request:
            self._passed.add((phone, side, message.branch, method, message.cseq))
        if method == b"REGISTER":
            self._note_register(message, source, side)
        elif method == b"INVITE":
            self._tags[call] |= {message.from_tag, message.to_tag} - {b""}
            self._over.pop(call, None)
            if not message.is_request and 200 <= message.status_code < 300:
                self._confirmed[call].add(message.to_tag)
        elif method == b"BYE" and message.is_request:
            self._note_bye(message, side, call)
        if message.is_request:
            self._cseqs[call, side] = max(self._cseqs[call, side], message.cseq)

    def _note_bye(self, message: Message, side: Side, call: Dialogs) -> None:
        tags = {message.from_tag, message.to_tag}
        alone = len(self._confirmed[call]) == 1 and tags == self._tags[call]
        if alone and message.cseq > self._cseqs[call, side] and message.call_id.isascii():
            self._over[call] = self.world.now + TEARDOWN

    def _note_register(self, message: Message, source: Endpoint, side: Side) -> None:
        if side is Side.INTERNAL and message.is_request:
            contacts: set[str] = set()
            for field in message.all(b"contact"):
                with suppress(ParseError):
                    values = name_addrs(message.data, field.value, field.end)
                    contacts |= {
                        message.data[each.uri.start : each.uri.end].decode("utf-8", "replace") for each in values
                    }
            self._asked.setdefault((message.call_id, message.cseq, source), set()).update(contacts)
        elif side is Side.EXTERNAL and not message.is_request and 200 <= message.status_code < 300:
            for (call_id, cseq, phone), contacts in self._asked.items():
                if (call_id, cseq) == (message.call_id, message.cseq):
                    self._granted |= {(str(phone), contact) for contact in contacts}
