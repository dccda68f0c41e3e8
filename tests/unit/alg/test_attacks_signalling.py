# SPDX-License-Identifier: GPL-2.0-or-later
"""Attacks through messages (hardening, section 1.4): forged, repeated, oversized, misleading."""

from __future__ import annotations

import ast
from ipaddress import ip_network
from pathlib import Path
from random import Random

import pytest

import sipalg_core
from sipalg_core.contract.policy import Handling, Limits, Peering, Timers
from sipalg_core.net import Endpoint
from tests import pace
from tests.torture.oracles import cost
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    OTHER_PHONE,
    OURS,
    PHONE,
    PROVIDER,
    STRANGER,
    World,
    established,
    header,
    incoming,
    invite,
    message,
    policy,
    respond,
    ringing,
    sdp,
)

SECOND_PROXY = Endpoint("203.0.113.3", 5060)


def registration(contact: str, source: Endpoint, *, expires: int = 600, call_id: str = "theft") -> bytes:
    return message(
        "REGISTER sip:provider.example SIP/2.0",
        f"Via: SIP/2.0/UDP {source};branch=z9hG4bK{call_id};rport",
        "From: <sip:101@provider.example>;tag=r9",
        "To: <sip:101@provider.example>",
        f"Call-ID: {call_id}",
        "CSeq: 1 REGISTER",
        f"Contact: {contact}",
        f"Expires: {expires}",
    )


def test_a12_every_state_has_an_end():
    random = Random(12)
    world = World()
    methods = ["INVITE", "ACK", "BYE", "CANCEL", "PRACK", "UPDATE", "REGISTER", "SUBSCRIBE"]
    for number in range(1500):
        data = invite(
            f"c{random.randrange(40)}",
            random.randrange(1, 4),
            sdp(PHONE.host, 14000),
            method=random.choice(methods),
            to_tag=random.choice(["", "b", "x"]),
            branch=str(random.randrange(200)),
        )
        for sent in world.out(data):
            if random.random() < 0.6 and not sent.data.startswith(b"SIP/2.0"):
                status = random.choice([100, 180, 183, 200, 302, 401, 404, 486, 487, 491, 503, 603])
                world.into(respond(sent.data, status, "x", tag=random.choice(["b", "c"]), body=sdp(*MEDIA_PROXY)))
        if number % 50 == 0:
            world.wait(random.random() * 20)
    world.wait(45_000)
    assert world.engine.rows("calls", world.now) == []
    assert world.engine.rows("pinholes", world.now) == []
    assert world.open == {}


def test_a13_register_from_outside_reaches_nobody():
    world = World()
    world.registered()
    assert world.into(incoming(method="REGISTER")) == []
    assert world.engine.counts["dropped:register-from-outside"] == 1


def test_a14_host_can_neither_take_nor_delete_the_binding_of_another():
    world = World()
    world.registered()
    for call_id, contact, expires in (
        ("take", f"<sip:101@{PHONE}>", 600),
        ("star", "*", 0),
        ("zero", f"<sip:101@{PHONE}>", 0),
    ):
        data = registration(contact, OTHER_PHONE, expires=expires, call_id=call_id)
        (sent,) = world.out(data, source=OTHER_PHONE)
        world.into(respond(sent.data, 200, "OK"), to=sent.source)
    (row,) = world.engine.rows("registrations", world.now)
    assert (row["state"], row["internal"]) == ("registered", str(PHONE))
    assert world.into(incoming())[0].destination == PHONE


def test_a14_call_id_of_another_host_does_not_reach_its_registration():
    world = World()
    (victim,) = world.out(registration(f"<sip:101@{PHONE}>", PHONE))
    (thief,) = world.out(registration(f"<sip:101@{OTHER_PHONE}>", OTHER_PHONE), source=OTHER_PHONE)
    world.into(respond(thief.data, 403, "Forbidden"), to=thief.source)
    world.into(respond(victim.data, 200, "OK", contact=header(victim.data, "Contact")))
    states = {row["internal"]: row["state"] for row in world.engine.rows("registrations", world.now)}
    assert states == {str(PHONE): "registered", str(OTHER_PHONE): "failed"}


def test_a15_foreign_contact_is_neither_rewritten_nor_bound():
    world = World()
    (sent,) = world.out(registration("<sip:101@203.0.113.66:5060>", PHONE))
    assert header(sent.data, "Contact") == "<sip:101@203.0.113.66:5060>"
    world.into(respond(sent.data, 200, "OK", contact="<sip:101@203.0.113.66:5060>"))
    assert world.engine.rows("registrations", world.now) == []
    world = World()
    reached = ringing(world)
    assert header(reached, "Contact") == f"<sip:200@{PROVIDER}>"


