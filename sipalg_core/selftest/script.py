# SPDX-License-Identifier: GPL-2.0-or-later
"""What the parties of the self-test say and read: plain SIP and SDP as text, written by hand and by nobody's parser."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import Final

from sipalg_core.net import Endpoint

DOMAIN: Final = "selftest.example"
PHRASES: Final = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 486: "Busy Here", 487: "Request Terminated",
}  # fmt: skip
_ECHOED: Final = ("via", "from", "call-id", "cseq", "record-route")  # RFC 3261 §8.2.6.2
_serial = itertools.count(1)


@dataclass
class Dialog:
    """As one of its parties sees it (RFC 3261 §12)."""

    local: str
    remote: str
    target: str  # Request-URI
    remote_tag: str = ""
    number: int = field(default_factory=lambda: next(_serial))
    cseq: int = 0
    branch: str = ""  # of the last INVITE

    @property
    def call_id(self) -> str:
        return f"selftest-{self.number}"

    def request(self, method: str, via: str, contact: str = "", body: bytes = b"") -> bytes:
        if method not in ("ACK", "CANCEL"):
            self.cseq += 1
        branch = self.branch if method == "CANCEL" else f"z9hG4bKs{next(_serial)}"
        self.branch = branch if method == "INVITE" else self.branch
        lines = [
            f"{method} {self.target} SIP/2.0",
            f"Via: {via};branch={branch};rport",
            "Max-Forwards: 70",
            f"From: <{self.local}>;tag=l{self.number}",
            f"To: <{self.remote}>" + (f";tag={self.remote_tag}" if self.remote_tag else ""),
            f"Call-ID: {self.call_id}",
            f"CSeq: {self.cseq} {method}",
        ]
        return _whole([*lines, *([f"Contact: {contact}"] if contact else [])], body)


def answer(request: bytes, status: int, *more: str, tag: str = "", body: bytes = b"") -> bytes:
    lines = [f"SIP/2.0 {status} {PHRASES[status]}"]
    for line in _head(request)[1:]:
        name = line.partition(":")[0].lower()
        if name == "to":
            lines.append(line + (f";tag={tag}" if tag and "tag=" not in line else ""))
        elif name in _ECHOED:
            lines.append(line)
    return _whole([*lines, *more], body)


def description(at: Endpoint, *media: str) -> bytes:
    """A session description; no media is one audio stream."""
    family = "IP6" if ":" in at.host else "IP4"
    lines = ["v=0", f"o=- 1 1 IN {family} {at.host}", "s=-", f"c=IN {family} {at.host}", "t=0 0"]
    lines += media or (f"m=audio {at.port} RTP/AVP 8", "a=rtpmap:8 PCMA/8000")
    return ("\r\n".join(lines) + "\r\n").encode()


# --- reading ---


def start_line(data: bytes) -> str:
    return _head(data)[0]


def header(data: bytes, name: str) -> str:
    found = (line.partition(":") for line in _head(data)[1:])
    return next((value.strip() for each, _, value in found if each.lower() == name.lower()), "")


def uri_of(contact: str) -> str:
    return contact.partition("<")[2].partition(">")[0] if "<" in contact else contact


def media_at(data: bytes, kind: str = "audio") -> Endpoint:
    """Where a description says that this kind of media is expected."""
    lines = data.partition(b"\r\n\r\n")[2].decode("ascii", "replace").splitlines()
    host = next((line.split()[2] for line in lines if line.startswith("c=IN ")), "")
    port = next((line.split()[1] for line in lines if line.startswith(f"m={kind} ")), "0")
    return Endpoint(host, int(port))


def cut(stream: bytes) -> tuple[bytes, bytes]:
    """The first whole message of a stream, or nothing, and the rest."""
    head, separator, _rest = stream.partition(b"\r\n\r\n")
    if not separator:
        return b"", stream
    end = len(head) + 4 + int(header(stream, "content-length") or 0)
    return (stream[:end], stream[end:]) if len(stream) >= end else (b"", stream)


def _whole(lines: list[str], body: bytes) -> bytes:
    kind = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([*lines, *kind, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body


def _head(data: bytes) -> list[str]:
    return data.partition(b"\r\n\r\n")[0].decode("utf-8", "replace").split("\r\n")
