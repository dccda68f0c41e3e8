# SPDX-License-Identifier: GPL-2.0-or-later
"""A message that does not go on has ended nothing, and what it closed in the books is closed in the kernel."""

from __future__ import annotations

import pytest

from sipalg_core.alg.effects import ClosePinhole, OpenPinhole
from sipalg_core.contract.control import Counter, Status
from sipalg_core.contract.policy import Handling, Limits, SyntaxCheck
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    PHONE,
    World,
    established,
    incoming,
    invite,
    policy,
    respond,
    ringing,
    sdp,
)
from tests.unit.alg.test_shadow import shadowed

LARGEST = 65_507


def filled(data: bytes) -> bytes:
    """As large as a datagram may be: one octet more, and it does not go on."""
    head, _, body = data.partition(b"\r\n\r\n")
    head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length"))
    return head + b"\r\n\r\n" + body + b"x" * (LARGEST - len(head) - 4 - len(body))


def in_dialog(method: str, cseq: int = 7) -> bytes:
    """Of the provider, in the call of the phone."""
    return incoming("call-1", cseq, method=method, to_tag="a")


def test_bye_that_is_refused_here_ends_no_call():
    world = World()
    established(world)
    held = world.holes()
    (back,) = world.into(filled(in_dialog("BYE")))
    assert back.data.startswith(b"SIP/2.0 513 ")
    assert world.call()["state"] == "in_call"
    world.wait(30)
    assert (world.call()["state"], world.holes()) == ("in_call", held)
    (reached,) = world.into(in_dialog("BYE", 8))
    assert reached.destination == PHONE
    assert world.call()["state"] == "completed"


def test_bye_that_the_syntax_policy_refuses_ends_no_call():
    world = World(policy(handling=Handling(syntax=(SyntaxCheck("repeated-header", "respond"),))))
    established(world)
    broken = invite(method="BYE", cseq=2, to_tag="b").replace(b"Max-F", b"CSeq: 2 BYE\r\nMax-F")
    (back,) = world.out(broken)
    assert back.data.startswith(b"SIP/2.0 400 ")
    assert world.call()["state"] == "in_call"
    (left,) = world.out(invite(method="BYE", cseq=3, to_tag="b"))
    assert left.data.startswith(b"BYE ")
    assert world.call()["state"] == "completed"


def test_cancel_that_is_refused_here_leaves_the_phone_ringing():
    world = World()
    ringing(world)
    branch = "in-1-1-INVITE"
    (back,) = world.into(filled(incoming(method="CANCEL", branch=branch)))
    assert back.data.startswith(b"SIP/2.0 513 ")
    assert world.call()["state"] == "setup"
    world.into(incoming(method="CANCEL", branch=branch))
    assert world.call()["state"] == "setup"  # it is a repetition of what was refused


def test_refusal_that_does_not_go_on_ends_no_call():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    busy = respond(sent.data, 486, "Busy Here", tag="b")
    assert world.into(filled(busy)) == []
    assert world.call()["state"] == "setup"
    assert len(world.into(busy)) == 1
    assert world.call()["state"] == "busy"


def test_ack_that_does_not_go_on_is_still_missing():
    world = World()
    sent = ringing(world)
    reply = respond(sent, 200, "OK", tag="a", body=sdp(PHONE.host, 14000))
    world.out(reply)
    assert world.into(filled(incoming(method="ACK", to_tag="a", branch="ack"))) == []
    world.out(reply)
    world.out(reply)
    assert "ACK" in str(world.call()["warning"])
    world.into(incoming(method="ACK", to_tag="a", branch="ack-2"))
    assert world.call()["warning"] == ""


def test_bye_that_shadow_mode_would_refuse_ends_its_call():
    """It goes on as plain NAT would send it, however large it would be else."""
    world = World(shadowed())
    established(world)
    (reached,) = world.into(filled(in_dialog("BYE")))
    assert reached.destination == PHONE
    assert world.call()["state"] == "completed"


