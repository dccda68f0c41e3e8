# SPDX-License-Identifier: GPL-2.0-or-later
"""Descriptions inside of multipart bodies, through the engine (sip-alg reference, C29; hardening, A36)."""

from __future__ import annotations

import pytest

from tests.unit.alg.harness import MEDIA_PROXY, OURS, PHONE, World, header, invite, respond, sdp

ISUP = b"Content-Type: application/ISUP;version=nxv3\r\n\r\n\x01\x00\x49\x00\xff192.168.0.10\r\n"
PIDF = b"Content-Type: application/pidf+xml\r\n\r\n<presence entity='pres:101@192.168.0.10'/>\r\n"


def parts(description: bytes, *, length: bool) -> bytes:
    own = b"Content-Length: %d\r\n" % len(description) if length else b""
    return (
        b"--bound\r\nContent-Type: application/sdp\r\n" + own + b"\r\n" + description + b"\r\n"
        b"--bound\r\n" + ISUP + b"--bound\r\n" + PIDF + b"--bound--\r\n"
    )


def multipart_invite(body: bytes, kind: str = "multipart/mixed;boundary=bound") -> bytes:
    return invite(body=body).replace(b"application/sdp\r\nContent-L", kind.encode() + b"\r\nContent-L", 1)


@pytest.mark.parametrize("length", [False, True])
def test_c29_only_the_description_of_a_multipart_body_is_rewritten(length):
    world = World()
    (sent,) = world.out(multipart_invite(parts(sdp(PHONE.host, 14000), length=length)))
    body = sent.data.partition(b"\r\n\r\n")[2]
    port = int(body.partition(b"m=audio ")[2].split(b" ")[0])
    assert body == parts(sdp(OURS, port), length=length)
    assert int(header(sent.data, "Content-Length")) == len(body)
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert len(world.open) == 2


def test_c29_nested_multipart_is_read_as_well():
    world = World()
    inner = parts(sdp(PHONE.host, 14000), length=False)
    outer = b"--out\r\nContent-Type: multipart/mixed;boundary=bound\r\n\r\n" + inner + b"\r\n--out--\r\n"
    (sent,) = world.out(multipart_invite(outer, "multipart/mixed;boundary=out"))
    assert b"c=IN IP4 " + OURS.encode() in sent.data
    assert sent.data.count(b"192.168.0.10") == 2  # in the parts that are none of ours


def test_a36_two_descriptions_or_deeper_nesting_open_nothing():
    twice = b"--bound\r\nContent-Type: application/sdp\r\n\r\n" + sdp(PHONE.host, 14000) + b"\r\n"
    deep = b"--a\r\nContent-Type: multipart/mixed;boundary=b\r\n\r\n"
    deep += b"--b\r\nContent-Type: multipart/mixed;boundary=c\r\n\r\n"
    deep += b"--c\r\nContent-Type: multipart/mixed;boundary=bound\r\n\r\n" + parts(sdp(PHONE.host, 14000), length=False)
    for body, boundary in ((twice * 2 + b"--bound--\r\n", "bound"), (deep + b"\r\n--c--\r\n--b--\r\n--a--\r\n", "a")):
        world = World()
        (sent,) = world.out(multipart_invite(body, f"multipart/mixed;boundary={boundary}"))
        world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
        assert world.open == {}
