# SPDX-License-Identifier: GPL-2.0-or-later
"""Attacks on whoever reads the messages, on the wire (hardening 1.4): A25–A30, A32, A40, and what 1.6's CVEs teach.

The engine's CPU time is measured with the kernel's work for it, and bounded generously: a busy machine is no finding.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time

import pytest

from sipalg_core.io.connection import PART_TIMEOUT
from tests import pace
from tests.lab.wire.attacking import changed_counters, closed_within, cpu, stream
from tests.lab.wire.messages import answer, body_of, fresh, header, sdp
from tests.lab.wire.rig import Wire
from tests.lab.wire.variants import tcp_only

pytestmark = pytest.mark.lab

PROMPT = 0.02 * pace.of_processor()
"""Seconds of CPU a message, four times what the catalogue allows: /proc counts in hundredths."""
RESET = struct.pack("ii", 1, 0)  # so that the next connection may come from the same port


def options(wire: Wire) -> bytes:
    return wire.request(wire.a, wire.dialog(wire.a), "OPTIONS")


def still_serves(wire: Wire) -> None:
    """A question and its answer cross at once."""
    began = time.monotonic()
    left = wire.cross(wire.a, options(wire), wire.b, wire.b.at)
    wire.cross(wire.b, answer(left, 200, tag="b"), wire.a)
    assert time.monotonic() - began <= 0.5 * pace.of_clock()


def refuses(wire: Wire, data: bytes, times: int = 10) -> dict[str, int]:
    """Send it so often, over TCP each on a connection of its own; nobody outside hears of it. What was counted."""
    before, used = wire.alg.counters(), cpu(wire.alg)
    for _ in range(times):
        if wire.transport == "udp":
            wire.a.send(data, wire.b.at)
        else:
            with contextlib.suppress(ConnectionError), stream(wire, "a2", wire.b.at, port=5060) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                connection.sendall(data)
                closed_within(connection, 0.3)
    assert wire.b.silent(0.1)
    counted = changed_counters(wire.alg, before)
    assert (cpu(wire.alg) - used) / times <= PROMPT + 0.005  # with the half second's usual work
    return counted


def reasons(counted: dict[str, int], *wanted: str) -> int:
    """How many were answered or dropped for one of these; of a message that never got whole, its stream was closed."""
    split = [(name.partition(":"), count) for name, count in counted.items()]
    told, closed = (
        sum(count for (what, _, why), count in split if what in kinds and why in wanted)
        for kinds in (("answered", "dropped"), ("closed",))
    )
    return max(told, closed)


BOMBS = {
    "headers": (b"X: y\r\n" * 9_000, ("too-many-headers",)),
    "line": (b"X: " + b"y" * 60_000 + b"\r\n", ("line-too-long",)),
    "vias": (b"Via: SIP/2.0/UDP h;branch=z9hG4bKx\r\n" * 1_500, ("too-many-headers", "too-many-hops")),
    "routes": (b"Route: " + b"<sip:h;lr>," * 600 + b"<sip:h;lr>\r\n", ("too-many-hops",)),
    "accepts": (b"Accept: text/plain\r\n" * 300, ("too-many-headers",)),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a25_header_bombs_are_refused_in_time(wire: Wire, bomb: str):
    data = options(wire)
    lines, wanted = BOMBS[bomb]
    counted = refuses(wire, data.replace(b"Max-Forwards", lines + b"Max-Forwards"))
    assert reasons(counted, *wanted, "message-too-large") == 10, counted
    drain(wire)
    still_serves(wire)


def drain(wire: Wire) -> None:
    while not wire.a.silent(0.05):
        wire.a.take()


def test_a26_folding_bombs_are_refused_in_linear_time(wire: Wire):
    lines = b"X: y\r\n" + b" z\r\n" * 12_000
    counted = refuses(wire, options(wire).replace(b"Max-Forwards", lines + b"Max-Forwards"))
    assert reasons(counted, "line-too-long") == 10, counted
    drain(wire)
    still_serves(wire)


def test_a27_what_costs_a_backtracking_pattern_seconds_costs_nothing(wire: Wire):
    """The display name of the catalogue, which takes a plausible pattern 15.5 s, and one of 8,000 octets."""
    for name in (b"a " * 12, b"a " * 3_500, b'"' + b"\\a" * 2_000 + b'" '):
        data = options(wire).replace(b"From: <", b"From: " + name + b"<")
        used = cpu(wire.alg)
        wire.cross(wire.a, data, wire.b, wire.b.at)
        assert cpu(wire.alg) - used <= PROMPT + 0.01


LENGTHS = ("-1", "+5", "4294967328", "0x10", "٣", "1 0", "1,0", "99999999999999999999")
"""The third is 2^32 + 32, which Linux' helper took for 32 (CVE-2026-23457)."""


