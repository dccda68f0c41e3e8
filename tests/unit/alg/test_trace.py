# SPDX-License-Identifier: GPL-2.0-or-later
"""The trace of a call: its messages before and after, each change with its reason, bounded."""

from __future__ import annotations

import json

from sipalg_core.alg.trace import KEPT_FIRST, MAX_MESSAGES, MAX_OCTETS_OF_CALL
from sipalg_core.contract.policy import PortRange
from tests.unit.alg.harness import (
    OURS,
    PHONE,
    World,
    established,
    incoming,
    invite,
    message,
    policy,
    sdp,
)  # fmt: skip


def test_trace_tells_every_change_with_its_reason():
    world = World()
    established(world)
    rows = world.engine.trace(str(world.call()["id"]))
    assert [(row["side"], row["start_line"].split(" ")[0]) for row in rows] == [
        ("internal", "INVITE"), ("external", "SIP/2.0"), ("internal", "ACK"),
    ]  # fmt: skip
    first = rows[0]
    assert first["verdict"] == "forwarded"
    for change in first["edits"]:
        assert first["before"][change["start"] : change["end"]] == change["before"]
        assert change["reason"]
    contact = next(change for change in first["edits"] if change["before"] == str(PHONE))
    assert contact["after"] == f"{OURS}:5060"
    assert f"c=IN IP4 {PHONE.host}" in first["before"]
    assert f"c=IN IP4 {OURS}" in first["after"]
    json.dumps(rows)


def test_edits_fit_the_text_behind_characters_of_several_octets():
    world = World()
    world.out(invite().replace(b"From: <", 'From: "Jürgen Müßig" <'.encode()))
    (row,) = world.engine.trace(str(world.call()["id"]))
    for change in row["edits"]:
        assert row["before"][change["start"] : change["end"]] == change["before"]


def test_refused_message_is_there_with_its_reason():
    world = World(policy(media_ports=PortRange(20000, 20001)))
    world.out(invite(body=sdp(PHONE.host, 14000)))
    world.out(invite("second", body=sdp(PHONE.host, 15000)))
    second = next(row for row in world.engine.rows("calls", world.now) if row["call_id"] == "second")
    assert world.engine.trace(str(second["id"]))[-1]["verdict"] == "refused: media-ports"


def test_trace_is_bounded_and_keeps_its_beginning():
    world = World()
    established(world)
    for number in range(200):
        world.out(invite(cseq=number + 2, to_tag="b", method="INFO"))
    rows = world.engine.trace(str(world.call()["id"]))
    assert len(rows) == MAX_MESSAGES
    assert rows[0]["start_line"].startswith("INVITE ")
    assert "CSeq: 201 INFO" in rows[-1]["before"]
    assert "CSeq: 2 INFO" in rows[3]["before"]
    assert sum("CSeq:" in row["before"] for row in rows[:KEPT_FIRST]) == KEPT_FIRST


def test_large_messages_are_bounded_by_their_octets():
    world = World()
    world.out(invite(body=sdp(PHONE.host, 14000)))
    for number in range(10):
        world.out(invite(cseq=number + 2, method="OPTIONS", body=b"x" * 30_000))
    sizes = [len(row["before"]) for row in world.engine.trace(str(world.call()["id"]))]
    assert sum(sizes) <= MAX_OCTETS_OF_CALL


def test_what_people_write_is_not_shown():
    world = World()
    established(world)
    world.into(
        message(
            "MESSAGE sip:101@203.0.113.2:5060 SIP/2.0",
            "Via: SIP/2.0/UDP 203.0.113.1:5060;branch=z9hG4bKm",
            "From: <sip:200@provider.example>;tag=b",
            "To: <sip:101@provider.example>;tag=a",
            "Call-ID: call-1",
            "CSeq: 4 MESSAGE",
            "Content-Type: text/plain",
        )[:-23]
        + b"Content-Length: 6\r\n\r\nsecret"
    )
    last = world.engine.trace(str(world.call()["id"]))[-1]
    assert last["start_line"].startswith("MESSAGE ")
    assert last["before"].endswith("******")


def test_trace_outlives_the_row_and_an_unknown_call_has_none():
    world = World()
    established(world)
    ident = str(world.call()["id"])
    world.into(incoming("call-1", 2, method="BYE", to_tag="a"))
    world.wait(60)
    assert world.engine.rows("calls", world.now) == []
    assert len(world.engine.trace(ident)) == 4
    assert world.engine.trace("c-unknown") == []


def test_description_in_a_multipart_body_is_shown_and_its_neighbours_are_not():
    world = World()
    body = b"--b\r\nContent-Type: application/sdp\r\n\r\n" + sdp(PHONE.host, 14000)
    body += b"\r\n--b\r\nContent-Type: text/plain\r\n\r\nsecret\r\n--b--\r\n"
    world.out(invite(body=body).replace(b"application/sdp\r\nContent-L", b"multipart/mixed;boundary=b\r\nContent-L", 1))
    (row,) = world.engine.trace(str(world.call()["id"]))
    assert "secret" not in str(row)
    assert f"c=IN IP4 {OURS}" in row["after"]


def test_every_octet_that_differs_lies_in_a_change_with_its_rule():
    world = World()
    established(world)
    for row in world.engine.trace(str(world.call()["id"])):
        before, after = row["before"], ""
        at = 0
        for change in row["edits"]:
            after += before[at : change["start"]] + change["after"]
            at = change["end"]
            assert row["after"][change["at"] : change["at"] + len(change["after"])] == change["after"]
        assert after + before[at:] == row["after"]
    first = world.engine.trace(str(world.call()["id"]))[0]
    assert {change["where"] for change in first["edits"]} == {"Via", "Contact", "Content-Length", "o=", "c=", "m="}
