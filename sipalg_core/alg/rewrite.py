# SPDX-License-Identifier: GPL-2.0-or-later
"""Which addresses of a message's head are replaced: by ownership, never by direction or by RFC 1918.

Going out, a host and port is replaced where it is the sending party's own; coming in, where it is our mapping of the
receiving party. Everything else stays byte for byte (sip-alg reference, rewrite law).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from sipalg_core.alg.mappings import Mapping, Mappings, written
from sipalg_core.net import Endpoint
from sipalg_core.sip.edit import Edit
from sipalg_core.sip.fields import HeaderField
from sipalg_core.sip.grammar import Span, host_address
from sipalg_core.sip.headers import REWRITTEN, Form
from sipalg_core.sip.message import Message
from sipalg_core.sip.uri import HostPort, hostports, maddr, parameter, uri_hostport
from sipalg_core.sip.via import vias

# Reasons of edits, as people read them beside the changed bytes.
SIGNALLING_MAPPING: Final = "the party's signalling endpoint and our mapping of it"
OWN_HOST: Final = "the party's own address and ours"
MADDR: Final = "the party's own address in maddr and ours (RFC 3261 §19.1.1)"
VIA_RECEIVED: Final = "the source that the peer saw is our mapping (RFC 3581)"


class Redirected(NamedTuple):
    """What stands instead of the address in `;maddr=`, and of the host and port before it, where that stays nobody's
    but has to name another port (None: as it is)."""

    address: bytes
    moved: bytes | None


class _Outward:
    """The sending party's own addresses become ours."""

    def __init__(self, mapping: Mapping, mappings: Mappings, now: float) -> None:
        self.host = mapping.internal.host
        self._mapping, self._mappings, self._now = mapping, mappings, now
        mappings.named.clear()

    def translate(self, header: bytes, form: Form, found: HostPort, text: bytes) -> bytes | None:
        if found.host != self.host:
            return None
        mapping, mappings = self._mapping, self._mappings
        if form is Form.IDENTITY:
            return _host_text(mapping.external.host, _external_port(mappings, mapping, found.port))
        return mappings.to_external(self._own(found), header, text, found.port is not None)

    def redirect(self, header: bytes, form: Form, found: HostPort, text: bytes) -> Redirected | None:
        maddr = found.maddr
        if maddr is None or maddr.host != self.host:
            return None
        if form is Form.IDENTITY:
            return Redirected(written(self._mapping.external.host), None)
        own = self._own(maddr)
        moved = None
        if found.host != self.host and own.external.port != maddr.effective_port:
            moved = self._mappings.remember(own, header, _at_port(found, text, own.external.port), text)
        return Redirected(written(own.external.host), moved)

    def _own(self, found: HostPort) -> Mapping:
        """Of the sending party's endpoint that this names: another than that which it sends from may be one."""
        mapping = self._mapping
        if found.effective_port == mapping.internal.port:
            return mapping
        own = self._mappings.claim(Endpoint(self.host, found.effective_port), mapping.external.host, self._now)
        self._mappings.named.append(own.external)
        return own


class _Inward:
    """The receiving party's own addresses stand again where ours stood for it."""

    def __init__(self, mapping: Mapping, mappings: Mappings) -> None:
        self.host = mapping.external.host
        self._mapping, self._mappings = mapping, mappings

    def translate(self, header: bytes, form: Form, found: HostPort, text: bytes) -> bytes | None:
        if found.host != self.host:
            return None
        own = self._own(found)
        if form is not Form.IDENTITY:
            return own.to_internal(header, text, found.port is not None) if own else None
        if own is not None and found.port is not None:
            return _host_text(own.internal.host, own.internal.port)
        return _host_text(self._mapping.internal.host, found.port) if self._names_it(header, found) else None

    def redirect(self, header: bytes, form: Form, found: HostPort, text: bytes) -> Redirected | None:
        maddr = found.maddr
        if maddr is None or maddr.host != self.host:
            return None
        if form is Form.IDENTITY:
            named = self._names_it(header, found)
            return Redirected(written(self._mapping.internal.host), None) if named else None
        own = self._own(maddr)
        if own is None:
            return None
        moved = None
        if found.host != self.host and own.internal.port != maddr.effective_port:
            moved = own.remembered.get((header, text)) or own.remembered.get((b"contact", text))
            moved = moved or _at_port(found, text, own.internal.port)
        return Redirected(written(own.internal.host), moved)

    def _own(self, found: HostPort) -> Mapping | None:
        own = self._mappings.of_external(Endpoint(self.host, found.effective_port))
        return own if own is not None and own.internal.host == self._mapping.internal.host else None

    def _names_it(self, header: bytes, found: HostPort) -> bool:
        """From and To name a party for a whole dialog: one at our address that is no other's mapping was written so
        inside, with that port or none."""
        if header not in (b"from", b"to"):
            return False
        return found.port is None or self._mappings.of_external(Endpoint(self.host, found.port)) is None


