# SPDX-License-Identifier: GPL-2.0-or-later
"""What may differ between a message as sent and as it arrived: addresses that somebody owns, their ports, lengths.

An oracle of its own: it shares nothing with the product and is told nothing by it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from tests.lab.wire.messages import body_of, header, headers, word

_LENGTH = rb"(?im:^(?:content-length|l)[ \t]*:[ \t]*)"


class Key(NamedTuple):
    """What a message and its copy on the other side have in common."""

    word: str
    call_id: str
    cseq: str
    branch: str


def key_of(data: bytes) -> Key:
    branch = re.search(r";\s*branch=([^;,\s]+)", header(data, "via", "v"))
    return Key(word(data), header(data, "call-id", "i"), header(data, "cseq"), branch[1] if branch else "")


def _written(host: str) -> bytes:
    return rb"\[?" + re.escape(host.encode()) + rb"\]?"


def _any(hosts: Sequence[str]) -> bytes:
    return b"(?:" + b"|".join(_written(host) for host in hosts) + b")"


def allowed(sent: bytes, owned: Sequence[str], instead: Sequence[str]) -> re.Pattern[bytes]:
    """What may arrive where `sent` was sent: `owned` addresses may have become one of `instead`, and nothing else."""
    where = re.compile(
        rb"(?P<address>(?<![\w.])" + _any(owned) + rb"(?![\w.])(?::\d+| \d+(?= typ)| rport \d+)?)"
        rb"|(?P<media>(?<=\nm=)[\w-]+ \d+)"
        rb"|(?P<rtcp>(?<=\na=rtcp:)\d+)"
        rb"|(?P<rport>(?<=;rport=)\d+)"
        rb"|(?P<length>" + _LENGTH + rb"\d+)"
    )
    other = _any(instead) + rb"(?::\d+| \d+(?= typ)| rport \d+)?"
    pattern, at = b"", 0
    for found in where.finditer(sent):
        pattern += re.escape(sent[at : found.start()])
        at = found.end()
        text = found[0]
        match found.lastgroup:
            case "address":
                pattern += b"(?:" + re.escape(text) + b"|" + other + b")"
            case "media":
                pattern += re.escape(text.partition(b" ")[0]) + rb" \d+"
            case "length":
                pattern += re.escape(text.rstrip(b"0123456789")) + rb"\d+"
            case _:
                pattern += rb"\d+"
    return re.compile(pattern + re.escape(sent[at:]), re.DOTALL)


def assert_only_owned_changed(sent: bytes, arrived: bytes, owned: Sequence[str], instead: Sequence[str]) -> None:
    """The standard assertion of every scenario."""
    for length in headers(arrived, "content-length", "l"):
        assert int(length) == len(body_of(arrived)), f"Content-Length {length}, {len(body_of(arrived))} octets"
    if not allowed(sent, owned, instead).fullmatch(arrived):
        lines = zip(sent.split(b"\r\n"), arrived.split(b"\r\n"), strict=False)
        raise AssertionError(f"changed beyond what is owned: {[pair for pair in lines if pair[0] != pair[1]]}")