def test_a28_a_doubtful_content_length_is_refused_and_nothing_behind_it_is_read(wire: Wire):
    hidden = fresh("hidden")
    for length in LENGTHS:
        data = options(wire).replace(b"Content-Length: 0", f"Content-Length: {length}".encode())
        counted = refuses(wire, data + options(wire).replace(b"Call-ID: ", b"Call-ID: " + hidden.encode()), times=1)
        assert reasons(counted, "content-length") >= 1, (length, counted)
    for second in ("Content-Length: 0", "l: 0", "CONTENT-LENGTH\t: 5"):
        data = options(wire).replace(b"Content-Length: 0", b"Content-Length: 0\r\n" + second.encode())
        assert reasons(refuses(wire, data, times=1), "repeated-header") >= 1, second
    drain(wire)
    still_serves(wire)


def test_a29_what_trails_the_body_goes_no_further(wire: Wire):
    """Over UDP it is cut; on a stream it is the next message, or the end."""
    body = sdp(wire.at("a").host, 14000)
    dialog = wire.dialog(wire.a)
    data = wire.request(wire.a, dialog, "MESSAGE", body=body, kind="text/plain")
    if wire.transport == "udp":
        wire.a.send(data + b"REGISTER sip:x SIP/2.0\r\n\r\n", wire.b.at)
        assert body_of(wire.b.take("MESSAGE")) == body
        assert wire.b.silent()
        return
    with stream(wire, "a2", wire.b.at) as connection:
        connection.sendall(data + b"smuggled text\r\n" + options(wire))
        assert closed_within(connection, 1)
    assert body_of(wire.b.take("MESSAGE")) == body
    assert wire.b.silent()


SPELLINGS = (
    "Contact: {}", "contact: {}", "CONTACT: {}", "Contact : {}", "Contact\t: {}", "Contact:{}", "m: {}", "M: {}",
    "m : {}", "Contact:\r\n {}", "Contact: \r\n\t{}", "cOnTaCt:   {}  ",
)  # fmt: skip


def test_a30_every_spelling_of_a_header_is_that_header(wire: Wire):
    for spelling in SPELLINGS:
        data = options(wire)
        value = header(data, "contact")
        spelt = data.replace(f"Contact: {value}".encode(), spelling.format(value).encode())
        assert spelt != data or spelling == SPELLINGS[0]
        left = wire.cross(wire.a, spelt, wire.b, wire.b.at)
        assert wire.at("a").host.encode() not in left, spelling
        assert wire.ours in header(left, "contact", "m"), spelling


def test_a30_a_repeated_single_header_is_refused(wire: Wire):
    for name in ("From", "To", "Call-ID", "CSeq", "Max-Forwards"):
        data = options(wire)
        again = f"{name.upper()} : {header(data, name.lower())}\r\nContact".encode()
        assert reasons(refuses(wire, data.replace(b"Contact", again, 1), times=1), "repeated-header") == 1, name
    drain(wire)


@tcp_only
def test_a32_octet_by_octet_costs_no_rescan(wire: Wire):
    """Twice the message costs about twice; a rescan would make it four times. Scaled: 8 and 16 kB."""
    costs = []
    for size in (8_000, 16_000):
        data = options(wire).replace(b"Content-Length: 0\r\n\r\n", b"Content-Length: %d\r\n\r\n" % size) + b"x" * size
        used = cpu(wire.alg)
        with stream(wire, "a2", wire.b.at) as connection:
            for at in range(len(data)):
                connection.send(data[at : at + 1])
            wire.b.take("OPTIONS")
        costs.append(cpu(wire.alg) - used)
    assert costs[1] <= 3 * costs[0] + 0.05, costs


