# SPDX-License-Identifier: GPL-2.0-or-later
"""Calls that a phone makes: rewriting, pinholes, their order, and what is left at the end."""

from __future__ import annotations

import pytest

from sipalg_core.alg.effects import ClosePinhole, Forward, OpenPinhole
from sipalg_core.contract.control import Counter
from sipalg_core.contract.policy import Limits, PortRange
from sipalg_core.net import Endpoint, Side
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OURS,
    PHONE,
    PROVIDER,
    World,
    announced,
    body_of,
    established,
    header,
    incoming,
    invite,
    policy,
    respond,
    sdp,
)


def test_invite_leaves_with_our_addresses_and_nothing_else_changed():
    world = World()
    original = invite(body=sdp(PHONE.host, 14000))
    (sent,) = world.out(original)
    port = announced(sent.data)
    assert (sent.source, sent.destination, sent.side) == (Endpoint(OURS, 5060), PROVIDER, Side.EXTERNAL)
    assert 20000 <= port <= 20099
    assert port % 2 == 0
    expected = original.replace(PHONE.host.encode(), OURS.encode()).replace(b"m=audio 14000", b"m=audio %d" % port)
    assert sent.data.replace(header(sent.data, "Content-Length").encode(), b"") == expected.replace(
        header(expected, "Content-Length").encode(), b""
    )
    assert int(header(sent.data, "Content-Length")) == len(body_of(sent.data))


def test_no_pinhole_before_the_callee_answers():
    world = World()
    world.out(invite(body=sdp(PHONE.host, 14000)))
    assert world.open == {}


def test_answer_opens_exactly_the_two_media_endpoints_before_it_is_forwarded():
    world = World()
    sent, _ = established(world)
    port = announced(sent)
    assert world.holes() == {
        (f"{PHONE.host}:14000", f"{OURS}:{port}", "203.0.113.99:7000"),
        (f"{PHONE.host}:14001", f"{OURS}:{port + 1}", "203.0.113.99:7001"),
    }
    world = World()
    (sent2,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent2.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    kinds = [type(effect) for effect in world.effects]
    assert kinds.index(Forward) > max(i for i, kind in enumerate(kinds) if kind is OpenPinhole)


def test_response_comes_back_as_the_phone_wrote_it():
    world = World()
    _, back = established(world)
    assert header(back, "Via").startswith(f"SIP/2.0/UDP {PHONE};branch=")
    assert header(back, "Contact") == "<sip:200@203.0.113.1>"
    assert body_of(back) == sdp(*MEDIA_PROXY)


def test_received_and_rport_tell_the_phone_its_own_source():
    world = World()
    (sent,) = world.out(invite())
    data = respond(sent.data, 180, "Ringing", tag="b").replace(b";rport", f";received={OURS};rport=5060".encode())
    (back,) = world.into(data)
    assert f"received={PHONE.host};rport=5060" in header(back.data, "Via")


def test_call_row_tells_state_codec_and_pinholes():
    world = World()
    established(world)
    row = world.call()
    assert row["state"] == "in_call"
    assert row["direction"] == "outbound"
    assert row["codec"] == "PCMA"
    assert row["pinholes"] == 2
    assert row["provider"] == "Provider"


def test_bye_closes_after_the_teardown_delay():
    world = World()
    established(world)
    world.out(invite(method="BYE", cseq=2, to_tag="b"))
    assert world.call()["state"] == "completed"
    assert world.call()["reason"] == "hung up by the phone"
    world.wait(4.9)
    assert len(world.open) == 2
    world.wait(0.2)
    assert world.open == {}
    assert world.engine.rows("pinholes", world.now) == []
    world.wait(60)
    assert world.engine.rows("calls", world.now) == []


def test_bye_with_a_strange_tag_changes_nothing():
    world = World()
    established(world)
    world.out(invite(method="BYE", cseq=2, to_tag="guess").replace(b"tag=a", b"tag=x"))
    world.wait(10)
    assert len(world.open) == 2
    assert world.engine.counts["ignored:no-dialog"] == 1


def test_busy_leaves_no_pinhole_and_gives_the_ports_back():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="b"))
    assert {external for _, _, external in world.holes()} == {"203.0.113.1:0", "203.0.113.99:0"}
    world.into(respond(sent.data, 486, "Busy Here", tag="b"))
    assert world.open == {}
    assert world.call()["state"] == "busy"
    assert world.call()["reason"] == "486 Busy Here"


