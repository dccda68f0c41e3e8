# SPDX-License-Identifier: GPL-2.0-or-later
"""Cutting a stream: the same messages whole, byte by byte and with bytes behind; what is never taken for SIP (A01)."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.fields import MAX_LINE
from sipalg_core.sip.framing import Framer, FramingError
from sipalg_core.sip.message import MAX_MESSAGE, parse
from tests import pace
from tests.unit.sip.test_message import INVITE

EMPTY = INVITE.replace(b"Content-Length: 4", b"l: 0").removesuffix(b"body")
FOLDED = INVITE.replace(b"Content-Length: 4", b"CONTENT-LENGTH \t:\r\n 4")
RINGING = INVITE.replace(b"INVITE sip:bob@203.0.113.1 SIP/2.0", b"SIP/2.0 180 Ringing")
LF_ONLY = INVITE.replace(b"\r\n", b"\n")
NESTED = EMPTY.replace(b"l: 0", b"l: %d" % len(INVITE)) + INVITE
PING = b"\r\n\r\n"

REGISTER = (
    b"REGISTER sip:attacker.example SIP/2.0\r\nVia: SIP/2.0/TCP 192.168.0.66:5060;branch=z9hG4bKx\r\n"
    b"From: <sip:x@attacker.example>;tag=1\r\nTo: <sip:x@attacker.example>\r\nCall-ID: slip\r\nCSeq: 1 REGISTER\r\n"
    b"Contact: <sip:x@192.168.0.66:8080>\r\nContent-Length: 0\r\n\r\n"
)
POST = b"POST / HTTP/1.1\r\nHost: attacker.example:5060\r\nContent-Length: 9000\r\n\r\n"


def drip(data: bytes, size: int = 1) -> list[bytes]:
    framer = Framer()
    return [piece for at in range(0, len(data), size) for piece in framer.feed(data[at : at + size])]


def refused(data: bytes, size: int = 65536) -> FramingError:
    with pytest.raises(FramingError) as error:
        drip(data, size)
    return error.value


def refused_by(framer: Framer, data: bytes) -> FramingError:
    with pytest.raises(FramingError) as error:
        framer.feed(data)
    return error.value


@pytest.mark.parametrize("message", [INVITE, EMPTY, FOLDED, RINGING, LF_ONLY, NESTED], ids=len)
def test_c33_message_whole_byte_by_byte_and_with_bytes_behind(message: bytes):
    """What lies inside a body is never taken for a message."""
    assert Framer().feed(message) == [message]
    assert drip(message) == [message]
    framer = Framer()
    assert framer.feed(message + b"BY") == [message]
    assert framer.awaits == "head"
    assert framer.feed(EMPTY.replace(b"INVITE ", b"BYE ", 1)[2:]) == [EMPTY.replace(b"INVITE ", b"BYE ", 1)]
    assert framer.awaits == "message"


def test_many_messages_in_one_segment():
    assert Framer().feed(INVITE + EMPTY + LF_ONLY + RINGING) == [INVITE, EMPTY, LF_ONLY, RINGING]


def test_c34_keep_alives_come_as_they_are():
    """Before, between and behind messages."""
    assert Framer().feed(PING + INVITE + PING + b"\r\n" + EMPTY + b"\r\n") == [
        PING, INVITE, PING + b"\r\n", EMPTY, b"\r\n",
    ]  # fmt: skip
    assert b"".join(drip(PING + INVITE + PING)) == PING + INVITE + PING


def test_what_it_waits_for():
    framer = Framer()
    assert framer.awaits == "message"
    framer.feed(PING)
    assert framer.awaits == "message"
    framer.feed(INVITE[:5])
    assert framer.awaits == "head"
    framer.feed(INVITE[5:-1])
    assert framer.awaits == "body"
    framer.feed(INVITE[-1:])
    assert framer.awaits == "message"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (POST, "not-sip-http"),
        (b"OPTIONS * HTTP/1.1\r\n\r\n", "not-sip-http"),
        (b"HTTP/1.1 200 OK\r\n", "not-sip-http"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "not-sip-http"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc", "not-sip-tls"),
        (b"\x00\x01\x00\x00\x21\x12\xa4\x42" + b"x" * 12, "not-sip-stun"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "not-sip"),
        (b"\x80\x00\x00\x00\x00\x00\x00\x00", "not-sip"),
        (b"a=sendrecv\r\n", "not-sip"),
        (b"sip:bob@203.0.113.1 INVITE SIP/2.0\r\n", "not-sip"),
        (INVITE[:-4].replace(b"Content-Length: 4\r\n", b""), "no-content-length"),
        (EMPTY.replace(b"l: 0", b"l: 65536"), "message-too-large"),
        (INVITE[:40] + b"\r\nX: " + b"x" * MAX_LINE, "line-too-long"),
        (INVITE[:40] + b"\r\nX: x" * (MAX_MESSAGE // 6), "message-too-large"),
    ],
)
def test_refused_in_silence(data: bytes, reason: str):
    for size in (1, 7, 65536):
        error = refused(data, size)
        assert (error.reason, error.framed) == (reason, [])


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"l: 0", b"l: -1", "content-length"),
        (b"l: 0", b"l: 4294967328", "content-length"),
        (b"l: 0", b"l: 0\r\nContent-Length: 0", "repeated-header"),
        (b"l: 0", b"l: 0\r\nX : y\r\nno colon", "header-without-colon"),
        (b"l: 0", b"l: 0" + b"\r\nX: y" * 300, "too-many-headers"),
        (b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", "sip-version"),
    ],
)
def test_refused_head_goes_to_the_engine_for_an_answer(old: bytes, new: bytes, reason: str):
    """The engine's parser refuses it with the same word, so that it can only be answered, never forwarded."""
    head = EMPTY.replace(old, new)
    for size in (1, 7, 65536):
        error = refused(head, size)
        assert (error.reason, error.framed) == (reason, [head])
        with pytest.raises(ParseError, match=reason):
            parse(head)


