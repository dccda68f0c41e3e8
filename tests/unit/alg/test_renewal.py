# SPDX-License-Identifier: GPL-2.0-or-later
"""What no message asks for: openings renewed, or opened again, and what the broker says to that ends no call."""

from __future__ import annotations

import pytest

from sipalg_core.alg.effects import OpenPinhole
from sipalg_core.contract.control import Status
from sipalg_core.contract.policy import Timers
from tests.unit.alg.harness import MEDIA_PROXY, PHONE, World, established, invite, policy, respond, sdp
from tests.unit.alg.test_passage import away, counted, told_open


def on_hold(world: World) -> None:
    (sent,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000, "a=inactive")))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY, "a=inactive")))


@pytest.mark.parametrize("status", [Status.REFUSED, Status.FULL])
@pytest.mark.parametrize("between", [b"\r\n\r\n", b""], ids=["another message came", "nothing came"])
def test_running_call_outlives_the_refusal_to_renew_its_openings(status, between):
    """Its rule is gone: a policy takes no running call away. What stands goes on until it is silent, and no longer."""
    world = World()
    established(world)
    on_hold(world)
    held = world.holes()
    if between:
        world.into(between)
    world.refuse, world.refusal = True, status
    world.wait(61)  # half of the lifetime
    assert (world.call()["state"], world.holes(), told_open(world)) == ("in_call", held, held)
    assert "no longer allows an opening" in str(world.call()["warning"])
    counted(world, 10)  # music on hold
    world.wait(110)
    assert (world.holes(), told_open(world)) == (held, held)
    assert sum(isinstance(each, OpenPinhole) for each in world.done) == 4  # and it is not asked again and again
    world.wait(20)
    assert (world.call()["state"], world.holes(), told_open(world)) == ("in_call", set(), set())
    world.refuse = False
    (sent,) = world.out(invite(cseq=3, to_tag="b", body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
    assert world.holes() == held
    world.out(invite(cseq=4, method="BYE", to_tag="b"))
    world.wait(60)
    assert (world.open, world.engine.rows("calls", world.now)) == ({}, [])


def test_call_on_hold_is_renewed_again_under_a_policy_that_allows_it_again():
    world = World()
    established(world)
    on_hold(world)
    world.refuse = True
    world.wait(61)
    world.refuse = False
    world.policy(policy(revision=2))
    world.wait(300)
    assert (world.call()["state"], len(world.open)) == ("in_call", 2)


@pytest.mark.parametrize("media", [True, False], ids=["answered", "with early media"])
def test_new_lifetime_that_the_broker_refuses_ends_no_call(media):
    world = World()
    if media:
        established(world)
    else:
        (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
        world.into(respond(sent.data, 183, "Session Progress", tag="b", body=sdp(*MEDIA_PROXY)))
    state, held = world.call()["state"], world.holes()
    world.refuse = True
    world.policy(policy(revision=2, timers=Timers(inactive_media=300)))
    assert (world.call()["state"], world.holes(), told_open(world)) == (state, held, held)


def test_ended_call_keeps_its_ending_where_a_new_lifetime_is_refused():
    world = World()
    established(world)
    world.out(invite(cseq=2, method="BYE", to_tag="b"))
    ending = world.call()["ending"]
    world.refuse = True
    world.policy(policy(revision=2, timers=Timers(inactive_media=300)))
    assert (world.call()["state"], world.call()["ending"]) == ("completed", ending)
    world.wait(60)
    assert world.open == {}


def test_opening_that_the_kernel_lost_and_the_broker_refuses_is_closed_in_the_books_too():
    """The engine comes back, and so does the kernel; the rule of the call does not."""
    before = World()
    established(before)
    world = World()
    world.now = before.now
    world.engine.state.restore(before.engine.state.export(), world.now)
    world.refuse = True
    world.reconcile()
    assert (world.call()["state"], told_open(world)) == ("in_call", set())
    assert {row["why"] for row in world.engine.looks.ledger()} == {"refused"}


def test_opening_that_the_kernel_lost_is_opened_once_the_broker_is_back():
    before = World()
    established(before)
    world = World()
    world.now = before.now
    world.engine.state.restore(before.engine.state.export(), world.now)
    away(world)
    world.reconcile()
    assert (told_open(world), world.holes()) == (before.holes(), set())
    world.refuse = False
    world.wait(2)
    assert told_open(world) == world.holes() == before.holes()


def test_what_the_kernel_has_and_nobody_knows_is_closed():
    """The broker opened it, and its answer came too late for us; that it is to close it never heard."""
    world = World()
    established(world)
    held = world.holes()
    lost = next(iter(world.open.values()))._replace(id=99)
    world.open[99] = lost
    counted(world, 10)
    assert 99 not in world.open
    assert world.holes() == held
