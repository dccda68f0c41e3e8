# SPDX-License-Identifier: GPL-2.0-or-later
"""A STUN binding request (RFC 8489): under which address the world sees us, and whether somebody there translates."""

from __future__ import annotations

import secrets
import socket
import struct
import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

from appliance.probes.hosts import address_of
from appliance.probes.results import Question, Said, said

# --- Specification: RFC 8489 §5, §14 ---

_COOKIE: Final = 0x2112A442
_REQUEST, _SUCCESS = 0x0001, 0x0101
_MAPPED, _XOR_MAPPED = 0x0001, 0x0020
_HEADER: Final = struct.Struct("!HHI12s")
_PORT: Final = 3478

# --- Implementation constants ---

_TRIES: Final = 3
_PATIENCE: Final = 1.0  # s


def binding(question: Question) -> Iterator[Said]:
    address = address_of(question)
    if address is None:
        yield said("no-address", "error", host=question["host"])
        return
    port = question["port"] or _PORT
    with socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.settimeout(_PATIENCE)
        for _ in range(_TRIES):
            asked, began = secrets.token_bytes(12), time.monotonic()
            try:
                wire.connect((address, port))
                wire.send(_HEADER.pack(_REQUEST, 0, _COOKIE, asked))
                answer = wire.recv(2048)
            except TimeoutError:
                continue
            except OSError as error:
                yield said("stun-refused", "error", address=address, port=port, error=error.strerror or "?")
                return
            yield _read(answer, asked, wire.getsockname(), (time.monotonic() - began) * 1000)
            return
    yield said("stun-none", "error", address=address, port=port)


def _read(answer: bytes, asked: bytes, ours: tuple[object, ...], took: float) -> Said:
    seen = mapped(answer, asked)
    if seen is None:
        return said("stun-nonsense", "error", took)
    same = ip_address(seen[0]) == ip_address(str(ours[0]))
    code = "stun-same" if same else "stun-other"
    return said(code, "ok" if same else "warning", took, seen=f"{seen[0]} {seen[1]}", ours=f"{ours[0]} {ours[1]}")


def mapped(answer: bytes, asked: bytes) -> tuple[str, int] | None:
    """Address and port of a success that answers this request."""
    if len(answer) < _HEADER.size:
        return None
    kind, length, cookie, transaction = _HEADER.unpack_from(answer)
    if (kind, cookie, transaction) != (_SUCCESS, _COOKIE, asked) or length > len(answer) - _HEADER.size:
        return None
    at, found = _HEADER.size, None
    while at + 4 <= _HEADER.size + length:
        attribute, size = struct.unpack_from("!HH", answer, at)
        value = answer[at + 4 : at + 4 + size]
        if attribute in (_MAPPED, _XOR_MAPPED) and size in (8, 20) and len(value) == size:
            key = struct.pack("!I", _COOKIE) + asked if attribute == _XOR_MAPPED else bytes(16)
            host = bytes(one ^ other for one, other in zip(value[4:], key, strict=False))
            port = int.from_bytes(value[2:4], "big") ^ int.from_bytes(key[:2], "big")
            found = str(ip_address(host)), port
        at += 4 + (size + 3 & ~3)
    return found