PROTOCOLS = {
    "not-sip-tls": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64),
    "not-sip-http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "not-sip-stun": struct.pack("!HHI12s", 1, 0, 0x2112A442, b"transaction!"),
    "not-sip": b"SSH-2.0-OpenSSH_9.2p1 Debian\r\n",
}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a40_other_protocols_are_closed_at_once_and_named(wire: Wire, protocol: str):
    data = PROTOCOLS[protocol]
    counted = refuses(wire, data, times=3)
    if wire.transport == "udp":
        assert sum(count for name, count in counted.items() if name.startswith("dropped:")) == 3, counted
    else:
        assert counted[f"closed:{protocol}"] == 3, counted
    if wire.transport == "tcp":
        with stream(wire, "a2", wire.b.at) as connection:
            connection.sendall(data)
            assert closed_within(connection, PART_TIMEOUT / 2)  # not as one that has fallen silent
    assert wire.opened() == set()


# --- what the CVEs of others teach (hardening 1.6) ---


@tcp_only
def test_many_messages_on_a_stream_with_a_bad_header_end_it_and_nothing_else(wire: Wire):
    """Juniper CVE-2026-21905: several messages on one connection, one of them bad, and the parser never came back."""
    good = [options(wire) for _ in range(50)]
    bad = options(wire).replace(b"Max-Forwards: 70", b"Max-Forwards 70")
    used = cpu(wire.alg)
    with stream(wire, "a2", wire.b.at) as connection:
        connection.sendall(b"".join([*good, bad, *good]))
        came = [wire.b.take("OPTIONS") for _ in good]
        assert closed_within(connection, 1)
    assert [header(each, "call-id") for each in came] == [header(each, "call-id") for each in good]
    assert wire.b.silent()
    assert cpu(wire.alg) - used <= 0.3
    still_serves(wire)


@tcp_only
def test_an_invite_on_a_stream_that_is_closed_at_once_leaves_nothing(wire: Wire):
    """CVE-2018-7286, CVE-2020-28327: INVITE over TCP, then close, again and again."""
    offer = sdp(wire.at("a2").host, 14000)
    second = wire.party("b2")
    for _ in range(20):
        with stream(wire, "a2", second.at, port=5060) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            connection.sendall(wire.request(wire.a, wire.dialog(wire.a), "INVITE", body=offer))
        time.sleep(0.02)
    assert wire.opened() == set()
    still_serves(wire)


@pytest.mark.parametrize(
    ("what", "fault"),
    [
        ("cseq", b"CSeq: 2147483648 OPTIONS"),  # CVE-2017-9372
        ("cseq", b"CSeq: 99999999999999999999999 OPTIONS"),
        ("cseq-method", b"CSeq: 1 " + b"O" * 4_000),
    ],
)
def test_a_cseq_beyond_its_range_is_refused(wire: Wire, what: str, fault: bytes):
    assert reasons(refuses(wire, options(wire).replace(b"CSeq: 1 OPTIONS", fault), times=1), what) == 1
    drain(wire)


@pytest.mark.parametrize(
    "media",
    [
        b"",  # CVE-2026-31427: no usable m= line, and an address that nobody had set was written
        b"m=audio 0 RTP/AVP 8\r\n",
        b"m=unknown 14000 RTP/AVP 8\r\n" * 3,
        b"m=audio 14000 RTP/AVP 8\r\na=fmtp:8 \xff\xfe;;;=\r\na=rtpmap:8\r\n",  # CVE-2018-1000099
        b"m=" + b"a" * 3_000 + b" 14000 RTP/AVP 8\r\n",  # ES2020-04: sngrep
        b"m=audio 14000 " + b"RTP/" * 1_000 + b" 8\r\n",
    ],
)
def test_odd_media_lines_pass_whole_and_the_engine_goes_on(wire: Wire, media: bytes):
    offer = sdp(wire.at("a").host, lines=()) + media
    call = wire.call()
    left = body_of(call.begin(offer))
    assert left.count(b"\r\n") == offer.count(b"\r\n")
    assert wire.opened() == set()  # nothing was answered
    call.respond(486)
    still_serves(wire)


def test_fifty_accept_headers_are_none_too_many(wire: Wire):
    """CVE-2018-7284."""
    data = options(wire).replace(b"Max-Forwards", b"Accept: application/sdp\r\n" * 50 + b"Max-Forwards")
    assert wire.cross(wire.a, data, wire.b, wire.b.at).count(b"Accept: ") == 50