def test_what_made_way_is_closed_where_the_message_does_not_go_on():
    """The phone moves its RTCP in a 200 that grows too large: the old pinhole left the books before the refusal."""
    world = World()
    sent = ringing(world)
    world.out(respond(sent, 200, "OK", tag="a", body=described(1025)))
    world.into(incoming(method="ACK", to_tag="a", branch="ack"))
    assert len(world.open) == 2
    (again,) = world.into(incoming(cseq=2, body=sdp(*MEDIA_PROXY), to_tag="a"))
    assert world.out(filled(respond(again.data, 200, "OK", tag="a", body=described(1027)))) == []
    assert world.engine.counts["dropped:message-too-large"] == 1
    assert world.open == {}
    assert world.engine.rows("pinholes", world.now) == []


def test_what_is_given_up_is_closed_where_the_message_does_not_go_on():
    """The phone gives up the video in a 200 that grows too large; nothing new opens, and the call goes on."""
    world = World()
    sent = ringing(world, sdp(*MEDIA_PROXY, "m=video 7010 RTP/AVP 31"))
    world.out(respond(sent, 200, "OK", tag="a", body=described(1025, "m=video 1030 RTP/AVP 31")))
    world.into(incoming(method="ACK", to_tag="a", branch="ack"))
    assert len(world.open) == 4
    body = sdp(*MEDIA_PROXY, "m=video 7010 RTP/AVP 31")
    (again,) = world.into(incoming(cseq=2, body=body, to_tag="a"))
    reply = respond(again.data, 200, "OK", tag="a", body=described(1025, "m=video 0 RTP/AVP 31"))
    assert world.out(filled(reply)) == []
    assert sum(isinstance(each, ClosePinhole) for each in world.effects) == 2
    assert len(world.open) == 2 == len(world.engine.rows("pinholes", world.now))
    assert world.call()["state"] == "in_call"


# --- the broker does not answer for a moment ---


def away(world: World) -> None:
    world.refuse, world.refusal = True, Status.FAILED


def test_answer_that_the_broker_did_not_open_for_is_heard_when_it_is_repeated():
    world = World()
    sent = ringing(world)
    reply = respond(sent, 200, "OK", tag="a", body=sdp(PHONE.host, 14000))
    away(world)
    assert world.out(reply) == []
    assert (world.call()["state"], world.open, world.engine.rows("pinholes", world.now)) == ("setup", {}, [])
    world.refuse = False
    (left,) = world.out(reply)
    assert b"192.168." not in left.data
    assert (world.call()["state"], len(world.open)) == ("in_call", 2)
    world.into(incoming(method="BYE", cseq=2, to_tag="a"))
    assert world.call()["state"] == "completed"
    world.wait(60)
    assert (world.open, world.engine.rows("calls", world.now)) == ({}, [])


def test_answer_that_nobody_opened_for_counts_for_nothing_yet():
    """Not as one whose ACK is missing, nor against the CANCEL of its INVITE."""
    world = World()
    sent = ringing(world)
    world.out(respond(sent, 180, "Ringing", tag="a"))
    reply = respond(sent, 200, "OK", tag="a", body=sdp(PHONE.host, 14000))
    away(world)
    for _ in range(2):
        assert world.out(reply) == []
    world.refuse = False
    warned = []
    for _ in range(3):
        world.out(reply)
        warned.append("ACK" in str(world.call()["warning"]))
    assert warned == [False, False, True]

    world = World()
    reply = respond(ringing(world), 200, "OK", tag="a", body=sdp(PHONE.host, 14000))
    away(world)
    world.out(reply)
    world.into(incoming(method="CANCEL", branch="in-1-1-INVITE"))
    assert world.call()["state"] == "cancelled"


def test_answer_from_outside_that_nobody_opened_for_is_heard_when_it_is_repeated():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    reply = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
    away(world)
    assert world.into(reply) == []
    world.refuse = False
    assert len(world.into(reply)) == 1
    assert (world.call()["state"], len(world.open)) == ("in_call", 2)


def test_call_whose_answer_nobody_opened_for_is_half_open_again():
    """Found by fuzzing: it had been counted as answered, and the limit let a call too many in."""
    world = World(policy(limits=Limits(half_open_per_host=1)))
    (sent,) = world.out(invite("a", body=sdp(PHONE.host, 14000)))
    away(world)
    world.into(respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY)))
    world.refuse = False
    world.out(invite("b", body=sdp(PHONE.host, 14002)))
    assert [row["call_id"] for row in world.engine.rows("calls", world.now)] == ["a"]
    assert world.engine.counts["answered:half-open-calls-of-host"] == 1


