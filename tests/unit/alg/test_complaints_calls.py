# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of in the course of calls (sip-alg reference, section 3): forks, races, repetitions, ends."""

from __future__ import annotations

import pytest

from sipalg_core.contract.policy import Timers
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OURS,
    PHONE,
    World,
    announced,
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


def test_c06_missing_ack_is_told_before_the_call_is_cut():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    answer = respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY))
    world.into(answer)
    world.wait(0.5)
    world.into(answer)
    assert world.call()["warning"] == ""
    world.wait(1)
    world.into(answer)
    assert world.call()["warning"] == "the ACK is missing; without it the call is cut after 32 s"
    assert world.engine.counts["warning:ack-missing"] == 1
    world.into(incoming("call-1", 1, method="BYE", to_tag="a"))
    assert world.call()["reason"] == "hung up by the other side; the ACK to the answer never came"


def test_c06_late_ack_takes_the_warning_back():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    for _ in range(3):
        world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    world.out(invite(method="ACK", to_tag="b", branch="ack"))
    assert world.call()["warning"] == ""


def test_c17_forking():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 183, "Progress", tag="one", body=sdp("203.0.113.98", 6000)))
    world.into(respond(sent.data, 183, "Progress", tag="two", body=sdp(*MEDIA_PROXY)))
    assert externals(world) == {"203.0.113.98:6000", "203.0.113.98:6001", "203.0.113.99:7000", "203.0.113.99:7001"}
    world.into(respond(sent.data, 200, "OK", tag="two", body=sdp(*MEDIA_PROXY)))
    assert externals(world) == {"203.0.113.99:7000", "203.0.113.99:7001"}


def test_c17_two_answers_both_stay_until_the_phone_hangs_one_up():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", tag="one", body=sdp("203.0.113.98", 6000)))
    world.into(respond(sent.data, 200, "OK", tag="two", body=sdp(*MEDIA_PROXY)))
    assert len(world.open) == 4
    world.out(invite(cseq=2, method="BYE", to_tag="one"))
    assert externals(world) == {"203.0.113.99:7000", "203.0.113.99:7001"}
    assert world.call()["state"] == "in_call"


def test_c17_call_forked_to_two_accounts_of_one_host_rings_until_the_last_branch_ends():
    world = World()
    world.registered()
    (first,) = world.into(incoming(body=sdp(*MEDIA_PROXY), branch="one"))
    (second,) = world.into(incoming(body=sdp(*MEDIA_PROXY), branch="two"))
    world.out(respond(first.data, 486, "Busy Here", tag="p1"))
    assert world.call()["state"] == "setup"
    world.into(incoming(method="CANCEL", branch="one"))
    world.out(respond(second.data, 200, "OK", tag="p2", body=sdp(PHONE.host, 14000)))
    assert world.call()["state"] == "in_call"
    assert len(world.open) == 2


def test_c18_thirty_calls_on_one_flow_do_not_touch_each_other():
    world = World()
    for number in range(30):
        established(
            world, f"call-{number}", sdp(PHONE.host, 14000 + 2 * number), sdp("203.0.113.99", 7000 + 2 * number)
        )
    assert len(world.open) == 60
    world.out(invite("call-7", cseq=2, method="BYE", to_tag="b"))
    world.wait(6)
    assert len(world.open) == 58
    assert "203.0.113.99:7014" not in externals(world)


def test_c54_refused_reinvite_keeps_the_session():
    for status in (488, 491):
        world = World()
        established(world)
        before = world.holes()
        (sent,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 15000)))
        world.into(respond(sent.data, status, "No"))
        assert world.holes() == before
        assert world.call()["state"] == "in_call"


def test_c54_glare_the_offer_that_is_accepted_counts():
    world = World()
    established(world)
    (ours,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000)))
    theirs = incoming("call-1", 9, sdp("203.0.113.98", 9000), to_tag="a")
    (inside,) = world.into(theirs)
    world.out(respond(inside.data, 491, "Request Pending"))
    world.into(respond(ours.data, 200, "OK", body=sdp("203.0.113.99", 7100)))
    assert externals(world) == {"203.0.113.99:7100", "203.0.113.99:7101"}


def test_c55_challenged_invite_keeps_its_port_and_the_final_refusal_leaves_nothing():
    world = World()
    (first,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(first.data, 407, "Proxy Authentication Required", tag="p"))
    assert world.open == {}
    world.out(invite(method="ACK", to_tag="p", branch="call-1-1-INVITE"))
    (second,) = world.out(invite(cseq=2, body=sdp(PHONE.host, 14000)))
    assert announced(second.data) == announced(first.data)
    world.into(respond(second.data, 180, "Ringing", tag="b"))
    world.into(respond(second.data, 486, "Busy Here", tag="b"))
    assert world.open == {}
    assert world.call()["state"] == "busy"


