# SPDX-License-Identifier: GPL-2.0-or-later
"""What parties of the wire say: requests and answers of a dialog, descriptions, and how a test reads them."""

from __future__ import annotations

import itertools
import os
import re
from dataclasses import dataclass, field, replace
from typing import Final

from sipalg_core.net import Endpoint

DOMAIN: Final = "provider.example"
PHRASES: Final = {
    100: "Trying", 180: "Ringing", 183: "Session Progress", 200: "OK", 202: "Accepted", 302: "Moved Temporarily",
    401: "Unauthorized", 404: "Not Found", 407: "Proxy Authentication Required", 486: "Busy Here",
    487: "Request Terminated", 488: "Not Acceptable Here", 491: "Request Pending", 603: "Decline",
}  # fmt: skip
_ECHOED: Final = ("via", "v", "from", "f", "call-id", "i", "cseq", "record-route")  # RFC 3261 §8.2.6.2, §12.1.1

_serial = itertools.count(1)


def fresh(word: str) -> str:
    """A token that no other test of any run has."""
    return f"{word}{os.getpid():x}x{next(_serial):x}"


@dataclass
class Dialog:
    """A (coming) dialog as one of its parties sees it (RFC 3261 §12): requests of that party follow from it."""

    local: str
    remote: str
    target: str
    """The Request-URI."""
    call_id: str = field(default_factory=lambda: fresh("call-"))
    local_tag: str = field(default_factory=lambda: fresh("t"))
    remote_tag: str = ""
    route: tuple[str, ...] = ()
    cseq: int = 0
    branch: str = ""
    """Of its last INVITE: a CANCEL and the ACK to a refusal repeat it."""

    def heads(self, method: str, via: str, cseq: int = 0, branch: str = "") -> list[str]:
        """The start line and the header fields that every request has."""
        if method not in ("ACK", "CANCEL") and not cseq:
            self.cseq += 1
        branch = branch or (self.branch if method == "CANCEL" else f"z9hG4bK{fresh(method)}")
        if method == "INVITE":
            self.branch = branch
        tag = f";tag={self.remote_tag}" if self.remote_tag else ""
        return [
            f"{method} {self.target} SIP/2.0",
            f"Via: {via};branch={branch};rport",
            *(f"Route: {each}" for each in self.route),
            "Max-Forwards: 70",
            f"From: <{self.local}>;tag={self.local_tag}",
            f"To: <{self.remote}>{tag}",
            f"Call-ID: {self.call_id}",
            f"CSeq: {cseq or self.cseq} {method}",
        ]

    def fork(self, tag: str) -> Dialog:
        return replace(self, remote_tag=tag)


def message(*heads: str, body: bytes = b"", kind: str = "application/sdp") -> bytes:
    lines = list(heads)
    if body:
        lines.append(f"Content-Type: {kind}")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def answer(request: bytes, status: int, *headers: str, tag: str = "", body: bytes = b"", kind: str = "") -> bytes:
    """The response that a correct party gives to this request."""
    lines = [f"SIP/2.0 {status} {PHRASES[status]}"]
    for line in _head(request).split("\r\n")[1:]:
        name = line.partition(":")[0].strip().lower()
        if name in ("to", "t"):
            lines.append(line + (f";tag={tag}" if tag and "tag=" not in line else ""))
        elif name in _ECHOED:
            lines.append(line)
    return message(*lines, *headers, body=body, kind=kind or "application/sdp")


def sdp(host: str, *media: str | int, lines: tuple[str, ...] = ()) -> bytes:
    """A description: a number is an audio port; `lines` stand below the last medium."""
    family = "IP6" if ":" in host else "IP4"
    text = ["v=0", f"o=- 1 1 IN {family} {host}", "s=-", f"c=IN {family} {host}", "t=0 0"]
    for each in media:
        text += [f"m=audio {each} RTP/AVP 8 0", "a=rtpmap:8 PCMA/8000"] if isinstance(each, int) else [each]
    return ("\r\n".join([*text, *lines]) + "\r\n").encode()


# --- reading ---


def _head(data: bytes) -> str:
    return data.partition(b"\r\n\r\n")[0].decode("utf-8", "surrogateescape")


def body_of(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


def headers(data: bytes, *names: str) -> list[str]:
    """The values of a header field by any of its names, unfolded."""
    head = re.sub(r"\r\n[ \t]+", " ", _head(data))
    wanted = {name.lower() for name in names}
    found = (line.partition(":") for line in head.split("\r\n")[1:])
    return [value.strip() for name, _, value in found if name.strip().lower() in wanted]


def header(data: bytes, *names: str) -> str:
    values = headers(data, *names)
    assert values, f"no {names} in {data!r}"
    return values[0]


def uri_of(value: str) -> str:
    """The URI of a name-addr."""
    return value.partition("<")[2].partition(">")[0] if "<" in value else value.partition(";")[0]


def endpoint_of(uri: str) -> Endpoint:
    """Where a SIP URI with an address leads."""
    host, _, port = uri.partition("@")[2].partition(";")[0].rpartition(":")
    return Endpoint(host.strip("[]"), int(port))


def tag_of(value: str) -> str:
    return value.partition(";tag=")[2].partition(";")[0]


def port_of(data: bytes, kind: str = "audio", number: int = 0) -> int:
    """The port of an m= line of that kind."""
    return int(re.findall(rb"m=%s (\d+)" % kind.encode(), body_of(data))[number])


def word(data: bytes) -> str:
    """What a message is: its method or its status code."""
    first = data.split(b" ", 2)
    return (first[1] if first[0] == b"SIP/2.0" else first[0]).decode("ascii", "replace")
