# SPDX-License-Identifier: GPL-2.0-or-later
"""Attacks through messages, on the wire (hardening 1.4): A11–A18, A20, A21, A24, A34, A39, A41, A45.

Scaled: dozens of guesses in each of four variants instead of 10⁵.
"""

from __future__ import annotations

import random
import time
from dataclasses import replace
from ipaddress import ip_address

import pytest

from sipalg_core.contract.policy import Handling, Limits
from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import WAN
from tests.lab.wire.attacking import captured, forge, forge_each, holds_no_port_beyond, ports_held
from tests.lab.wire.messages import DOMAIN, Dialog, answer, fresh, header, headers, message, sdp
from tests.lab.wire.parties import both_ways
from tests.lab.wire.rig import PREFIX, TIMERS, Wire, until
from tests.torture.test_torture import CASES, text

pytestmark = pytest.mark.lab


def ours(wire: Wire, contact: str) -> Endpoint:
    """Where the outside reaches the phone that has this contact."""
    port = contact.partition("@")[2].strip("<>").removeprefix(f"[{wire.ours}]").removeprefix(wire.ours)
    digits = port.removeprefix(":").partition(";")[0]
    return Endpoint(wire.ours, int(digits or 5060))


def usual(wire: Wire) -> tuple[bytes, bytes]:
    return sdp(wire.at("a").host, 14000), sdp(wire.at("m").host, 7000)


def test_a11_no_port_is_held_whatever_was_sent(wire: Wire):
    """The RFCs' torture messages both ways; the whole corpus' fate is compared in test_torture."""
    before = ports_held(wire.alg)
    wire.register(wire.a)
    messages = [text(name) for name in CASES]
    forge_each(wire, "a2", messages, wire.b.at)  # each has a port of ours for two hours, and a host may have 64
    forge_each(wire, "b", messages, Endpoint(wire.ours, 5060))
    assert wire.opened() == set()
    assert holds_no_port_beyond(before, wire.alg)


def test_a12_calls_that_end_leave_nothing(wire: Wire):
    """50 calls in any stage; that each stage ends by itself needs Timer C's 180 s, which the engine's own test has."""
    before = ports_held(wire.alg)
    chosen = random.Random(12)
    offer, answered = usual(wire)
    begun = set()
    for _ in range(50):
        dialog = wire.dialog(wire.a)
        begun.add(dialog.call_id)
        left = wire.cross(wire.a, wire.request(wire.a, dialog, "INVITE", body=offer), wire.b, wire.b.at)
        if chosen.random() < 0.5:
            wire.cross(wire.b, answer(left, 183, tag="b", body=answered), wire.a)
        if chosen.random() < 0.5:
            wire.cross(wire.a, wire.request(wire.a, dialog, "CANCEL", cseq=1), wire.b)
        wire.cross(wire.b, answer(left, chosen.choice([404, 486, 487, 603]), tag="b"), wire.a)
    assert until(lambda: not wire.opened(), 20)
    assert holds_no_port_beyond(before, wire.alg)
    states = {row["state"] for row in wire.alg.rows("calls") if row["call_id"] in begun}
    assert states
    assert not states & {"setup", "in_call"}


def test_a13_a_register_from_outside_reaches_nobody(wire: Wire):
    reached = ours(wire, wire.register(wire.a))
    registrations = wire.alg.rows("registrations")
    dialog = Dialog(f"sip:101@{DOMAIN}", f"sip:101@{DOMAIN}", f"sip:{DOMAIN}")
    before = wire.alg.counters().get("dropped:register-from-outside", 0)
    wire.b.send(wire.request(wire.b, dialog, "REGISTER"), wire.b.heard)
    forge(wire, "x", [wire.request(wire.b, dialog, "REGISTER")] * 3, reached)
    assert wire.a.silent()
    assert until(lambda: wire.alg.counters().get("dropped:register-from-outside", 0) == before + 1, 20)
    assert wire.alg.rows("registrations") == registrations


def states_of(wire: Wire) -> dict[str, str]:
    """Of the bindings of a."""
    rows = wire.alg.rows("registrations")
    return {row["id"]: row["state"] for row in rows if row["internal"] == str(wire.a.at)}


