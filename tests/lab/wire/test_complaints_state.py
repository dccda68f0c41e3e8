# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of in what is remembered (sip-alg reference, section 3), on the wire: bindings, strangers."""

from __future__ import annotations

import contextlib
import time
from dataclasses import replace

import pytest

from sipalg_core.contract.policy import PortRange
from sipalg_core.net import Endpoint, Side
from tests.lab.kernel_rig import FW, run
from tests.lab.wire.between import OURS, VARIANTS
from tests.lab.wire.messages import answer, endpoint_of, header, sdp, uri_of
from tests.lab.wire.parties import Party, both_ways, nothing_passes
from tests.lab.wire.rig import Wire, until
from tests.lab.wire.variants import tcp_only, udp_only

pytestmark = pytest.mark.lab


def rings(wire: Wire, contact: str, phone: Party, caller: Party | None = None) -> None:
    """An INVITE to that contact reaches the phone, which is busy."""
    caller = caller or wire.b
    dialog = wire.called(contact)
    reached = wire.cross(caller, wire.request(caller, dialog, "INVITE"), phone, endpoint_of(dialog.target))
    wire.cross(phone, answer(reached, 486, tag="near"), caller, caller.at)


def test_c04_contact_at_a_port_that_the_phone_never_sends_from_is_reached(wire: Wire):
    """It signals from a high port and listens at another one, which is not the usual one either."""
    high, listening = wire.party("a", 41002), wire.party("a", 5072)
    sent = wire.request(high, wire.dialog(high), "REGISTER", contact=wire.contact(listening))
    left = wire.cross(high, sent, wire.b, wire.b.at)
    contact = header(left, "contact")
    wire.cross(wire.b, answer(left, 200, f"Contact: {contact};expires=600", tag="r"), high)
    rings(wire, contact, listening)


def test_c05_phone_that_keeps_to_a_longer_time_than_granted_is_overdue(all_wires: list[Wire]):
    """Telekom grants 660 s, the AGFEO asked for 1200 s and keeps to them. Here 2 s and 600 s."""
    contacts = [wire.register(wire.a, f"7{number}", asked=600, granted=2) for number, wire in enumerate(all_wires)]
    rows = {row["aor"].partition(":")[2][:2]: row for row in all_wires[0].alg.rows("registrations")}
    assert {rows[f"7{number}"]["state"] for number in range(4)} == {"registered"}
    time.sleep(3.2)
    rows = {row["aor"].partition(":")[2][:2]: row for row in all_wires[0].alg.rows("registrations")}
    for number, (wire, contact) in enumerate(zip(all_wires, contacts, strict=True)):
        row = rows[f"7{number}"]
        assert (row["state"], row["asked"], row["granted"]) == ("overdue", 600, 2)
        rings(wire, contact, wire.a)  # for a grace time


def test_c19_empty_pool_is_a_503_and_the_first_calls_go_on(wire: Wire):
    first = 40_000 + 10 * VARIANTS.index(wire.variant)  # a port rests for half a minute after use
    with wire.alg.under(media_ports=PortRange(first, first + 7)):
        calls = []
        for number in range(4):
            phone, far = wire.media("a", 14000 + 2 * number), wire.media("m", 7000 + 2 * number)
            calls.append((wire.establish(sdp(phone.at.host, phone.at.port), sdp(far.at.host, far.at.port)), phone, far))
        fifth = wire.dialog(wire.a)
        wire.send(wire.a, wire.request(wire.a, fifth, "INVITE", body=sdp(wire.at("a").host, 15000)), wire.b.at)
        refused = wire.a.take(503)
        assert header(refused, "warning") == '399 pinhole "media-ports"'
        assert header(refused, "retry-after")
        assert wire.b.silent()
        assert wire.row(fifth.call_id)["reason"] == "refused here: media-ports"
        for call, phone, far in calls:
            both_ways(phone, far, call.mapped)
            call.hang_up()


