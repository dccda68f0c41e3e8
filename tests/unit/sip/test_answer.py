# SPDX-License-Identifier: GPL-2.0-or-later
"""Responses in our own name: what they repeat, what they add, and when there is none."""

from __future__ import annotations

import pytest

from sipalg_core.sip.answer import REASON_PHRASE, answer
from sipalg_core.sip.message import Malformed, Message, parse
from tests.unit.sip.test_message import INVITE


def partial(data: bytes) -> Message:
    with pytest.raises(Malformed) as refused:
        parse(data)
    assert refused.value.request is not None
    return refused.value.request


def test_it_repeats_what_a_response_must_and_says_why():
    request = parse(INVITE.replace(b"To:", b"v: SIP/2.0/UDP second\r\nt:"))
    assert answer(request, 503, tag=b"ours", warning='media "ports"', retry_after=30) == (
        b"SIP/2.0 503 Service Unavailable\r\n"
        b"Via: SIP/2.0/UDP 192.168.0.10:5060;branch=z9hG4bKabc;rport\r\n"
        b"Via: SIP/2.0/UDP second\r\n"
        b'From: "Al, ice" <sip:alice@192.168.0.10>;tag=from-1\r\n'
        b"To: <sip:bob@203.0.113.1>;tag=ours\r\n"
        b"Call-ID: x@y\r\n"
        b"CSeq: 7 INVITE\r\n"
        b"Retry-After: 30\r\n"
        b"Warning: 399 pinhole \"media 'ports'\"\r\n"
        b"Content-Length: 0\r\n"
        b"\r\n"
    )


@pytest.mark.parametrize("status", REASON_PHRASE)
def test_every_status_makes_a_response_that_can_be_read(status: int):
    made = answer(parse(INVITE), status, tag=b"ours", warning="why")
    assert made is not None
    assert (parse(made).status_code, parse(made).to_tag, parse(made).branch) == (status, b"ours", b"z9hG4bKabc")


def test_tag_of_the_dialog_stays():
    made = answer(parse(INVITE.replace(b"203.0.113.1>\r\n", b"203.0.113.1>;TAG=t\r\n")), 400, tag=b"ours", warning="")
    assert made is not None
    assert parse(made).to_tag == b"t"


def test_request_that_lacks_what_nobody_finds_it_by_is_answered():
    """RFC 4475 §3.3.1."""
    made = answer(partial(INVITE.replace(b"Call-ID: x@y\r\n", b"")), 400, tag=b"ours", warning="missing-call-id")
    assert made is not None
    assert b"Call-ID" not in made


@pytest.mark.parametrize("name", [b"Via", b"CSeq"])
def test_without_via_or_cseq_there_is_no_answer(name: bytes):
    assert answer(partial(INVITE.replace(name + b":", b"X:")), 400, tag=b"ours", warning="") is None


def test_an_ack_is_never_answered():
    assert answer(parse(INVITE.replace(b"INVITE", b"ACK")), 400, tag=b"ours", warning="") is None