def test_a16_forged_answers_change_nothing():
    random = Random(16)
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    genuine = respond(sent.data, 200, "OK", tag="b", body=sdp("203.0.113.66", 7000))
    before = world.call()
    for _ in range(500):
        guess = genuine.replace(b"z9hG4bKcall-1-1-INVITE", b"z9hG4bK%x" % random.getrandbits(64))
        world.into(guess)
        world.into(genuine, source=STRANGER)
        world.into(genuine, source=SECOND_PROXY)  # of the provider, but not where the request went
    assert world.call() == before
    assert world.open == {}


def test_a17_bye_and_cancel_need_the_dialog_and_the_branch():
    world = World()
    established(world)
    for forged in (
        incoming("call-1", 9, method="BYE", to_tag="guess"),
        incoming("call-1", 9, method="BYE", to_tag="a").replace(b"tag=b", b"tag=guess"),
        incoming("call-1", 9, method="CANCEL"),
        incoming("call-1", 1, method="CANCEL", branch="call-1-1-INVITE"),
    ):
        world.into(forged)
        world.into(forged, source=STRANGER)
    world.wait(30)
    assert (world.call()["state"], len(world.open)) == ("in_call", 2)


def test_a17_cancel_with_another_branch_leaves_the_call_ringing():
    world = World()
    world.registered()
    world.into(incoming(body=sdp(*MEDIA_PROXY)))
    world.into(incoming(method="CANCEL", branch="guess"))
    assert world.call()["state"] == "setup"
    assert world.engine.counts["ignored:no-invite"] == 1


def test_a17_bye_of_another_provider_is_ignored():
    other = policy().peerings[0]
    second = Peering("rule:2", "Other", other.internal, (ip_network("203.0.113.66/32"),))
    world = World(policy(peerings=(other, second)))
    established(world)
    world.into(incoming("call-1", 9, method="BYE", to_tag="a"), source=STRANGER)
    assert world.call()["state"] == "in_call"
    assert world.engine.counts["ignored:other-provider"] == 1


def test_a18_old_cseq_moves_nothing_and_a_move_is_counted():
    world = World()
    established(world)
    (inside,) = world.into(incoming("call-1", 9, sdp("203.0.113.98", 9000), to_tag="a"))
    world.out(respond(inside.data, 200, "OK", body=sdp(PHONE.host, 14000)))
    assert world.engine.counts["media-moved"] == 2
    moved = world.holes()
    (replayed,) = world.into(incoming("call-1", 8, sdp("203.0.113.66", 9000), to_tag="a", branch="old"))
    world.out(respond(replayed.data, 200, "OK", body=sdp(PHONE.host, 14000)))
    assert world.holes() == moved
    assert world.engine.counts["ignored:old-cseq"] == 1


def test_a20_via_never_decides_where_an_answer_goes():
    world = World()
    data = invite().replace(b"Via: SIP/2.0/UDP 192.168.0.10:5060", b"Via: SIP/2.0/UDP 203.0.113.66")
    (sent,) = world.out(data)
    assert sent.destination == PROVIDER
    (back,) = world.into(respond(sent.data, 200, "OK", tag="b"))
    assert back.destination == PHONE


def test_a24_caller_who_was_refused_does_not_get_through_again_at_once():
    world = World()
    request = ringing(world)
    world.out(respond(request, 603, "Decline", tag="p"))
    (back,) = world.into(incoming("again", body=sdp(*MEDIA_PROXY)))
    assert back.data.startswith(b"SIP/2.0 480 ")
    assert header(back.data, "Retry-After") == "6"
    assert world.engine.counts["answered:retry-denied"] == 1
    other = incoming("other", body=sdp(*MEDIA_PROXY)).replace(b"sip:200@provider", b"sip:300@provider")
    assert world.into(other)[0].destination == PHONE
    world.wait(5.1)
    assert world.into(incoming("later", body=sdp(*MEDIA_PROXY)))[0].destination == PHONE


@pytest.mark.parametrize("status", [401, 484, 487, 488, 491])
def test_a24_refusal_that_asks_for_another_attempt_denies_nothing(status):
    world = World()
    world.out(respond(ringing(world), status, "x", tag="p"))
    assert world.into(incoming("again", body=sdp(*MEDIA_PROXY)))[0].destination == PHONE


