# SPDX-License-Identifier: GPL-2.0-or-later
"""Packed ranges against the plain meaning of the addresses in them; and their way into a set, step by step."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.ruleset import sets
from appliance.ruleset.spans import Spans
from sipalg_core.nft.ranges import Member

BASE = int(IPv4Address("10.0.0.0"))


@st.composite
def ranges(draw, largest=60):
    first = draw(st.integers(0, largest))
    return first, draw(st.integers(first, largest))


def spans_of(pairs):
    return Spans.of(f"{IPv4Address(BASE + first)}-{IPv4Address(BASE + last)}" for first, last in pairs)


def hosts_of(pairs):
    return {each for first, last in pairs for each in range(first, last + 1)}


@settings(max_examples=200)
@given(st.lists(ranges(), max_size=8), st.lists(ranges(), max_size=8))
def test_holds_exactly_its_addresses_alone_and_joined(ours, theirs):
    joined = spans_of(ours) | spans_of(theirs)
    expected = hosts_of(ours) | hosts_of(theirs)
    assert {each for each in range(62) if IPv4Address(BASE + each) in joined} == expected
    assert Spans.of(joined.texts()) == joined
    assert joined == spans_of([*ours, *theirs])


def test_families_do_not_meet():
    spans = Spans.of(["0.0.0.1", "::2", "2001:db8::/32"])
    assert [ip_address(each) in spans for each in ("0.0.0.1", "::1", "0.0.0.2", "::2")] == [True, False, False, True]
    assert (spans.count(4), spans.count(6), len(spans)) == (1, 2, 3)
    assert "0.0.0.1" not in spans
    assert IPv6Address("2001:db8:ffff::") in spans


@pytest.mark.parametrize("text", ["255.255.255.255", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"])
def test_ends_of_the_number_space(text):
    assert ip_address(text) in Spans.of([text])
    assert not Spans()


def members(pairs):
    return [Member(first, last) for first, last in spans_of(pairs).spans(4)]


@settings(max_examples=200)
@given(st.lists(ranges(), max_size=12), st.lists(ranges(), max_size=12))
def test_every_step_of_a_change_leaves_what_stays(was, will):
    """No two members of a set ever overlap, and an address that is in both is in the set after every step."""
    chunk, sets.CHUNK = sets.CHUNK, 1
    try:
        held, staying = set(members(was)), hosts_of(was) & hosts_of(will)
        for delete, add in sets.steps(members(was), members(will)):
            assert set(delete) <= held
            held = (held - set(delete)) | set(add)
            covered = [
                each - BASE
                for first, last in held
                for each in range(int.from_bytes(first, "big"), int.from_bytes(last, "big") + 1)
            ]
            assert len(covered) == len(set(covered))
            assert staying <= set(covered)
        assert held == set(members(will))
    finally:
        sets.CHUNK = chunk
