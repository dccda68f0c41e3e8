# SPDX-License-Identifier: GPL-2.0-or-later
"""Contact bindings, learnt from REGISTER and its 2xx only (RFC 3261 §10, hardening P11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from sipalg_core.alg.changes import Changes
from sipalg_core.alg.moment import Moment
from sipalg_core.alg.passage import Passage
from sipalg_core.alg.sayings import Saying, say
from sipalg_core.contract.policy import Peering
from sipalg_core.net import Endpoint
from sipalg_core.sip.edit import text
from sipalg_core.sip.grammar import decimal
from sipalg_core.sip.message import Message
from sipalg_core.sip.uri import NameAddr, name_addrs, parameter, uri_hostport

# --- Specification constants ---
DEFAULT_EXPIRES: Final = 3600
"""RFC 3261 §10.2.1.1: what a registrar grants that names no time."""
# --- Implementation constants ---
MAX_REGISTRATIONS: Final = 20_000
MAX_CONTACTS: Final = 16
KEPT_AFTER_END: Final = 600.0
"""Seconds that a failed or expired registration stays visible."""
GRACE: Final = 60.0
"""Seconds for a late refresh, after the time granted or the one that the phone believes in, whichever is longer."""

State = Literal["registered", "overdue", "failed", "expired"]
Key = tuple[bytes, Endpoint, bytes]  # address of record, internal endpoint, contact as the phone wrote it


@dataclass(slots=True)
class Registration:
    id: str
    aor: str
    contact: str
    internal: Endpoint
    mapped: str  # contact as the registrar sees it
    registrar: Endpoint
    peering: Peering
    asked: int
    state: State = "failed"
    registered: Moment = 0.0  # when the last 2xx came
    granted: int = 0
    deadline: Moment = 0.0
    status: str = ""
    warning: str = ""


AskedKey = tuple[str, bytes, int]
"""Internal host, Call-ID, CSeq."""


@dataclass(slots=True)
class Asked:
    """A REGISTER under way."""

    internal: Endpoint
    registrar: Endpoint
    peering: Peering
    contacts: list[tuple[bytes, bytes, int]]  # as the phone wrote it, as the registrar sees it, seconds asked
    everything: bool  # "Contact: *" (RFC 3261 §10.2.2)
    deadline: Moment  # Timer F: nobody answers later (RFC 3261 §17.1.2.2)


class Registrations:
    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._known: dict[Key, Registration] = {}
        self._by_id: dict[str, Registration] = {}
        self._asked: dict[AskedKey, Asked] = {}
        self._serial = 0

    def values(self) -> list[Registration]:
        return list(self._known.values())

    def under_way(self) -> list[tuple[AskedKey, Asked]]:
        return list(self._asked.items())

    def restore(self, known: list[Registration], asked: list[tuple[AskedKey, Asked]]) -> None:
        """Take over what another engine knew."""
        self._known = {(each.aor.encode(), each.internal, each.contact.encode()): each for each in known}
        self._by_id = {each.id: each for each in known}
        self._asked = dict(asked)
        self._serial = max((int(each.id[1:]) for each in known), default=0)

    def overdue(self, host: str) -> bool:
        """Whether a phone there was not refreshed in the time granted, so that its registrar has forgotten it."""
        return any(known.internal.host == host and known.state in ("overdue", "expired") for known in self.values())

    def get(self, ident: str) -> Registration | None:
        return self._by_id.get(ident)

    def asked_by(self, key: AskedKey) -> Asked | None:
        return self._asked.get(key)

    def asked(self, passage: Passage, lifetime: float) -> None:
        """Remember what a REGISTER on its way out asks for; a contact at somebody else's address is not bound (A14)."""
        if len(self._asked) >= MAX_REGISTRATIONS:
            self._forget_asked(next(iter(self._asked)))
        request, internal = passage.message, passage.mapping.internal
        default = _seconds(request.value(b"expires"), DEFAULT_EXPIRES)
        contacts = [
            (
                request.data[value.uri.start : value.uri.end],
                text(request, value.uri, passage.edits),
                _expires(request.data, value, default),
            )
            for value in _contacts(request)
            if _may_bind(request.data, value, {internal.host, passage.mapping.external.host})
        ]
        everything = request.value(b"contact") == b"*"
        key = (internal.host, passage.call_id, request.cseq)
        self._asked[key] = Asked(
            internal, passage.flow.destination, passage.peering, contacts, everything, passage.now + lifetime
        )
        self._changes.note("asked", key)

    def _forget_asked(self, key: AskedKey) -> None:
        del self._asked[key]
        self._changes.note("asked", key)

    def answered(self, passage: Passage) -> list[str]:
        """Take the registrar's final answer; returns the ids of the rows that changed."""
        response, now = passage.message, passage.now
        key = (passage.mapping.internal.host, passage.call_id, response.cseq)
        asked = self._asked.get(key)
        if asked is None or response.status_code < 200:
            return []
        self._forget_asked(key)
        if response.status_code in (401, 407):
            return []  # a challenge is answered by the next REGISTER
        accepted = response.status_code < 300
        granted = _granted(response) if accepted else {}
        default = _seconds(response.value(b"expires"), -1)
        if len(granted) == len(asked.contacts) == 1 and asked.contacts[0][2]:
            default = next(iter(granted.values()))  # it is that one, however the registrar writes it now
        aor = _address(response, b"to")
        changed = []
        for contact, mapped, seconds in asked.contacts:
            known = self._registration(aor, contact, seconds, asked)
            if known is None:
                continue
            known.status = f"{response.status_code} {response.reason_phrase.decode('utf-8', 'replace')}"
            if accepted:
                known.mapped = mapped.decode("utf-8", "replace")
                _grant(known, granted.get(_bare(mapped), default if default >= 0 else seconds), now)
            else:
                known.state, known.deadline = "failed", now + KEPT_AFTER_END
            changed.append(known.id)
        if accepted and asked.everything:
            changed += self._end_all(aor, asked.internal, now)
        return self._noted(changed)

    def _noted(self, changed: list[str]) -> list[str]:
        for ident in changed:
            self._changes.note("registration", ident)
        return changed

    def _end_all(self, aor: bytes, internal: Endpoint, now: float) -> list[str]:
        ended = [known for key, known in self._known.items() if key[:2] == (aor, internal)]
        for known in ended:
            _grant(known, 0, now)
        return [known.id for known in ended]

    def expire(self, now: float) -> list[str]:
        """What was not refreshed becomes `overdue`, then `expired`, then vanishes; returns the ids that changed.

        Overdue: the registrar has forgotten it, the phone may not know (it kept to the time that it had asked for).
        """
        changed = []
        while self._asked and (first := next(iter(self._asked.items())))[1].deadline <= now:
            self._forget_asked(first[0])
        for key, known in list(self._known.items()):
            if known.deadline > now:
                continue
            changed.append(known.id)
            if known.state == "registered":
                known.state = "overdue"
                known.deadline = known.registered + max(known.asked, known.granted) + GRACE
                known.warning = str(advice(known))
            elif known.state == "overdue":
                known.state, known.deadline = "expired", now + KEPT_AFTER_END
            else:
                del self._known[key], self._by_id[known.id]
        return self._noted(changed)

    def _registration(self, aor: bytes, contact: bytes, asked_seconds: int, asked: Asked) -> Registration | None:
        key = (aor, asked.internal, contact)
        known = self._known.get(key)
        if known is None:
            if len(self._known) >= MAX_REGISTRATIONS:
                return None
            self._serial += 1
            known = Registration(
                id=f"r{self._serial}",
                aor=aor.decode("utf-8", "replace"),
                contact=contact.decode("utf-8", "replace"),
                internal=asked.internal,
                mapped="",
                registrar=asked.registrar,
                peering=asked.peering,
                asked=asked_seconds,
            )
            self._known[key] = self._by_id[known.id] = known
        known.asked, known.registrar = asked_seconds, asked.registrar
        return known


