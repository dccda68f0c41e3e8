# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of where offer and answer take an unusual way (sip-alg reference, section 3), on the wire."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import FW, run
from tests.lab.wire.between import VARIANTS
from tests.lab.wire.calls import Call
from tests.lab.wire.messages import answer, body_of, endpoint_of, header, port_of, sdp, uri_of
from tests.lab.wire.parties import both_ways, flows, nothing_passes
from tests.lab.wire.rig import Wire, until

pytestmark = pytest.mark.lab


def test_c12_media_that_is_outside_on_both_sides_passes_untouched(wire: Wire):
    """Forwarding: the telephone system names one outside relay to the other."""
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    outside = sdp(wire.at("m2").host, 6000)
    asked, _ = call.again(outside, sdp(far.at.host, 7000))
    assert body_of(asked) == outside
    if wire.alg:
        assert wire.opened() == set()
    nothing_passes(phone, far, call.mapped)
    call.hang_up()


def hairpin(wire: Wire) -> tuple[Call, Call]:
    """The first phone calls the second through the provider: both calls, up."""
    second = wire.party("a2")
    contact = wire.register(second, "102")
    there = wire.call()
    there.begin(sdp(wire.at("a").host, 14000))
    back = wire.call(wire.b, second, wire.called(contact, user="102"))
    back.begin(body_of(there.invite))
    back.respond(200, body=sdp(second.at.host, 16000))
    back.acknowledge()
    there.respond(200, body=body_of(back.ok))
    there.acknowledge()
    return there, back


def test_c12_our_own_mapping_in_a_description_becomes_the_phone_behind_it(wire: Wire):
    there, back = hairpin(wire)
    assert body_of(back.invite) == sdp(wire.at("a").host, 14000)
    there.hang_up()
    back.hang_up()


def test_c13_two_phones_behind_us_hear_each_other_directly(wire: Wire):
    there, back = hairpin(wire)
    assert (body_of(back.invite), body_of(there.ok)) == (
        sdp(wire.at("a").host, 14000), sdp(wire.at("a2").host, 16000)
    )  # fmt: skip
    first, second = wire.media("a", 14000), wire.media("a2", 16000)
    flows(first, second.at, second, first.at)
    flows(second, first.at, first, second.at)
    if wire.alg:
        assert wire.opened() == set()
    there.hang_up()
    back.hang_up()


