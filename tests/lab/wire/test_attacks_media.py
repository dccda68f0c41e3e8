# SPDX-License-Identifier: GPL-2.0-or-later
"""Attacks through session descriptions, on the wire (hardening 1.4): A04–A10, A19, A35–A38, A44, A46.

Numbers are scaled: where the catalogue asks for 10⁴ to 10⁶ repetitions, a scenario does some dozens in each of its four
variants. What must not be there is looked for in the kernel.
"""

from __future__ import annotations

import random

import pytest

from sipalg_core.contract.policy import Limits, PortRange
from tests.lab.kernel_rig import FW, WAN, udp
from tests.lab.wire.attacking import captured, holds_no_port_beyond, ports_held
from tests.lab.wire.messages import answer, body_of, sdp
from tests.lab.wire.parties import both_ways
from tests.lab.wire.rig import Wire

pytestmark = pytest.mark.lab

SPECIAL = {
    "ip": (
        "0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.254", "169.254.1.1", "224.0.0.1", "239.255.255.250",
        "240.0.0.1", "255.255.255.255", "192.168.0.1", "192.168.0.77", "203.0.113.2",
    ),
    "ip6": (
        "::", "::1", "::7f00:1", "::ffff:192.168.0.10", "64:ff9b::a00:1", "fe80::1", "ff02::1", "ff0e::1", "fd00:a::1",
        "fd00:a::77", "2001:db8:a::2",
    ),
}  # fmt: skip
SERVICES = (1, 22, 80, 443, 1023, 1900, 3389, 5060, 5061, 5353, 11211)
NO_PORTS = ("492170", "65536", "-1", "+5004", "5_004", "0x1388", "٥٠٠٤", "14000/2", "14000/0")


def usual(wire: Wire) -> tuple[bytes, bytes]:
    return sdp(wire.at("a").host, 14000), sdp(wire.at("m").host, 7000)


def refused(wire: Wire, name: str, body: bytes, status: int) -> bytes:
    """An INVITE that ends here."""
    phone = wire.party(name)
    dialog = wire.dialog(phone)
    invite = wire.request(phone, dialog, "INVITE", body=body)
    phone.send(invite, wire.b.at)
    reply = phone.take(status)
    phone.send(wire.request(phone, dialog, "ACK", cseq=1, branch=dialog.branch), wire.b.at)
    return reply


def test_a04_third_inside_hosts_get_no_pinhole_and_no_rewriting(wire: Wire):
    chosen = random.Random(4)
    for _ in range(30):
        third = wire.at("a").host.rpartition("10")[0] + str(chosen.choice([1, 12, 66, *range(30, 100)]))
        offer = sdp(third, chosen.randrange(1024, 65536))
        call = wire.establish(offer, sdp(wire.at("m").host, 7000))
        assert body_of(call.invite) == offer
        assert wire.opened() == set()
        call.hang_up()
    assert wire.alg.counters()["refused:sdp-third-host"] >= 30


def test_a05_media_never_goes_to_a_special_address(wire: Wire):
    offer, _ = usual(wire)
    for host in (*SPECIAL["ip"], *SPECIAL["ip6"]):
        answered = sdp(host, 7000)
        call = wire.establish(offer, answered)
        assert wire.opened() == set(), host
        assert body_of(call.ok) == answered
        call.hang_up()


def test_a06_every_line_is_judged_by_its_own_address(wire: Wire):
    kind = "IP6" if wire.family == "ip6" else "IP4"
    own, third, far = wire.at("a").host, wire.at("pc").host, wire.at("m").host
    loopback = "::1" if kind == "IP6" else "127.0.0.1"
    offer = sdp(own, 14000, "m=video 14002 RTP/AVP 99", 14004, lines=(f"c=IN {kind} {own}",))
    offer = offer.replace(b"m=video 14002 RTP/AVP 99", f"m=video 14002 RTP/AVP 99\r\nc=IN {kind} {third}".encode())
    answered = sdp(far, 7000, "m=video 7002 RTP/AVP 99", 7004, lines=(f"c=IN {kind} {loopback}",))
    call = wire.establish(offer, answered)
    mapped = call.mapped
    assert wire.holes(call.dialog.call_id) == {
        (str(wire.at("a", 14000)), str(mapped), str(wire.at("m", 7000))),
        (str(wire.at("a", 14001)), str(mapped._replace(port=mapped.port + 1)), str(wire.at("m", 7001))),
    }
    assert len(wire.opened()) == 4
    call.hang_up()


