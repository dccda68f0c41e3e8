# SPDX-License-Identifier: GPL-2.0-or-later
"""Input that looks for branches nobody has been to: `python -m tests.torture.coverage_fuzz TARGET [libFuzzer options]`.

A finding ends the process and lies in the working folder as `crash-…`; it becomes a torture file with a test.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import atheris

with atheris.instrument_imports(include=["sipalg_core"]):
    from sipalg_core.net import Side
    from sipalg_core.sdp import session
    from sipalg_core.sip import edit, multipart
    from sipalg_core.sip.errors import ParseError
    from sipalg_core.sip.framing import Framer, FramingError
    from sipalg_core.sip.message import parse
    from sipalg_core.sip.uri import is_request_uri, name_addrs, parameter, tag_of, uri_hostport
    from sipalg_core.sip.via import branch_of, vias
    from tests import pace
    from tests.torture.oracles import assert_over, assert_way_back, parsed
    from tests.torture.witness import Witness
    from tests.unit.alg.harness import PHONE, PROVIDER

SLOW = 0.02 * pace.of_processor()  # seconds of CPU, four times what a message may take: the instrumented code is slower


def framing(data: bytes) -> None:
    """However it is cut, the same comes out."""

    def cut(size: int) -> tuple[list[bytes], str]:
        framer, pieces = Framer(), []
        for at in range(0, len(data), size):
            try:
                pieces += framer.feed(data[at : at + size])
            except FramingError as error:
                return [piece for piece in pieces + error.framed if piece.strip()], error.reason
        return [piece for piece in pieces if piece.strip()], ""

    assert cut(len(data) or 1) == cut(3)


def message(data: bytes) -> None:
    read = parsed(data)
    if read is None:
        return
    assert edit.apply(read, []) == data[: read.body.end]
    with suppress(ParseError):
        part = multipart.part_of(read, session.CONTENT_TYPE)
        if part is not None:
            assert read.body.start <= part.body.start <= part.body.end <= read.body.end


def headers(data: bytes) -> None:
    size = len(data)
    with suppress(ParseError):
        for value in name_addrs(data, 0, size):
            assert 0 <= value.uri.start <= value.uri.end <= size
            uri_hostport(data, *value.uri)
            parameter(data, value.parameters, b"tag")
    with suppress(ParseError):
        tag_of(data, 0, size)
    with suppress(ParseError):
        for via in vias(data, 0, size):
            branch_of(data, via)
    is_request_uri(data)


def sdp(data: bytes) -> None:
    with suppress(session.SdpError):
        found = session.parse(data, 0, len(data))
        assert all(data[slice(*media.port_span)].isdigit() for media in found.media)


def engine(data: bytes) -> None:
    """Messages of both sides, parted by a NUL and the letter of who sends: all oracles."""
    witness = Witness()
    world = witness.world
    world.out(b"\r\n\r\n")
    for number, piece in enumerate(data.split(b"\0\0")[:8]):
        side = Side.INTERNAL if number % 2 == 0 else Side.EXTERNAL
        sent = witness.hears(piece, side, PHONE if side is Side.INTERNAL else PROVIDER)
        if side is Side.INTERNAL and sent and sent[0].side is Side.EXTERNAL:
            assert_way_back(world, piece, sent[0])
    assert_over(world)


TARGETS: dict[str, Callable[[bytes], None]] = {each.__name__: each for each in (framing, message, headers, sdp, engine)}


def timed(target: Callable[[bytes], None]) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        began = time.thread_time()
        target(data)
        if time.thread_time() - began > SLOW and target is not engine:
            began = time.thread_time()
            target(data)  # once more: it may have been a collection of garbage
            assert time.thread_time() - began <= SLOW, "too slow"

    return run


def main(arguments: list[str]) -> Any:
    target = TARGETS[arguments[1]]
    parse(b"OPTIONS sip:x SIP/2.0\r\nv: SIP/2.0/UDP x\r\nf: <sip:a>\r\nt: <sip:a>\r\ni: 1\r\nCSeq: 1 OPTIONS\r\n\r\n")
    atheris.Setup([arguments[0], *arguments[2:]], timed(target))
    return atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv)