def outward(message: Message, mapping: Mapping, mappings: Mappings, now: float) -> list[Edit]:
    """Edits that replace the sending party's own addresses by ours. May claim mappings; raises NoPort."""
    return _head_edits(message, _Outward(mapping, mappings, now)) if mapping.translates else []


def inward(message: Message, mapping: Mapping, mappings: Mappings) -> list[Edit]:
    """Edits that put the receiving party's own addresses back where ours stand for it."""
    if not mapping.translates:
        return []
    way = _Inward(mapping, mappings)
    edits = _head_edits(message, way)
    if message.is_request:
        uri = uri_hostport(message.data, *message.request_uri)
        if uri is not None:
            edits += _edits(message.data, 0, way, b"contact", Form.ROUTING, uri)
    else:
        edits.extend(_received(message, mapping))
    return edits


def _host_text(host: str, port: int | None) -> bytes:
    return written(host) if port is None else b"%s:%d" % (written(host), port)


def _external_port(mappings: Mappings, mapping: Mapping, port: int | None) -> int | None:
    """An identity keeps the port it was written with, unless that is a mapping of ours."""
    if port is None:
        return None
    own = mappings.of_internal(Endpoint(mapping.internal.host, port), mapping.external.host)
    return own.external.port if own else port


def _head_edits(message: Message, way: _Outward | _Inward) -> list[Edit]:
    data, needle = message.data, way.host.encode()
    edits: list[Edit] = []
    one_spelling = b":" not in needle  # an IPv4 literal has one, so a field without those bytes cannot hold it
    for field in message.fields:
        form = REWRITTEN.get(field.name)
        start, end = field.value, field.end
        if form is None or (one_spelling and data.find(needle, start, end) < 0):
            continue
        if form is Form.VIA:
            start = 0  # spans of a Via count from the message's beginning
            found = _sent_by(message, field)
        else:
            found = hostports(data[start:end])
        for each in found:
            edits += _edits(data, start, way, field.name, form, each)
    return edits


def _edits(
    data: bytes, start: int, way: _Outward | _Inward, header: bytes, form: Form, found: HostPort
) -> list[Edit]:  # fmt: skip
    """Of one host and port, whose spans count from `start`."""
    edits: list[Edit] = []
    span = Span(start + found.span.start, start + found.span.end)
    text = data[span.start : span.end]
    replaced = way.translate(header, form, found, text)
    if replaced is not None and replaced != text:
        edits.append(Edit(span, replaced, OWN_HOST if form is Form.IDENTITY else SIGNALLING_MAPPING))
    redirected = way.redirect(header, form, found, text) if found.maddr is not None else None
    if redirected is not None and found.maddr is not None:
        behind = found.maddr.span
        edits.append(Edit(Span(start + behind.start, start + behind.end), redirected.address, MADDR))
        if redirected.moved is not None:
            edits.append(Edit(span, redirected.moved, SIGNALLING_MAPPING))
    return edits


def _at_port(found: HostPort, text: bytes, port: int) -> bytes:
    """The same host at another port."""
    return b"%s:%d" % (text if found.port is None else text[: text.rfind(b":")], port)


def _sent_by(message: Message, field: HeaderField) -> tuple[HostPort, ...]:
    top = field is message.index[b"via"]
    values = list(message.vias if top else vias(message.data, field.value, field.end))
    for via in values:
        if via.sent_by is not None:
            via.sent_by.maddr = maddr(message.data, via.parameters, via.sent_by)
    return tuple([via.sent_by for via in values if via.sent_by is not None])


def _received(message: Message, mapping: Mapping) -> Iterator[Edit]:
    """`received` and `rport` of the topmost Via tell the phone its source as the peer saw it: that is our mapping."""
    data, parameters = message.data, message.vias[0].parameters
    received = parameter(data, parameters, b"received")
    if received is not None:
        bare = data[received.start : received.end].strip(b"[]")  # both spellings are met (RFC 5118 §4.5)
        start = data.find(bare, received.start)
        if bare and host_address(b"[%s]" % bare if b":" in bare else bare) == mapping.external.host:
            yield Edit(Span(start, start + len(bare)), mapping.internal.host.encode(), VIA_RECEIVED)
    rport = parameter(data, parameters, b"rport")
    if rport is not None and data[rport.start : rport.end] == b"%d" % mapping.external.port:
        yield Edit(Span(*rport), b"%d" % mapping.internal.port, VIA_RECEIVED)


def response_target(message: Message, mapping: Mapping, mappings: Mappings) -> Endpoint:
    """Where the internal party wants a response: its source where it asked for that by `rport` (RFC 3581 §4), else
    the port that its Via names (RFC 3261 §18.2.2)."""
    via = message.vias[0]
    if via.sent_by is None or parameter(message.data, via.parameters, b"rport") is not None:
        return mapping.internal
    named = mappings.of_external(Endpoint(via.sent_by.host or "", via.sent_by.effective_port))
    return named.internal if named is not None and named.internal.host == mapping.internal.host else mapping.internal