def test_a06_several_connections_of_one_line_are_doubtful_and_open_nothing(wire: Wire):
    kind = "IP6" if wire.family == "ip6" else "IP4"
    offer, answered = usual(wire)
    lines = b"".join(f"c=IN {kind} {wire.at(name).host}\r\n".encode() for name in ("a", "a2"))
    call = wire.establish(offer + lines, answered)
    assert wire.opened() == set()
    call.hang_up()


def test_a07_privileged_and_service_ports_get_no_pinhole(wire: Wire):
    own, far = wire.at("a").host, wire.at("m").host
    for port in SERVICES:
        for offer, answered, place in ((port, 7000, 0), (14000, port, 2)):
            call = wire.establish(sdp(own, offer), sdp(far, answered))
            taken = {int(hole[place].rpartition(":")[2]) for hole in wire.holes(call.dialog.call_id)}
            assert port not in taken, (port, place)
            call.hang_up()


def test_a08_what_is_no_plain_port_opens_nothing(wire: Wire):
    offer, answered = usual(wire)
    for port in NO_PORTS:
        call = wire.establish(offer.replace(b"m=audio 14000 ", f"m=audio {port} ".encode()), answered)
        assert wire.opened() == set(), port
        call.hang_up()
    for rtcp in ("22", "65536", "-1", "5060"):
        call = wire.establish(offer + f"a=rtcp:{rtcp}\r\n".encode(), answered)
        assert {hole[0] for hole in wire.holes(call.dialog.call_id)} <= {str(wire.at("a", 14000))}, rtcp
        call.hang_up()
    call = wire.establish(offer.replace(b"14000", b"65535"), answered)
    assert {hole[0] for hole in wire.holes(call.dialog.call_id)} == {str(wire.at("a", 65535))}
    call.hang_up()


def test_a09_floods_of_media_lines_are_refused_and_the_others_calls_go_on(wire: Wire):
    bomb = sdp(wire.at("a").host, *range(14000, 14080, 2))
    for _ in range(20):
        refused(wire, "a", bomb, 488)
    assert wire.opened() == set()
    phone, far = wire.media("a2", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000), caller=wire.party("a2"))
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_a10_one_host_takes_its_share_of_the_ports_and_the_others_go_on(wire: Wire):
    before = ports_held(wire.alg)
    with wire.alg.under(media_ports=PortRange(20000, 20399), limits=Limits(ports_per_host=5)):
        own, far = wire.at("a").host, wire.at("m").host
        calls = [wire.establish(sdp(own, 15000 + 2 * number), sdp(far, 7000)) for number in range(10)]
        reply = refused(wire, "a", sdp(own, 15100), 503)
        assert b"media-ports-of-host" in reply
        assert b"Retry-After: " in reply
        phone, relay = wire.media("a2", 15200), wire.media("m", 7000)
        other = wire.establish(sdp(phone.at.host, 15200), sdp(far, 7000), caller=wire.party("a2"))
        both_ways(phone, relay, other.mapped)
        for call in (*calls, other):
            call.hang_up()
    assert holds_no_port_beyond(before, wire.alg)


def test_a19_a_refused_call_leaves_no_pinhole_at_any_moment(wire: Wire):
    offer, _ = usual(wire)
    for status in (401, 407, 404, 486, 603):
        dialog = wire.dialog(wire.a)
        left = wire.cross(wire.a, wire.request(wire.a, dialog, "INVITE", body=offer), wire.b, wire.b.at)
        assert wire.opened() == set()
        wire.cross(wire.b, answer(left, status, tag="no"), wire.a)
        assert wire.opened() == set()


