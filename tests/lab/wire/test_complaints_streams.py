# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of in transports (sip-alg reference, section 3), on the wire: segments, sizes, ports, pings."""

from __future__ import annotations

import time

import pytest

from tests import pace
from tests.lab.wire.messages import answer, body_of, endpoint_of, header, sdp, uri_of
from tests.lab.wire.parties import both_ways
from tests.lab.wire.rig import Wire
from tests.lab.wire.variants import tcp_only, udp_only

pytestmark = pytest.mark.lab


@tcp_only
def test_c33_invite_in_segments_of_one_byte(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.call()
    sent = wire.request(wire.a, call.dialog, "INVITE", body=sdp(phone.at.host, 14000))
    connection = wire.a.connection(wire.b.at)
    wire.note(wire.a, sent)
    for octet in sent:
        connection.sendall(bytes((octet,)))
    call.take_invite(wire.take(wire.b, "INVITE"))
    call.respond(200, body=sdp(far.at.host, 7000))
    call.acknowledge()
    both_ways(phone, far, call.mapped)
    call.hang_up()


@tcp_only
def test_c33_three_messages_in_one_segment(wire: Wire):
    sent = [wire.request(wire.a, wire.dialog(wire.a), method) for method in ("OPTIONS", "MESSAGE", "INFO")]
    for each in sent:
        wire.note(wire.a, each)
    wire.a.connection(wire.b.at).sendall(b"".join(sent))
    arrived = [wire.take(wire.b, method) for method in ("OPTIONS", "MESSAGE", "INFO")]
    replies = [answer(each, 200, tag="far") for each in arrived]
    for each in replies:
        wire.note(wire.b, each)
    wire.b.connection(wire.b.heard).sendall(b"".join(replies))
    for each in sent:
        assert header(wire.take(wire.a, 200), "call-id") == header(each, "call-id")


@pytest.mark.parametrize("ping", [b"\r\n\r\n", b"\r\n"], ids=["ping", "pong"])
def test_c34_keep_alive_passes_both_ways_and_the_next_message_is_read(wire: Wire, ping: bytes):
    contact = wire.register(wire.a)
    began = time.monotonic()
    wire.a.send(ping)
    assert wire.b.take() == ping
    wire.b.send(b"\r\n", endpoint_of(uri_of(contact)))
    assert wire.a.take() == b"\r\n"
    assert time.monotonic() - began < 1 * pace.of_clock()
    assert wire.register(wire.a) == contact


@tcp_only
def test_c34_ping_in_the_same_segment_as_a_register(wire: Wire):
    wire.register(wire.a)
    sent = wire.request(wire.a, wire.dialog(wire.a), "REGISTER")
    wire.note(wire.a, sent)
    wire.a.connection(wire.b.at).sendall(b"\r\n\r\n" + sent)
    assert wire.b.take() == b"\r\n\r\n"
    left = wire.take(wire.b, "REGISTER")
    wire.cross(wire.b, answer(left, 200, f"Contact: {header(left, 'contact')}", tag="r"), wire.a)


@pytest.mark.parametrize("size", [4_000, 9_000, 60_000])
def test_c35_large_invite_arrives_whole_and_rewritten(wire: Wire, size: int):
    """Over UDP in 3, 7 and 41 fragments."""
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    padding = "a=x-padding:" + "x" * 80
    lines = tuple(f"{padding}{number}" for number in range(size // 95))
    call = wire.establish(sdp(phone.at.host, 14000, lines=lines), sdp(far.at.host, 7000, lines=lines))
    assert body_of(call.invite) == sdp(call.mapped.host, call.mapped.port, lines=lines)
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c35_largest_datagram_arrives_whole(wire: Wire):
    """65,507 octets, the most that UDP carries over IPv4."""
    shorter = wire.request(wire.a, wire.dialog(wire.a), "MESSAGE", body=b"x" * 60_000, kind="text/plain")
    octets = 60_000 + 65_507 - len(shorter)
    sent = shorter.replace(b"x" * 60_000, b"x" * octets).replace(b": 60000\r\n", b": %d\r\n" % octets)
    assert len(sent) == 65_507
    left = wire.cross(wire.a, sent, wire.b, wire.b.at)
    assert body_of(left) == b"x" * octets


def test_c36_large_notify_reaches_the_phone(wire: Wire):
    lamps = b"<dialog-info>" + b"<dialog id='x'/>" * 3200 + b"</dialog-info>"
    dialog = wire.called(wire.register(wire.a))
    sent = wire.request(wire.b, dialog, "NOTIFY", "Event: dialog", body=lamps, kind="application/dialog-info+xml")
    reached = wire.cross(wire.b, sent, wire.a, endpoint_of(dialog.target))
    assert len(body_of(reached)) > 50_000
    back = wire.cross(wire.a, answer(reached, 200, f"Contact: {wire.contact(wire.a)}", tag="near"), wire.b, wire.b.at)
    assert endpoint_of(uri_of(header(back, "contact"))).host == wire.ours


def test_c37_call_behaves_alike_on_every_transport(wire: Wire):
    """One whole course; every other scenario here runs on both transports, too."""
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    contact = wire.register(wire.a)
    there = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    both_ways(phone, far, there.mapped)
    there.hang_up()
    back = wire.establish(sdp(far.at.host, 7000), sdp(phone.at.host, 14000), wire.b, wire.a, wire.called(contact))
    both_ways(phone, far, back.mapped)
    back.hang_up()


@tcp_only
def test_c37_phone_is_reached_where_it_listens_when_its_connection_is_gone(wire: Wire):
    """It had connected from another port than that of its Contact, as phones do."""
    caller = wire.party("a", 41000)
    dialog = wire.dialog(caller)
    left = wire.cross(
        caller, wire.request(caller, dialog, "REGISTER", contact=f"<sip:101@{wire.at('a')};transport=tcp>"), wire.b,
        wire.b.at,
    )  # fmt: skip
    contact = header(left, "contact")
    wire.cross(wire.b, answer(left, 200, f"Contact: {contact};expires=600", tag="r"), caller)
    caller.close()
    listening = wire.a
    inner, provider = wire.called(contact), wire.party("b", 45060)
    reached = wire.cross(provider, wire.request(provider, inner, "INVITE"), listening, endpoint_of(inner.target))
    wire.cross(listening, answer(reached, 486, tag="near"), provider, wire.b.at)


@udp_only
@pytest.mark.parametrize("rport", [True, False], ids=["rport", "via"])
def test_c38_response_goes_where_the_phone_wants_it(wire: Wire, rport: bool):
    """From a high source port, as telephones of Cisco send; RFC 3581 §4, RFC 3261 §18.2.2."""
    high, named = wire.party("a", 50000), wire.a
    sent = wire.request(high, wire.dialog(high), "OPTIONS").replace(str(high.at).encode(), str(named.at).encode())
    if not rport:
        sent = sent.replace(b";rport", b"")
    left = wire.cross(high, sent, wire.b, wire.b.at)
    target = wire.b.heard if rport else endpoint_of("x@" + header(left, "via").split()[1].partition(";")[0])
    wire.send(wire.b, answer(left, 200, tag="far"), target)
    got, other = (high, named) if rport else (named, high)
    assert f"SIP/2.0/UDP {wire.at('a')}".encode() in wire.take(got, 200)
    assert other.silent(0.05)


def test_c59_options_pass_both_ways_without_delay(wire: Wire):
    """Pings of a trunk: none is lost, and the way through us takes less than five milliseconds."""
    contact = wire.register(wire.a)
    taken = []
    for _ in range(15):
        began = time.perf_counter()
        left = wire.cross(wire.a, wire.request(wire.a, wire.dialog(wire.a), "OPTIONS"), wire.b, wire.b.at)
        wire.cross(wire.b, answer(left, 200, tag="far"), wire.a)
        taken.append(time.perf_counter() - began)
        dialog = wire.called(contact)
        reached = wire.cross(wire.b, wire.request(wire.b, dialog, "OPTIONS"), wire.a, endpoint_of(dialog.target))
        wire.cross(wire.a, answer(reached, 200, tag="near"), wire.b, wire.b.at)
    assert sorted(taken)[len(taken) // 2] < 0.005


def test_c04_inbound_call_reaches_a_phone_whose_binding_outlives_the_kernels_timeouts(wire: Wire):
    """`idle` shortens those of conntrack to a second; the binding lives as long as granted."""
    contact = wire.register(wire.a, granted=3600)
    with wire.alg.short_conntrack():
        time.sleep(2.5)
        dialog = wire.called(contact)
        reached = wire.cross(wire.b, wire.request(wire.b, dialog, "INVITE"), wire.a, endpoint_of(dialog.target))
        wire.cross(wire.a, answer(reached, 486, tag="near"), wire.b, wire.b.at)
