# SPDX-License-Identifier: GPL-2.0-or-later
"""What the broker does with a request (contract.control): the table, its guard, and each operation on them."""

from __future__ import annotations

import errno
import gc
import logging
import socket
import time
from collections import Counter as Multiset
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sipalg_core.broker import bypass, layout, paths, signalling
from sipalg_core.broker.bans import BanTable
from sipalg_core.broker.guard import Guard
from sipalg_core.broker.pinholes import PinholeTable
from sipalg_core.broker.rules import transaction
from sipalg_core.broker.sockets import transparent_tcp, transparent_udp
from sipalg_core.broker.strays import Strays
from sipalg_core.contract import names
from sipalg_core.contract.control import (
    COUNTERS_PER_MESSAGE,
    KERNEL_REASONS,
    STRAYS_PER_MESSAGE,
    WILDCARD,
    Counter,
    Op,
    Pinhole,
    Reply,
    Request,
    Status,
    pack_bans,
    pack_counters,
    pack_strays,
    peer_ports,
)
from sipalg_core.contract.policy import AlgPolicy, PolicyError
from sipalg_core.contract.running import running
from sipalg_core.net import Endpoint
from sipalg_core.nft.client import Client, NftError
from sipalg_core.nft.counters import NamedCounters
from sipalg_core.nft.elements import Result
from sipalg_core.nft.netlink import DumpInterrupted
from sipalg_core.nft.ruleset import CtTimeout, Delete

log = logging.getLogger(__name__)

_STATUS: Final = {
    Result.DONE: Status.OK,
    Result.FULL: Status.FULL,
    Result.EXISTS: Status.FAILED,
    Result.MISSING: Status.FAILED,
}


@dataclass(slots=True)
class Answer:
    """`messages` follow the reply; `descriptor` goes with it and is closed here afterwards."""

    reply: Reply
    messages: tuple[bytes, ...] = ()
    descriptor: socket.socket | None = None


Answering = Generator[None, None, Answer]


