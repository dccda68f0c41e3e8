# SPDX-License-Identifier: GPL-2.0-or-later
"""An OPTIONS to a SIP server from an address of ours (RFC 3261 §11), and the status that comes back."""

from __future__ import annotations

import secrets
import socket
import time
from collections.abc import Iterator
from typing import Final

from appliance.probes.hosts import address_of
from appliance.probes.results import Question, Said, said

# --- Implementation constants ---

_TRIES: Final = 3
_PATIENCE: Final = 1.5  # s for each try
_LARGEST: Final = 8192  # octets of an answer that are read


def options(question: Question) -> Iterator[Said]:
    address = address_of(question)
    if address is None:
        yield said("no-address", "error", host=question["host"])
        return
    port = question["port"] or 5060
    yield said("options-begun", "hint", host=question["host"], address=address, port=port, way=question["transport"])
    kind = socket.SOCK_DGRAM if question["transport"] == "udp" else socket.SOCK_STREAM
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, kind) as wire:
        wire.settimeout(_PATIENCE)
        try:
            wire.connect((address, port))
        except OSError as error:
            yield said(
                "options-refused", "error", address=address, port=port, error=error.strerror or type(error).__name__
            )
            return
        yield from _asked(wire, question, address, port)


def _asked(wire: socket.socket, question: Question, address: str, port: int) -> Iterator[Said]:
    call, tag = secrets.token_hex(8), secrets.token_hex(4)
    for number in range(1, _TRIES + 1):
        began = time.monotonic()
        try:
            wire.send(_message(wire.getsockname(), question, call, tag, number))
            answer = wire.recv(_LARGEST)
        except TimeoutError:
            yield said("options-silent", "warning", number=number, tries=_TRIES)
            continue
        except OSError as error:
            yield said(
                "options-refused", "error", address=address, port=port, error=error.strerror or type(error).__name__
            )
            return
        took = (time.monotonic() - began) * 1000
        yield _answered(answer, took)
        return
    yield said("options-none", "error", address=address, port=port)


def _answered(answer: bytes, took: float) -> Said:
    """Any final answer of a SIP server says that there is one, and that it hears us."""
    head, _, _ = answer.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    version, _, status = first.partition(b" ")
    if version != b"SIP/2.0" or not status[:3].isdigit():
        return said("options-no-sip", "error", took, text=first)
    server = b""
    for line in lines:
        name, _, value = line.partition(b":")
        if name.strip().lower() in (b"server", b"user-agent"):
            server = value.strip()
    good = status[:1] in (b"2", b"4")
    return said("options-answered", "ok" if good else "warning", took, status=status, server=server or b"-")


def _message(ours: tuple[object, ...], question: Question, call: str, tag: str, number: int) -> bytes:
    host, port = str(ours[0]), ours[1]
    here = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    there = question["host"] if ":" not in question["host"] else f"[{question['host'].strip('[]')}]"
    lines = (
        f"OPTIONS sip:{there} SIP/2.0",
        f"Via: SIP/2.0/{question['transport'].upper()} {here};branch=z9hG4bK{secrets.token_hex(8)};rport",
        "Max-Forwards: 70",
        f"From: <sip:test@{here}>;tag={tag}",
        f"To: <sip:{there}>",
        f"Call-ID: {call}",
        f"CSeq: {number} OPTIONS",
        f"Contact: <sip:test@{here}>",
        "Accept: application/sdp",
        "User-Agent: Pinhole test",
        "Content-Length: 0",
    )
    return "\r\n".join((*lines, "", "")).encode()
