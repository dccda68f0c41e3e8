# SPDX-License-Identifier: GPL-2.0-or-later
"""Session descriptions: which media, at which addresses, and what is refused."""

from __future__ import annotations

import pytest

from sipalg_core.sdp.session import SdpError, parse

OFFER = (
    b"v=0\r\n"
    b"o=- 1 1 IN IP4 192.168.0.10\r\n"
    b"s=-\r\n"
    b"c=IN IP4 192.168.0.10\r\n"
    b"t=0 0\r\n"
    b"m=audio 14000 RTP/AVP 8 0\r\n"
    b"a=rtpmap:8 PCMA/8000\r\n"
    b"a=rtcp:15555 IN IP4 192.168.0.11\r\n"
    b"m=video 0 RTP/AVP 99\r\n"
    b"m=image 49158 udptl t38\r\n"
    b"c=IN IP4 192.168.0.12/127\r\n"
    b"a=sendonly\r\n"
)


def test_media_lines():
    session = parse(OFFER, 0, len(OFFER))
    audio, video, image = session.media
    assert (audio.kind, audio.port, audio.codec(), audio.is_rtp) == (b"audio", 14000, "PCMA", True)
    assert OFFER[slice(*audio.port_span)] == b"14000"
    assert audio.rtcp is not None
    assert OFFER[slice(*audio.rtcp.port_span)] == b"15555"
    assert audio.rtcp.address is not None
    assert OFFER[slice(*audio.rtcp.address.span)] == b"192.168.0.11"
    assert video.port == 0
    assert (image.is_rtp, image.direction) == (False, b"sendonly")
    assert image.connection is not None
    assert OFFER[slice(*image.connection.span)] == b"192.168.0.12"
    assert session.origin is not None
    assert OFFER[slice(*session.origin.span)] == b"192.168.0.10"


def test_spans_are_of_the_whole_message():
    shifted = b"INVITE\r\n\r\n" + OFFER
    session = parse(shifted, 10, len(shifted))
    assert session.connection is not None
    assert shifted[slice(*session.connection.span)] == b"192.168.0.10"


def test_name_instead_of_an_address_is_nobodys():
    text = OFFER.replace(b"c=IN IP4 192.168.0.10", b"c=IN IP4 boston.example")
    assert parse(text, 0, len(text)).connection.host is None  # type: ignore[union-attr]  # there is one


def test_letters_that_nobody_specified_are_let_pass():
    text = OFFER.replace(b"t=0 0\r\n", b"t=0 0\r\ny=0100000001\r\n\r\n")
    assert len(parse(text, 0, len(text)).media) == 3


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"v=0", b"x=0", "no-version"),
        (b"m=audio 14000", b"m=audio 492170", "media-port"),
        (b"m=audio 14000", b"m=audio -1", "media-port"),
        (b"m=audio 14000", b"m=audio 5_004", "media-port"),
        (b"m=audio 14000", "m=audio ٥٠٠٤".encode(), "media-port"),
        (b"m=audio 14000 RTP/AVP 8 0", b"m=audio 14000", "media-line"),
        (b"a=rtcp:15555", b"a=rtcp:x", "rtcp-port"),
        (b"c=IN IP4 192.168.0.10", b"c=IN IP9 192.168.0.10", "address"),
        (b"s=-", b"pjmedia", "no-line"),
        (b"s=-", b":=6000", "no-line"),
        (b"m=image", b"m =image", "no-line"),
        (b"c=IN IP4 192.168.0.12", b"c=IN IP4 192.168.0.9\r\nc=IN IP4 192.168.0.12", "several-connections"),
    ],
)
def test_refused(old: bytes, new: bytes, reason: str):
    text = OFFER.replace(old, new)
    with pytest.raises(SdpError) as refused:
        parse(text, 0, len(text))
    assert refused.value.reason == reason
