# SPDX-License-Identifier: GPL-2.0-or-later
"""The few responses that the ALG gives in its own name, built from the request's own bytes (RFC 3261 §8.2.6)."""

from __future__ import annotations

from typing import Final

from sipalg_core.sip.message import Message

REASON_PHRASE: Final = {
    400: b"Bad Request",
    405: b"Method Not Allowed",
    413: b"Request Entity Too Large",
    480: b"Temporarily Unavailable",
    488: b"Not Acceptable Here",
    503: b"Service Unavailable",
    505: b"Version Not Supported",
    513: b"Message Too Large",
}
_REPEATED: Final = {b"via": b"Via", b"from": b"From", b"to": b"To", b"call-id": b"Call-ID", b"cseq": b"CSeq"}
_NEEDED: Final = (b"via", b"cseq")
"""RFC 3261 §17.1.3: what a client finds its transaction by."""


def answer(request: Message, status: int, *, tag: bytes, warning: str, retry_after: int | None = None) -> bytes | None:
    """A final response, or None where nobody would know it for one. An ACK is never answered.

    `warning` says in a few words why; it travels as a Warning header (RFC 3261 §20.43, code 399).
    """
    if request.method == b"ACK" or any(request.first(name) is None for name in _NEEDED):
        return None
    lines = [b"SIP/2.0 %d %s" % (status, REASON_PHRASE[status])]
    for name, spelling in _REPEATED.items():
        for field in request.all(name):
            value = request.data[field.value : field.end]
            if name == b"to" and b"tag=" not in value.lower():
                value += b";tag=" + tag
            lines.append(spelling + b": " + value)
    if retry_after is not None:
        lines.append(b"Retry-After: %d" % retry_after)
    lines.append(b'Warning: 399 pinhole "%s"' % warning.encode("ascii", "replace").replace(b'"', b"'"))
    lines.append(b"Content-Length: 0")
    return b"\r\n".join([*lines, b"", b""])
