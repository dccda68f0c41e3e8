# SPDX-License-Identifier: GPL-2.0-or-later
"""Parsing a datagram: what is understood, what is refused and with which word, and that no byte is lost."""

from __future__ import annotations

import time
from contextlib import suppress

import pytest

from sipalg_core.sip import edit
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.fields import MAX_HEADERS
from sipalg_core.sip.message import MAX_HOPS, Malformed, Message, parse
from tests import pace

INVITE = (
    b"INVITE sip:bob@203.0.113.1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.168.0.10:5060;branch=z9hG4bKabc;rport\r\n"
    b'From: "Al, ice" <sip:alice@192.168.0.10>;tag=from-1\r\n'
    b"To: <sip:bob@203.0.113.1>\r\n"
    b"Call-ID: x@y\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Contact: <sip:alice@192.168.0.10:5060>\r\n"
    b"Content-Length: 4\r\n"
    b"\r\n"
    b"body"
)


def test_parts_of_a_request():
    message = parse(INVITE)
    assert message.is_request
    assert (message.method, message.cseq, message.call_id) == (b"INVITE", 7, b"x@y")
    assert (message.from_tag, message.to_tag, message.branch) == (b"from-1", b"", b"z9hG4bKabc")
    assert INVITE[slice(*message.request_uri)] == b"sip:bob@203.0.113.1"
    assert INVITE[slice(*message.body)] == b"body"


def test_parts_of_a_response():
    message = parse(INVITE.replace(b"INVITE sip:bob@203.0.113.1 SIP/2.0", b"SIP/2.0 486 Busy Here"))
    assert not message.is_request
    assert (message.status_code, message.reason_phrase, message.method) == (486, b"Busy Here", b"INVITE")


def test_untouched_message_is_its_very_bytes():
    assert edit.apply(parse(INVITE), []) == INVITE


def test_every_span_lies_inside():
    message = parse(INVITE)
    for field in message.fields:
        assert 0 <= field.start <= field.value <= field.end <= len(INVITE)


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        (b"v", b"via"),
        (b"VIA", b"via"),
        (b"Via ", b"via"),
        (b"m\t", b"contact"),
        (b"cALL-iD", b"call-id"),
        (b"i", b"call-id"),
        (b"X-Unknown", b"x-unknown"),
    ],
)
def test_header_names_in_any_spelling(spelling: bytes, name: bytes):
    written = {b"via": b"Via", b"call-id": b"Call-ID", b"contact": b"Contact"}.get(name)
    spelled = (
        INVITE.replace(written + b":", spelling + b":") if written else INVITE.replace(b"To:", spelling + b": x\r\nTo:")
    )
    assert parse(spelled).first(name) is not None


def test_folded_header_is_one_field():
    folded = INVITE.replace(b"<sip:alice@192.168.0.10:5060>", b"\r\n <sip:alice@192.168.0.10:5060>\r\n\t;expires=1")
    field = parse(folded).first(b"contact")
    assert field is not None
    assert folded[field.value : field.end] == b"<sip:alice@192.168.0.10:5060>\r\n\t;expires=1"


def test_lines_that_end_in_lf_only():
    assert parse(INVITE.replace(b"\r\n", b"\n")).branch == b"z9hG4bKabc"


def test_bytes_behind_the_body_are_cut():
    assert edit.apply(parse(INVITE + b"INVITE sip:evil SIP/2.0\r\n\r\n"), []) == INVITE


def test_body_without_content_length_is_the_rest():
    message = parse(INVITE.replace(b"Content-Length: 4\r\n", b""))
    assert message.data[slice(*message.body)] == b"body"


def test_bytes_that_are_no_utf8_survive():
    strange = INVITE.replace(b"Al, ice", b'\xff\xfe\x00\\"')
    assert edit.apply(parse(strange), []) == strange


