# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of in the audio (sip-alg reference, section 3): descriptions, ports and pinholes."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_network

import pytest

from sipalg_core.alg.effects import OpenPinhole
from sipalg_core.contract.policy import Handling, PortRange
from sipalg_core.net import Endpoint
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OTHER_PHONE,
    OURS,
    PHONE,
    World,
    announced,
    body_of,
    established,
    header,
    incoming,
    invite,
    policy,
    respond,
    ringing,
    sdp,
)


def externals(world: World) -> set[str]:
    return {external for _, _, external in world.holes()}


def again(world: World, cseq: int, offer: bytes, answer: bytes, method: str = "INVITE") -> bytes:
    """The phone sends another offer in the dialog; returns it as the provider saw it."""
    (sent,) = world.out(invite(cseq=cseq, to_tag="b", body=offer, method=method))
    world.into(respond(sent.data, 200, "OK", body=answer))
    if method == "INVITE":
        world.out(invite(cseq=cseq, to_tag="b", method="ACK", branch=f"ack-{cseq}"))
    return sent.data


def test_c02_private_address_in_sdp_becomes_ours_and_both_ways_open():
    world = World()
    sent, _ = established(world)
    assert b"c=IN IP4 %s\r\n" % OURS.encode() in sent
    port = announced(sent)
    assert (f"{PHONE.host}:14000", f"{OURS}:{port}", "203.0.113.99:7000") in world.holes()


def test_c03_media_proxy_is_another_host_than_the_sip_server():
    world = World()
    established(world)
    assert externals(world) == {"203.0.113.99:7000", "203.0.113.99:7001"}


def test_c07_session_timer_refreshes_keep_the_ports_of_a_long_call():
    world = World()
    sent, _ = established(world)
    for cseq, method in enumerate(("UPDATE", "INVITE", "UPDATE", "INVITE"), start=2):
        world.wait(80)
        refreshed = again(world, cseq, sdp(PHONE.host, 14000), sdp(*MEDIA_PROXY), method)
        assert announced(refreshed) == announced(sent)
    world.into(incoming("call-1", 5, method="UPDATE", to_tag="a"))
    assert world.call()["state"] == "in_call"
    assert len(world.open) == 2


def test_c08_hold_keeps_ports_and_pinholes_for_as_long_as_it_lasts():
    world = World()
    sent, _ = established(world)
    held = again(world, 2, sdp(PHONE.host, 14000, "a=sendonly"), sdp(*MEDIA_PROXY, "a=recvonly"))
    before = world.holes()
    assert {row["kind"] for row in world.engine.rows("pinholes", world.now)} == {"held"}
    world.done.clear()
    world.wait(600)
    assert world.holes() == before
    renewals = [effect for effect in world.done if isinstance(effect, OpenPinhole)]
    assert len(renewals) == 2 * (600 // 60)  # each at half of its 120 s
    resumed = again(world, 3, sdp(PHONE.host, 14000, "a=sendrecv"), sdp(*MEDIA_PROXY))
    assert announced(held) == announced(resumed) == announced(sent)
    assert world.holes() == before


def test_c08_inactive_hold_is_exempt_from_the_media_timeout():
    world = World()
    established(world)
    again(world, 2, sdp(PHONE.host, 14000, "a=inactive"), sdp(*MEDIA_PROXY, "a=inactive"))
    world.wait(200)
    assert len(world.open) == 2
    assert world.call()["warning"] == ""


def test_hold_may_give_its_ports_back():
    world = World(policy(handling=Handling(hold_keeps_ports=False)))
    established(world)
    again(world, 2, sdp(PHONE.host, 14000, "a=sendonly"), sdp(*MEDIA_PROXY, "a=recvonly"))
    assert world.open == {}
    again(world, 3, sdp(PHONE.host, 14000), sdp(*MEDIA_PROXY))
    assert len(world.open) == 2


@pytest.mark.parametrize("form", ["IN IP4 0.0.0.0", "IN IP6 ::"])
def test_c09_unspecified_address_is_left_alone_and_opens_nothing(form):
    world = World()
    body = sdp(PHONE.host, 14000).replace(b"c=IN IP4 " + PHONE.host.encode(), b"c=" + form.encode())
    (sent,) = world.out(invite(body=body))
    assert b"c=" + form.encode() + b"\r\n" in sent.data
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}
    assert not [name for name in world.engine.counts if name.startswith(("refused:", "sdp:"))]


def test_c09_hold_of_the_far_end_with_0_0_0_0_comes_back_on_the_same_port():
    world = World()
    sent, _ = established(world)
    (inside,) = world.into(incoming("call-1", 7, sdp("0.0.0.0", 7000), to_tag="a"))
    assert b"c=IN IP4 0.0.0.0" in inside.data
    (ok,) = world.out(respond(inside.data, 200, "OK", body=sdp(PHONE.host, 14000)))
    assert announced(ok.data) == announced(sent)
    assert world.open == {}