def test_early_media_opens_at_once_and_the_gate_is_gone():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="b"))
    world.into(respond(sent.data, 183, "Session Progress", tag="b", body=sdp(*MEDIA_PROXY)))
    assert {external for _, _, external in world.holes()} == {"203.0.113.99:7000", "203.0.113.99:7001"}


def test_challenged_invite_keeps_its_port():
    world = World()
    (first,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(first.data, 407, "Proxy Authentication Required", tag="p"))
    (second,) = world.out(invite(cseq=2, body=sdp(PHONE.host, 14000)))
    assert announced(second.data) == announced(first.data)
    world.into(respond(second.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.call()["state"] == "in_call"
    assert len(world.open) == 2


def test_forked_early_dialogs_share_the_offer_and_the_losers_close():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 183, "Progress", tag="one", body=sdp("203.0.113.98", 6000)))
    world.into(respond(sent.data, 183, "Progress", tag="two", body=sdp(*MEDIA_PROXY)))
    assert len(world.open) == 4
    world.into(respond(sent.data, 200, "OK", tag="two", body=sdp(*MEDIA_PROXY)))
    assert {external for _, _, external in world.holes()} == {"203.0.113.99:7000", "203.0.113.99:7001"}


def test_offer_in_the_200_and_answer_in_the_ack():
    world = World()
    (sent,) = world.out(invite())
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}
    (ack,) = world.out(invite(method="ACK", to_tag="b", branch="ack", body=sdp(PHONE.host, 14000)))
    assert len(world.open) == 2
    assert PHONE.host.encode() not in ack.data


def test_failed_reinvite_keeps_the_old_session():
    world = World()
    established(world)
    before = world.holes()
    (again,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 15000)))
    world.into(respond(again.data, 488, "Not Acceptable Here"))
    assert world.holes() == before
    assert world.call()["state"] == "in_call"


def test_reinvite_that_moves_the_far_media_moves_the_pinhole():
    world = World()
    established(world)
    (again,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000)))
    world.into(respond(again.data, 200, "OK", body=sdp("203.0.113.99", 7100)))
    assert {external for _, _, external in world.holes()} == {"203.0.113.99:7100", "203.0.113.99:7101"}
    assert [e for e in world.effects if isinstance(e, ClosePinhole)]


def test_hold_and_resume_keep_the_announced_port():
    world = World()
    sent, _ = established(world)
    (held,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000, "a=sendonly")))
    world.into(respond(held.data, 200, "OK", body=sdp("0.0.0.0", 7000)))
    (resumed,) = world.out(invite(cseq=3, to_tag="b", body=sdp(PHONE.host, 14000, "a=sendrecv")))
    world.into(respond(resumed.data, 200, "OK", body=sdp(*MEDIA_PROXY)))
    assert announced(sent) == announced(held.data) == announced(resumed.data)
    assert len(world.open) == 2


def test_cancel_and_the_200_that_crosses_it():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="b"))
    world.out(invite(method="CANCEL", branch="call-1-1-INVITE"))
    assert world.call()["state"] == "cancelled"
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    world.wait(30)
    assert world.call()["state"] == "in_call"
    assert len(world.open) == 2


def test_cancelled_call_closes_with_the_487():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="b"))
    world.out(invite(method="CANCEL", branch="call-1-1-INVITE"))
    world.into(respond(sent.data, 487, "Request Terminated", tag="b"))
    assert world.open == {}
    assert world.call()["reason"] == "cancelled by the phone"


def test_retransmissions_are_idempotent():
    world = World()
    original = invite(body=sdp(PHONE.host, 14000))
    assert world.out(original) == world.out(original)
    (sent,) = world.out(original)
    answer = respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY))
    world.into(answer)
    before = dict(world.open)
    world.into(answer)
    assert world.open == before


