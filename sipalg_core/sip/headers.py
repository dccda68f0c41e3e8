# SPDX-License-Identifier: GPL-2.0-or-later
"""Header field names: one table says each name's compact form, whether it may repeat, and how its value is built."""

from __future__ import annotations

from enum import Enum
from typing import Final, NamedTuple


class Form(Enum):
    """How we read a value. OPAQUE is never looked into and never changed."""

    OPAQUE = 0
    VIA = 1
    ROUTING = 2  # name-addr list; the URI is sent to, so host and port are a mapping
    IDENTITY = 3  # name-addr list; the URI names somebody, so only the host tells where he sits


class Header(NamedTuple):
    name: bytes  # lower case, long form
    form: Form = Form.OPAQUE
    single: bool = False  # at most one field, one value (RFC 3261 table 2)
    compact: bytes = b""


# --- Specification constants: RFC 3261 §7.3.3 and §20, with the RFC of each extension ---

HEADERS: Final = (
    Header(b"via", Form.VIA, compact=b"v"),
    Header(b"from", Form.IDENTITY, single=True, compact=b"f"),
    Header(b"to", Form.IDENTITY, single=True, compact=b"t"),
    Header(b"call-id", single=True, compact=b"i"),
    Header(b"cseq", single=True),
    Header(b"max-forwards", single=True),
    Header(b"contact", Form.ROUTING, compact=b"m"),
    Header(b"route", Form.ROUTING),
    Header(b"record-route", Form.ROUTING),
    Header(b"path", Form.ROUTING),  # RFC 3327
    Header(b"service-route", Form.ROUTING),  # RFC 3608
    Header(b"refer-to", Form.ROUTING, compact=b"r"),  # RFC 3515
    Header(b"referred-by", Form.IDENTITY, compact=b"b"),  # RFC 3892
    Header(b"reply-to", Form.IDENTITY),
    Header(b"p-asserted-identity", Form.IDENTITY),  # RFC 3325
    Header(b"p-preferred-identity", Form.IDENTITY),
    Header(b"remote-party-id", Form.IDENTITY),
    Header(b"diversion", Form.IDENTITY),  # RFC 5806
    Header(b"history-info", Form.IDENTITY),  # RFC 7044
    Header(b"expires", single=True),
    Header(b"content-length", single=True, compact=b"l"),
    Header(b"content-type", single=True, compact=b"c"),
    Header(b"content-encoding", compact=b"e"),
    Header(b"subject", compact=b"s"),
    Header(b"supported", compact=b"k"),
    Header(b"event", compact=b"o"),
    Header(b"allow-events", compact=b"u"),
    Header(b"session-expires", compact=b"x"),  # RFC 4028
    Header(b"user-agent"),
    Header(b"authorization"),
    Header(b"proxy-authorization"),
)

SINGLE: Final = frozenset(header.name for header in HEADERS if header.single)
REWRITTEN: Final = {header.name: header.form for header in HEADERS if header.form is not Form.OPAQUE}
"""The headers whose addresses may be replaced, and no others."""

_LONG: Final = {header.name: header.name for header in HEADERS} | {
    header.compact: header.name for header in HEADERS if header.compact
}
# --- Implementation constants: the usual spellings, so that most fields cost one look-up ---
NAMES: Final = (
    _LONG
    | {name.title(): long for name, long in _LONG.items()}
    | {b"Call-ID": b"call-id", b"CSeq": b"cseq", b"User-Agent": b"user-agent", b"Allow": b"allow"}
)


def long_name(spelling: bytes) -> bytes:
    """The lower-case long form of a header name in any spelling; an unknown name is only folded."""
    lower = spelling.lower()
    return _LONG.get(lower, lower)