class Broker:
    """The table, its guard, and what each operation does to them."""

    def __init__(self, policy_file: Path, trial_file: Path) -> None:
        self._files = policy_file, trial_file
        self._nft = Client()
        self._policy, self.until = running(*self._files)
        self._guard = Guard(self._policy)
        left_over = self._install(self._policy)
        self.pinholes = PinholeTable()
        self._bans = BanTable()
        self._counters = NamedCounters(names.SIPALG_TABLE)
        self._strays = Strays()
        log.info("adopted %d pinholes, policy revision %d", self.pinholes.adopt(), self._policy.revision)
        self._sweep(left_over)

    def answer(self, request: Request) -> Answering:
        """It stops where a longer operation may be left for another request; its value is the answer."""
        at_once: dict[Op, Callable[[Request], Answer]] = {
            Op.OPEN: self._open,
            Op.CLOSE: self._close,
            Op.SOCKET: self._socket,
            Op.STREAM: self._stream,
            Op.RELOAD: self._reload,
            Op.DROPS: self._drops,
            Op.STRAYS: self._seen_strays,
            Op.BAN: self._ban,
            Op.UNBAN: self._unban,
            Op.BANS: self._banned,
        }
        try:
            if request.op is Op.COUNT:
                return (yield from self._count(request))
            return at_once[request.op](request)
        except DumpInterrupted:
            return _failed(request, errno.EAGAIN)
        except OSError as error:
            log.exception("%s failed", request.op.name)
            return _failed(request, error.errno or 0)

    def _install(self, policy: AlgPolicy) -> list[CtTimeout]:
        """Returns what of the policy before was left, since connections may live by it."""
        listed = self._nft.list_table(names.SIPALG_TABLE)
        chains = {item["chain"]["name"] for item in listed if "chain" in item}
        replace = bool(chains) and layout.LAYOUT.name not in chains
        self._nft.apply(transaction(policy, replace=replace, now=time.time()))
        return [] if replace else paths.left_over(listed, policy)

    def _sweep(self, left_over: list[CtTimeout]) -> None:
        """Remove what was left and nobody lives by: the kernel cuts a connection's time short whose object goes."""
        try:
            if left_over and not self.pinholes.plain_paths(peer_ports(self._policy)):
                self._nft.apply(tuple(map(Delete, left_over)))
        except (OSError, NftError, DumpInterrupted) as error:  # they are in nobody's way
            log.info("left for the next policy: %s", error)

    def _open(self, request: Request) -> Answer:
        new: Multiset[str] = Multiset()
        holes = [each if each.internal.port else self._found(each) for each in request.pinholes]
        for place, hole in enumerate(holes):
            host = hole.internal.host
            renewed = hole.id in self.pinholes
            opened, by_host = len(self.pinholes) + new.total(), self.pinholes.opened_by(host) + new[host]
            rule = self._guard.check(hole, opened - renewed, by_host - renewed)
            pinned = hole is not request.pinholes[place]
            if rule == 6 and (pinned or self.pinholes.translates(hole)):
                rule = self._guard.check(hole, opened - renewed, by_host - renewed, translated=True)
            if not rule and hole.learnt and not renewed:
                rule = self._guard.may_be_learnt(hole) or (0 if self.pinholes.may_learn(hole) else 7)
            if rule:
                log.warning("refused by P%d: %s", rule, hole)
                return Answer(Reply(request.serial, Status.REFUSED, rule, place))
            new[host] += not renewed
        result = self.pinholes.open(holes)
        if result is not Result.DONE:
            log.warning("%s: %s", result.name, holes)
        return Answer(Reply(request.serial, _STATUS[result], result.value))

    def _found(self, hole: Pinhole) -> Pinhole:
        """Of a telephone that knows its port outside from a STUN server: with the port behind it. P5 refuses port 0."""
        return self.pinholes.behind(hole) if self._guard.may_be_pinned(hole.mapped) else hole

    def _close(self, request: Request) -> Answer:
        self.pinholes.close([hole.id for hole in request.pinholes])
        return Answer(Reply(request.serial, Status.OK))

    def _socket(self, request: Request) -> Answer:
        at = request.pinhole.mapped
        answer = self._granted(request, self._guard.check_socket(at), lambda: transparent_udp(at))
        self._taken_back(at)
        return answer

    def _stream(self, request: Request) -> Answer:
        at = request.pinhole.mapped
        listening = at.host in WILDCARD.values()
        answer = self._granted(request, self._guard.check_stream(at), lambda: transparent_tcp(at, listening=listening))
        self._taken_back(at)
        return answer

    def _taken_back(self, at: Endpoint) -> None:
        """Somebody listens again: what went by meanwhile must not be translated any longer."""
        if at.host in WILDCARD.values():
            self.engine_changed("took back %d connections that went by while no engine listened")

    def engine_changed(self, told: str = "let go of %d connections of the engine, which is gone") -> None:
        """Where signalling goes by a dead engine, its connections are of before: see `bypass`."""
        if bypass.is_wanted(self._policy):
            self._forget(told)

    def _forget(self, told: str) -> None:
        if forgotten := self.pinholes.forget_marked(names.MARK_DIVERT):
            log.info(told, forgotten)

    def _granted(self, request: Request, rule: int, make: Callable[[], socket.socket]) -> Answer:
        if rule:
            log.warning("refused by P%d: %s at %s", rule, request.op.name, request.pinhole.mapped)
            return Answer(Reply(request.serial, Status.REFUSED, rule))
        return Answer(Reply(request.serial, Status.OK), descriptor=make())

    def _count(self, request: Request) -> Answering:
        counters = yield from self.pinholes.counting(self._policy.longest_silence)
        messages = []
        for at in range(0, len(counters), COUNTERS_PER_MESSAGE):
            messages.append(pack_counters(counters[at : at + COUNTERS_PER_MESSAGE]))
            yield
        return Answer(Reply(request.serial, Status.OK, value=len(counters)), tuple(messages))

    def _drops(self, request: Request) -> Answer:
        packets = self._counters.packets()
        counted = [packets.get(layout.counter_of(reason).name, 0) for reason in KERNEL_REASONS]
        records = pack_counters([Counter(ident, each, 0) for ident, each in enumerate(counted)])
        return Answer(Reply(request.serial, Status.OK, value=len(counted)), (records,))

    def _seen_strays(self, request: Request) -> Answer:
        strays = self._strays.seen()
        places = range(0, len(strays), STRAYS_PER_MESSAGE)
        messages = tuple(pack_strays(strays[at : at + STRAYS_PER_MESSAGE]) for at in places)
        return Answer(Reply(request.serial, Status.OK, value=len(strays)), messages)

    def _ban(self, request: Request) -> Answer:
        host, seconds = request.pinhole.external.host, request.pinhole.lifetime
        rule = self._guard.check_ban(host, seconds)
        if rule:
            return Answer(Reply(request.serial, Status.REFUSED, rule))
        result = self._bans.ban(host, seconds)
        return Answer(Reply(request.serial, _STATUS[result], result.value))

    def _unban(self, request: Request) -> Answer:
        result = self._bans.unban(request.pinhole.external.host)
        return Answer(Reply(request.serial, _STATUS[result], result.value))

    def _banned(self, request: Request) -> Answer:
        bans = self._bans.all()
        messages = (bans[at : at + COUNTERS_PER_MESSAGE] for at in range(0, len(bans), COUNTERS_PER_MESSAGE))
        return Answer(Reply(request.serial, Status.OK, value=len(bans)), tuple(map(pack_bans, messages)))

    def _reload(self, request: Request) -> Answer:
        """A policy that is not valid, or that nft refuses, leaves the running one untouched."""
        try:
            self.renew()
        except (PolicyError, NftError) as error:
            log.error("policy refused, revision %d stays: %s", self._policy.revision, error)
            return _failed(request, errno.EINVAL)
        return Answer(Reply(request.serial, Status.OK, value=self._policy.revision))

    def renew(self) -> None:
        """Read what is in force now. Raise PolicyError or NftError: all stays, and nobody looks again by himself."""
        self.until = None
        policy, until = running(*self._files)
        left_over = self._install(policy)
        switched_on = bypass.is_wanted(policy) and not bypass.is_wanted(self._policy)
        others_taken = signalling.taken(policy) != signalling.taken(self._policy)
        self._policy, self._guard, self.until = policy, Guard(policy), until
        self._sweep(left_over)
        if switched_on or others_taken:
            self._forget("let go of %d connections of signalling: who handles it has changed")
        gc.collect()
        log.info("policy revision %d", policy.revision)


def _failed(request: Request, code: int) -> Answer:
    return Answer(Reply(request.serial, Status.FAILED, code))
