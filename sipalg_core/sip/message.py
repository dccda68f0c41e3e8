# SPDX-License-Identifier: GPL-2.0-or-later
"""A SIP message: its original bytes and where its parts lie in them (RFC 3261 §7).

Rules of this file: one pass over the bytes; nothing is decoded, unfolded or re-printed; what is doubtful is an error.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import SIP_VERSION, Span, decimal, is_token
from sipalg_core.sip.headers import NAMES, SINGLE, long_name
from sipalg_core.sip.uri import tag_of
from sipalg_core.sip.via import top_branch

# --- Implementation constants ---

MAX_MESSAGE: Final = 65_535
MAX_HEADERS: Final = 256  # hardening: header bombs
MAX_LINE: Final = 8_192

_CR: Final = 0x0D
_MANDATORY: Final = (b"via", b"from", b"to", b"call-id", b"cseq")
_LARGEST: Final = {b"max-forwards": 255, b"expires": 2**32 - 1}  # RFC 3261 §20.22, §20.19


class HeaderField(NamedTuple):
    name: bytes  # lower case, long form
    start: int  # of the line
    value: int  # first byte of the value
    end: int  # behind the last byte of the value


class Message:
    """Read-only. For a response `method` is that of its CSeq, `status_code` 0 says request."""

    __slots__ = (
        "body", "branch", "call_id", "cseq", "data", "fields", "from_tag", "index", "is_request",
        "method", "reason_phrase", "request_uri", "status_code", "to_tag",
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
        self.branch = b""

    def first(self, name: bytes) -> HeaderField | None:
        return self.index.get(name)

    def all(self, name: bytes) -> list[HeaderField]:
        return [field for field in self.fields if field.name == name]

    def value(self, name: bytes) -> bytes:
        """The first value of that name as it stands, b"" where there is none."""
        field = self.index.get(name)
        return self.data[field.value : field.end] if field else b""

    def original(self) -> bytes:
        """The message without what may trail its body in the datagram (RFC 3261 §18.3)."""
        return self.data if self.body.end == len(self.data) else self.data[: self.body.end]


def parse(data: bytes) -> Message:
    """Parse one datagram or raise ParseError."""
    message = Message(data)
    try:
        _parse(message)
    except ParseError as error:
        error.partial = message if message.is_request else None
        raise
    return message


def _parse(message: Message) -> None:
    data = message.data
    if len(data) > MAX_MESSAGE:
        raise ParseError("message-too-large", 513)
    line_end = data.find(b"\n")
    if line_end < 0:
        raise ParseError("no-start-line", 0)
    _start_line(message, data[: line_end - 1 if data[line_end - 1 : line_end] == b"\r" else line_end])
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
    if not is_token(parts[0]) or len(parts) < 2 or not parts[-1].startswith(b"SIP/"):
        # Trailing blanks behind the version are a malformed request; anything else is not SIP.
        if is_token(parts[0]) and len(parts) > 3 and parts[2] == SIP_VERSION:
            message.is_request = True
            raise ParseError("request-line")
        raise ParseError("not-sip", 0)
    message.is_request = True
    message.method = parts[0]
    if parts[-1] != SIP_VERSION:
        raise ParseError("sip-version", 505)
    if len(parts) != 3 or not parts[1] or parts[1][:1] == b"<" or b"\t" in parts[1]:
        raise ParseError("request-line")
    start = len(parts[0]) + 1
    message.request_uri = Span(start, start + len(parts[1]))


def _header_fields(message: Message, at: int) -> int:
    """Collect the header fields from `at`; return where the body begins."""
    data, fields, size = message.data, message.fields, len(message.data)
    while True:
        end = data.find(b"\n", at)
        if end < 0:
            raise ParseError("no-blank-line")
        stop = end - 1 if end > at and data[end - 1] == _CR else end
        if stop == at:
            return end + 1
        while end + 1 < size and data[end + 1] in b" \t":  # folded: the line goes on (RFC 3261 §7.3.1)
            end = data.find(b"\n", end + 1)
            if end < 0:
                raise ParseError("no-blank-line")
            stop = end - 1 if data[end - 1] == _CR else end
        if stop - at > MAX_LINE:
            raise ParseError("line-too-long", 413)
        colon = data.find(b":", at, stop)
        if colon < 0:
            raise ParseError("header-without-colon")
        raw = data[at:colon]
        name = NAMES.get(raw) or _named(raw)
        start = colon + 1
        while start < stop and data[start] in b" \t\r\n":
            start += 1
        while stop > start and data[stop - 1] in b" \t\r\n":
            stop -= 1
        fields.append(HeaderField(name, at, start, stop))
        if len(fields) > MAX_HEADERS:
            raise ParseError("too-many-headers", 413)
        at = end + 1


def _named(raw: bytes) -> bytes:
    name = raw.rstrip(b" \t\r\n")  # white space before the colon is legal (RFC 3261 §7.3.1)
    if not is_token(name):
        raise ParseError("header-name")
    return long_name(name)


def _interpret(message: Message) -> None:
    """Fill in what every later step asks for; refuse what would make two readers disagree."""
    data, index = message.data, message.index
    for field in message.fields:
        if field.name not in index:
            index[field.name] = field
        elif field.name in SINGLE:
            raise ParseError("repeated-header")
    for name in _MANDATORY:
        if name not in index:
            raise ParseError("missing-" + name.decode())
    message.call_id = message.value(b"call-id")
    if not message.call_id or b" " in message.call_id:
        raise ParseError("call-id")
    number, _, method = message.value(b"cseq").partition(b" ")
    cseq, method = decimal(number, 10), method.strip(b" \t\r\n")
    if cseq is None or cseq >= 2**31 or not is_token(method):  # RFC 3261 §8.1.1.5
        raise ParseError("cseq")
    if message.is_request and method != message.method:
        raise ParseError("cseq-method")
    message.cseq, message.method = cseq, method
    for name, largest in _LARGEST.items():
        if name in index and ((value := decimal(message.value(name), 10)) is None or value > largest):
            raise ParseError(name.decode())
    message.from_tag = tag_of(data, index[b"from"].value, index[b"from"].end)
    message.to_tag = tag_of(data, index[b"to"].value, index[b"to"].end)
    message.branch = top_branch(data, index[b"via"].value, index[b"via"].end)


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
    message = Message(head)
    _header_fields(message, head.find(b"\n") + 1)
    fields = message.all(b"content-length")
    if not fields:
        raise ParseError("no-content-length", 0)
    if len(fields) > 1:
        raise ParseError("repeated-header")
    return _content_length(head, fields[0])
