# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be asked of a call, the ledger, transactions, counts and ended calls."""

from __future__ import annotations

import json

from sipalg_core.alg.effects import Changed
from sipalg_core.alg.history import KEPT
from sipalg_core.alg.ledger import MAX_CLOSED, Openings
from sipalg_core.alg.looks import MAX_CLOSED_SHOWN
from sipalg_core.alg.pinholes import COUNTS_TOLD
from sipalg_core.contract.control import Counter
from sipalg_core.contract.policy import PortRange
from sipalg_core.net import Endpoint
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    PHONE,
    PROVIDER,
    World,
    established,
    incoming,
    invite,
    policy,
    respond,
    sdp,
)

WALL = 1_700_000_000.0


def ledger(world: World, call: str = "") -> list[dict[str, object]]:
    return [dict(row) for row in world.engine.looks.ledger(call)]


def test_ledger_names_who_opened_what_for_which_line():
    world = World()
    video = "m=video 15000 RTP/AVP 96"
    established(world, body=sdp(PHONE.host, 14000, video), answer=sdp(*MEDIA_PROXY, "m=video 7100 RTP/AVP 96"))
    rows = ledger(world)
    assert [(row["line"], row["media"], row["component"]) for row in reversed(rows)] == [
        (1, "audio", "rtp"), (1, "audio", "rtcp"), (2, "video", "rtp"), (2, "video", "rtcp"),
    ]  # fmt: skip
    audio = rows[-1]
    assert (audio["opened_by"], audio["opened_from"], audio["closed"]) == ("200 INVITE", "external", None)
    assert (audio["call_id"], audio["party"], audio["provider"]) == ("call-1", "192.168.0.10:5060", "Provider")
    assert (audio["rule"], audio["external"]) == ("rule:1", "203.0.113.99:7000")
    json.dumps(rows)


def test_ledger_says_why_each_one_closed_and_what_it_carried():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 180, "Ringing", tag="b"))
    world.into(respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY)))
    rtp = next(hole for hole in world.open.values() if hole.internal == Endpoint(PHONE.host, 14000))
    world.count(Counter(rtp.id, 3, 5))
    world.out(invite(method="ACK", to_tag="b", branch="ack"))
    world.out(invite(cseq=2, to_tag="b", method="BYE"))
    assert {row["why"] for row in ledger(world) if row["kind"] == "exact"} == {""}  # they drain
    world.wait(6)
    rows = ledger(world)
    assert {(row["kind"], row["why"]) for row in rows} == {("gate", "answered"), ("exact", "call-ended")}
    closed = next(row for row in rows if row["id"] == str(rtp.id))
    assert (closed["packets_in"], closed["packets_out"], closed["closed"]) == (3, 5, world.now - 1 + WALL)


def test_ledger_of_one_call_has_no_other():
    world = World()
    established(world)
    established(world, "call-2", body=sdp(PHONE.host, 15000))
    first, second = (str(row["id"]) for row in world.engine.rows("calls", world.now))
    assert {row["call"] for row in ledger(world, first)} == {first}
    assert {row["call"] for row in ledger(world)} == {first, second}


def test_ledger_forgets_the_oldest():
    world = World()
    established(world)
    entry = next(iter(world.engine._dialogs.negotiation.ledger))
    openings = Openings()
    for number in range(MAX_CLOSED + 1):
        openings.closed(entry.hole, entry.call, float(number), "replaced")
    rows = openings.rows(0)
    assert (len(rows), rows[0]["closed"], rows[-1]["closed"]) == (MAX_CLOSED, MAX_CLOSED, 1)


def test_those_that_closed_last_are_told_again_and_again_and_no_others():
    world = World()
    established(world)
    entry = next(iter(world.engine._dialogs.negotiation.ledger))
    for number in range(MAX_CLOSED_SHOWN + 1):
        world.engine._dialogs.negotiation.ledger.openings.closed(entry.hole, entry.call, float(number), "silent")
    rows = world.engine.looks.closed()
    assert (len(rows), rows[0]["why"]) == (MAX_CLOSED_SHOWN, "silent")
    assert rows[0]["closed"] - rows[-1]["closed"] == MAX_CLOSED_SHOWN - 1


def test_operator_closes_an_opening_and_the_call_stays():
    world = World()
    established(world)
    ident = next(iter(world.open))
    world._do(world.engine.close_opening(ident, world.now))
    assert ident not in world.open
    assert world.call()["state"] == "in_call"
    assert world.call()["warning"] == "an operator closed the opening for media; the call stays"
    assert next(row for row in ledger(world) if row["id"] == str(ident))["why"] == "operator"
    assert world.engine.close_opening(ident, world.now) == []
    world.out(invite(cseq=2, to_tag="b", method="BYE"))
    world.wait(60)
    assert world.open == {}


def test_call_is_told_with_its_messages_and_streams_even_after_it_left_the_table():
    world = World()
    established(world)
    ident = str(world.call()["id"])
    parts = world.engine.looks.call(ident)
    assert [part["part"] for part in parts] == ["call", "message", "message", "message", "stream", "stream"]
    assert len({part["id"] for part in parts}) == len(parts)
    world.out(invite(cseq=2, to_tag="b", method="BYE"))
    world.wait(60)
    assert world.engine.rows("calls", world.now) == []
    parts = world.engine.looks.call(ident)
    assert [part["part"] for part in parts].count("message") == 4
    assert parts[0]["part"] == "call"
    assert world.engine.looks.call("c-unknown") == []
    json.dumps(parts)


