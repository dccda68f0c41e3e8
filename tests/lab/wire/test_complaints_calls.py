# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of in the course of calls (sip-alg reference, section 3), on the wire: forks, races, refusals."""

from __future__ import annotations

import time

import pytest

from tests.lab.wire.between import TIMERS
from tests.lab.wire.messages import answer, header, sdp
from tests.lab.wire.parties import both_ways, flows, nothing_passes
from tests.lab.wire.rig import Wire

pytestmark = pytest.mark.lab


def test_c07_session_timer_is_refreshed_by_either_side_on_the_same_ports(all_wires: list[Wire]):
    """The kernel's own idea of the flow is forgotten between two refreshes."""
    running = []
    for number, wire in enumerate(all_wires):
        phone, far = wire.media("a", 14000 + 10 * number), wire.media("m", 7000 + 10 * number)
        call = wire.call()
        call.begin(sdp(phone.at.host, phone.at.port), "Session-Expires: 90;refresher=uac", "Min-SE: 90")
        call.respond(200, "Session-Expires: 90;refresher=uac", body=sdp(far.at.host, far.at.port))
        call.acknowledge()
        running.append((call, phone, far))
    with all_wires[0].alg.short_conntrack():
        for method in ("UPDATE", "INVITE"):
            time.sleep(2.2)
            for call, phone, far in running:
                inside, outside = sdp(phone.at.host, phone.at.port), sdp(far.at.host, far.at.port)
                asked, _ = call.again(inside, outside, method)
                assert call.wire.mapped(asked) == call.mapped
                _, replied = call.again(outside, inside, method, back=True)
                assert call.wire.mapped(replied) == call.mapped
                both_ways(phone, far, call.mapped)
    for call, *_ in running:
        assert call.wire.row(call.dialog.call_id)["state"] == "in_call"
        call.hang_up()


def test_c17_forking(wire: Wire):
    """Early media of two targets; who answers keeps his pinhole, the other's closes."""
    phone, loser, winner = wire.media("a", 14000), wire.media("m2", 6000), wire.media("m", 7000)
    call = wire.call()
    call.begin(sdp(phone.at.host, 14000))
    call.respond(183, tag="one", body=sdp(loser.at.host, 6000))
    call.respond(183, tag="two", body=sdp(winner.at.host, 7000))
    for far in (loser, winner):
        flows(far, call.mapped, phone, far.at)
    call.respond(200, tag="two", body=sdp(winner.at.host, 7000))
    call.acknowledge()
    both_ways(phone, winner, call.mapped)
    nothing_passes(phone, loser, call.mapped)
    call.hang_up()


def test_c17_two_answers_both_stay_until_the_phone_hangs_one_up(wire: Wire):
    phone, first, second = wire.media("a", 14000), wire.media("m2", 6000), wire.media("m", 7000)
    call = wire.call()
    call.begin(sdp(phone.at.host, 14000))
    call.respond(200, tag="one", body=sdp(first.at.host, 6000))
    call.acknowledge()
    call.respond(200, tag="two", body=sdp(second.at.host, 7000))
    call.acknowledge()
    both_ways(phone, first, call.mapped)
    both_ways(phone, second, call.mapped)
    call.dialog.remote_tag = "one"
    call.hang_up()
    nothing_passes(phone, first, call.mapped)
    both_ways(phone, second, call.mapped)
    call.dialog.remote_tag = "two"
    call.hang_up()


def test_c18_thirty_calls_on_one_flow(wire: Wire):
    """A trunk: all of them have audio, and the end of one takes nothing from the others."""
    calls = []
    for number in range(30):
        phone, far = wire.media("a", 14000 + 2 * number), wire.media("m", 7000 + 2 * number)
        calls.append((wire.establish(sdp(phone.at.host, phone.at.port), sdp(far.at.host, far.at.port)), phone, far))
    assert len({call.mapped for call, _, _ in calls}) == 30
    for call, phone, far in calls:
        both_ways(phone, far, call.mapped, packets=2)
    ended, phone, far = calls.pop(7)
    ended.hang_up()
    wire.settle()
    nothing_passes(phone, far, ended.mapped)
    for call, phone, far in calls:
        both_ways(phone, far, call.mapped, packets=2)
    for call, *_ in calls:
        call.hang_up()


