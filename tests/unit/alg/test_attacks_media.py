# SPDX-License-Identifier: GPL-2.0-or-later
"""Attacks through session descriptions (hardening, section 1.4): where no pinhole goes, and how many there are."""

from __future__ import annotations

from random import Random

import pytest

from sipalg_core.contract.policy import Limits, PortRange
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OTHER_PHONE,
    OURS,
    PHONE,
    World,
    announced,
    body_of,
    established,
    invite,
    policy,
    respond,
    sdp,
)


def test_a04_third_inside_host_gets_no_pinhole_and_no_rewriting():
    random = Random(4)
    world = World()
    for number in range(300):
        host = f"192.168.0.{random.choice([1, *range(11, 255)])}"
        body = sdp(host, random.randrange(1024, 65536))
        (sent,) = world.out(invite(f"c{number}", body=body))
        assert body_of(sent.data) == body
        world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}
    assert world.engine.counts["refused:sdp-third-host"] == 300


NEVER_A_PEER = (
    "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.1.1", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "192.168.0.1", "192.168.0.77", OURS, "::", "::1", "::7f00:1", "::ffff:192.168.0.10",
    "64:ff9b::a00:1", "fe80::1", "ff02::1", "ff0e::1",
)  # fmt: skip


@pytest.mark.parametrize("host", NEVER_A_PEER)
def test_a05_media_never_goes_to_a_special_address(host):
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    answer = sdp(host, 7000).replace(b"IP4", b"IP6") if ":" in host else sdp(host, 7000)
    (back,) = world.into(respond(sent.data, 200, "OK", tag="b", body=answer))
    assert world.open == {}
    assert body_of(back.data) == answer


def test_a06_every_media_line_is_judged_by_its_own_address():
    world = World()
    other = b"m=video 14002 RTP/AVP 99\r\nc=IN IP4 192.168.0.99\r\nm=audio 14004 RTP/AVP 8\r\nc=IN IP4 192.168.0.10\r\n"
    far = b"m=video 7002 RTP/AVP 99\r\nm=audio 7004 RTP/AVP 8\r\nc=IN IP4 127.0.0.1\r\n"
    sent, _ = established(world, body=sdp(PHONE.host, 14000) + other, answer=sdp(*MEDIA_PROXY) + far)
    assert b"m=video 14002 RTP/AVP 99\r\nc=IN IP4 192.168.0.99\r\n" in sent
    assert {internal for internal, _, _ in world.holes()} == {f"{PHONE.host}:14000", f"{PHONE.host}:14001"}


def test_a06_several_connections_of_one_line_are_doubtful_and_open_nothing():
    world = World()
    body = sdp(PHONE.host, 14000) + b"c=IN IP4 192.168.0.10\r\nc=IN IP4 192.168.0.11\r\n"
    (sent,) = world.out(invite(body=body))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}
    assert world.engine.counts["sdp:several-connections"] == 1


@pytest.mark.parametrize("port", [1, 22, 80, 1023, 1900, 3389, 5060, 5061, 5353, 11211])
def test_a07_service_ports_get_no_pinhole(port):
    world = World()
    established(world, body=sdp(PHONE.host, port))
    assert not any(hole.internal.port == port for hole in world.open.values())
    assert world.engine.counts["refused:media-port"] == 1
    world = World()
    established(world, answer=sdp("203.0.113.99", port))
    assert not any(hole.external.port == port for hole in world.open.values())
    assert world.engine.counts["refused:media-port"] == 1


@pytest.mark.parametrize(
    "port", ["492170", "65536", "-1", "+5004", "5_004", "0x1388", "٥٠٠٤", "14000/2", "14000/0", ""]
)
def test_a08_what_is_no_plain_port_opens_nothing(port):
    world = World()
    body = sdp(PHONE.host, 14000).replace(b"m=audio 14000 ", b"m=audio " + port.encode() + b" ")
    (sent,) = world.out(invite(body=body))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}


@pytest.mark.parametrize("rtcp", ["22", "65536", "-1", "5060"])
def test_a08_rtcp_port_is_judged_as_well(rtcp):
    world = World()
    established(world, body=sdp(PHONE.host, 14000, f"a=rtcp:{rtcp}"))
    assert all(hole.internal.port == 14000 for hole in world.open.values())
    assert sum(world.engine.counts[name] for name in ("refused:rtcp-port", "sdp:rtcp-port")) == 1, world.engine.counts


def test_a08_last_port_has_no_rtcp_and_an_odd_port_keeps_its_place():
    world = World()
    established(world, body=sdp(PHONE.host, 65535))
    assert {hole.internal.port for hole in world.open.values()} == {65535}
    world = World()
    sent, _ = established(world, body=sdp(PHONE.host, 14001))
    assert {hole.internal.port for hole in world.open.values()} == {14001, 14002}
    assert announced(sent) % 2 == 0


def test_a09_description_with_forty_lines_is_refused():
    world = World()
    body = sdp(PHONE.host, 14000) + b"".join(b"m=audio %d RTP/AVP 8\r\n" % port for port in range(15000, 15078, 2))
    (back,) = world.out(invite(body=body))
    assert back.data.startswith(b"SIP/2.0 488 ")
    assert world.engine.counts["answered:media-lines"] == 1
    assert world.engine.rows("calls", world.now)[0]["state"] == "rejected"


