# SPDX-License-Identifier: GPL-2.0-or-later
"""Bodies in several parts: the one description is found, the others stay, and every length is right (C29, A36)."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from sipalg_core.sip import edit
from sipalg_core.sip.edit import Edit
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import Span
from sipalg_core.sip.message import parse
from sipalg_core.sip.multipart import MAX_PARTS, length_edits, part_of
from tests import pace
from tests.unit.alg.harness import MEDIA_PROXY, OURS, PHONE, World, invite, respond, sdp

SDP = b"application/sdp"
OFFER = sdp(PHONE.host, 14000)
ISUP = b"\x01\x11\x48\x00\x0a\x03\x02--x\x00\r\n\x0a\x88"
PIDF = b"<?xml version='1.0'?>\n<presence>\n--not a delimiter\n</presence>"


def part(kind: bytes, body: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join([b"Content-Type: " + kind, *headers, b"", body])


def mixed(*parts: bytes, boundary: bytes = b"x", preamble: bytes = b"") -> bytes:
    return preamble + b"".join(b"--%s\r\n%s\r\n" % (boundary, one) for one in parts) + b"--%s--\r\n" % boundary


def message(body: bytes, kind: bytes = b"multipart/mixed;boundary=x", *headers: bytes) -> bytes:
    """An INVITE with this body."""
    extra = b"".join(header + b"\r\n" for header in headers)
    head = invite().replace(
        b"Content-Length: 0", b"%sContent-Type: %s\r\nContent-Length: %d" % (extra, kind, len(body))
    )
    return head + body


def found(data: bytes) -> bytes | None:
    described = part_of(parse(data), SDP)
    return data[slice(*described.body)] if described else None


@pytest.mark.parametrize(
    "data",
    [
        message(OFFER, SDP),
        message(OFFER, b"Application/SDP ;charset=utf-8"),
        message(mixed(part(SDP, OFFER))),
        message(
            mixed(part(b"application/isup;version=x", ISUP), part(SDP, OFFER), part(b"application/pidf+xml", PIDF))
        ),
        message(mixed(part(SDP, OFFER), preamble=b"To be ignored\r\n")),
        message(mixed(part(SDP, OFFER), boundary=b"a b'()+_,-./:=?"), b'multipart/mixed; boundary="a b\'()+_,-./:=?"'),
        message(mixed(part(b"text/plain", b"\r\n--xy\r\n--x-\r\n"), part(SDP, OFFER))),
        message(mixed(part(SDP, OFFER, b"Content-Disposition: session;handling=required"))),
        message(mixed(part(SDP, OFFER, b"Content-Transfer-Encoding: binary"))),
        message(mixed(part(SDP, OFFER), part(SDP, OFFER, b"Content-Disposition: early-session"))),
        message(mixed(part(b"multipart/alternative;boundary=y", mixed(part(SDP, OFFER), boundary=b"y")))),
        message(mixed(b"\r\nno header fields", part(SDP, OFFER))),
    ],
)
def test_the_one_description_is_found(data: bytes):
    assert found(data) == OFFER


def test_line_ends_of_lf_only():
    offer = OFFER.replace(b"\r\n", b"\n")
    assert found(message(mixed(part(SDP, offer)).replace(b"\r\n", b"\n"))) == offer


@pytest.mark.parametrize(
    "data",
    [
        invite(),
        message(OFFER, b"text/plain"),
        message(b"", SDP),
        message(OFFER, SDP, b"Content-Encoding: gzip"),
        message(OFFER, SDP, b"Content-Disposition: attachment"),
        message(mixed(part(b"text/plain", OFFER))),
        message(mixed(part(SDP, OFFER, b"Content-Encoding: gzip"))),
        message(mixed(part(SDP, OFFER, b"Content-Transfer-Encoding: base64"))),
        message(mixed(b"\r\n" + OFFER)),
    ],
)
def test_what_is_not_looked_at(data: bytes):
    assert found(data) is None


NESTED = message(
    mixed(part(b"multipart/a;boundary=y", mixed(part(b"multipart/b;boundary=z", mixed(boundary=b"z")), boundary=b"y")))
)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (message(mixed(part(SDP, OFFER), part(SDP, OFFER))), "multipart-several"),
        (message(mixed(*[part(b"text/plain", b"")] * (MAX_PARTS + 1))), "multipart-parts"),
        (NESTED, "multipart-depth"),
        (message(mixed(part(SDP, OFFER)).removesuffix(b"--\r\n")), "multipart-open"),
        (message(b"--x"), "multipart-open"),
        (message(mixed(), b"multipart/mixed"), "multipart-boundary"),
        (message(mixed(), b"multipart/mixed;boundary="), "multipart-boundary"),
        (message(mixed(boundary=b"x" * 71), b"multipart/mixed;boundary=" + b"x" * 71), "multipart-boundary"),
        (message(mixed(b"Content-Type: application/sdp")), "no-blank-line"),
        (message(mixed(b"no colon\r\n\r\n")), "header-without-colon"),
    ],
)
def test_doubt_is_refused(data: bytes, reason: str):
    with pytest.raises(ParseError, match=reason):
        found(data)


def test_lengths_of_parts_and_message_keep_up():
    inner = mixed(part(SDP, OFFER, b"Content-Length: %d" % len(OFFER)), boundary=b"y")
    outer = part(b"multipart/a;boundary=y", inner, b"Content-Length: %d" % len(inner))
    data = message(mixed(part(b"application/isup", ISUP), outer))
    original = parse(data)
    described = part_of(original, SDP)
    assert described is not None
    edits = [Edit(Span(described.body.end, described.body.end), b"a=x\r\n" * 180, "test")]  # 3 digits become 4
    changed = edit.apply(original, [*edits, *length_edits(original, described, edits)])
    longer = OFFER + b"a=x\r\n" * 180
    inner = mixed(part(SDP, longer, b"Content-Length: %d" % len(longer)), boundary=b"y")
    outer = part(b"multipart/a;boundary=y", inner, b"Content-Length: %d" % len(inner))
    assert changed == message(mixed(part(b"application/isup", ISUP), outer))


def test_c29_call_with_isup_and_presence():
    """Through the engine: the description is rewritten, pinholes open, the other parts are the very same."""
    around = World()
    parts = (part(b"application/isup", ISUP), part(SDP, OFFER), part(b"application/pidf+xml", PIDF))
    (sent,) = around.out(message(mixed(*parts)))
    rewritten = found(sent.data)
    assert rewritten is not None
    assert OURS.encode() in rewritten
    assert PHONE.host.encode() not in rewritten
    body = mixed(parts[0], part(SDP, rewritten), parts[2])
    assert sent.data.endswith(b"Content-Length: %d\r\n\r\n" % len(body) + body)
    around.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert len(around.open) == 2


def test_doubtful_parts_pass_untouched_with_a_count():
    around = World()
    data = message(mixed(part(SDP, OFFER), part(SDP, OFFER)))
    (sent,) = around.out(data)
    assert sent.data.endswith(mixed(part(SDP, OFFER), part(SDP, OFFER)))
    assert around.engine.counts["sdp:multipart-several"] == 1


@pytest.mark.parametrize("body", [b"--x" * 20_000, b"\n--x " * 12_000, b"\r\n--x\r\n" * 8_000, b"\r\n--xy" * 9_000])
def test_a36_bombs_take_linear_time(body: bytes):
    data = parse(message(body))
    began = time.thread_time()
    with suppress(ParseError):
        part_of(data, SDP)
    assert time.thread_time() - began < 0.02 * pace.of_processor()
