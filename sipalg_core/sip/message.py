# SPDX-License-Identifier: GPL-2.0-or-later
"""A SIP message: its original bytes and where its parts lie in them (RFC 3261 §7).

Rules of this file: one pass over the bytes; nothing is decoded, unfolded or re-printed; what is doubtful is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.fields import HeaderField, first_of_each, read_fields
from sipalg_core.sip.grammar import LWS, SIP_VERSION, Span, decimal, is_token
from sipalg_core.sip.headers import SINGLE
from sipalg_core.sip.uri import is_request_uri, tag_of
from sipalg_core.sip.via import Via, branch_of, vias

# --- Implementation constants ---

MAX_MESSAGE: Final = 65_535
MAX_HOPS: Final = 64  # values of Via, and of Route; Max-Forwards begins at 70

_DIGITS: Final = b"0123456789"
_LARGEST: Final = {b"max-forwards": 255, b"expires": 2**32 - 1}  # RFC 3261 §20.22, §20.19


class Message:
    """Read-only. For a response `method` is that of its CSeq, `status_code` 0 says request."""

    __slots__ = (
        "body", "branch", "call_id", "cseq", "data", "fields", "from_tag", "index", "is_request",
        "method", "reason_phrase", "request_uri", "status_code", "to_tag", "vias",
    )  # fmt: skip

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.is_request = False
        self.method = b""
        self.request_uri = Span(0, 0)
        self.status_code = 0
        self.reason_phrase = b""
        self.fields: list[HeaderField] = []
        self.index: dict[bytes, HeaderField] = {}  # the first field of each name
        self.body = Span(len(data), len(data))
        self.call_id = b""
        self.cseq = 0
        self.from_tag = b""
        self.to_tag = b""
        self.vias: list[Via] = []  # of the topmost Via field, topmost first
        self.branch = b""  # of the topmost

    def first(self, name: bytes) -> HeaderField | None:
        return self.index.get(name)

    def all(self, name: bytes) -> list[HeaderField]:
        return [field for field in self.fields if field.name == name]

    def all_vias(self) -> Iterator[Via]:
        yield from self.vias
        for field in self.all(b"via")[1:]:
            yield from vias(self.data, field.value, field.end)

    def value(self, name: bytes) -> bytes:
        """The first value of that name as it stands, b"" where there is none."""
        field = self.index.get(name)
        return self.data[field.value : field.end] if field else b""

    def original(self) -> bytes:
        """The message without what may trail its body in the datagram (RFC 3261 §18.3)."""
        return self.data if self.body.end == len(self.data) else self.data[: self.body.end]


class Malformed(ParseError):
    """A datagram that is no message. `request` is what of one was understood, to answer it from, or None."""

    def __init__(self, error: ParseError, request: Message | None) -> None:
        super().__init__(error.reason, error.status)
        self.request = request


def parse(data: bytes) -> Message:
    """Parse one datagram or raise Malformed."""
    message = Message(data)
    try:
        _parse(message)
    except ParseError as error:
        raise Malformed(error, message if message.is_request else None) from error
    return message


def _parse(message: Message) -> None:
    data = message.data
    if len(data) > MAX_MESSAGE:
        raise ParseError("message-too-large", 513)
    line_end = data.find(b"\n")
    if line_end < 0:
        raise ParseError("no-start-line", 0)
    try:
        _start_line(message, data[: line_end - 1 if data[line_end - 1 : line_end] == b"\r" else line_end])
    except ParseError as error:
        if error.status:  # the answer repeats its header fields
            with suppress(ParseError):
                _header_fields(message, line_end + 1)
        raise
    body = _header_fields(message, line_end + 1)
    _interpret(message)
    message.body = Span(body, _body_end(message, body))


def _start_line(message: Message, line: bytes) -> None:
    if line.startswith(SIP_VERSION + b" "):
        code, _, phrase = line[8:].partition(b" ")
        status = decimal(code, 3)
        if status is None or not 100 <= status <= 699:
            raise ParseError("status-code", 0)
        message.status_code = status
        message.reason_phrase = phrase
        return
    parts = line.split(b" ")
    versions = [part for part in parts[1:] if part.startswith(b"SIP/")]
    if not versions or not is_token(parts[0]):
        raise ParseError("not-sip", 0)
    message.is_request = True
    message.method = parts[0]
    if SIP_VERSION not in versions:
        raise ParseError("sip-version", 505)
    if len(parts) != 3 or parts[2] != SIP_VERSION:
        raise ParseError("request-line")
    if not is_request_uri(parts[1]):
        raise ParseError("request-uri")
    start = len(parts[0]) + 1
    message.request_uri = Span(start, start + len(parts[1]))


def _header_fields(message: Message, at: int) -> int:
    """Take the header fields from `at`; return where the body begins."""
    try:
        return read_fields(message.data, at, len(message.data), message.fields)
    finally:
        message.index = first_of_each(message.fields)


def _interpret(message: Message) -> None:
    """Fill in what every later step asks for; refuse what would make two readers disagree."""
    data, index = message.data, message.index
    if len(index) < len(message.fields):
        _refuse_repeated(message)
    try:
        via, sender, to = index[b"via"], index[b"from"], index[b"to"]
        call_id, cseq = index[b"call-id"], index[b"cseq"]
    except KeyError as missing:
        raise ParseError(f"missing-{missing.args[0].decode()}") from missing
    message.call_id = data[call_id.value : call_id.end]
    if not message.call_id or b" " in message.call_id:
        raise ParseError("call-id")
    _interpret_cseq(message, data[cseq.value : cseq.end])
    for name, largest in _LARGEST.items():
        if name in index and ((value := decimal(message.value(name), 10)) is None or value > largest):
            raise ParseError(name.decode())
    message.from_tag = tag_of(data, sender.value, sender.end)
    message.to_tag = tag_of(data, to.value, to.end)
    message.vias = list(vias(data, via.value, via.end))
    if len(message.vias) > MAX_HOPS:
        raise ParseError("too-many-hops", 413)
    message.branch = branch_of(data, message.vias[0])
    route = index.get(b"route")
    if route is not None and data.count(b",", route.value, route.end) >= MAX_HOPS:
        raise ParseError("too-many-hops", 413)


def _refuse_repeated(message: Message) -> None:
    """Refuse what may stand once only, and what nobody repeats so often."""
    seen, hops = set(), {b"via": 0, b"route": 0}
    for field in message.fields:
        name = field.name
        if name in SINGLE and name in seen:
            raise ParseError("repeated-header")
        seen.add(name)
        if name in hops:
            hops[name] += 1 + message.data.count(b",", field.value, field.end)
    if max(hops.values()) > MAX_HOPS:
        raise ParseError("too-many-hops", 413)


def _interpret_cseq(message: Message, value: bytes) -> None:
    rest = value.lstrip(_DIGITS)
    number = decimal(value[: len(value) - len(rest)], 10)
    method = rest.lstrip(LWS)
    if number is None or number >= 2**31 or len(method) == len(rest):  # RFC 3261 §8.1.1.5
        raise ParseError("cseq")
    if message.is_request and method != message.method:
        raise ParseError("cseq-method")
    if not message.is_request and not is_token(method):
        raise ParseError("cseq")
    message.cseq, message.method = number, method


def _body_end(message: Message, start: int) -> int:
    """RFC 3261 §18.3: over UDP the body is the rest of the datagram, cut to Content-Length where that is given."""
    size = len(message.data)
    field = message.index.get(b"content-length")
    if field is None:
        return size
    end = start + _content_length(message.data, field)
    if end > size:
        raise ParseError("content-length-beyond-end")
    return end


def _content_length(data: bytes, field: HeaderField) -> int:
    length = decimal(data[field.value : field.end], 6)
    if length is None:
        raise ParseError("content-length")
    return length


def stream_length(head: bytes) -> int:
    """The size of the body that follows this head on a stream, where it must be said. Raise ParseError."""
    fields: list[HeaderField] = []
    read_fields(head, head.find(b"\n") + 1, len(head), fields)
    lengths = [field for field in fields if field.name == b"content-length"]
    if not lengths:
        raise ParseError("no-content-length", 0)
    if len(lengths) > 1:
        raise ParseError("repeated-header")
    return _content_length(head, lengths[0])
