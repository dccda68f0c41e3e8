# SPDX-License-Identifier: GPL-2.0-or-later
"""How long a transaction is known: the timers of RFC 3261 that the policy sets."""

from __future__ import annotations

import pytest

from sipalg_core.alg.changes import Changes
from sipalg_core.alg.transactions import Transactions
from sipalg_core.contract.policy import Timers
from sipalg_core.net import Side
from sipalg_core.sip.message import parse
from tests.unit.alg.harness import MEDIA_PROXY, PHONE, World, invite, respond, sdp

TIMERS = Timers(t1=1, t4=7, timer_c=200, provisional_invite=300)


class Known:
    """One transaction with a phone, and the time."""

    def __init__(self, method: str) -> None:
        self.request = invite(method=method, branch="one")
        self.all = Transactions(Changes())
        begun = self.all.begin(parse(self.request), Side.INTERNAL, "203.0.113.1", TIMERS, 0)
        assert begun is not None
        self.transaction = begun

    def answered(self, status: int, now: float) -> None:
        self.all.answered(self.transaction, status, TIMERS, now)

    def ends_at(self) -> float:
        """The second in which it is forgotten."""
        for now in range(1000):
            self.all.expire(now)
            if not len(self.all):
                return now
        raise AssertionError("it never ends")


@pytest.mark.parametrize(
    ("method", "statuses", "end"),
    [
        ("OPTIONS", [], 64),  # 64*T1: nobody answers (Timer F)
        ("OPTIONS", [(200, 10)], 17),  # T4 behind the answer (Timer K)
        ("OPTIONS", [(200, 10), (200, 15)], 17),  # a repetition prolongs nothing
        ("INVITE", [], 200),  # Timer C
        ("INVITE", [(100, 10)], 200),  # the next hop has it: no more than that
        ("INVITE", [(180, 10)], 310),  # it rings: the wait begins anew
        ("INVITE", [(180, 10), (200, 20)], 84),  # 64*T1 for the repetitions of the answer
        ("INVITE", [(486, 20)], 84),  # Timer D
        ("INVITE", [(200, 20), (180, 21)], 84),  # found by fuzzing: one that was overtaken kept it for ever
    ],
)
def test_lifetime(method, statuses, end):
    known = Known(method)
    for status, now in statuses:
        known.answered(status, now)
    assert known.ends_at() == end


def test_ack_to_a_failure_leaves_t4():
    known = Known("INVITE")
    known.answered(486, 20)
    ack = invite(method="ACK", branch="one")
    assert known.all.acknowledged(parse(ack), Side.INTERNAL, TIMERS, 21) is known.transaction
    assert known.ends_at() == 28


def test_request_that_is_repeated_after_its_end_begins_anew():
    known = Known("OPTIONS")
    known.answered(200, 10)
    known.all.expire(17)
    answer = parse(respond(known.request, 200, "OK"))
    assert known.all.of_response(answer, Side.EXTERNAL, "203.0.113.1") is None
    known.all.begin(parse(known.request), Side.INTERNAL, "203.0.113.1", TIMERS, 18)
    assert known.all.of_response(answer, Side.EXTERNAL, "203.0.113.1") is not None
    assert known.ends_at() == 82


def test_response_with_another_cseq_is_of_no_transaction():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    other = respond(sent.data, 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)).replace(b"CSeq: 1 ", b"CSeq: 2 ")
    world.into(other, to=sent.source)
    assert world.engine.counts["ignored:no-transaction"] == 1
    assert (world.call()["state"], world.open) == ("setup", {})