def test_a10_one_host_takes_its_share_and_the_others_go_on():
    world = World(policy(media_ports=PortRange(20000, 20079), limits=Limits(ports_per_host=25)))
    for number in range(10):
        established(world, f"call-{number}", sdp(PHONE.host, 14000 + 2 * number))
    (refused,) = world.out(invite("call-10", body=sdp(PHONE.host, 15000)))
    assert refused.data.startswith(b"SIP/2.0 503 ")
    assert world.engine.counts["answered:media-ports-of-host"] == 1
    other = invite("other", body=sdp(OTHER_PHONE.host, 14000)).replace(b"192.168.0.10", b"192.168.0.11")
    (sent,) = world.out(other, source=OTHER_PHONE)
    assert sent.data.startswith(b"INVITE ")


def test_a11_no_port_leaks_whatever_is_sent():
    random = Random(11)
    world = World()
    for number in range(400):
        body = bytearray(sdp(PHONE.host, 14000))
        for _ in range(random.randrange(4)):
            body[random.randrange(len(body))] = random.randrange(256)
        for sent in world.out(invite(f"c{number}", body=bytes(body))):
            if sent.data.startswith(b"INVITE"):
                world.into(respond(sent.data, random.choice([183, 200, 404, 486, 503]), "x", tag="b", body=bytes(body)))
        if number % 40 == 0:
            world.wait(250)
    world.wait(50_000)
    assert world.open == {}
    assert world.engine.rows("calls", world.now) == []
    for number in range(50):  # every one of the pool's pairs is there again
        (sent,) = world.out(invite(f"new-{number}", body=sdp(PHONE.host, 16000 + 2 * number)))
        assert sent.data.startswith(b"INVITE ")


def test_a19_refused_call_leaves_no_pinhole_at_any_moment():
    for status in (401, 403, 407, 486, 603):
        world = World()
        (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
        assert world.open == {}
        world.into(respond(sent.data, status, "No", tag="b"))
        assert world.open == {}


def test_a37_pinhole_is_never_for_any_source():
    world = World()
    established(world)
    assert all(hole.external.host == MEDIA_PROXY.host for hole in world.open.values())


def test_a38_candidates_of_other_hosts_open_nothing():
    world = World()
    candidate = "a=candidate:1 1 UDP 2130706431 192.168.0.99 3389 typ host"
    sent, _ = established(world, body=sdp(PHONE.host, 14000, candidate))
    assert candidate.encode() in sent
    assert {hole.internal for hole in world.open.values()} == {(PHONE.host, 14000), (PHONE.host, 14001)}


def test_a44_loop_between_two_inside_parties_opens_nothing():
    world = World()
    world.registered()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", tag="b", body=body_of(sent.data)))
    assert world.open == {}


@pytest.mark.parametrize("line", [b"c=IN IP4 boston.bell-tel.com", b"o=- 1 1 IN IP4 host.biloxi.example.com"])
def test_a46_names_are_never_resolved(line):
    world = World()
    kind = line[:2]
    body = b"\r\n".join(line if old.startswith(kind) else old for old in sdp(PHONE.host, 14000).split(b"\r\n"))
    (sent,) = world.out(invite(body=body))
    assert line in body_of(sent.data)
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp("203.0.113.99", 7000)))
    assert bool(world.open) is (kind == b"o=")


def test_media_hosts_are_the_only_other_hosts():
    world = World()
    established(world, body=sdp("192.168.0.20", 14000))
    assert world.open == {}


def test_a11_another_attempt_closes_the_early_media_of_the_one_before():
    """Found by fuzzing: what a 183 had opened was held for ever, and renewed, once the INVITE came again."""
    world = World()
    (first,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(first.data, 183, "Progress", tag="b", body=sdp(*MEDIA_PROXY)))
    assert len(world.open) == 2
    world.out(invite(cseq=2, body=sdp(PHONE.host, 14000)))
    assert world.open == {}
    assert world.engine.rows("pinholes", world.now) == []


def test_a11_refused_pinhole_leaves_none_of_those_that_it_was_to_replace():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="b", body=sdp(MEDIA_PROXY.host, 7000)))
    assert len(world.open) == 2
    world.refuse = True
    world.into(respond(sent.data, 180, "Ringing", tag="b", body=sdp(MEDIA_PROXY.host, 7100)))
    assert world.open == {}
    assert world.call()["state"] == "rejected"


def test_a11_what_is_repeated_after_the_end_opens_nothing():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    reply = respond(sent.data, 183, "Progress", tag="b", body=sdp(*MEDIA_PROXY))
    world.into(reply)
    world.into(respond(sent.data, 302, "Moved", tag="b"))
    assert world.open == {}
    (again,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    assert announced(again.data) == announced(sent.data)
    world.into(reply)
    world.into(respond(sent.data, 180, "Ringing", tag="c"))
    assert world.open == {}


def test_a11_two_lines_of_one_port_leave_no_gate_behind():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000, "m=image 14020 udptl t38", "m=image 14020 udptl t38")))
    world.into(respond(sent.data, 180, "Ringing", tag="b"))
    assert len(world.open) == 4  # two ports, for two hosts each
    world.into(respond(sent.data, 486, "Busy Here", tag="b"))
    assert world.open == {}


def test_a11_reinvite_after_the_bye_opens_nothing():
    world = World()
    established(world)
    world.out(invite(cseq=2, method="BYE", to_tag="b"))
    world.wait(6)
    assert world.open == {}
    (sent,) = world.out(invite(cseq=3, to_tag="b", body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}


def test_a11_an_invite_beside_the_dialog_neither_ends_nor_empties_a_call():
    world = World()
    established(world)
    held = world.holes()
    world.out(invite(cseq=9, body=sdp(PHONE.host, 14100)))
    assert world.holes() == held
    world.wait(400)  # longer than any wait for an answer
    assert world.call()["state"] == "in_call"
    world.out(invite(cseq=10, method="BYE", to_tag="b"))
    world.wait(200)
    assert world.open == {}
