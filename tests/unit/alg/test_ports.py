# SPDX-License-Identifier: GPL-2.0-or-later
"""Which pair of media ports an endpoint gets: nobody else's that rests, and its own again."""

from __future__ import annotations

from random import Random

import pytest

from sipalg_core.alg.changes import Changes
from sipalg_core.alg.ports import QUARANTINE, REST, NoPair, PortPool
from sipalg_core.contract.policy import PortRange
from sipalg_core.net import Endpoint
from tests.unit.alg.harness import OURS, PHONE


def pool(pairs: int) -> PortPool:
    return PortPool(PortRange(20000, 20000 + 2 * pairs - 1), Random(3), Changes())


def rtp(number: int) -> Endpoint:
    return Endpoint(PHONE.host, 10_000 + 2 * number)


def test_an_endpoint_gets_its_own_pair_again_while_that_rests():
    known = pool(100)
    port = known.take(rtp(0), OURS, 100, 0)
    for now in (10, 20, 100):
        known.give_back(rtp(0), now)
        assert known.owner(port) is None
        assert known.take(rtp(0), OURS, 100, now + QUARANTINE - 1) == port
        assert known.owner(port) == rtp(0)


def test_others_get_a_pair_that_rests_only_where_no_other_is_left_and_never_at_once():
    known = pool(2)
    first, second = (known.take(rtp(number), OURS, 100, 0) for number in (0, 1))
    known.give_back(rtp(0), 0)
    with pytest.raises(NoPair):
        known.take(rtp(2), OURS, 100, QUARANTINE - 1)
    assert known.take(rtp(2), OURS, 100, QUARANTINE) == first
    known.give_back(rtp(2), 100)
    known.give_back(rtp(1), 100 + REST)
    assert known.take(rtp(3), OURS, 100, 100 + REST) == first  # it rested for long, the other did not
    assert known.take(rtp(1), OURS, 100, 100 + REST) == second


def test_who_lost_its_pair_to_another_gets_a_new_one():
    known = pool(2)
    port = known.take(rtp(0), OURS, 100, 0)
    known.give_back(rtp(0), 0)
    other = known.take(rtp(1), OURS, 100, REST)
    if other != port:
        other = known.take(rtp(2), OURS, 100, REST)
    assert other == port
    assert known.take(rtp(0), OURS, 100, REST) != port
    assert len(known) == 3 - (len(known) == 2)


def test_with_many_endpoints_no_pair_is_given_twice():
    known, random, held = pool(50), Random(1), {}
    for now in range(2000):
        endpoint = rtp(random.randrange(80))
        if endpoint in held:
            known.give_back(endpoint, now)
            del held[endpoint]
            continue
        try:
            held[endpoint] = known.take(endpoint, OURS, 100, now)
        except NoPair:
            continue
        assert len(set(held.values())) == len(held)
        assert all(known.owner(port) == each for each, port in held.items())