def test_c10_fax_takes_one_port_and_the_audio_closes():
    world = World()
    established(world)
    fax = sdp(PHONE.host, 0) + b"m=image 49158 udptl t38\r\n"
    sent = again(world, 2, fax, sdp("203.0.113.99", 0) + b"m=image 7100 udptl t38\r\n")
    assert b"m=audio 0 RTP/AVP" in sent
    port = announced(sent, "image")
    assert world.holes() == {(f"{PHONE.host}:49158", f"{OURS}:{port}", "203.0.113.99:7100")}


def test_c11_early_media_opens_from_the_183():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 183, "Session Progress", tag="b", body=sdp(*MEDIA_PROXY)))
    assert "203.0.113.99:7000" in externals(world)


def test_c12_outside_media_on_both_sides_passes_untouched():
    world = World()
    body = sdp("203.0.113.98", 6000)
    (sent,) = world.out(invite(body=body))
    assert body_of(sent.data) == body
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}
    assert world.engine.counts["sdp:media-elsewhere"] == 1


def hairpinned(world: World) -> tuple[bytes, bytes]:
    """The first phone calls the second through the provider: both descriptions as the phones saw them."""
    world.registered()
    to = world.register(source=OTHER_PHONE, user="102").source
    (out,) = world.out(invite("leg-1", body=sdp(PHONE.host, 14000, "a=rtcp:14001")))
    (rings,) = world.into(incoming("leg-2", body=body_of(out.data)), to=to)
    (ok,) = world.out(respond(rings.data, 200, "OK", tag="p", body=sdp(OTHER_PHONE.host, 16000)), source=OTHER_PHONE)
    (back,) = world.into(respond(out.data, 200, "OK", tag="b", body=body_of(ok.data)))
    return rings.data, back.data


def test_c12_our_own_mapping_resolves_to_the_phone_behind_it():
    rings, _ = hairpinned(World())
    assert body_of(rings) == sdp(PHONE.host, 14000, "a=rtcp:14001")


def test_c13_two_phones_behind_us_speak_directly():
    world = World()
    rings, back = hairpinned(world)
    assert body_of(rings) == sdp(PHONE.host, 14000, "a=rtcp:14001")
    assert body_of(back) == sdp(OTHER_PHONE.host, 16000)
    assert world.open == {}
    assert world.engine.counts["sdp:hairpin"] == 2


def test_c14_offer_in_a_reliable_183_and_answer_in_the_prack():
    world = World()
    (sent,) = world.out(invite())
    world.into(respond(sent.data, 183, "Session Progress", tag="b", body=sdp(*MEDIA_PROXY)))
    (prack,) = world.out(invite(cseq=2, method="PRACK", to_tag="b", body=sdp(PHONE.host, 14000)))
    port = announced(prack.data)
    assert (f"{PHONE.host}:14000", f"{OURS}:{port}", "203.0.113.99:7000") in world.holes()
    world.into(respond(prack.data, 200, "OK"))
    world.into(respond(sent.data, 200, "OK", tag="b"))
    assert len(world.open) == 2


def test_c15_early_update_moves_the_port():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 183, "Session Progress", tag="b", body=sdp(*MEDIA_PROXY)))
    moved = again(world, 2, sdp(PHONE.host, 15000), sdp(*MEDIA_PROXY), "UPDATE")
    assert announced(moved) != announced(sent.data)
    assert {internal for internal, _, _ in world.holes()} == {f"{PHONE.host}:15000", f"{PHONE.host}:15001"}


def test_c16_delayed_offer_is_answered_in_the_ack():
    world = World()
    (sent,) = world.out(invite())
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    (ack,) = world.out(invite(method="ACK", to_tag="b", branch="ack", body=sdp(PHONE.host, 14000)))
    assert announced(ack.data) in range(20000, 20100)
    assert "203.0.113.99:7000" in externals(world)


def test_c19_empty_pool_is_a_503_with_a_reason_and_the_first_calls_go_on():
    world = World(policy(media_ports=PortRange(20000, 20007)))
    for number in range(4):
        established(world, f"call-{number}", sdp(PHONE.host, 14000 + 2 * number))
    before = world.holes()
    (back,) = world.out(invite("one-more", body=sdp(PHONE.host, 15000)))
    assert back.data.startswith(b"SIP/2.0 503 ")
    assert header(back.data, "Warning") == '399 pinhole "media-ports"'
    assert world.holes() == before
    rows = {row["call_id"]: row for row in world.engine.rows("calls", world.now)}
    assert rows["one-more"]["reason"] == "refused here: media-ports"
    world.wait(31)
    assert world.out(invite("one-more", body=sdp(PHONE.host, 15000)))[0].data.startswith(b"SIP/2.0 503 ")