NEW = {"ip": "203.0.113.7", "ip6": "2001:db8:a::7"}


@udp_only
def test_c49_new_address_is_used_at_once_and_the_old_one_forgotten(wire: Wire):
    """A reconnect of the line in the middle of a registration and of a call."""
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    contact = wire.register(wire.a)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    both_ways(phone, far, call.mapped)
    assert OURS[wire.family] in contact
    with other_address(wire):
        assert wire.row(call.dialog.call_id)["reason"] == "our address changed"
        nothing_passes(phone, far, call.mapped)
        wire.ours = NEW[wire.family]
        sent = wire.request(wire.a, wire.dialog(wire.a), "REGISTER")
        wire.a.send(sent, wire.b.at)
        left = wire.b.take("REGISTER")
        assert getattr(wire.b.heard, "host", "") == NEW[wire.family]
        assert endpoint_of(uri_of(header(left, "contact"))).host == NEW[wire.family]
        assert until(lambda: f"dst={OURS[wire.family]} sport=7000" not in conntrack(wire), 20)


def conntrack(wire: Wire) -> str:
    return run("conntrack", "-L", "-f", "ipv6" if wire.family == "ip6" else "ipv4", namespace=FW)


@contextlib.contextmanager
def other_address(wire: Wire):
    old, new, size = OURS[wire.family], NEW[wire.family], 24 if wire.family == "ip" else 64

    def replace_address(gone: str, come: str) -> None:
        options = ("nodad",) if wire.family == "ip6" else ()
        run("ip", "addr", "del", f"{gone}/{size}", "dev", "wan0", namespace=FW)
        run("ip", "addr", "add", f"{come}/{size}", "dev", "wan0", *options, namespace=FW)

    changed = tuple(
        replace(each, addresses=tuple(new if at == old else at for at in each.addresses))
        if each.side is Side.EXTERNAL
        else each
        for each in wire.alg.policy.interfaces
    )
    replace_address(old, new)
    try:
        with wire.alg.under(interfaces=changed):
            yield
    finally:
        replace_address(new, old)


POST = b"POST / HTTP/1.1\r\nHost: attacker.example:5060\r\nContent-Type: text/plain\r\nContent-Length: 5000\r\n\r\n"