def test_running_call_goes_on_and_its_new_description_is_heard_when_it_is_repeated():
    world = World()
    established(world)
    held = world.holes()
    (sent,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14010)))
    reply = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
    away(world)
    assert world.into(reply) == []
    assert world.call()["state"] == "in_call"
    assert (world.holes(), told_open(world)) == (held, held)  # what runs goes on until the new one is there
    world.refuse = False
    assert len(world.into(reply)) == 1
    assert len(world.holes()) == 2
    assert world.holes().isdisjoint(held)
    assert told_open(world) == world.holes()


def told_open(world: World) -> set[tuple[object, ...]]:
    return {(row["internal"], row["mapped"], row["external"]) for row in world.engine.rows("pinholes", world.now)}


@pytest.mark.parametrize("status", [Status.REFUSED, Status.FULL])
def test_running_call_that_wants_more_than_it_may_keeps_what_it_has(status):
    """C54: the telephone adds a video for which there is no room. Its 200 is lost, its audio is not."""
    world = World()
    established(world)
    held = world.holes()
    counted(world, 10)
    video = "m=video {} RTP/AVP 31"
    (sent,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14010, video.format(14012))))
    reply = respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY, video.format(7010)))
    world.refuse, world.refusal = True, status
    assert world.into(reply) == []
    assert (world.call()["state"], world.holes(), told_open(world)) == ("in_call", held, held)
    assert "refused a new opening" in str(world.call()["warning"])
    assert not [row for row in world.engine.looks.ledger() if row["why"]]
    counted(world, 20)
    assert world.call()["audio_in"] == {"packets": 20, "active": True}
    world.out(invite(cseq=3, method="BYE", to_tag="b"))
    world.wait(60)
    assert (world.open, world.engine.rows("calls", world.now)) == ({}, [])


def counted(world: World, packets: int) -> None:
    world.count(*(Counter(ident, packets, packets) for ident in world.open))


def test_early_media_goes_on_until_the_answer_has_its_own():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="other"))
    early = world.holes()
    world.into(respond(sent.data, 183, "Session Progress", tag="fork", body=sdp("203.0.113.99", 7100)))
    forks = world.holes()
    assert early
    away(world)
    reply = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
    assert world.into(reply) == []
    assert (world.holes(), told_open(world)) == (forks, forks)
    world.refuse = False
    assert len(world.into(reply)) == 1
    assert {external for _, _, external in world.holes()} == {"203.0.113.99:7000", "203.0.113.99:7001"}
    assert told_open(world) == world.holes()


def test_answer_in_an_ack_is_heard_when_the_ack_is_repeated():
    world = World()
    (sent,) = world.out(invite())
    offer = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
    world.into(offer)
    ack = invite(method="ACK", to_tag="b", branch="ack", body=sdp(PHONE.host, 14000))
    away(world)
    assert world.out(ack) == []
    assert world.call()["state"] == "in_call"
    world.refuse = False
    world.into(offer)
    assert len(world.out(ack)) == 1
    assert len(world.open) == 2


def test_call_on_hold_outlives_a_broker_that_is_away_when_it_is_renewed():
    world = World()
    established(world)
    (sent,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000, "a=inactive")))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY, "a=inactive")))
    away(world)
    world.wait(61)  # half of the lifetime
    assert world.call()["state"] == "in_call"
    world.refuse = False
    world.effects.clear()
    world.wait(2)
    assert world.call()["state"] == "in_call"
    assert sum(isinstance(each, OpenPinhole) for each in world.done[-20:]) >= 2


def described(rtcp: int, *more: str) -> bytes:
    """Of the phone; our port is longer than its own, and its address in the o= line is not."""
    body = sdp(PHONE.host, 1024, f"a=rtcp:{rtcp}", *more)
    return body.replace(b"o=- 1 1 IN IP4 192.168.0.10", b"o=- 1 1 IN IP4 phone.example") + b"a=x-"