def test_rtcp_attribute_and_mux():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000, "a=rtcp:15555")))
    port = announced(sent.data)
    assert b"a=rtcp:%d" % (port + 1) in sent.data
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp("203.0.113.99", 7000, "a=rtcp:9001")))
    assert (f"{PHONE.host}:15555", f"{OURS}:{port + 1}", "203.0.113.99:9001") in world.holes()
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000, "a=rtcp-mux")))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp("203.0.113.99", 7000, "a=rtcp-mux")))
    assert len(world.open) == 1


def test_no_answer_ends_the_call():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="b"))
    world.wait(211)
    assert world.call()["reason"] == "no answer"
    assert world.open == {}


def test_kernel_counts_show_as_audio_and_stay_when_the_call_ends():
    world = World()
    established(world)
    rtp = next(hole for hole in world.open.values() if hole.external == MEDIA_PROXY)
    world.count(Counter(rtp.id, 10, 12))
    assert (world.call()["audio_in"], world.call()["audio_out"]) == (
        {"packets": 10, "active": True},
        {"packets": 12, "active": True},
    )
    world.count(Counter(rtp.id, 10, 30))
    assert world.call()["audio_in"] == {"packets": 10, "active": False}
    world.out(invite(method="BYE", cseq=2, to_tag="b"))
    world.wait(6)
    assert world.call()["audio_out"] == {"packets": 30, "active": False}


def test_refused_pinhole_answers_the_request_and_leaves_nothing_half_open():
    world = World()
    world.registered()
    (request,) = world.into(incoming(body=sdp(*MEDIA_PROXY)))
    world.refuse = True
    sent = world.out(respond(request.data, 200, "OK", tag="p", body=sdp(PHONE.host, 14000)))
    assert sent == []  # a response cannot be answered; the phone sends it again
    assert world.open == {}
    assert world.call()["state"] == "rejected"
    assert world.engine.counts["dropped:pinhole-refused-p3"] == 1


def test_no_free_port_is_answered_with_503_and_the_others_go_on():
    world = World(policy(media_ports=PortRange(20000, 20003)))
    for number in range(2):
        (sent,) = world.out(invite(call_id=f"call-{number}", body=sdp(PHONE.host, 14000 + 2 * number)))
        assert sent.data.startswith(b"INVITE ")
    (back,) = world.out(invite(call_id="one too many", body=sdp(PHONE.host, 14100)).replace(b"one too many", b"x"))
    assert back.data.startswith(b"SIP/2.0 503 ")
    assert header(back.data, "Retry-After") == "30"
    assert (back.side, back.destination) == (Side.INTERNAL, PHONE)
    assert world.out(invite(call_id="x", method="ACK", branch="x-1-INVITE").replace(b"-ACK", b"-INVITE")) == []
    assert world.engine.counts["answered:media-ports"] == 1


def test_malformed_request_is_answered_and_counted():
    world = World()
    (back,) = world.out(invite().replace(b"CSeq: 1 INVITE", b"CSeq: 1 OPTIONS"))
    assert back.data.startswith(b"SIP/2.0 400 ")
    assert world.engine.counts["answered:cseq-method"] == 1
    assert world.out(b"\x00\x01 nonsense\r\n") == []
    assert world.engine.counts["dropped:not-sip"] == 1


def test_keep_alive_passes():
    world = World()
    (sent,) = world.out(b"\r\n\r\n")
    assert (sent.data, sent.destination) == (b"\r\n\r\n", PROVIDER)


def test_redial_while_the_last_call_drains_keeps_the_mapping():
    """Many phones use one RTP port for ever; the kernel translates an endpoint in one way only."""
    world = World()
    sent, _ = established(world)
    world.out(invite(method="BYE", cseq=2, to_tag="b"))
    (again,) = world.out(invite(call_id="redial", body=sdp(PHONE.host, 14000)))
    assert announced(again.data) == announced(sent)
    world.wait(6)  # the first call's pinholes close, its ports stay the second one's
    world.into(respond(again.data, 200, "OK", tag="c", body=sdp(*MEDIA_PROXY)))
    assert len(world.open) == 2
    world.out(invite(call_id="redial", method="BYE", cseq=2, to_tag="c"))
    world.wait(60)
    (other,) = world.out(invite(call_id="other", body=sdp(PHONE.host, 14002)))
    assert announced(other.data) != announced(sent)
    (later,) = world.out(invite(call_id="later", body=sdp(PHONE.host, 14000)))
    assert announced(later.data) == announced(sent)  # the kernel may know connections of that endpoint