@pytest.mark.parametrize("status", [401, 407])
def test_c55_early_media_of_an_attempt_that_is_challenged_is_closed_at_once(status):
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="gate"))
    world.into(respond(sent.data, 183, "Session Progress", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open
    world.into(respond(sent.data, status, "Who is it", tag="b"))
    assert world.open == {}
    assert world.call()["state"] == "setup"


def test_c55_redirect_shows_as_diverted():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    (back,) = world.into(respond(sent.data, 302, "Moved", tag="b", contact="<sip:201@provider.example>"))
    assert header(back.data, "Contact") == "<sip:201@provider.example>"
    assert (world.call()["state"], world.call()["reason"]) == ("diverted", "302 Moved")


def test_c56_cancel_that_crosses_the_200_leaves_a_call():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="b"))
    world.out(invite(method="CANCEL", branch="call-1-1-INVITE"))
    assert world.call()["state"] == "cancelled"
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    world.wait(30)
    assert (world.call()["state"], len(world.open)) == ("in_call", 2)


def test_c56_200_after_the_ports_went_back_opens_nothing():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.out(invite(method="CANCEL", branch="call-1-1-INVITE"))
    world.wait(6)
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.open == {}


def test_c57_lost_bye_ends_with_the_longest_duration():
    world = World(policy(timers=Timers(maximum_call=180)))
    established(world)
    world.wait(181)
    assert world.call()["reason"] == "longest duration reached"
    world.wait(21)
    assert world.engine.rows("calls", world.now) == []


def test_c58_spiral_to_the_same_host_is_marked_and_both_halves_live():
    world = World()
    world.registered()
    (out,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    assert header(out.data, "Max-Forwards") == "70"
    back = incoming("call-1", 1, sdp(*MEDIA_PROXY), branch="spiral").replace(
        b"<sip:200@provider.example>;tag=b", b"<sip:101@provider.example>;tag=a"
    )
    (inside,) = world.into(back)
    assert header(inside.data, "Max-Forwards") == "70"
    rows = world.engine.rows("calls", world.now)
    assert [(row["direction"], row["spiral"]) for row in rows] == [("outbound", False), ("inbound", True)]
    (ok,) = world.out(respond(inside.data, 200, "OK", tag="p", body=sdp(PHONE.host, 14002)))
    assert PHONE.host.encode() not in ok.data
    world.into(respond(out.data, 200, "OK", tag="p", body=sdp("203.0.113.99", 7200)))
    assert {row["state"] for row in world.engine.rows("calls", world.now)} == {"in_call"}
    assert len(world.open) == 4
    world.out(invite(cseq=2, method="BYE", to_tag="p"))
    states = [row["state"] for row in world.engine.rows("calls", world.now)]
    assert states == ["completed", "in_call"]


def test_retransmitted_200_of_the_phone_changes_nothing():
    world = World()
    answer = respond(ringing(world), 200, "OK", tag="p", body=sdp(PHONE.host, 14000))
    first = world.out(answer)
    before = dict(world.open)
    assert world.out(answer) == first
    assert world.open == before
    assert OURS.encode() in first[0].data


def test_c54_offer_that_was_refused_is_answered_by_nothing_that_comes_later():
    world = World()
    established(world)
    held = world.holes()
    offer = incoming("call-1", 7, sdp(MEDIA_PROXY.host, 7100), to_tag="a")
    (reached,) = world.into(offer)
    world.out(respond(reached.data, 488, "Not Acceptable Here"))
    world.out(invite(cseq=2, method="PRACK", to_tag="b", body=sdp(PHONE.host, 14000)))
    assert world.holes() == held


def test_c54_refused_update_leaves_the_offer_of_the_reinvite():
    world = World()
    established(world)
    (again,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000)))
    (update,) = world.out(invite(cseq=3, to_tag="b", method="UPDATE"))
    world.into(respond(update.data, 491, "Request Pending"))
    world.into(respond(again.data, 200, "OK", body=sdp("203.0.113.99", 7100)))
    assert externals(world) == {"203.0.113.99:7100", "203.0.113.99:7101"}


@pytest.mark.parametrize(("seconds", "said"), [(57, False), (59, True)])
def test_who_got_no_refresh_hangs_up_a_third_before_the_end(seconds, said):
    """RFC 4028 §10; two seconds more, since his clock is not ours."""
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    reply = respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY))
    world.into(reply.replace(b"Content-Type", b"Session-Expires: 90;refresher=uas\r\nContent-Type"))
    world.out(invite(method="ACK", to_tag="b", branch="ack"))
    world.wait(seconds)
    world.out(invite(method="BYE", cseq=2, to_tag="b"))
    assert ("session timer" in str(world.call()["reason"])) is said