def test_a14_another_host_can_neither_take_nor_delete_a_binding(wire: Wire):
    contact = wire.register(wire.a)
    before = states_of(wire)
    thief = wire.party("a2")
    for stolen, expires in ((wire.contact(wire.a), 600), ("*", 0), (wire.contact(wire.a), 0)):
        dialog = Dialog(f"sip:101@{DOMAIN}", f"sip:101@{DOMAIN}", f"sip:{DOMAIN}")
        sent = wire.request(thief, dialog, "REGISTER", f"Expires: {expires}", contact=stolen)
        left = wire.cross(thief, sent, wire.b, wire.b.at)
        wire.cross(wire.b, answer(left, 200, tag="reg"), thief)
    assert states_of(wire) == before
    ring = wire.request(wire.b, wire.called(contact), "INVITE", body=sdp(wire.at("m").host, 7000))
    back = wire.cross(wire.b, ring, wire.a, ours(wire, contact))
    wire.cross(wire.a, answer(back, 486, tag="a"), wire.b)
    assert thief.silent()


def test_a15_a_foreign_contact_is_neither_rewritten_nor_bound(wire: Wire):
    bound = len(wire.alg.rows("registrations"))
    for foreign in (wire.at("x").host, wire.at("pc").host):
        written = f"[{foreign}]" if ":" in foreign else foreign
        contact = f"<sip:101@{written}:5060>"
        dialog = Dialog(f"sip:evil@{DOMAIN}", f"sip:evil@{DOMAIN}", f"sip:{DOMAIN}")
        sent = wire.request(wire.a, dialog, "REGISTER", "Expires: 600", contact=contact)
        left = wire.cross(wire.a, sent, wire.b, wire.b.at)
        assert header(left, "contact") == contact
        wire.cross(wire.b, answer(left, 200, f"Contact: {contact};expires=600", tag="reg"), wire.a)
    assert len([row for row in wire.alg.rows("registrations") if "evil" in row["aor"]]) == 0
    assert len(wire.alg.rows("registrations")) == bound


def test_a16_forged_answers_change_nothing(wire: Wire):
    offer, _ = usual(wire)
    chosen = random.Random(16)
    dialog = wire.dialog(wire.a)
    left = wire.cross(wire.a, wire.request(wire.a, dialog, "INVITE", body=offer), wire.b, wire.b.at)
    genuine = answer(left, 200, tag="b", body=sdp(wire.at("x").host, 7000))
    before = wire.row(dialog.call_id)["state"]
    branch = dialog.branch.encode()
    guesses = [genuine.replace(branch, b"z9hG4bK%x" % chosen.getrandbits(64)) for _ in range(50)]
    reached = Endpoint(wire.ours, 5060)
    for name in ("x", "b2"):  # a stranger, and the provider's other host, which was not asked
        forge(wire, name, [*guesses, genuine], reached)
    forge(wire, "b", guesses, reached)
    assert wire.row(dialog.call_id)["state"] == before == "setup"
    assert wire.opened() == set()
    drain(wire)
    wire.cross(wire.b, answer(left, 486, tag="b"), wire.a)