@tcp_only
@pytest.mark.parametrize("page", [POST + b"x" * 1000, POST[:60], b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x00\x05hello"])
def test_c51_browser_that_sends_sip_behind_its_request_opens_nothing(wire: Wire, page: bytes):
    """NAT slipstreaming, in a segment of its own; every boundary of it is in test_slipstream."""
    wire.b.patience = 0.5
    with contextlib.closing(Party(wire.a.namespace, wire.at("a", 8080), "tcp")):  # what only the inside is to reach
        contact = f"<sip:a@{wire.at('a', 8080)};transport=tcp>"
        register = wire.request(wire.a, wire.dialog(wire.a), "REGISTER", "Expires: 600", contact=contact)
        connection = wire.a.connection(wire.b.at)
        connection.sendall(page)
        time.sleep(0.1)
        with contextlib.suppress(ConnectionError):
            connection.sendall(register)
        time.sleep(0.1)
        page_and_more = b"".join(wire.b.take_all()) + wire.b.unread()
        if b"REGISTER" in page_and_more:  # it got through: the attacker is its registrar
            seen = page_and_more[page_and_more.index(b"REGISTER") :]
            wire.b.send(answer(seen, 200, f"Contact: {header(seen, 'contact')};expires=600", tag="r"))
            time.sleep(0.1)
        attacker = wire.party("b", 45678)
        attacker.patience = 1
        with pytest.raises((TimeoutError, ConnectionRefusedError)):
            attacker.connection(Endpoint(wire.ours, 8080))
    if wire.alg:
        assert b"REGISTER" not in page_and_more
        assert wire.counted("closed:not-sip") == 1
        assert wire.opened() == set()
        assert not [row for row in wire.alg.rows("registrations") if "8080" in row["contact"]]


def test_c51_contact_of_another_host_binds_nothing(wire: Wire):
    """It leaves as it was written; what comes back to us for it reaches nobody."""
    dialog = wire.dialog(wire.a, "666")
    sent = wire.request(wire.a, dialog, "REGISTER", contact=f"<sip:666@{wire.at('pc')}>")
    left = wire.cross(wire.a, sent, wire.b, wire.b.at)
    assert header(left, "contact") == f"<sip:666@{wire.at('pc')}>"
    wire.cross(wire.b, answer(left, 200, f"Contact: {header(left, 'contact')};expires=600", tag="r"), wire.a)
    assert not [row for row in wire.alg.rows("registrations") if "666" in row["aor"] and row["state"] == "registered"]


def test_c52_stranger_is_dropped_and_the_second_target_of_the_provider_is_not(wire: Wire):
    contact = wire.register(wire.a)
    with contextlib.closing(Party(wire.b.namespace, wire.at("x"), wire.transport)) as stranger:
        stranger.patience = 0.3
        dialog = wire.called(contact)
        with contextlib.suppress(TimeoutError, ConnectionRefusedError):
            stranger.send(wire.request(stranger, dialog, "INVITE"), endpoint_of(dialog.target))
        assert wire.a.silent()
    if wire.alg:
        assert dialog.call_id not in {row["call_id"] for row in wire.alg.rows("calls")}
    rings(wire, contact, wire.a, wire.party("b2"))


@udp_only
def test_c60_flood_of_a_stranger_leaves_no_state_and_disturbs_no_call(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    contact = wire.register(wire.a)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    before = {row["id"] for row in wire.alg.rows("calls")}
    target = endpoint_of(uri_of(contact))
    with contextlib.closing(Party(wire.b.namespace, wire.at("x"), "udp")) as stranger:
        scan = wire.request(stranger, wire.called(contact), "INVITE", "User-Agent: friendly-scanner")
        began = time.monotonic()
        for number in range(10_000):
            with contextlib.suppress(BlockingIOError):
                stranger.send(scan.replace(b"Call-ID: ", b"Call-ID: %d-" % number), target)
            if not number % 1000:
                both_ways(phone, far, call.mapped)
                call.reply(call.ask("OPTIONS"), 200)
        assert 10_000 / (time.monotonic() - began) > 1_000
        assert stranger.silent()
    assert wire.a.silent()
    assert {row["id"] for row in wire.alg.rows("calls")} <= before
    both_ways(phone, far, call.mapped)
    call.hang_up()


@udp_only
def test_c50_known_flow_does_not_pass_untranslated_when_the_alg_is_taken_away(wire: Wire):
    """The kernel knows the flow, and an operator's table accepts what is established: it begins anew instead."""
    wire.register(wire.a)
    with wire.alg.under(enabled=False):
        for _ in range(3):
            wire.a.send(wire.request(wire.a, wire.dialog(wire.a), "OPTIONS"), wire.b.at)
        assert wire.b.silent()
    wire.register(wire.a)


@pytest.mark.parametrize("enabled", [True, False], ids=["on", "off"])
@pytest.mark.parametrize("wire", [VARIANTS[0]], indirect=True, ids=str)
def test_c61_alg_is_after_a_restart_of_the_machine_what_it_was_before(wire: Wire, enabled: bool):
    """Nothing switches itself on again, or off."""

    def state() -> tuple[bool, int, bool]:
        health = wire.alg.rows("health")[0]
        wire.a.send(wire.request(wire.a, wire.dialog(wire.a), "OPTIONS"), wire.b.at)
        return health["enabled"], health["revision"], wire.b.silent()

    with wire.alg.under(enabled=enabled):
        before = state()
        assert (before[0], before[2]) == (enabled, not enabled)
        wire.alg.reboot()
        wire.b.take_all()
        assert state() == before
        wire.b.take_all()
