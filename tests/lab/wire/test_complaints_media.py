# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of in the audio (sip-alg reference, section 3), on the wire: ports, holds, kinds of media."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.lab.wire.between import TIMERS
from tests.lab.wire.calls import Call
from tests.lab.wire.messages import body_of, port_of, sdp
from tests.lab.wire.parties import both_ways, flows, nothing_passes
from tests.lab.wire.rig import Wire, until
from tests.lab.wire.variants import udp_only

pytestmark = pytest.mark.lab

CRYPTO = "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4"
FINGERPRINT = "a=fingerprint:SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB"


def rtp_call(wire: Wire, port: int = 14000, *lines: str) -> Call:
    """A call of the phone with the provider, whose media relay is another host."""
    return wire.establish(sdp(wire.at("a").host, port, lines=lines), sdp(wire.at("m").host, port - 7000, lines=lines))


def test_c02_private_address_in_the_description_becomes_ours_and_both_ways_open(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    phone_rtcp, far_rtcp = wire.media("a", 14001), wire.media("m", 7001)
    call = rtp_call(wire)
    assert wire.at("a").host.encode() not in call.invite
    both_ways(phone, far, call.mapped)
    both_ways(phone_rtcp, far_rtcp, call.mapped._replace(port=call.mapped.port + 1))
    if wire.alg:
        assert len(wire.opened()) == 4  # RTP and RTCP, in and out
    call.hang_up()


def test_c02_called_phone_has_audio_both_ways(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    dialog = wire.called(wire.register(wire.a))
    call = wire.establish(sdp(far.at.host, 7000), sdp(phone.at.host, 14000), wire.b, wire.a, dialog)
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c02_nothing_passes_once_the_call_is_over(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = rtp_call(wire)
    both_ways(phone, far, call.mapped)
    call.hang_up(back=True)
    wire.settle()
    nothing_passes(phone, far, call.mapped)


def test_c03_media_of_anybody_but_the_announced_relay_is_dropped(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = rtp_call(wire)
    for name, port in (("b", 7000), ("x", 7000), ("m2", 7000), ("m", 7002)):
        wire.media(name, port).play(call.mapped)
    assert phone.silent()
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c08_hold_outlasts_the_media_timeout_and_resumes_on_the_same_port(all_wires: list[Wire]):
    """In all variants at once: ten silent seconds are the shortest timeout that there is."""
    held = []
    for number, wire in enumerate(all_wires):
        port = 14000 + 10 * number
        phone, far = wire.media("a", port), wire.media("m", port - 7000)
        call = rtp_call(wire, port)
        both_ways(phone, far, call.mapped)
        offer, answer = sdp(phone.at.host, port), sdp(far.at.host, port - 7000)
        asked, _ = call.again(offer + b"a=sendonly\r\n", answer + b"a=recvonly\r\n")
        assert wire.mapped(asked) == call.mapped
        asked, _ = call.again(offer + b"a=inactive\r\n", answer + b"a=inactive\r\n")
        assert wire.mapped(asked) == call.mapped
        held.append((wire, call, phone, far, offer, answer))
    time.sleep(TIMERS.inactive_media + 1.5)
    for wire, call, phone, far, offer, answer in held:
        asked, _ = call.again(offer + b"a=sendrecv\r\n", answer + b"a=sendrecv\r\n")
        assert wire.mapped(asked) == call.mapped
        flows(far, call.mapped, phone, far.at)  # from its first packet on
        flows(phone, far.at, far, call.mapped)
        call.hang_up()


def test_c09_unspecified_address_is_left_alone_and_opens_nothing(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = rtp_call(wire)
    nowhere = "0.0.0.0" if wire.family == "ip" else "::"  # the hold of RFC 2543
    here = f" {phone.at.host}\r\nt=0 0"  # that of c=, not of o=
    offer = sdp(phone.at.host, 14000).replace(here.encode(), here.replace(phone.at.host, nowhere).encode())
    asked, _ = call.again(offer, sdp(far.at.host, 7000))
    assert f" {nowhere}\r\n".encode() in body_of(asked)
    if wire.alg:
        assert wire.holes(call.dialog.call_id) == set()
    nothing_passes(phone, far, call.mapped)
    asked, _ = call.again(sdp(wire.at("a").host, 14000), sdp(far.at.host, 7000))
    both_ways(phone, far, wire.mapped(asked))
    call.hang_up()


def test_c10_fax_takes_one_port_and_the_audio_closes(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    fax, far_fax = wire.media("a", 49158), wire.media("m", 7100)
    call = rtp_call(wire)
    both_ways(phone, far, call.mapped)
    asked, _ = call.again(
        sdp(phone.at.host, 0, "m=image 49158 udptl t38"), sdp(far.at.host, 0, "m=image 7100 udptl t38")
    )
    assert b"m=audio 0 RTP/AVP" in asked
    both_ways(fax, far_fax, wire.mapped(asked, "image"))
    nothing_passes(phone, far, call.mapped)
    if wire.alg:
        assert len(wire.holes(call.dialog.call_id)) == 1
    call.hang_up()


def test_c11_early_media_reaches_the_phone_before_it_sends(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call()
    call.begin(sdp(phone.at.host, 14000))
    call.respond(183, body=sdp(far.at.host, 7000))
    flows(far, call.mapped, phone, far.at)
    flows(phone, far.at, far, call.mapped)
    call.respond(200, body=sdp(far.at.host, 7000))
    call.acknowledge()
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c20_rtcp_attribute_is_honoured(wire: Wire):
    host = wire.at("a").host
    rtcp, far_rtcp = wire.media("a", 15555), wire.media("m", 7001)
    family = "IP6" if ":" in host else "IP4"
    call = wire.establish(sdp(host, 14000, lines=(f"a=rtcp:15555 IN {family} {host}",)), sdp(wire.at("m").host, 7000))
    named = call.mapped._replace(port=call.mapped.port + 1)
    assert f"a=rtcp:{named.port} IN {family} {wire.ours}".encode() in call.invite
    both_ways(rtcp, far_rtcp, named)
    call.hang_up()


def test_c21_rtcp_mux_agreed_is_one_pinhole_and_offered_only_is_two(wire: Wire):
    host, far_host = wire.at("a").host, wire.at("m").host
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    rtcp, far_rtcp = wire.media("a", 14001), wire.media("m", 7001)
    mux = ("a=rtcp-mux",)
    for answered, holes in ((mux, 1), ((), 2)):
        call = wire.establish(sdp(host, 14000, lines=mux), sdp(far_host, 7000, lines=answered))
        assert b"a=rtcp-mux" in call.invite
        both_ways(phone, far, call.mapped)
        second = call.mapped._replace(port=call.mapped.port + 1)
        if holes == 1:
            nothing_passes(rtcp, far_rtcp, second)
        else:
            both_ways(rtcp, far_rtcp, second)
        if wire.alg:
            assert len(wire.holes(call.dialog.call_id)) == holes
        call.hang_up()
        wire.settle()


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"])
def test_c24_srtp_lines_pass_and_media_opens(wire: Wire, protocol: str):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    secure = (CRYPTO, FINGERPRINT, "a=setup:actpass", "a=ssrc:314159 cname:user@example")
    avp, wanted = b"RTP/AVP", protocol.encode()
    offer = sdp(phone.at.host, 14000, lines=secure).replace(avp, wanted)
    call = wire.establish(offer, sdp(far.at.host, 7000, lines=secure).replace(avp, wanted))
    both_ways(phone, far, call.mapped)
    call.hang_up()


KINDS = ("audio 14000 RTP/AVP 8", "video 14002 RTP/AVP 99", "audio 14004 RTP/AVP 8", "text 14006 RTP/AVP 98",
         "application 14008 udp wb", "image 14010 udptl t38")  # fmt: skip


def test_c25_six_media_lines_are_all_mapped_in_their_order(wire: Wire):
    offer = sdp(wire.at("a").host, *(f"m={kind}" for kind in KINDS))
    call = wire.establish(offer, sdp(wire.at("m").host, *(f"m={kind.replace(' 140', ' 70')}" for kind in KINDS)))
    lines = [line.split(b" ")[0] for line in body_of(call.invite).split(b"\r\n") if line.startswith(b"m=")]
    assert lines == [f"m={kind.split()[0]}".encode() for kind in KINDS]
    seen: dict[str, int] = {}
    for number, kind in enumerate(KINDS):
        name = kind.split()[0]
        mapped = wire.mapped(call.invite, name, seen.get(name, 0))
        seen[name] = seen.get(name, 0) + 1
        both_ways(wire.media("a", 14000 + 2 * number), wire.media("m", 7000 + 2 * number), mapped)
    call.hang_up()


def test_c26_connection_of_a_media_line_wins(wire: Wire):
    """Audio by the phone, video by another inside host that the rule names."""
    family = "IP6" if wire.family == "ip6" else "IP4"
    video = (f"m=video 15000 RTP/AVP 99\r\nc=IN {family} {wire.at('media_host').host}",)
    call = wire.establish(
        sdp(wire.at("a").host, 14000, *video), sdp(wire.at("m").host, 7000, "m=video 7002 RTP/AVP 99")
    )
    both_ways(wire.media("a", 14000), wire.media("m", 7000), call.mapped)
    both_ways(wire.media("media_host", 15000), wire.media("m", 7002), wire.mapped(call.invite, "video"))
    call.hang_up()


def test_c27_refused_line_stays_at_its_place_and_opens_nothing(wire: Wire):
    offer = sdp(wire.at("a").host, 14000, "m=video 14002 RTP/AVP 99")
    call = wire.establish(offer, sdp(wire.at("m").host, 7000, "m=video 0 RTP/AVP 99"))
    assert port_of(call.ok, "video") == 0
    both_ways(wire.media("a", 14000), wire.media("m", 7000), call.mapped)
    nothing_passes(wire.media("a", 14002), wire.media("m", 7002), wire.mapped(call.invite, "video"))
    if wire.alg:
        assert {hole[2].rpartition(":")[2] for hole in wire.holes(call.dialog.call_id)} == {"7000", "7001"}
    call.hang_up()


def test_c53_who_floods_the_port_before_the_relay_does_not_get_in(wire: Wire):
    """RTP bleed: nobody is learnt from his first packet."""
    phone, far, thief = wire.media("a", 14000), wire.media("m", 7000), wire.media("x", 7000)
    call = rtp_call(wire)
    for _ in range(20):
        thief.play(call.mapped, 10)
    phone.play(far.at, 1)
    assert phone.silent()
    assert thief.silent(0.05)
    far.heard(1)
    both_ways(phone, far, call.mapped)
    thief.play(call.mapped, 10)
    assert phone.silent()
    call.hang_up()


@udp_only
def test_c53_source_is_learnt_where_the_operator_wants_that_and_never_a_strangers(wire: Wire):
    peering = replace(wire.alg.policy.peerings[0], learn_media=True)
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    real, second, thief = wire.media("m2", 9000), wire.media("m2", 9002), wire.media("x", 7000)
    with wire.alg.under(peerings=(peering,)):
        call = rtp_call(wire)

        def begun() -> bool:
            thief.play(call.mapped, 20)
            real.play(call.mapped, 10)
            return not phone.silent(0.1)

        assert until(begun, 8)
        assert {source for _, source in phone.heard(1000, 0.2)} == {real.at}
        flows(real, call.mapped, phone, real.at)
        flows(phone, far.at, far, call.mapped)  # where it was told to send
        flows(phone, real.at, real, call.mapped)
        assert wire.counted("learnt:media") == 1
        for _ in range(12):  # longer than two counts
            thief.play(call.mapped, 10)
            second.play(call.mapped, 10)
            assert phone.silent(0.1)
        assert wire.counted("learnt:media") == 1
        assert {row["kind"] for row in wire.alg.rows("pinholes") if row["external"] == str(real.at)} == {"learnt"}
        call.hang_up()
        assert until(lambda: not wire.opened(), 20)
        real.play(call.mapped)
        assert phone.silent()


def test_c57_silence_closes_the_media_and_signalling_goes_on(all_wires: list[Wire]):
    calls = []
    for number, wire in enumerate(all_wires):
        port = 14000 + 10 * number
        phone, far = wire.media("a", port), wire.media("m", port - 7000)
        call = rtp_call(wire, port)
        both_ways(phone, far, call.mapped)
        calls.append((wire, call, phone, far))
    time.sleep(TIMERS.inactive_media)
    for wire, call, phone, far in calls:
        if wire.alg:
            assert until(lambda wire=wire, call=call: wire.row(call.dialog.call_id)["warning"], 20)
        nothing_passes(phone, far, call.mapped)
        row = wire.row(call.dialog.call_id)
        assert (row["state"], row["warning"]) == ("in_call", "no media for 10 s: closed, the call stays")
        call.again(sdp(phone.at.host, phone.at.port), sdp(far.at.host, far.at.port))
        both_ways(phone, far, call.mapped)
        call.hang_up()