def test_c20_rtcp_attribute_is_honoured():
    world = World()
    sent, _ = established(world, body=sdp(PHONE.host, 14000, "a=rtcp:15555 IN IP4 192.168.0.10"))
    port = announced(sent)
    assert f"a=rtcp:{port + 1} IN IP4 {OURS}".encode() in sent
    assert (f"{PHONE.host}:15555", f"{OURS}:{port + 1}", "203.0.113.99:7001") in world.holes()


def test_c21_rtcp_mux_agreed_is_one_pinhole_and_offered_only_is_two():
    world = World()
    established(world, body=sdp(PHONE.host, 14000, "a=rtcp-mux"), answer=sdp(*MEDIA_PROXY, "a=rtcp-mux"))
    assert len(world.open) == 1
    world = World()
    established(world, body=sdp(PHONE.host, 14000, "a=rtcp-mux"))
    assert len(world.open) == 2


def test_c22_ice_candidates_follow_the_default_destination():
    world = World()
    candidates = (
        "a=candidate:1 1 UDP 2130706431 {host} {rtp} typ host",
        "a=candidate:1 2 UDP 2130706430 {host} {rtcp} typ host",
        f"a=candidate:2 1 UDP 1694498815 {OURS} 41000 typ srflx raddr {{host}} rport {{rtp}}",
        "a=candidate:3 1 UDP 2130706431 2001:db8:c::7 14000 typ host",
        f"a=candidate:4 1 TCP 2105458943 {PHONE.host} 9 typ host tcptype active",
    )
    inside = [line.format(host=PHONE.host, rtp=14000, rtcp=14001) for line in candidates]
    sent, _ = established(world, body=sdp(PHONE.host, 14000, *inside))
    port = announced(sent)
    outside = [line.format(host=OURS, rtp=port, rtcp=port + 1) for line in candidates]
    assert body_of(sent) == sdp(OURS, port, *outside)
    assert len(world.open) == 2


def test_c22_ice_is_left_alone_where_a_candidate_cannot_follow():
    world = World()
    body = sdp(PHONE.host, 14000, f"a=candidate:1 1 UDP 2130706431 {PHONE.host} 15000 typ host")
    (sent,) = world.out(invite(body=body))
    assert body_of(sent.data) == body
    assert world.engine.counts["sdp:ice-untouched"] == 1
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}


def test_c22_candidates_of_the_far_end_change_nothing():
    world = World()
    answer = sdp(*MEDIA_PROXY, "a=candidate:1 1 UDP 2130706431 203.0.113.99 7000 typ host")
    _, back = established(world, answer=answer)
    assert body_of(back) == answer
    assert len(world.open) == 2


def test_c23_phone_that_asked_a_stun_server_is_left_alone():
    world = World()
    body = sdp(OURS, 40000)
    message = invite(body=body).replace(b"<sip:101@192.168.0.10:5060>", b"<sip:101@203.0.113.2:40002>")
    (sent,) = world.out(message)
    assert sent.data.replace(OURS.encode() + b":5060;branch", PHONE.host.encode() + b":5060;branch") == message
    assert world.engine.counts["sdp:already-translated"] == 1


@pytest.mark.parametrize("protocol", ["RTP/SAVP", "RTP/SAVPF", "UDP/TLS/RTP/SAVPF"])
def test_c24_srtp_lines_pass_and_media_opens(protocol):
    world = World()
    secure = (
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4",
        "a=fingerprint:SHA-1 4A:AD:B9:B1:3F:82:18:3B:54:02:12:DF:3E:5D:49:6B:19:E5:7C:AB",
        "a=setup:actpass",
        "a=ssrc:314159 cname:user@192.168.0.10",
    )
    body = sdp(PHONE.host, 14000, *secure).replace(b"RTP/AVP", protocol.encode())
    sent, _ = established(world, body=body, answer=sdp(*MEDIA_PROXY).replace(b"RTP/AVP", protocol.encode()))
    for line in secure:
        assert line.encode() + b"\r\n" in sent
    assert len(world.open) == 2


SIX = (
    b"m=video 14002 RTP/AVP 99\r\nm=audio 14004 RTP/AVP 8\r\nm=text 14006 RTP/AVP 98\r\n"
    b"m=application 14008 udp wb\r\nm=image 14010 udptl t38\r\n"
)


