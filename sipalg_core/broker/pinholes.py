# SPDX-License-Identifier: GPL-2.0-or-later
"""Pinholes as kernel elements: open, renew, close, count, adopt. Who may have one is decided elsewhere (`guard`)."""

from __future__ import annotations

import time
from collections import Counter as Multiset
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sipalg_core.broker.conntrack import Conntrack
from sipalg_core.broker.layout import (
    FAMILIES,
    HITS_PER_PACKET,
    LEARNT,
    TIMED,
    TOLD,
    Family,
    PinholeElements,
    elements_of,
    family_of,
)
from sipalg_core.contract.control import Counter, Pinhole
from sipalg_core.contract.names import MARK_DIVERT, SIPALG_TABLE
from sipalg_core.net import Endpoint
from sipalg_core.nft.elements import Element, ElementTable, Result, Tally, pack, unpack

Name = tuple[str, bytes]
"""Set and key: what makes an element this one and no other."""

# --- Implementation constants ---

_COUNTED_AT_A_TIME: Final = 100
_COUNTED_BYTES: Final = 12 * 1024
"""So many elements are read before whoever wants a pinhole gets his turn: about a hundred, in 0.3 ms."""
_LEFT_OVER: Final = 120.0
"""Seconds that a connection may outlive its last packet: net.netfilter.nf_conntrack_udp_timeout_stream."""
_MAXIMUM_LEFT_OVER: Final = 20_000
_WALKS: Final = 10
"""In a second, for telephones that asked a STUN server."""


@dataclass(slots=True)
class _Held:
    pinhole: Pinhole
    elements: PinholeElements
    names: tuple[Name, ...]
    hits: tuple[int, int] = (0, 0)  # of the inbound and outbound element when last counted


