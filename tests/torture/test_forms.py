# SPDX-License-Identifier: GPL-2.0-or-later
"""Every form that a message may have, through the whole engine: what must change changes, and nothing else."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from sipalg_core.contract.policy import Interface, Peering
from sipalg_core.net import Endpoint, Side
from sipalg_core.sdp import session
from sipalg_core.sip.framing import Framer, FramingError
from sipalg_core.sip.message import parse
from tests.unit.alg.harness import MEDIA_PROXY, OURS, PHONE, PROVIDER, World, body_of, invite, policy, respond, sdp

OFFER = sdp(PHONE.host, 14000)
COMPACT = {
    b"Via": b"v", b"From": b"f", b"To": b"t", b"Call-ID": b"i", b"Contact": b"m", b"Content-Type": b"c",
    b"Content-Length": b"l",
}  # fmt: skip
BEHIND = b"INVITE sip:victim@203.0.113.1 SIP/2.0\r\nContent-Length: 0\r\n\r\n"


def mapped(data: bytes) -> bytes:
    """What the provider must see of a message without a description."""
    return data.replace(PHONE.host.encode(), OURS.encode())


def through(data: bytes) -> bytes:
    (sent,) = World().out(data)
    return sent.data


def lengths(first: int) -> list[str]:
    """Addresses of 7 to 15 characters."""
    return [
        ".".join(str(first * (1 if octet < 4 - extra else 11) % 255) for octet in range(4)) for extra in range(5)
    ] + [".".join(str(first * (11 if octet < 4 - extra else 111) % 255) for octet in range(4)) for extra in range(1, 5)]


def test_c28_addresses_of_every_length():
    inner, outer = lengths(1), lengths(2)
    assert [len(address) for address in inner] == [len(address) for address in outer] == list(range(7, 16))
    for own in inner:
        for ours in outer:
            around = World(
                policy(
                    interfaces=(
                        Interface("lan0", Side.INTERNAL, (), ()),
                        Interface("wan0", Side.EXTERNAL, (ours,), ()),
                    ),
                    peerings=(
                        Peering("rule:1", "P", (ip_network("0.0.0.0/0"),), (ip_network(f"{PROVIDER.host}/32"),)),
                    ),
                )
            )
            original = invite(body=OFFER).replace(PHONE.host.encode(), own.encode())
            original = original.replace(b"Length: %d" % len(OFFER), b"Length: %d" % len(body_of(original)))
            (sent,) = around.out(original, source=Endpoint(own, 5060))
            message = parse(sent.data)
            assert message.value(b"content-length") == b"%d" % len(body_of(sent.data))
            described = session.parse(sent.data, *message.body)
            assert described.connection is not None
            assert described.origin is not None
            assert {described.connection.host, described.origin.host} == {ours}
            assert own.encode() not in sent.data


@pytest.mark.parametrize("damage", [(b"s=-", b":=6000"), (b"s=-\r\n", b"s=pjmedia\r\npjmedia\r\n"), (b"v=0", b"")])
def test_c28_description_that_was_damaged_before_us_stays_as_it_is(damage: tuple[bytes, bytes]):
    around = World()
    (sent,) = around.out(invite(body=OFFER.replace(*damage)))
    assert body_of(sent.data) == OFFER.replace(*damage)
    assert any(reason.startswith("sdp:") for reason in around.engine.counts)


def test_c30_compact_call_is_the_same_call():
    plain, compact = World(), World()
    original = invite(body=OFFER)
    shortened = original
    for name, letter in COMPACT.items():
        shortened = shortened.replace(b"\r\n" + name + b":", b"\r\n" + letter + b":")
    for around, data in ((plain, original), (compact, shortened)):
        (sent,) = around.out(data)
        around.into(respond(plain.out(original)[0].data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
        assert [line.partition(b":")[0] for line in sent.data.split(b"\r\n")[1:9]] == [
            line.partition(b":")[0] for line in data.split(b"\r\n")[1:9]
        ]
    assert plain.holes() == compact.holes()
    assert len(compact.open) == 2


SPELLINGS = [b"%s:", b"%s :", b"%s\t:", b"%s: \t", b"%s:\r\n ", b"%s:\r\n\t\r\n "]


@pytest.mark.parametrize("spelling", SPELLINGS)
@pytest.mark.parametrize("case", [bytes.title, bytes.lower, bytes.upper, bytes.swapcase])
def test_a30_every_spelling_is_seen(spelling: bytes, case):
    """A header that one reader sees and the other does not is how addresses are smuggled."""
    original = invite()
    for name in (b"Via", b"Contact", b"v", b"m"):
        long_name = {b"v": b"Via", b"m": b"Contact"}.get(name, name)
        data = original.replace(b"\r\n" + long_name + b":", b"\r\n" + spelling % case(name))
        assert data != original or (spelling, name) == (b"%s:", case(long_name))
        assert through(data) == mapped(data)


def test_c31_folded_contact_and_lines_of_lf_only():
    folded = (
        invite().replace(b"Contact: <", b'Contact:\r\n "An\\"na,"\r\n\t<').replace(b"5060>\r\n", b"5060>\r\n ;q=1\r\n")
    )
    assert through(folded) == mapped(folded)
    lf = invite().replace(b"\r\n", b"\n")
    assert through(lf) == mapped(lf)


def test_c32_missing_content_length_is_not_invented():
    data = invite(body=OFFER).replace(b"Content-Length: %d\r\n" % len(OFFER), b"")
    sent = through(data)
    assert b"Content-Length" not in sent
    assert OURS.encode() in body_of(sent)


@pytest.mark.parametrize("size", [4_000, 9_000, 60_000])
def test_c35_c36_large_messages_are_handled_like_small_ones(size: int):
    """BLF states and presence come in NOTIFY bodies of any size."""
    data = invite(method="NOTIFY", to_tag="b").replace(b"Content-Length: 0", b"Content-Length: %d" % size) + b"x" * size
    assert through(data) == mapped(data)


@pytest.mark.parametrize(
    "length", [b"99999", b"-1", b"+4", b"4294967328", b"4 4", b"4,4", b"0x4", b"4_0", "٤".encode(), b"", b"1000000"]
)
def test_a28_wrong_content_length_is_answered_and_what_follows_is_never_read(length: bytes):
    data = invite().replace(b"Content-Length: 0", b"Content-Length: " + length) + BEHIND
    around = World()
    (answer,) = around.out(data)
    assert (answer.side, answer.data[:11]) == (Side.INTERNAL, b"SIP/2.0 400")
    assert around.engine.rows("calls", around.now) == []
    if length in (b"99999", b"1000000"):
        return
    with pytest.raises(FramingError) as refused:
        Framer().feed(data)
    assert refused.value.framed == [data.removesuffix(BEHIND)]


@pytest.mark.parametrize("second", [b"Content-Length: 0", b"l: 0", b"CONTENT-LENGTH\t: 5", b"l:\r\n 7"])
def test_a28_two_content_lengths_are_refused_even_if_equal(second: bytes):
    (answer,) = World().out(invite().replace(b"Content-Length: 0", b"Content-Length: 0\r\n" + second))
    assert (answer.side, answer.data[:11]) == (Side.INTERNAL, b"SIP/2.0 400")


def test_a29_what_trails_the_body_is_cut_and_counted():
    around = World()
    short = len(OFFER) - 22
    data = invite(body=OFFER).replace(b"Content-Length: %d" % len(OFFER), b"Content-Length: %d" % short) + BEHIND
    (sent,) = around.out(data)
    assert body_of(sent.data).endswith(b"RTP/AVP 8 0\r\n")
    assert around.engine.counts["cut:behind-body"] == 1
    assert len(around.engine.rows("calls", around.now)) == 1