@pytest.mark.parametrize("status", [488, 491])
@pytest.mark.parametrize("back", [False, True], ids=["phone", "far-end"])
def test_c54_refused_reinvite_keeps_the_session(wire: Wire, status: int, back: bool):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    both_ways(phone, far, call.mapped)
    asked = call.ask("INVITE", body=sdp((far if back else phone).at.host, 15000), back=back)
    call.reply(asked, status, back=back)
    call.confirm(back=back)
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c54_glare_leaves_the_offer_that_is_accepted(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    ours = call.ask("INVITE", body=sdp(phone.at.host, 14000))
    theirs = call.ask("INVITE", body=sdp(wire.at("m2").host, 9000), back=True)
    call.reply(theirs, 491, back=True)
    call.confirm(back=True)
    call.reply(ours, 200, body=sdp(far.at.host, 7100))
    call.confirm()
    both_ways(phone, wire.media("m", 7100), call.mapped)
    nothing_passes(phone, far, call.mapped)
    call.hang_up()


def test_c55_challenged_invite_keeps_its_port_and_the_final_refusal_leaves_nothing(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call()
    first = wire.mapped(call.begin(sdp(phone.at.host, 14000)))
    call.respond(407, 'Proxy-Authenticate: Digest realm="x", nonce="n"', tag="proxy")
    call.acknowledge()
    call.dialog.remote_tag = ""
    assert wire.mapped(call.begin(sdp(phone.at.host, 14000), 'Proxy-Authorization: Digest username="101"')) == first
    call.respond(183, body=sdp(far.at.host, 7000))
    both_ways(phone, far, first)
    call.respond(486)
    call.acknowledge()
    if wire.alg:
        assert wire.opened() == set()
    nothing_passes(phone, far, first)


@pytest.mark.parametrize("status", [302, 404, 603])
def test_c55_refused_call_leaves_nothing(wire: Wire, status: int):
    call = wire.call()
    call.begin(sdp(wire.at("a").host, 14000))
    contact = ("Contact: <sip:201@provider.example>",) if status == 302 else ()
    call.respond(status, *contact)
    call.acknowledge()
    nothing_passes(wire.media("a", 14000), wire.media("m", 7000), call.mapped)


def test_c56_cancel_that_crosses_the_200_leaves_a_call(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call()
    call.begin(sdp(phone.at.host, 14000))
    call.respond(180)
    tag, call.dialog.remote_tag = call.dialog.remote_tag, ""
    target, call.dialog.target = call.dialog.target, call.invite.split(b" ")[1].decode()
    cancel = wire.request(wire.a, call.dialog, "CANCEL", cseq=call.dialog.cseq)
    wire.send(wire.a, cancel, wire.b.at)
    call.dialog.remote_tag, call.dialog.target = tag, target
    call.respond(200, body=sdp(far.at.host, 7000))
    crossed = wire.take(wire.b, "CANCEL")
    wire.cross(wire.b, answer(crossed, 200), wire.a)
    call.acknowledge()
    time.sleep(TIMERS.teardown + 1.5)
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c56_cancelled_call_leaves_nothing(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call()
    call.begin(sdp(phone.at.host, 14000))
    call.respond(183, body=sdp(far.at.host, 7000))
    both_ways(phone, far, call.mapped)
    call.dialog.remote_tag, call.dialog.target = "", call.invite.split(b" ")[1].decode()
    crossed = call.ask("CANCEL", cseq=call.dialog.cseq)
    call.reply(crossed, 200)
    call.respond(487)
    call.acknowledge()
    wire.settle()
    nothing_passes(phone, far, call.mapped)


def test_c57_repeated_bye_passes_after_the_end(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    both_ways(phone, far, call.mapped)
    call.hang_up()
    wire.settle()
    again = call.ask("BYE")  # as its answer was lost
    call.reply(again, 200)
    nothing_passes(phone, far, call.mapped)


def test_c58_spiral_is_marked_and_max_forwards_untouched(wire: Wire):
    """The same Call-ID comes back to the host that it began at: one call that spirals, not two that fight."""
    contact = wire.register(wire.a)
    call = wire.call()
    call.begin(sdp(wire.at("a").host, 14000))
    inner = wire.called(contact)
    inner.call_id, inner.local, inner.local_tag = call.dialog.call_id, call.dialog.local, call.dialog.local_tag
    back = wire.call(wire.b, wire.a, inner)
    back.begin(sdp(wire.at("m").host, 7000))
    assert header(call.invite, "max-forwards") == header(back.invite, "max-forwards") == "70"
    if wire.alg:
        rows = [row for row in wire.alg.rows("calls") if row["call_id"] == call.dialog.call_id]
        assert [(row["direction"], row["spiral"]) for row in rows] == [("outbound", False), ("inbound", True)]
    back.respond(200, tag="callee", body=sdp(wire.at("a").host, 14002))
    back.acknowledge()
    call.respond(200, tag="callee", body=sdp(wire.at("m").host, 7200))
    call.acknowledge()
    both_ways(wire.media("a", 14000), wire.media("m", 7200), call.mapped)
    both_ways(wire.media("a", 14002), wire.media("m", 7000), back.mapped)
    call.hang_up()
    back.hang_up()