class PinholeTable:
    """Pinholes of one `inet sipalg` table.

    Two pinholes may share elements (forked early dialogs have the same internal and mapped endpoint, and behind one RTP
    proxy the same external one): an element goes with its last holder.
    """

    def __init__(self) -> None:
        self._elements = ElementTable(SIPALG_TABLE)
        self._counted = ElementTable(SIPALG_TABLE, _COUNTED_BYTES)
        self._conntrack = Conntrack()
        self._held: dict[int, _Held] = {}
        self._holders: Multiset[Name] = Multiset()
        self._by_host: Multiset[str] = Multiset()
        self._walks, self._walks_until = 0, 0.0
        self._left_over: dict[Endpoint, tuple[Pinhole, float]] = {}
        """Closed pinholes of any port through which packets went, and when they closed, by both endpoints."""

    def __len__(self) -> int:
        return len(self._held)

    def __contains__(self, ident: int) -> bool:
        return ident in self._held

    def translates(self, pinhole: Pinhole) -> bool:
        """Whether a pinhole that is open has the same internal and mapped endpoint."""
        elements = elements_of(pinhole) if family_of(pinhole.internal.host) is family_of(pinhole.mapped.host) else None
        return elements is not None and all(self._holders[_name(each)] for each in (elements.dnat, elements.snat))

    def behind(self, pinhole: Pinhole) -> Pinhole:
        """The same, with the port that the kernel translates to the mapped one (alg.media.Want); 0 where it does not.

        It costs a walk through all connections, so there are only some in a second.
        """
        held = self._held.get(pinhole.id)
        if held is not None:
            return pinhole._replace(internal=held.pinhole.internal)
        now = time.monotonic()
        if now >= self._walks_until:
            self._walks_until, self._walks = now + 1, 0
        self._walks += 1
        host = pinhole.internal.host
        port = self._conntrack.behind(pinhole.mapped, host) if self._walks <= _WALKS else 0
        return pinhole._replace(internal=Endpoint(host, port))

    def may_learn(self, pinhole: Pinhole) -> bool:
        """Whether the kernel heard the external endpoint at the mapped one, which waits for media that a description
        announced: no packet of that has come, and nothing else was learnt for it."""
        family = family_of(pinhole.external.host)
        beside = [
            held
            for held in self._held.values()
            if (held.pinhole.internal, held.pinhole.mapped) == (pinhole.internal, pinhole.mapped)
        ]
        if family is None or not beside or any(held.pinhole.learnt for held in beside):
            return False
        arrived = (self._elements.get(held.elements.inbound) for held in beside)
        if any(each is not None and each.packets for each in arrived):
            return False
        return self._elements.get(Element(family.heard.name, pack(*pinhole.external, *pinhole.mapped))) is not None

    def opened_by(self, host: str) -> int:
        return self._by_host[host]

    def close_table(self) -> None:
        """Let go of the netlink sockets; the kernel keeps the pinholes."""
        self._elements.close()
        self._counted.close()
        self._conntrack.close()

    def open(self, pinholes: Sequence[Pinhole]) -> Result:
        """Put them in, or renew those with these ids, with their counts. On any result but DONE nothing has changed.

        What is new and shares nothing costs one transaction for all: that of a call's RTP and RTCP.
        """
        fresh = [_Held(each, elements := elements_of(each), tuple(map(_name, elements))) for each in pinholes]
        timed = [name for each in fresh for name in each.names[:TIMED]]
        known = any(each.id in self._held for each in pinholes) or any(self._holders[name] for name in timed)
        if known or len(set(timed)) < len(timed):
            return self._open_one_by_one(pinholes)
        result = self._elements.change(add=[element for each in fresh for element in each.elements])
        if result is Result.DONE:
            for each in fresh:
                self._hold(each)
            self._forget_connections(pinholes)
            for pinhole in pinholes:
                self._forget_left_over(pinhole)
        return result

    def _open_one_by_one(self, pinholes: Sequence[Pinhole]) -> Result:
        begun: list[int] = []
        for pinhole in pinholes:
            new = pinhole.id not in self._held
            result = self._renew(pinhole)
            if result is not Result.DONE:
                self.close(begun)
                return result
            if new:
                begun.append(pinhole.id)
        return Result.DONE

    def _renew(self, pinhole: Pinhole) -> Result:
        """Put in one that is there, or that shares elements with others."""
        elements = elements_of(pinhole)
        held = self._held.get(pinhole.id)
        old = held.elements if held else elements
        kept = set(map(_name, elements))
        renewed = [each for each in elements if each.timeout and self._holders[_name(each)]]
        stale = [each for each in old if self._holders[_name(each)] == 1 and _name(each) not in kept]
        standing = {_name(each): now for each in (*renewed, *stale) if (now := self._elements.get(each))}
        counted = [
            standing.get(_name(new)) or standing.get(_name(before)) for new, before in zip(elements, old, strict=True)
        ]
        result = self._elements.change(delete=standing.values(), add=map(_with_counts, elements, counted))
        if result is not Result.DONE:
            return result
        if held:
            self._drop(held)
        else:
            self._forget_connections([pinhole])
            self._forget_left_over(pinhole)
        self._hold(_Held(pinhole, elements, tuple(map(_name, elements)), held.hits if held else (0, 0)))
        return result

    def close(self, idents: Iterable[int]) -> None:
        """Take them out, with their connections; what is not there is no matter."""
        doomed = [held for ident in dict.fromkeys(idents) if (held := self._held.get(ident)) is not None]
        leaving = Multiset(name for held in doomed for name in held.names)
        passed = {held.pinhole.id for held in doomed if not held.pinhole.external.port and self._has_passed(held)}
        gone = {
            name: element
            for held in doomed
            for name, element in zip(held.names, held.elements, strict=True)
            if self._holders[name] == leaving[name]
        }
        self._remove(gone.values())
        for held in doomed:
            self._drop(held)
        ended = [held.pinhole for held in doomed if held.names[0] in gone]
        self._forget_connections(ended)
        now = time.monotonic()
        for pinhole in ended:
            if pinhole.id in passed:
                self._left_over[pinhole.internal] = self._left_over[pinhole.mapped] = pinhole, now

    def _has_passed(self, held: _Held) -> bool:
        """Whether packets went through it: else there is no connection of it."""
        if any(held.hits):
            return True
        standing = (self._elements.get(each) for each in held.elements[:TIMED])
        return any(each is None or each.packets for each in standing)

    def counting(self, idle: float) -> Generator[None, None, list[Counter]]:
        """Packets of every pinhole that stands. One that the kernel ended is let go of here.

        It stops after every piece of the work, so that nobody who wants a pinhole waits for all of it; pinholes may
        come and go meanwhile. Only one count at a time.

        A pinhole lives while packets pass in either direction, but the kernel renews only the element that they hit:
        the other one is renewed here, for `idle` seconds, before it ends.
        """
        asked = list(self._held)
        tallies: dict[Name, Tally] = {}
        for name in self._names_of_sets():
            for some in self._counted.tallies(name):
                tallies.update(((name, key), tally) for key, tally in some.items())
                yield
        counters = []
        for number, ident in enumerate(asked):
            held = self._held.get(ident)
            counter = self._count(held, tallies, idle) if held else None
            if counter is not None:
                counters.append(counter)
            if not number % _COUNTED_AT_A_TIME:
                yield
        return counters

    def _count(self, held: _Held, tallies: dict[Name, Tally], idle: float) -> Counter | None:
        """None where the kernel ended it."""
        now = [tallies.get(_name(each)) or self._tally(each) for each in held.elements[:2]]
        inbound, outbound = now
        if inbound is None and outbound is None:
            self.close([held.pinhole.id])
            return None
        hits = inbound.packets if inbound else held.hits[0], outbound.packets if outbound else held.hits[1]
        if hits != held.hits:
            held.hits = hits
            ending = [
                each for each, tally in zip(held.elements, now, strict=False) if tally and tally.expires < idle / 2
            ]
            self._keep_alive(ending, idle)
        return Counter(held.pinhole.id, hits[0] // HITS_PER_PACKET, hits[1] // HITS_PER_PACKET)

    def _tally(self, element: Element) -> Tally | None:
        """Of one that was not among the counted: it ended, or the set changed while it was read."""
        standing = self._elements.get(element)
        return Tally(standing.packets, standing.expires) if standing else None

    def adopt(self) -> int:
        """Hold what a broker before us opened, and remove what makes no sense. How many pinholes there are."""
        for family in FAMILIES:
            translations = [*self._elements.dump(family.dnat.name), *self._elements.dump(family.snat.name)]
            pairs = self._elements.dump(family.pairs.name)
            endpoints = {_name(each): _endpoint(family, each.data) for each in translations}
            for element in (each for one in family.pinhole_sets for each in self._elements.dump(one.name)):
                if _ident(element) in self._held:
                    continue
                pinhole = _pinhole(family, element, endpoints)
                if pinhole is None:
                    self._remove([element])
                else:
                    elements = elements_of(pinhole)
                    self._hold(_Held(pinhole, elements, tuple(map(_name, elements))))
            self._remove(each for each in (*translations, *pairs) if not self._holders[_name(each)])
        return len(self._held)

    def _hold(self, held: _Held) -> None:
        self._held[held.pinhole.id] = held
        for name in held.names:
            self._holders[name] += 1
        self._by_host[held.pinhole.internal.host] += 1

    def _drop(self, held: _Held) -> None:
        del self._held[held.pinhole.id]
        self._by_host[held.pinhole.internal.host] -= 1
        for name in held.names:
            self._holders[name] -= 1
            if not self._holders[name]:
                del self._holders[name]

    def plain_paths(self, ports: Iterable[int]) -> bool:
        """Whether some connection of UDP goes to one of these ports beside the engine."""
        return any(self._conntrack.goes_to(port, besides=MARK_DIVERT) for port in ports)

    def forget_marked(self, mark: int) -> int:
        """Delete the connections with this bit in their ct mark; how many there were."""
        return self._conntrack.forget_marked(mark)

    def _names_of_sets(self) -> list[str]:
        """Of those that hold an element of ours."""
        held = {name for name, _ in self._holders}
        return [each.name for family in FAMILIES for each in family.pinhole_sets if each.name in held]

    def _remove(self, elements: Iterable[Element]) -> None:
        """Together where all are there; one by one where the kernel ended some."""
        doomed = list(elements)
        if self._elements.change(delete=doomed) is not Result.DONE:
            for element in doomed:
                self._elements.change(delete=[element])

    def _keep_alive(self, elements: list[Element], idle: float) -> None:
        standing = [now for each in elements if (now := self._elements.get(each))]
        self._elements.change(
            delete=standing, add=[each._replace(timeout=max(idle, each.timeout)) for each in standing]
        )

    def _forget_connections(self, pinholes: Iterable[Pinhole]) -> None:
        """So that the next call with these endpoints gets its own translation, and no older one is in its way."""
        exact = [each for each in pinholes if each.external.port]
        if exact:
            ways = [((each.internal, each.external), (each.external, each.mapped)) for each in exact]
            self._conntrack.forget_exactly([way for both in ways for way in both])

    def _forget_left_over(self, pinhole: Pinhole) -> None:
        """Connections of a closed pinhole of any port, whose external port nobody knows: found by a walk through all
        connections, which takes 10 ms.

        It is not done where no packet went through it, nor once the kernel has forgotten them, nor where the new
        pinhole translates as the old one did: a connection that is translated so is in nobody's way. The engine gives
        an endpoint its own pair of ports again and others no pair so soon (alg.ports), so it never comes to it.
        """
        if not self._left_over:
            return
        found = (self._left_over.get(endpoint) for endpoint in (pinhole.internal, pinhole.mapped))
        for old, closed in {each for each in found if each is not None}:
            if (old.internal, old.mapped) == (pinhole.internal, pinhole.mapped):
                continue
            if time.monotonic() - closed < _LEFT_OVER:
                self._conntrack.forget(old.internal, old.external)
                self._conntrack.forget(old.external, old.mapped)
            for endpoint in (old.internal, old.mapped):
                self._left_over.pop(endpoint, None)
        while len(self._left_over) > _MAXIMUM_LEFT_OVER:
            del self._left_over[next(iter(self._left_over))]


def _name(element: Element) -> Name:
    return element.set, element.key


def _with_counts(element: Element, before: Element | None) -> Element:
    return element._replace(packets=before.packets, bytes=before.bytes) if before else element


def _endpoint(family: Family, key: bytes) -> Endpoint:
    host, port = unpack(key, (family.address, "inet_service"))
    return Endpoint(str(host), int(port))


def _ident(element: Element) -> int | None:
    word, _, ident = element.comment.partition(":")
    return int(ident) if word in (TOLD, LEARNT) and ident.isdecimal() else None


def _pinhole(family: Family, element: Element, endpoints: dict[Name, Endpoint]) -> Pinhole | None:
    """What `elements_of` made this element from, or None where a part is missing."""
    ident = _ident(element)
    sets = {each.name: each for each in family.pinhole_sets}
    parts = unpack(element.key, sets[element.set].type)
    if element.set == family.inbound.exact.name:
        (host, port), ours = parts[:2], parts[2:]
    elif element.set == family.inbound.any_port.name:
        (host, port), ours = (parts[0], 0), parts[1:]
    else:
        ours, (host, port) = parts[:2], (*parts[2:], 0)[:2]
    own = Endpoint(str(ours[0]), int(ours[1]))
    inbound = element.set in {each.name for each in family.inbound}
    translation = family.dnat if inbound else family.snat
    other = endpoints.get((translation.name, pack(*own)))
    if ident is None or other is None:
        return None
    internal, mapped = (other, own) if inbound else (own, other)
    learnt = element.comment.startswith(LEARNT)
    return Pinhole(ident, internal, mapped, Endpoint(str(host), int(port)), element.timeout, learnt)