def test_messages_before_the_fault_are_not_lost():
    assert refused(INVITE + PING + POST).framed == [INVITE, PING]


def test_dead_is_dead():
    """It never synchronises again, whatever comes (A01)."""
    framer = Framer()
    with pytest.raises(FramingError):
        framer.feed(POST)
    for _ in range(2):
        with pytest.raises(FramingError, match="not-sip-http"):
            framer.feed(REGISTER)


def test_a01_slipstream_at_every_split():
    """A REGISTER at any segment boundary of an HTTP POST; the segment that shows HTTP is the last one read."""
    stream = POST + b"x" * 1200 + REGISTER
    shown = len(b"POST / HTTP/1.1\r\n")  # by then at the latest
    for split in range(1, len(stream)):
        framer = Framer()
        if split < shown:
            with suppress(FramingError):
                assert framer.feed(stream[:split]) == []
        else:
            assert refused_by(framer, stream[:split]).reason == "not-sip-http"
        error = refused_by(framer, stream[split:])
        assert (error.reason, error.framed) == ("not-sip-http", [])


def test_a32_byte_by_byte_stays_linear():
    big = EMPTY.replace(b"l: 0", b"l: 64000") + b"\n" * 64000
    began = time.thread_time()
    assert drip(big) == [big]
    dripped = time.thread_time() - began
    head = b"INVITE sip:x SIP/2.0\r\n" + b"X: x\r\n" * 10_000
    began = time.thread_time()
    framer = Framer()
    for byte in head:
        framer.feed(b"%c" % byte)
    assert dripped + time.thread_time() - began < pace.of_processor()  # a scan from the start each time takes a minute


@given(st.lists(st.sampled_from([INVITE, EMPTY, FOLDED, LF_ONLY, NESTED, PING]), max_size=4), st.data())
def test_no_split_changes_what_is_framed(pieces: list[bytes], data: st.DataObject):
    stream = b"".join(pieces)
    at, framer, framed = 0, Framer(), []
    while at < len(stream):
        size = data.draw(st.integers(1, 400))
        framed += framer.feed(stream[at : at + size])
        at += size
    assert [piece for piece in framed if piece.strip()] == [piece for piece in pieces if piece.strip()]
    assert b"".join(framed) == stream
    assert framer.awaits == "message"


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_are_framed_or_refused(noise: bytes, size: int):
    for stream in (noise, INVITE[:60] + noise + INVITE[60:], INVITE + noise):
        try:
            framed = drip(stream, size)
        except FramingError as error:
            framed = error.framed
        assert all(framed)
        assert stream.startswith(b"".join(framed))
