# SPDX-License-Identifier: GPL-2.0-or-later
"""A capture holds headers and nothing that anybody says or writes."""

import random
from ipaddress import ip_address

import pytest

from appliance.kernel.capturing import _rules, headers_of, record
from tests.unit.kernel.test_lines import TCP, UDP, ipv4, ipv6
from tests.unit.kernel.test_media_runs import packet


@pytest.mark.parametrize(
    ("payload", "octets"),
    [
        (ipv4(17, UDP + b"INVITE sip:0171@x"), 28),
        (ipv6(17, UDP + b"INVITE sip:0171@x"), 48),
        (ipv4(6, TCP + b"INVITE"), 40),
        (packet(1) + bytes(160), 40),
        (ipv4(1, b"\x08\x00" + bytes(6) + b"text"), 28),
        (ipv4(47, b"text"), 20),
        (b"", 0),
        (b"\x10text", 0),
    ],
)
def test_only_headers_are_kept(payload, octets):
    assert headers_of(payload) == octets
    kept = record(1.5, payload)
    assert kept[16:] == payload[:octets]
    assert b"0171" not in kept


def test_any_octets_are_recorded():
    made = random.Random(3)
    for _ in range(2000):
        payload = made.randbytes(made.randrange(97))
        assert len(record(1.0, payload)) <= 16 + len(payload)


def test_packets_of_an_end_are_known_by_address_and_port_in_both_directions():
    made = "\n".join(map(str, _rules([(ip_address("192.168.0.10"), 14000), (ip_address("2001:db8:a::2"), 0)], 100)))
    for side, port in (("saddr", "sport"), ("daddr", "dport")):
        assert f"ip {side} 192.168.0.10 meta l4proto {{ tcp, udp }} th {port} 14000" in made
        assert f"ip6 {side} 2001:db8:a::2 meta time" in made