def test_a24_protection_can_be_off():
    world = World(policy(timers=Timers(retry_denial=0)))
    world.out(respond(ringing(world), 486, "Busy", tag="p"))
    assert world.into(incoming("again", body=sdp(*MEDIA_PROXY)))[0].destination == PHONE


@pytest.mark.parametrize(
    ("bomb", "reason"),
    [
        (b"X: y\r\n" * 400, "too-many-headers"),
        (b"X: " + b"y" * 60_000 + b"\r\n", "line-too-long"),
        (b"X: y\r\n" + b" z\r\n" * 12_000, "line-too-long"),
    ],
)
def test_a25_a26_header_and_folding_bombs_are_refused_in_time(bomb, reason):
    world = World()
    data = invite().replace(b"Max-Forwards", bomb + b"Max-Forwards")
    assert cost(lambda: [world.out(data) for _ in range(20)]) < 20 * 0.02 * pace.of_processor()
    assert world.engine.counts[f"dropped:{reason}"] == 20  # what an answer must repeat comes behind the bomb


@pytest.mark.parametrize("length", ["99999", "-1", "+5", "4294967328", "5 ", "0x10", "٣"])
def test_a28_doubtful_content_length_is_refused(length):
    world = World()
    data = invite(body=sdp(PHONE.host, 14000))
    data = data.replace(b"Content-Length: ", b"Content-Length: " + length.encode() + b"\r\nX-Was: ")
    if length == "5 ":  # blanks behind a value are nothing (RFC 3261 §7.3.1); the body is cut
        assert len(world.out(data)) == 1
    else:
        assert world.out(data)[0].data.startswith(b"SIP/2.0 400 ")
    assert world.engine.rows("pinholes", world.now) == []


def test_a28_repeated_content_length_is_refused():
    world = World()
    (back,) = world.out(invite().replace(b"Content-Length: 0", b"Content-Length: 0\r\nContent-Length: 0"))
    assert back.data.startswith(b"SIP/2.0 400 ")


def test_a29_what_trails_the_body_is_cut():
    world = World()
    (sent,) = world.out(invite() + b"REGISTER sip:x SIP/2.0\r\n\r\n")
    assert b"REGISTER" not in sent.data


def test_a34_half_open_calls_of_one_host_are_limited():
    world = World(policy(limits=Limits(half_open_per_host=3)))
    for number in range(3):
        world.out(invite(f"c{number}"))
    (back,) = world.out(invite("c3"))
    assert back.data.startswith(b"SIP/2.0 503 ")
    assert world.engine.counts["answered:half-open-calls-of-host"] == 1
    world.wait(181)
    assert world.out(invite("c4"))[0].data.startswith(b"INVITE ")


def test_a34_calls_of_one_host_are_limited():
    world = World(policy(limits=Limits(calls_per_host=1)))
    established(world)
    assert world.out(invite("second"))[0].data.startswith(b"SIP/2.0 503 ")
    other = invite("third").replace(b"192.168.0.10", b"192.168.0.11")
    assert world.out(other, source=OTHER_PHONE)[0].data.startswith(b"INVITE ")


def test_a35_fork_bomb_begins_sixteen_dialogs():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    for number in range(1000):
        world.into(respond(sent.data, 183, "Progress", tag=f"t{number}", body=sdp("203.0.113.99", 7000 + 2 * number)))
    assert len(world.open) == 32
    world.into(respond(sent.data, 200, "OK", tag="t3", body=sdp("203.0.113.99", 7006)))
    assert {hole.external.port for hole in world.open.values()} == {7006, 7007}


def test_a36_compressed_and_foreign_bodies_open_nothing():
    for name, value in (("Content-Encoding", "gzip"), ("Content-Type", "text/plain")):
        world = World()
        data = invite(body=sdp(PHONE.host, 14000)).replace(b"Content-Type: application/sdp\r\n", b"")
        kind = b"" if name == "Content-Type" else b"Content-Type: application/sdp\r\n"
        (sent,) = world.out(data.replace(b"Contact:", f"{name}: {value}\r\n".encode() + kind + b"Contact:"))
        world.into(respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)))
        assert world.open == {}


def test_a39_no_inside_address_leaves():
    world = World(policy(handling=Handling(hide_call_ids=True)))
    data = invite("x@192.168.0.10", branch="x", body=sdp(PHONE.host, 14000)).replace(
        b"Max-Forwards",
        b"P-Asserted-Identity: <sip:101@192.168.0.10>\r\nHistory-Info: <sip:1@192.168.0.10>;index=1\r\nMax-Forwards",
    )
    (sent,) = world.out(data)
    assert b"192.168.0." not in sent.data


