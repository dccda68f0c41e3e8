# SPDX-License-Identifier: GPL-2.0-or-later
"""Signalling mappings: how many a host may have, and when a forgotten one is given to another endpoint."""

from __future__ import annotations

from random import Random

import pytest

from sipalg_core.alg.changes import Changes
from sipalg_core.alg.mappings import IDLE, MAX_PER_HOST, Mappings, NoPort
from sipalg_core.contract.policy import PortRange
from sipalg_core.net import Endpoint
from tests.unit.alg.harness import OURS, policy


def mappings(last: int = 30999) -> Mappings:
    return Mappings(policy(signalling_ports=PortRange(30000, last)), Random(1), Changes())


def test_mapping_is_endpoint_independent_and_one_to_one():
    known = mappings()
    first = known.claim(Endpoint("192.168.0.10", 5060), OURS, 0)
    assert known.claim(Endpoint("192.168.0.10", 5060), OURS, 1) is first
    assert first.external == Endpoint(OURS, 5060)
    other = known.claim(Endpoint("192.168.0.11", 5060), OURS, 0)
    assert other.external.port != 5060
    assert known.of_external(other.external) is other


def test_host_with_too_many_ports_is_refused_until_one_is_forgotten():
    known = mappings()
    for number in range(MAX_PER_HOST):
        known.claim(Endpoint("192.168.0.10", 10_000 + number), OURS, number)
    with pytest.raises(NoPort, match="signalling-ports-of-host"):
        known.claim(Endpoint("192.168.0.10", 20_000), OURS, 100)
    known.claim(Endpoint("192.168.0.10", 10_000), OURS, IDLE)  # in use again
    known.claim(Endpoint("192.168.0.10", 20_000), OURS, IDLE + 2)
    assert known.of_internal(Endpoint("192.168.0.10", 10_000), OURS) is not None
    assert known.of_internal(Endpoint("192.168.0.10", 10_001), OURS) is None


def test_full_range_gives_the_oldest_away_only_after_long_silence():
    known = mappings(30001)
    for number in range(2):
        known.claim(Endpoint("192.168.0.10", 10_000 + number), OURS, number)
    with pytest.raises(NoPort, match="signalling-ports"):
        known.claim(Endpoint("192.168.0.11", 10_000), OURS, IDLE - 1)
    known.claim(Endpoint("192.168.0.11", 10_000), OURS, IDLE + 1)
    assert known.of_internal(Endpoint("192.168.0.10", 10_000), OURS) is None


def test_host_of_a_family_that_we_have_no_address_of_is_refused():
    with pytest.raises(NoPort, match="no-address-of-family"):
        mappings().claim(Endpoint("fd00:a::10", 5060), policy().external_address(6), 0)