def test_c14_offer_in_a_reliable_183_and_answer_in_the_prack(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call()
    call.begin(b"", "Supported: 100rel")
    call.respond(183, "Require: 100rel", "RSeq: 1", body=sdp(far.at.host, 7000))
    prack = call.ask("PRACK", f"RAck: 1 {call.dialog.cseq} INVITE", body=sdp(phone.at.host, 14000))
    both_ways(phone, far, wire.mapped(prack))  # before the 200
    call.reply(prack, 200)
    call.respond(200)
    call.acknowledge()
    both_ways(phone, far, wire.mapped(prack))
    call.hang_up()


def test_c15_update_before_the_answer_moves_the_port(wire: Wire):
    far = wire.media("m", 7000)
    call = wire.call()
    call.begin(sdp(wire.at("a").host, 14000))
    call.respond(183, "Require: 100rel", "RSeq: 1", body=sdp(far.at.host, 7000))
    call.reply(call.ask("PRACK", f"RAck: 1 {call.dialog.cseq} INVITE"), 200)
    asked, _ = call.again(sdp(wire.at("a").host, 15000), sdp(far.at.host, 7000), "UPDATE")
    assert wire.mapped(asked) != call.mapped
    both_ways(wire.media("a", 15000), far, wire.mapped(asked))
    nothing_passes(wire.media("a", 14000), far, call.mapped)
    call.respond(200)
    call.dialog.cseq = 1  # that of the INVITE
    call.acknowledge()
    call.dialog.cseq = 3
    call.hang_up()


def test_c16_offer_in_the_200_is_answered_in_the_ack(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call()
    call.begin()
    call.respond(200, body=sdp(far.at.host, 7000))
    ack = call.acknowledge(sdp(phone.at.host, 14000))
    both_ways(phone, far, wire.mapped(ack))
    call.hang_up()


def test_c16_called_phone_offers_in_its_200(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call(wire.b, wire.a, wire.called(wire.register(wire.a)))
    call.begin()
    call.respond(200, body=sdp(phone.at.host, 14000))
    call.acknowledge(sdp(far.at.host, 7000))
    both_ways(phone, far, call.mapped)
    call.hang_up(back=True)


def ice(host: str, rtp: int, rtcp: int) -> tuple[str, ...]:
    return (
        f"a=candidate:1 1 UDP 2130706431 {host} {rtp} typ host",
        f"a=candidate:1 2 UDP 2130706430 {host} {rtcp} typ host",
        f"a=candidate:2 1 UDP 1694498815 198.51.100.7 41000 typ srflx raddr {host} rport {rtp}",
    )


def test_c22_default_destination_stays_among_the_candidates(wire: Wire):
    """RFC 8445 §5.4: else the other side says ice-mismatch."""
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    offer = sdp(phone.at.host, 14000, lines=ice(phone.at.host, 14000, 14001))
    call = wire.establish(offer, sdp(far.at.host, 7000, lines=ice(far.at.host, 7000, 7001)))
    mapped = call.mapped
    assert f" {mapped.host} {mapped.port} typ host\r\n".encode() in body_of(call.invite)
    assert f" {mapped.host} {mapped.port + 1} typ host\r\n".encode() in body_of(call.invite)
    assert b"198.51.100.7 41000 typ srflx raddr " in body_of(call.invite)
    both_ways(phone, far, mapped)
    call.hang_up()


def test_c23_phone_that_asked_a_stun_server_is_left_alone(wire: Wire):
    """It announces our address by itself: message and description leave as they came."""
    call = wire.call()
    announced = sdp(wire.ours, 40000)
    host = f"[{wire.ours}]" if ":" in wire.ours else wire.ours
    invite = call.begin(announced, contact=f"<sip:101@{host}:40002>")
    assert body_of(invite) == announced
    assert header(invite, "contact") == f"<sip:101@{host}:40002>"
    if wire.alg:
        assert wire.counted("sdp:already-translated") == 1
    wire.cross(wire.b, answer(invite, 486, tag="far"), wire.a)


@contextlib.contextmanager
def stun_answers(wire: Wire, *ports: tuple[int, int]) -> Iterator[None]:
    """The phone asked a STUN server from each first port, and was told that it is the second one outside: a binding
    of the appliance's ordinary translation, not of the ALG."""
    kind, host, server = wire.family, wire.at("a").host, wire.media("x", 3478)
    ours = f"[{wire.ours}]" if kind == "ip6" else wire.ours
    chains = (
        ("forward_base", "udp dport 3478 accept"),
        *(
            ("postrouting_base", f"{kind} saddr {host} udp sport {port} udp dport 3478 snat {kind} to {ours}:{outside}")
            for port, outside in ports
        ),
    )
    handles = []
    for chain, rule in chains:
        told = run("nft", "-ae", "insert", "rule", "inet", "appliance", chain, *rule.split(), namespace=FW)
        handles.append((chain, told.rpartition("handle ")[2].split()[0]))
    try:
        for port, outside in ports:
            asking = wire.media("a", port)
            asking.play(server.at, 1)
            assert [source.port for _, source in server.heard(1)] == [outside]
            asking.close()
        yield
    finally:
        for chain, handle in handles:
            run("nft", "delete", "rule", "inet", "appliance", chain, "handle", handle, namespace=FW)


def test_c23_port_from_a_stun_server_reaches_the_telephone_behind_it(wire: Wire):
    """It announces :40000 for its 14000: description as it came, and audio both ways, without a port of ours."""
    before = wire.counted("sdp:already-translated")
    own, first = (number + 10 * VARIANTS.index(wire.variant) for number in (15_000, 40_000))  # bindings outlive a test
    with stun_answers(wire, (own, first), (own + 1, first + 1)):
        inside, outside, stranger = wire.media("a", own), wire.media("m", 7000), wire.media("x", 7000)
        call = wire.establish(sdp(wire.ours, first), sdp(outside.at.host, 7000))
        assert body_of(call.invite) == sdp(wire.ours, first)
        assert wire.counted("sdp:already-translated") == before + 1
        announced = Endpoint(wire.ours, first)
        assert until(lambda: len(wire.opened()) == 4, 20), wire.opened()
        both_ways(inside, outside, announced)
        stranger.play(announced)
        assert inside.silent()
        call.hang_up()
        wire.settle()
        nothing_passes(inside, outside, announced)


def test_c23_port_that_nobody_asked_for_opens_nothing(wire: Wire):
    """Also not for one telephone what a STUN server told another."""
    own, told = (number + 10 * VARIANTS.index(wire.variant) for number in (15_500, 41_000))
    with stun_answers(wire, (own, told)):
        for party, port in ((wire.a, told + 2), (wire.party("a2"), told)):
            call = wire.establish(sdp(wire.ours, port), sdp(wire.at("m").host, 7000), party)
            assert until(lambda call=call: not wire.row(call.dialog.call_id)["pinholes"], 20)
            assert wire.opened() == set()
            call.hang_up()
    assert wire.counted("sdp:not-behind-us") == 2


@pytest.mark.parametrize("name", ["pbx", "a", "media_host"])
def test_c28_every_length_of_address_leaves_a_whole_description(wire: Wire, name: str):
    """Shorter and longer than ours, in o=, c= of the session and c= of the line; `cross` compares every octet."""
    host, far = wire.at(name).host, wire.at("m").host
    family = "IP6" if ":" in host else "IP4"
    party = wire.party("pbx" if name == "pbx" else "a")
    line = f"m=audio 14002 RTP/AVP 8\r\nc=IN {family} {host}"
    call = wire.establish(sdp(host, 14000, line), sdp(far, 7000, 7002), party)
    mapped = call.mapped
    assert body_of(call.invite) == sdp(
        mapped.host, mapped.port, f"m=audio {port_of(call.invite, number=1)} RTP/AVP 8\r\nc=IN {family} {mapped.host}"
    )
    both_ways(wire.media(name, 14000), wire.media("m", 7000), mapped)
    call.hang_up()


@pytest.mark.parametrize("damage", [(b"c=IN ", b"c:=IN "), (b"m=audio", b":=audio"), (b"s=-\r\n", b"s=pjmedia")])
def test_c28_description_that_was_damaged_before_us_passes_as_it_is(wire: Wire, damage: tuple[bytes, bytes]):
    damaged = sdp(wire.at("a").host, 14000).replace(*damage)
    call = wire.call()
    assert body_of(call.begin(damaged)) == damaged
    call.respond(488)
    call.acknowledge()
    if wire.alg:
        assert wire.counted("sdp:")


ISUP = b"Content-Type: application/ISUP;version=nxv3\r\n\r\n\x01\x00\x49\x00\xff192.168.0.10\r\n"
PIDF = b"Content-Type: application/pidf+xml\r\n\r\n<presence entity='pres:101@192.168.0.10'/>\r\n"


def parts(description: bytes) -> bytes:
    own = b"--bound\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(description)
    return own + description + b"\r\n--bound\r\n" + ISUP + b"--bound\r\n" + PIDF + b"--bound--\r\n"


@pytest.mark.parametrize("nested", [False, True], ids=["flat", "nested"])
def test_c29_only_the_description_of_a_multipart_body_is_rewritten(wire: Wire, nested: bool):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    kind, outer = "multipart/mixed;boundary=bound", "multipart/mixed;boundary=out"

    def whole(description: bytes) -> bytes:
        inner = parts(description)
        if not nested:
            return inner
        return b"--out\r\nContent-Type: " + kind.encode() + b"\r\n\r\n" + inner + b"\r\n--out--\r\n"

    call = wire.call()
    call.begin(whole(sdp(phone.at.host, 14000)), kind=outer if nested else kind)
    call.respond(200, body=sdp(far.at.host, 7000))
    call.acknowledge()
    assert body_of(call.invite) == whole(sdp(call.mapped.host, call.mapped.port))
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c40_overlapping_private_addresses_are_not_confused(wire: Wire):
    """The far end's description names the address of our own phone, which is another's there."""
    phone = wire.media("a", 7000)
    call = wire.call(wire.b, wire.a, wire.called(wire.register(wire.a)))
    theirs = sdp(wire.at("a").host, 7000)
    assert body_of(call.begin(theirs)) == theirs
    call.respond(200, body=sdp(wire.at("a").host, 14000))
    call.acknowledge()
    wire.media("m", 7000).play(call.mapped)
    assert phone.silent()
    if wire.alg:
        assert wire.opened() == set()
        assert wire.counted("refused:media-peer-internal")
    call.hang_up()


def test_c47_signalling_over_one_family_with_media_over_the_other(wire: Wire):
    """FortiGate's NP7 case: SIP over IPv6, RTP over IPv4, and the other way round."""
    there, word = ("ip6", "IP6") if wire.family == "ip" else ("ip", "IP4")
    phone, far = wire.media("media_host", 14000, there), wire.media("m", 7000, there)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    mapped = wire.mapped(call.invite, family=there)
    assert f"c=IN {word} {mapped.host}\r\n".encode() in call.invite
    both_ways(phone, far, mapped)
    call.hang_up()


def test_c47_calls_over_both_families_at_once(all_wires: list[Wire]):
    """IPv6 and IPv4, UDP and TCP, each on its own: none disturbs another."""
    calls = []
    for number, wire in enumerate(all_wires):
        phone, far = wire.media("a", 14000 + 10 * number), wire.media("m", 7000 + 10 * number)
        call = wire.establish(sdp(phone.at.host, phone.at.port), sdp(far.at.host, far.at.port))
        assert header(call.invite, "via").endswith(f"branch={call.dialog.branch};rport")
        assert endpoint_of(uri_of(header(call.invite, "contact"))).host == wire.ours
        calls.append((call, phone, far))
    for call, phone, far in calls:
        both_ways(phone, far, call.mapped)
        call.hang_up()
