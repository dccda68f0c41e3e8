# SPDX-License-Identifier: GPL-2.0-or-later
"""A logged packet as a line; and whatever a packet holds, a line comes of it."""

import random
import struct
from ipaddress import ip_address

import pytest

from appliance.kernel.lines import line_of, skipped_line
from appliance.kernel.overhearing import Skipped
from appliance.ruleset.deciders import mark_of
from appliance.system.columns import line_sentence, log_table
from sipalg_core.contract.control import DROP_REASONS
from sipalg_core.nft.packet_log import Logged


def ipv4(protocol, above, fragment=0):
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(above), 1, fragment, 64, protocol, 0)
    return head + ip_address("192.168.0.66").packed + ip_address("203.0.113.66").packed + above


def ipv6(next_header, above):
    ends = ip_address("fd00:a::66").packed + ip_address("2001:db8:a::1").packed
    return struct.pack("!IHBB", 6 << 28, len(above), next_header, 64) + ends + above


def line(payload, prefix="drop", mark=0):
    return line_of(Logged(prefix, 1790000000.25, mark, 2, 3, payload), "1", "lan0", "wan0")


UDP = struct.pack("!HHHH", 4000, 5060, 8, 0)
TCP = struct.pack("!HHIIBB", 4000, 8080, 0, 0, 0x50, 0x02) + bytes(6)


@pytest.mark.parametrize("reason", DROP_REASONS)
def test_drop_of_the_alg_has_its_reason_and_a_word_for_it(reason):
    said = line(ipv4(17, UDP), f"drop:{reason}", mark_of("rule:7"))
    assert (said["verdict"], said["rule"]) == ("drop", f"alg:{reason}")
    assert "SIP ALG" in line_sentence(said, log_table({}, {}))


@pytest.mark.parametrize(
    ("payload", "protocol", "ports", "flags"),
    [
        (ipv4(17, UDP), "udp", ("4000", "5060"), ""),
        (ipv4(6, TCP), "tcp", ("4000", "8080"), "SYN"),
        (ipv4(1, b"\x08\x00"), "icmp", ("", ""), "type 8 code 0"),
        (ipv4(47, b"1234"), "gre", ("", ""), ""),
        (ipv4(200, b"1234"), "200", ("", ""), ""),
        (ipv4(17, UDP, fragment=185), "udp", ("", ""), "fragment"),
        (ipv6(17, UDP), "udp", ("4000", "5060"), ""),
        (ipv6(0, b"\x11\x00" + bytes(6) + UDP), "udp", ("4000", "5060"), ""),
        (ipv6(44, b"\x06\x00\x00\x01" + bytes(4) + TCP), "tcp", ("4000", "8080"), "SYN"),
        (ipv6(44, b"\x06\x00\x00\x08" + bytes(4) + TCP), "tcp", ("", ""), "fragment"),
        (ipv6(58, b"\x80\x00"), "icmpv6", ("", ""), "type 128 code 0"),
    ],
)
def test_packet_is_said_in_words(payload, protocol, ports, flags):
    found = line(payload)
    assert (found["protocol"], found["sport"], found["dport"], found["flags"]) == (protocol, *ports, flags)
    assert found["saddr"] in ("192.168.0.66", "fd00:a::66")
    assert found["daddr"] in ("203.0.113.66", "2001:db8:a::1")
    assert found["length"] == len(payload)


def test_line_names_the_rule_and_the_interfaces():
    found = line(ipv4(17, UDP), "reject", mark_of("rule:12") | 0x00030000)
    assert (found["verdict"], found["rule"], found["iif"], found["oif"]) == ("reject", "rule:12", "lan0", "wan0")
    assert found["at"] == 1790000000.25


def test_every_beginning_of_a_packet_and_any_octets_are_a_line():
    whole = [ipv4(6, TCP), ipv6(0, b"\x11\x00" + bytes(6) + UDP), ipv6(44, bytes(8) + TCP)]
    for packet in whole:
        for end in range(len(packet)):
            assert set(line(packet[:end])) == set(line(packet))
    octets = random.Random(7)
    for _ in range(2000):
        assert line(octets.randbytes(octets.randrange(97)))["verdict"] == "drop"


def test_line_of_what_was_too_much_only_counts():
    found = skipped_line("2", 5.0, 1234)
    assert (found["verdict"], found["count"], found["saddr"]) == ("skipped", 1234, "")


def test_what_was_skipped_is_told_once_and_nothing_that_is_on_its_way():
    skipped = Skipped()
    assert skipped.look(1000) == 0  # from before we listened
    skipped.heard(50)
    assert skipped.look(1550) == 0  # 500 may be on their way
    assert skipped.look(1550) == 500
    assert skipped.look(1550) == 0
    skipped.heard(10)
    assert [skipped.look(1560), skipped.look(1560)] == [0, 0]
    assert skipped.look(3) == 0  # the table is a new one
    assert skipped.look(None) == 0  # the kernel did not answer
    skipped.heard(1)
    assert [skipped.look(6), skipped.look(6)] == [0, 2]