def test_a41_hostile_octets_travel_as_they_are_and_are_text_in_rows():
    world = World()
    data = invite().replace(b"From: <sip:101@", b'From: "\x1b[2J\xff<script>" <sip:101@')
    (sent,) = world.out(data)
    assert b"\x1b[2J\xff<script>" in sent.data
    assert world.call()["from_uri"] == "sip:101@provider.example"
    assert "\ufffd" in world.engine.trace(str(world.call()["id"]))[0]["before"]


def test_a45_secrets_are_masked_in_traces():
    world = World()
    data = invite(body=sdp(PHONE.host, 14000, "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:c2VjcmV0")).replace(
        b"Max-Forwards",
        b'Authorization: Digest username="101", response="0123456789abcdef"\r\n'
        b'Proxy-Authorization: Digest username="101", response="fedcba9876543210"\r\nMax-Forwards',
    )
    (sent,) = world.out(data)
    assert b"0123456789abcdef" in sent.data
    (row,) = world.engine.trace(str(world.call()["id"]))
    for secret in ("0123456789abcdef", "fedcba9876543210", "c2VjcmV0", "response="):
        assert secret not in str(row)
    assert "Authorization: Digest ***" in row["before"]
    assert f"c=IN IP4 {OURS}" in row["after"]


@pytest.mark.parametrize("offset", range(8, 1464, 56))
def test_a02_register_inside_of_another_datagram_is_not_seen(offset):
    world = World()
    hidden = registration(f"<sip:x@{PHONE.host}:8080>", PHONE)
    turn = b"\x00\x03" + b"\x00" * (offset - 2) + hidden
    assert world.out(turn) == []
    assert world.engine.counts["dropped:not-sip"] + world.engine.counts["dropped:no-blank-line"] == 1
    assert world.engine.rows("registrations", world.now) == []


def test_c51_browser_that_posts_sip_opens_nothing():
    world = World()
    hidden = registration(f"<sip:x@{PHONE.host}:8080>", PHONE)
    assert world.out(b"POST / HTTP/1.1\r\nHost: 203.0.113.1:5060\r\n\r\n" + hidden) == []
    assert world.engine.rows("registrations", world.now) == []
    (sent,) = world.out(registration("<sip:x@192.168.0.99:8080>", PHONE))  # whole, but of another host
    world.into(respond(sent.data, 200, "OK", contact="<sip:x@192.168.0.99:8080>"))
    assert world.engine.rows("registrations", world.now) == []
    assert world.open == {}


def test_a21_scanner_gets_no_answer_and_reaches_nobody():
    world = World()
    world.registered()
    probe = incoming(method="OPTIONS").replace(b"sip:101@203.0.113.2:5060 SIP", b"sip:nm SIP")
    assert world.into(probe, source=STRANGER) == []
    assert world.into(probe, to=Endpoint(OURS, 5070), source=STRANGER) == []
    assert world.engine.counts["dropped:no-rule"] == 1
    assert world.engine.counts["dropped:no-mapping"] == 1


def test_a27_core_uses_no_regular_expression():
    core = Path(sipalg_core.__path__[-1])
    modules = [*core.glob("alg/*.py"), *core.glob("sip/*.py"), *core.glob("sdp/*.py")]
    assert len(modules) > 30
    for module in modules:
        imported = {
            name.name
            for node in ast.walk(ast.parse(module.read_text()))
            if isinstance(node, ast.Import)
            for name in node.names
        }
        assert "re" not in imported, module


SPELLINGS = (
    "Contact: {}", "contact: {}", "CONTACT: {}", "Contact : {}", "Contact\t: {}", "Contact:{}", "m: {}", "M: {}",
    "m : {}", "Contact:\r\n {}", "Contact: \r\n\t{}", "cOnTaCt:   {}  ",
)  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a30_every_spelling_of_a_header_is_the_same_header(spelling):
    world = World()
    data = invite().replace(b"Contact: <sip:101@192.168.0.10:5060>", spelling.format(f"<sip:101@{PHONE}>").encode())
    (sent,) = world.out(data)
    assert spelling.format(f"<sip:101@{OURS}:5060>").rstrip().encode() in sent.data
    assert PHONE.host.encode() not in sent.data


def test_a30_repeated_single_header_is_refused():
    for name in ("From", "To", "Call-ID", "CSeq", "Max-Forwards"):
        world = World()
        value = header(invite(), name)
        (back,) = world.out(invite().replace(b"Contact", f"{name}: {value}\r\nContact".encode()))
        assert back.data.startswith(b"SIP/2.0 400 ")