def test_moved_rtcp_leaves_its_port_before_it_takes_it_again():
    """The kernel translates our port one way only: the old opening would be in the way of the new one."""
    world = World()
    sent, _ = established(world, body=sdp(PHONE.host, 14000, "a=rtcp:14009"))
    port = announced(sent)
    (again,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000)))
    world.into(respond(again.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    rtcp = [each for each in world.effects if isinstance(each, OpenPinhole | ClosePinhole)]
    assert [(type(each), each.pinhole.internal.port) for each in rtcp] == [(ClosePinhole, 14009), (OpenPinhole, 14001)]
    assert world.holes() == {
        (f"{PHONE.host}:14000", f"{OURS}:{port}", "203.0.113.99:7000"),
        (f"{PHONE.host}:14001", f"{OURS}:{port + 1}", "203.0.113.99:7001"),
    }


def test_screen_shared_over_udp_takes_one_port_and_over_tcp_none():
    """BFCP (RFC 8856) beside audio: its stream over UDP is mapped without RTCP, over TCP its line stays as it came."""
    world = World()
    bfcp = ("m=application 14020 UDP/BFCP *", "a=floorctrl:c-s", "a=confid:4321")
    established(world, body=sdp(PHONE.host, 14000, *bfcp), answer=sdp(*MEDIA_PROXY, "m=application 7020 UDP/BFCP *"))
    assert len(world.open) == 3
    assert {hole.external.port for hole in world.open.values() if hole.internal.port == 14020} == {7020}
    world = World()
    over_tcp = [bfcp[0].replace("UDP", "TCP"), *bfcp[1:]]
    sent, _ = established(
        world, body=sdp(PHONE.host, 14000, *over_tcp), answer=sdp(*MEDIA_PROXY, "m=application 7020 TCP/BFCP *")
    )
    assert over_tcp[0].encode() in sent
    assert len(world.open) == 2


def test_answer_that_does_not_go_on_makes_no_call():
    """The phone never hears of it: nothing must wait for its BYE. A refused re-INVITE costs nothing."""
    world = World(policy(limits=Limits(media_lines=1)))
    video = "m=video 7010 RTP/AVP 31"
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    for _ in range(2):
        assert world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY, video)), to=sent.source) == []
        assert (world.call()["state"], world.call()["reason"]) == ("rejected", "refused here: media-lines")
    world.wait(30)
    assert world.engine.rows("calls", world.now) == []
    established(world, "call-2")
    (refused,) = world.out(invite("call-2", 2, sdp(PHONE.host, 14000, video), to_tag="b"))
    assert refused.data.startswith(b"SIP/2.0 488 ")
    assert world.call()["state"] == "in_call"


@pytest.mark.parametrize("answered", [False, True], ids=["while it rings", "beside the one that answered"])
def test_response_that_does_not_go_on_begins_no_dialog(answered: bool):
    """P12: the phone has never heard of that callee, so nothing that it says is of the call."""
    world = World(policy(limits=Limits(media_lines=1)))
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    if answered:
        assert world.into(respond(sent.data, 200, "OK", tag="c", body=sdp(*MEDIA_PROXY)), to=sent.source)
    status = 200 if answered else 183
    refused = respond(sent.data, status, "x", tag="b", body=sdp(*MEDIA_PROXY, "m=video 7010 RTP/AVP 31"))
    assert world.into(refused, to=sent.source) == []
    before = world.call(), world.holes()
    hung_up = incoming(header(sent.data, "Call-ID"), 9, method="BYE", to_tag="a")
    world.into(hung_up, to=sent.source)
    assert (world.call(), world.holes()) == before
    assert world.engine.counts["ignored:no-dialog"] == 1
    world.into(respond(sent.data, 180, "Ringing", tag="b"), to=sent.source)
    world.into(hung_up.replace(b"CSeq: 9", b"CSeq: 10").replace(b"-9-", b"-10-"), to=sent.source)
    assert world.engine.counts["ignored:no-dialog"] == 1  # that one went on