def test_c25_six_media_lines_are_all_mapped_in_their_order():
    world = World()
    answer = sdp(*MEDIA_PROXY) + SIX.replace(b" 140", b" 80")
    sent, _ = established(world, body=sdp(PHONE.host, 14000) + SIX, answer=answer)
    kinds = [line.split(b" ")[0] for line in body_of(sent).split(b"\r\n") if line.startswith(b"m=")]
    assert kinds == [b"m=audio", b"m=video", b"m=audio", b"m=text", b"m=application", b"m=image"]
    inside = {internal for internal, _, _ in world.holes()}
    rtp = {f"{PHONE.host}:{port}" for port in range(14000, 14012, 2)}
    rtcp = {f"{PHONE.host}:{port}" for port in range(14001, 14009, 2)}
    assert inside == rtp | rtcp


def test_c26_connection_of_a_media_line_wins_and_media_hosts_may_be_named():
    changed = policy()
    peering = replace(changed.peerings[0], media_hosts=(ip_network("192.168.0.20/32"),))
    world = World(replace(changed, peerings=(peering,)))
    video = b"m=video 15000 RTP/AVP 99\r\nc=IN IP4 192.168.0.20\r\n"
    answer = sdp(*MEDIA_PROXY) + b"m=video 7002 RTP/AVP 99\r\n"
    sent, _ = established(world, body=sdp(PHONE.host, 14000) + video, answer=answer)
    assert body_of(sent).count(b"c=IN IP4 " + OURS.encode()) == 2
    internal = {internal for internal, _, _ in world.holes()}
    assert {"192.168.0.10:14000", "192.168.0.20:15000"} <= internal


def test_c27_refused_line_stays_at_its_place():
    world = World()
    video = b"m=video 14002 RTP/AVP 99\r\n"
    _, back = established(
        world, body=sdp(PHONE.host, 14000) + video, answer=sdp(*MEDIA_PROXY) + b"m=video 0 RTP/AVP 99\r\n"
    )
    assert b"m=video 0 RTP/AVP 99\r\n" in back
    assert len(world.open) == 2


@pytest.mark.parametrize("host", ["10.0.0.1", "192.168.0.10", "192.168.100.100"])
@pytest.mark.parametrize("ours", ["5.6.7.8", "203.0.113.2", "203.113.113.113"])
def test_c28_every_length_of_address_leaves_a_whole_description(host, ours):
    interfaces = policy().interfaces
    everywhere = replace(policy().peerings[0], internal=(ip_network("10.0.0.0/8"), ip_network("192.168.0.0/16")))
    world = World(policy(interfaces=(interfaces[0], replace(interfaces[1], addresses=(ours,))), peerings=(everywhere,)))
    message = invite(body=sdp(host, 14000)).replace(PHONE.host.encode(), host.encode())
    (sent,) = world.out(message, source=Endpoint(host, 5060))
    assert int(header(sent.data, "Content-Length")) == len(body_of(sent.data))
    assert body_of(sent.data) == sdp(ours, announced(sent.data))


@pytest.mark.parametrize("damage", [(b"c=IN IP4 ", b"c:=IN IP4 "), (b"s=-\r\n", b"s=pjmedia")])
def test_c28_description_that_was_damaged_before_us_passes_as_it_is_and_is_counted(damage):
    world = World()
    damaged = sdp(PHONE.host, 14000).replace(*damage)
    assert body_of(world.out(invite(body=damaged))[0].data) == damaged
    assert [name for name in world.engine.counts if name.startswith("sdp:no-")]


def test_c40_overlapping_private_addresses_are_not_confused():
    world = World()
    request = ringing(world, sdp(PHONE.host, 7000))
    assert body_of(request) == sdp(PHONE.host, 7000)
    world.out(respond(request, 200, "OK", tag="p", body=sdp(PHONE.host, 14000)))
    assert world.open == {}
    assert world.engine.counts["refused:media-peer-internal"] == 1


def test_c53_pinhole_names_the_far_port_of_a_symmetric_peer():
    world = World()
    established(world)
    assert all(hole.external.port for hole in world.open.values())


def test_c57_silence_closes_the_media_and_keeps_the_call():
    world = World()
    established(world)
    world.wait(121)
    assert world.open == {}
    assert (world.call()["state"], world.call()["warning"]) == (
        "in_call",
        "no media for 120 s: closed, the call stays",
    )
    again(world, 2, sdp(PHONE.host, 14000), sdp(*MEDIA_PROXY))
    assert len(world.open) == 2
    assert world.call()["warning"] == ""
    world.out(invite(method="BYE", cseq=3, to_tag="b"))
    assert world.call()["state"] == "completed"


def test_media_is_not_silent_only_because_nobody_counts():
    world = World()
    world.counting = False
    established(world)
    world.wait(1000)
    assert len(world.open) == 2
    world.counting = True
    world.wait(3)
    assert world.open == {}