def test_a17_bye_and_cancel_need_the_dialog_the_branch_and_the_host(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    guessed = replace(call.back, local_tag="guess"), replace(call.back, remote_tag="guess")
    reached = Endpoint(wire.ours, 5060)
    for dialog in guessed:
        forge(wire, "b", [wire.request(wire.b, dialog, "BYE")], reached)
    exact = wire.request(wire.b, replace(call.back), "BYE")
    cancel = wire.request(wire.b, replace(call.back, branch="z9hG4bKguess"), "CANCEL")
    forge(wire, "x", [exact, cancel], reached)
    forge(wire, "b", [cancel], reached)
    assert wire.row(call.dialog.call_id)["state"] == "in_call"
    assert len(wire.opened()) == 4
    time.sleep(TIMERS.teardown + 0.2)
    both_ways(phone, far, call.mapped)
    drain(wire)
    call.hang_up()


def drain(wire: Wire) -> None:
    """What is of no dialog passes to the phone, which answers it as it likes."""
    while not wire.a.silent(0.1):
        wire.a.take()


def test_a18_a_forged_or_replayed_reinvite_moves_no_media(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    call.again(sdp(far.at.host, 7000), sdp(phone.at.host, 14000), back=True)
    stolen = sdp(wire.at("x").host, 7000)
    reached = Endpoint(wire.ours, 5060)
    forge(wire, "x", [wire.request(wire.b, replace(call.back), "INVITE", body=stolen)], reached)
    held = wire.holes(call.dialog.call_id)
    replayed = wire.request(wire.b, replace(call.back), "INVITE", cseq=call.back.cseq - 1, body=stolen)
    inside = wire.cross(wire.b, replayed, wire.a, wire.b.heard)
    wire.cross(wire.a, answer(inside, 200, f"Contact: {wire.contact(wire.a)}", body=sdp(phone.at.host, 14000)), wire.b)
    assert wire.holes(call.dialog.call_id) == held
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_a20_a_via_never_decides_where_an_answer_goes(wire: Wire):
    """Nothing goes to the host that the Via names: neither outside nor inside, neither by us nor because of us."""
    for named in ("255.255.255.255", wire.at("x").host, wire.at("pc").host):
        written = f"[{named}]" if ":" in named else named
        dialog = wire.dialog(wire.a)
        sent = wire.request(wire.a, dialog, "OPTIONS")
        misleading = sent.replace(str(wire.a.at).encode(), written.encode(), 1)
        with captured(WAN) as outside, captured(wire.a.namespace) as inside:
            wire.a.send(misleading, wire.b.at)
            left = wire.b.take("OPTIONS")
            wire.b.send(answer(left, 200, tag="b"))
            if named != "255.255.255.255":
                wire.a.take(200)
            assert wire.a.silent(0.05)
        frames = [frame for frame in (*outside, *inside) if dialog.call_id.encode() in frame]
        assert frames
        assert not any(to(frame, named) for frame in frames)


def to(frame: bytes, host: str) -> bool:
    """Whether an Ethernet frame's IP packet goes to that host."""
    address = ip_address(host)
    place = slice(30, 34) if address.version == 4 else slice(38, 54)
    return frame[12:14] == (b"\x08\x00" if address.version == 4 else b"\x86\xdd") and frame[place] == address.packed


SCANNERS = ("friendly-scanner", "sipcli", "sipsak", "VaxSIPUserAgent")


def test_a21_scanners_get_no_answer_and_reach_nobody(wire: Wire):
    """What svmap, svwar, svcrack and sipsak send; 20 of each, in the end from a banned host."""
    contact = wire.register(wire.a)
    probes = [
        message(
            f"{method} sip:{user}@{wire.ours} SIP/2.0",
            f"Via: SIP/2.0/{wire.transport.upper()} {wire.at('x')};branch=z9hG4bK{fresh('s')};rport",
            f"From: <sip:{user}@{wire.ours}>;tag={fresh('t')}", f"To: <sip:{user}@{wire.ours}>",
            f"Call-ID: {fresh('scan')}", f"CSeq: 1 {method}", f"User-Agent: {agent}", "Max-Forwards: 70",
        )
        for number, agent in enumerate(SCANNERS * 5)
        for method, user in (("OPTIONS", "nm"), ("REGISTER", str(100 + number)), ("INVITE", str(100 + number)))
    ]  # fmt: skip
    before = wire.alg.counters().get("received", 0)
    with captured(wire.a.namespace) as inside, captured(WAN) as outside:
        forge(wire, "x", probes, ours(wire, contact))
    assert wire.a.silent()
    assert not [frame for frame in inside if b"scan" in frame]
    assert not [frame for frame in outside if b"SIP/2.0 4" in frame[:200]]
    assert wire.alg.counters()["received"] == before
    if wire.transport == "udp":
        assert wire.at("x").host in {ban["host"] for ban in wire.alg.engine.ask(op="bans")["items"]}


def test_a24_who_was_refused_does_not_get_through_again_at_once(wire: Wire):
    contact = wire.register(wire.a)
    with wire.alg.under(timers=replace(TIMERS, retry_denial=1)):
        caller = fresh("u")
        body = sdp(wire.at("m").host, 7000)
        ring = wire.request(wire.b, wire.called(contact, caller), "INVITE", body=body)
        wire.cross(wire.a, answer(wire.cross(wire.b, ring, wire.a, ours(wire, contact)), 603, tag="a"), wire.b)
        for _ in range(3):
            wire.b.send(wire.request(wire.b, wire.called(contact, caller), "INVITE", body=body))
            assert header(wire.b.take(480), "retry-after")
        assert wire.a.silent(0.05)
        time.sleep(1)
        again = wire.request(wire.b, wire.called(contact, caller), "INVITE", body=body)
        wire.cross(wire.a, answer(wire.cross(wire.b, again, wire.a), 487, tag="a"), wire.b)


def test_a34_half_open_calls_of_one_host_are_limited(wire: Wire):
    before = ports_held(wire.alg)
    pbx, other = wire.party("pbx"), wire.party("a2")
    offer = sdp(pbx.at.host, 14000)
    with wire.alg.under(limits=Limits(half_open_per_host=40)):
        waiting = [
            wire.cross(pbx, wire.request(pbx, wire.dialog(pbx), "INVITE", body=offer), wire.b, wire.b.at)
            for _ in range(40)
        ]
        back = wire.b.heard
        for _ in range(5):
            pbx.send(wire.request(pbx, wire.dialog(pbx), "INVITE", body=offer), wire.b.at)
            assert b"half-open-calls-of-host" in pbx.take(503)
        call = wire.establish(sdp(other.at.host, 14000), sdp(wire.at("m").host, 7000), caller=other)
        call.hang_up()
        for left in waiting:
            wire.cross(wire.b, answer(left, 486, tag="b"), pbx, back)
    assert holds_no_port_beyond(before, wire.alg)


def test_a39_no_inside_address_leaves(wire: Wire):
    """Everything on the outside wire while a call comes and goes, its Call-ID hidden."""
    inside = PREFIX[wire.family][0]
    with wire.alg.under(handling=Handling(hide_call_ids=True)), captured(WAN) as frames:
        dialog = wire.dialog(wire.a)
        dialog.call_id = f"{fresh('c')}@{wire.at('a').host}"
        written = str(wire.a.at).removesuffix(":5060")
        sent = wire.request(
            wire.a, dialog, "INVITE", f"P-Asserted-Identity: <sip:101@{written}>",
            f"History-Info: <sip:1@{written}>;index=1", f"Remote-Party-ID: <sip:101@{written}>", body=usual(wire)[0],
        )  # fmt: skip
        wire.a.send(sent, wire.b.at)
        left = wire.b.take("INVITE")
        wire.b.send(answer(left, 486, tag="b"))
        assert header(wire.a.take(486), "call-id") == dialog.call_id
    assert any(b"INVITE sip:" in frame for frame in frames)
    assert [frame for frame in frames if inside.encode() in frame] == []


def test_a41_hostile_octets_travel_as_they_are_and_end_as_text(wire: Wire):
    hostile = '"\x1b[2J\u202e<script>alert(1)</script>" '
    offer, _ = usual(wire)
    dialog = wire.dialog(wire.a)
    sent = wire.request(wire.a, dialog, "INVITE", f"User-Agent: {hostile}", body=offer)
    sent = sent.replace(b"From: <", b"From: " + hostile.encode() + b"<")
    left = wire.cross(wire.a, sent, wire.b, wire.b.at)
    assert hostile.encode() in left
    assert "<script>" not in wire.row(dialog.call_id)["from_uri"]
    assert "\x1b" not in str(wire.row(dialog.call_id))
    wire.cross(wire.b, answer(left, 486, tag="b"), wire.a)
    assert len(headers(left, "user-agent")) == 1


def test_a45_secrets_are_masked_in_traces(wire: Wire):
    offer, _ = usual(wire)
    dialog = wire.dialog(wire.a)
    secret, key = fresh("0123456789abcdef"), "c2VjcmV0c2VjcmV0"
    sent = wire.request(
        wire.a, dialog, "INVITE", f'Authorization: Digest username="101", response="{secret}"',
        body=offer + f"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{key}\r\n".encode(),
    )  # fmt: skip
    left = wire.cross(wire.a, sent, wire.b, wire.b.at)
    assert secret.encode() in left
    kept = str(wire.alg.engine.ask(op="trace", call=wire.row(dialog.call_id)["id"]))
    assert dialog.call_id in kept
    assert secret not in kept
    assert key not in kept
    wire.cross(wire.b, answer(left, 486, tag="b"), wire.a)
