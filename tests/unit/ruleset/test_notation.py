# SPDX-License-Identifier: GPL-2.0-or-later
"""Ranges and ports, merged without loss."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from appliance.ruleset.notation import AddressRange, Ports, merged, merged_ports, networks

SPANS = st.tuples(st.integers(1, 60), st.integers(0, 10)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(st.lists(SPANS, max_size=8))
def test_merged_ports_are_the_same_ports_without_overlap(spans):
    joined = merged_ports(Ports(*span) for span in spans)
    assert [port for span in joined for port in range(span.first, span.last + 1)] == sorted(
        {port for first, last in spans for port in range(first, last + 1)}
    )


@given(st.lists(SPANS, max_size=8), st.sampled_from(["10.0.0.0", "fd00::"]))
def test_merged_addresses_are_the_same_addresses_without_overlap(spans, start):
    origin = ip_address(start)
    joined = merged(AddressRange(origin + first, origin + last) for first, last in spans)
    assert [
        int(address.first) + step for address in joined for step in range(int(address.last) - int(address.first) + 1)
    ] == sorted({int(origin) + number for first, last in spans for number in range(first, last + 1)})


def test_networks_cover_exactly_the_range():
    assert networks("192.168.0.10-192.168.0.12") == (ip_network("192.168.0.10/31"), ip_network("192.168.0.12/32"))
    assert networks("fd00::/64") == (ip_network("fd00::/64"),)