def _grant(known: Registration, granted: int, now: float) -> None:
    known.granted, known.registered = granted, now
    if granted > 0:
        known.state, known.deadline = "registered", now + granted
    else:  # the phone took it back (RFC 3261 §10.2.2)
        known.state, known.deadline = "expired", now + KEPT_AFTER_END


def advice(known: Registration) -> Saying:
    """Of one that is overdue."""
    if known.asked <= known.granted:
        return say("not-refreshed", granted=known.granted)
    return say("interval-too-long", asked=known.asked, granted=known.granted)


def _may_bind(data: bytes, contact: NameAddr, own: set[str]) -> bool:
    """A name may stand for the phone; an address must be its own, or ours where it asked a STUN server."""
    found = uri_hostport(data, *contact.uri)
    named = () if found is None else (found.host, found.maddr.host if found.maddr else None)
    return all(host is None or host in own for host in named)


def _granted(response: Message) -> dict[bytes, int]:
    """Seconds by contact of the 2xx; it lists every phone of the account (RFC 3261 §10.3)."""
    default = _seconds(response.value(b"expires"), DEFAULT_EXPIRES)
    return {
        _bare(response.data[value.uri.start : value.uri.end]): _expires(response.data, value, default)
        for value in _contacts(response)
    }


def _contacts(message: Message) -> Iterator[NameAddr]:
    count = 0
    for contact in message.all(b"contact"):
        for value in name_addrs(message.data, contact.value, contact.end):
            if message.data[value.uri.start : value.uri.start + 3].lower() == b"sip" and count < MAX_CONTACTS:
                count += 1
                yield value


def _bare(uri: bytes) -> bytes:
    """A contact URI without its parameters: registrars add and drop those."""
    return uri.partition(b";")[0].lower()


def _seconds(text: bytes, default: int) -> int:
    value = decimal(text, 10)
    return default if value is None else value


def _expires(data: bytes, contact: NameAddr, default: int) -> int:
    span = parameter(data, contact.parameters, b"expires")
    return _seconds(data[span.start : span.end], default) if span else default


def _address(message: Message, name: bytes) -> bytes:
    found = message.index[name]
    value = next(name_addrs(message.data, found.value, found.end), None)
    return message.data[value.uri.start : value.uri.end] if value else b""