@pytest.mark.parametrize(
    ("old", "new", "reason", "status"),
    [
        (INVITE, b"", "no-start-line", 0),
        (INVITE, b"GET / HTTP/1.1\r\n\r\n", "not-sip", 0),
        (INVITE, b"\x16\x03\x01\x00\n", "not-sip", 0),
        (b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", "sip-version", 505),
        (b"bob@203.0.113.1 SIP", b"bob @203.0.113.1 SIP", "request-line", 400),
        (b"sip:bob@203.0.113.1 SIP", b"<sip:bob@203.0.113.1> SIP", "request-uri", 400),
        (b" SIP/2.0\r\nVia", b" SIP/2.0  \r\nVia", "request-line", 400),
        (b"INVITE sip:bob@203.0.113.1 SIP/2.0", b"SIP/2.0 4294967301 Better", "status-code", 0),
        (b"CSeq: 7 INVITE", b"CSeq: 7 OPTIONS", "cseq-method", 400),
        (b"CSeq: 7 INVITE", b"CSeq: 36893488147419103232 INVITE", "cseq", 400),
        (b"CSeq: 7 INVITE", b"CSeq: 2147483648 INVITE", "cseq", 400),
        (b"CSeq: 7", b"CSeq: +7", "cseq", 400),
        (b"CSeq: 7 ", b"CSeq: 7", "cseq", 400),
        (b"branch=z9hG4bKabc;", b";;,;,,", "via", 400),
        (b"Via: SIP/2.0/UDP ", b"Via: SIP/2.0 ", "via", 400),
        (b"Via:", b" Via:", "header-name", 400),
        (b"Call-ID: x@y\r\n", b"", "missing-call-id", 400),
        (b"Call-ID: x@y\r\n", b"Call-ID: x@y\r\nCall-ID: x@y\r\n", "repeated-header", 400),
        (b"Content-Length: 4", b"Content-Length: 4\r\nl: 9", "repeated-header", 400),
        (b"Content-Length: 4", b"Content-Length: -4", "content-length", 400),
        (b"Content-Length: 4", b"Content-Length: 4294967328", "content-length", 400),
        (b"Content-Length: 4", b"Content-Length: 5", "content-length-beyond-end", 400),
        (b"Contact: ", b"Con tact: ", "header-name", 400),
        (b"Call-ID: x@y", b"Call-ID", "header-without-colon", 400),
        (b'"Al, ice" <', b'"Al, ice <', "open-quote", 400),
        (b"Contact:", b"Expires: 1000000000000\r\nContact:", "expires", 400),
        (b"\r\n\r\nbody", b"\r\n", "no-blank-line", 400),
        (b"Contact:", b"X: " + b"x" * 9000 + b"\r\nContact:", "line-too-long", 413),
        (b"Contact:", b"X: x\r\n" * MAX_HEADERS + b"Contact:", "too-many-headers", 413),
        (b"Contact:", b"v: SIP/2.0/UDP a\r\n" * MAX_HOPS + b"Contact:", "too-many-hops", 413),
        (b"Contact:", b"v: SIP/2.0/UDP b" + b",SIP/2.0/UDP a" * MAX_HOPS + b"\r\nContact:", "too-many-hops", 413),
        (b";rport", b",SIP/2.0/UDP a" * MAX_HOPS, "too-many-hops", 413),
        (b"Contact:", b"Route: <sip:a;lr>" + b",<sip:a;lr>" * MAX_HOPS + b"\r\nContact:", "too-many-hops", 413),
        (b"Contact:", b"Route: <sip:a;lr>\r\n" * (MAX_HOPS + 1) + b"Contact:", "too-many-hops", 413),
    ],
)  # fmt: skip
def test_refused(old: bytes, new: bytes, reason: str, status: int):
    with pytest.raises(ParseError) as refused:
        parse(INVITE.replace(old, new))
    assert (refused.value.reason, refused.value.status) == (reason, status)


def test_cut_short_anywhere_is_refused_or_shorter_never_a_crash():
    for length in range(len(INVITE)):
        try:
            message = parse(INVITE[:length])
        except ParseError:
            continue
        assert isinstance(message, Message)
        assert message.body.end <= length


def test_folds_between_number_and_method_and_before_the_value():
    folded = INVITE.replace(b"CSeq: 7 INVITE", b"cseq:\r\n\t0007\r\n  INVITE\r\n ")
    assert parse(folded).cseq == 7


@pytest.mark.parametrize("fold", [b"\r\n ", b"\n\t"])
def test_a26_folding_bomb_takes_linear_time(fold: bytes):
    """One octet, or none, on each continuation line."""
    for octet in (b"", b"x"):
        bomb = INVITE.replace(b"Contact: ", b"X:" + (fold + octet) * 2000 + b"\r\nContact: ")
        assert cost(bomb) < 0.005 * pace.of_processor()


def test_a25_header_bombs_are_refused_at_once():
    for bomb in (b"a:\n" * 20_000, b"v: SIP/2.0/UDP a\r\n" * 3_000, b"X: " + b"x" * 60_000 + b"\r\n"):
        assert cost(INVITE.replace(b"Contact: ", bomb + b"Contact: ")) < 0.005 * pace.of_processor()


def cost(data: bytes) -> float:
    """CPU seconds, the best of five: other work on the machine is not ours."""
    spent = []
    for _ in range(5):
        began = time.thread_time()
        with suppress(ParseError):
            parse(data)
        spent.append(time.thread_time() - began)
    return min(spent)


def test_a27_slow_spellings_stay_linear():
    """A display name that takes a backtracking pattern seconds."""
    bomb = INVITE.replace(b'"Al, ice" <', b"a " * 3000 + b"<")
    assert parse(bomb).from_tag == b"from-1"


@pytest.mark.parametrize("fault", [b"Max-Forwards", b"Max Forwards: 70", b"X: y\r\n" * MAX_HEADERS + b"X: y"])
def test_what_stood_before_a_broken_header_is_there_for_the_answer(fault: bytes):
    with pytest.raises(Malformed) as refused:
        parse(INVITE.replace(b"Contact:", fault + b"\r\nContact:"))
    assert refused.value.request is not None
    assert refused.value.request.value(b"cseq") == b"7 INVITE"


def test_first_blank_line_ends_the_head_however_it_is_written():
    for blank in (b"\n\n", b"\n\r\n", b"\r\n\n"):
        message = parse(INVITE.replace(b"Content-Length: 4\r\n\r\n", b"X: y" + blank + b"\n\r\n\r\n"))
        assert message.data[message.body.start - len(blank) - 1 : message.body.start] == b"y" + blank