def test_a35_a_fork_bomb_begins_sixteen_dialogs(wire: Wire):
    """100 To-tags instead of 1,000."""
    offer, _ = usual(wire)
    far = wire.at("m").host
    call = wire.call()
    call.begin(offer)
    for number in range(100):
        call.respond(183, body=sdp(far, 7000 + 2 * number), tag=f"t{number}")
    assert len(wire.opened()) == 16 * 4
    call.respond(200, body=sdp(far, 7006), tag="t3")
    call.acknowledge()
    assert {hole[2] for hole in wire.holes(call.dialog.call_id)} == {
        str(wire.at("m", 7006)), str(wire.at("m", 7007))
    }  # fmt: skip
    assert len(wire.opened()) == 4
    call.hang_up()


def test_a36_compressed_nested_and_foreign_bodies_open_nothing(wire: Wire):
    offer, answered = usual(wire)
    nested = b"--x\r\nContent-Type: application/sdp\r\n\r\n%s\r\n--x--\r\n" % offer
    for _ in range(3):
        nested = b"--x\r\nContent-Type: multipart/mixed;boundary=x\r\n\r\n%s\r\n--x--\r\n" % nested
    for extra, kind, body in (
        (("Content-Encoding: gzip",), "application/sdp", offer), ((), "text/plain", offer),
        ((), "multipart/mixed;boundary=x", nested),
    ):  # fmt: skip
        call = wire.call()
        assert body_of(call.begin(body, *extra, kind=kind)) == body
        call.respond(200, body=answered)
        call.acknowledge()
        assert wire.opened() == set(), kind
        call.hang_up()


def test_a37_media_of_a_stranger_reaches_nobody_at_any_port(wire: Wire):
    """All ports that a mapping can have, instead of 65,536; also from the announced port at the wrong host."""
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    rtp = b"\x80" + bytes(20)
    with captured(wire.a.namespace) as inside, udp(WAN, wire.at("x", 7000)) as stranger:
        for port in range(20000, 30000):
            stranger.sendto(rtp, call.mapped._replace(port=port))
        for _ in range(50):
            stranger.sendto(rtp, call.mapped)
    assert phone.silent()
    assert not any(rtp in frame for frame in inside)
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_a38_candidates_of_other_hosts_open_nothing(wire: Wire):
    offer, answered = usual(wire)
    candidate = f"a=candidate:1 1 UDP 2130706431 {wire.at('pc').host} 3389 typ host"
    call = wire.establish(offer + candidate.encode() + b"\r\n", answered)
    assert candidate.encode() in call.invite
    assert {hole[0] for hole in wire.holes(call.dialog.call_id)} == {str(wire.at("a", port)) for port in (14000, 14001)}
    call.hang_up()


def test_a44_loops_end_and_open_nothing(wire: Wire):
    """To our own address; and the phone's own description comes back as the answer."""
    offer, _ = usual(wire)
    with captured(FW) as frames:
        dialog = wire.dialog(wire.a)
        marked = wire.request(wire.a, dialog, "INVITE", body=offer)
        if wire.transport == "udp":
            wire.a.send(marked, wire.at("b")._replace(host=wire.ours))
        assert wire.b.silent()
    assert sum(dialog.call_id.encode() in frame for frame in frames) <= 1
    call = wire.call()
    call.respond(200, body=body_of(call.begin(offer)))
    call.acknowledge()
    assert wire.opened() == set()
    call.hang_up()


def test_a46_names_are_never_resolved(wire: Wire):
    kind = "IP6" if wire.family == "ip6" else "IP4"
    offer, answered = usual(wire)
    named = offer.replace(f"c=IN {kind} {wire.at('a').host}".encode(), f"c=IN {kind} boston.bell-tel.com".encode())
    with captured(FW) as frames:
        call = wire.establish(named, answered)
        assert b"boston.bell-tel.com" in call.invite
        assert wire.opened() == set()
        call.hang_up()
    to_dns = [frame for frame in frames if b"\x04bell" in frame or b"\x08bell-tel" in frame or b"\x06boston" in frame]
    assert to_dns == []