def test_call_is_told_with_the_other_leg_that_a_proxy_sent_back_while_it_lasts_and_after():
    world = World()
    world.registered()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    ident = str(world.call()["id"])

    def legs() -> list[dict[str, object]]:
        return [dict(leg) for part in world.engine.looks.call(ident) if part["part"] == "call" for leg in part["legs"]]

    assert legs() == []
    world.into(
        incoming("call-1", 1, sdp(*MEDIA_PROXY), branch="spiral").replace(
            b"<sip:200@provider.example>;tag=b", b"<sip:101@provider.example>;tag=a"
        )
    )
    back = next(row for row in world.engine.rows("calls", world.now) if row["id"] != ident)
    told = [{name: back[name] for name in ("id", "from_uri", "to_uri", "internal")}]  # type: ignore[literal-required]
    assert legs() == told
    established(world, "call-2", body=sdp(PHONE.host, 15000))
    assert legs() == told
    world.into(respond(sent.data, 486, "Busy Here", tag="b"))
    world.wait(60)
    assert ident not in {row["id"] for row in world.engine.rows("calls", world.now)}
    assert legs() == told


def test_messages_tell_both_wires_and_repeats():
    world = World()
    established(world)
    world.out(invite(body=sdp(PHONE.host, 14000)))
    ident = str(world.call()["id"])
    messages = [part for part in world.engine.looks.call(ident) if part["part"] == "message"]
    first, reply, _, again = messages
    assert (first["source"], first["destination"]) == (str(PHONE), str(PROVIDER))
    assert (first["sent_from"], first["sent_to"]) == ("203.0.113.2:5060", str(PROVIDER))
    assert (reply["method"], reply["status"], reply["phrase"], reply["side"]) == ("INVITE", 200, "OK", "external")
    assert (first["sdp"], messages[2]["sdp"]) == (True, False)
    assert (again["repeats"], first["repeats"]) == (first["id"], "")
    assert first["changes"] > 2


def test_our_own_answer_is_told():
    world = World()
    world.refuse = True
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY)))
    ident = str(world.call()["id"])
    last = [part for part in world.engine.looks.call(ident) if part["part"] == "message"][-1]
    assert (last["sent_to"], last["answered"], last["verdict"]) == ("", 0, "refused: pinhole-refused-p3")


def test_transactions_are_told_youngest_first():
    world = World()
    established(world)
    world.register()
    rows = world.engine.looks.transactions()
    assert len({row["id"] for row in rows}) == len(rows)
    assert [row["method"] for row in rows] == ["REGISTER", "INVITE"]
    assert (rows[0]["side"], rows[0]["peer"], rows[0]["refused"]) == ("internal", PROVIDER.host, "")


def test_messages_are_counted_by_method_status_and_side():
    world = World()
    established(world)
    world.out(invite(cseq=2, to_tag="b", method="DANCE"))
    counted = {(row["side"], row["method"], row["status"]): row["messages"] for row in world.engine.looks.counters()}
    assert counted == {
        ("internal", "INVITE", 0): 1, ("external", "INVITE", 200): 1,
        ("internal", "ACK", 0): 1, ("internal", "other", 0): 1,
    }  # fmt: skip


def test_ended_calls_are_kept_for_who_comes_late_and_forgotten_in_the_end():
    world = World()
    established(world)
    ident = str(world.call()["id"])
    assert world.engine.looks.ended(0) == []
    world.into(incoming("call-1", 2, method="BYE", to_tag="a"))
    world.wait(300)
    (ended,) = world.engine.looks.ended(0)
    assert (ended["call"]["id"], ended["call"]["reason"]) == (ident, "hung up by the other side")
    assert world.engine.looks.ended(ended["noted"]) == []
    world.wait(KEPT)
    established(world, "call-2")
    world.out(invite("call-2", cseq=2, to_tag="b", method="BYE"))
    world.wait(10)
    assert [row["call"]["call_id"] for row in world.engine.looks.ended(0)] == ["call-2"]


def test_counts_of_many_streams_are_told_in_turn():
    """A row for each twice a second would be no news; whose arrow goes on or off is told at once."""
    world = World(policy(media_ports=PortRange(20000, 21999)))
    for number in range(120):
        established(world, f"call-{number}", body=sdp(PHONE.host, 14000 + 2 * number))
    holes = list(world.open)

    def told(packets: int) -> set[str]:
        world.count(*(Counter(ident, packets, packets) for ident in holes))
        return {effect.id for effect in world.effects if isinstance(effect, Changed) and effect.topic == "pinholes"}

    assert len(told(1)) == len(holes) > 2 * COUNTS_TOLD
    rounds = [told(packets) for packets in range(2, 5)]
    assert {len(each) for each in rounds} == {COUNTS_TOLD}
    assert set.union(*rounds) == {str(ident) for ident in holes}
    assert len(told(4)) == len(holes)  # silence
