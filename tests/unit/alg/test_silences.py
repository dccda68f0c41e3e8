# SPDX-License-Identifier: GPL-2.0-or-later
"""When a direction of a stream was silent: what is certain from the kernel's counts, and no more than is of use."""

from __future__ import annotations

from sipalg_core.alg.silences import MOST, SHORTEST
from sipalg_core.contract.control import Counter
from tests.unit.alg.harness import World, established, invite
from tests.unit.alg.test_state import Kept, take_over
from tests.unit.alg.test_verdicts import PACKETS, Media, lasts, rtp

BOTH = Media(PACKETS, PACKETS)
OUTWARD = Media(0, PACKETS)
WALL = 1_700_000_000.0


def silences(world: World, way: str = "in") -> list[tuple[float, float | None]]:
    """Of the stream, in seconds of the world."""
    (row,) = (
        row for row in world.engine.looks.ledger() if row["component"] == "rtp" and row["internal"].endswith(":14000")
    )
    found = row["silent_in"] if way == "in" else row["silent_out"]
    return [(each["since"] - WALL, each["until"] if each["until"] is None else each["until"] - WALL) for each in found]


def talked() -> tuple[World, tuple[int, int]]:
    """A call with two seconds of speech both ways behind it."""
    world = World()
    established(world)
    return world, lasts(world, 2, BOTH)


def test_silence_lasts_then_has_an_end_and_stays_when_the_call_is_over():
    world, passed = talked()
    began = world.now
    assert silences(world) == []
    passed = lasts(world, 0.5, OUTWARD, passed)
    assert silences(world) == [], "two packets may be late"
    reports = [row for row in world.engine.looks.ledger() if row["component"] == "rtcp"]
    assert [(row["silent_in"], row["silent_out"]) for row in reports] == [([], [])], "reports come every five seconds"
    passed = lasts(world, 2.5, OUTWARD, passed)
    assert silences(world) == [(began, None)]
    passed = lasts(world, 1, BOTH, passed)
    # The first packet may have come right after the last count that saw none.
    assert silences(world) == [(began, began + 3)]
    assert silences(world, "out") == []
    world.out(invite(cseq=2, to_tag="b", method="BYE"))
    hung_up = world.now
    lasts(world, 3, Media(), passed)
    world.wait(6)
    assert not world.open
    assert silences(world) == [(began, began + 3)], "after the hang-up it is no silence"
    assert all(until is None or until <= hung_up for _, until in silences(world, "out"))


def test_silence_that_lasts_to_the_end_ends_with_the_call():
    world, passed = talked()
    began = world.now
    passed = lasts(world, 4, OUTWARD, passed)
    world.out(invite(cseq=2, to_tag="b", method="BYE"))
    ended = world.now
    assert silences(world) == [(began, ended)]
    lasts(world, 2, Media(), passed)
    world.wait(6)
    assert silences(world) == [(began, ended)]


def test_history_is_told_of_what_a_call_carried_and_when_that_was_silent():
    world, passed = talked()
    began = world.now
    passed = lasts(world, 3, OUTWARD, passed)
    passed = lasts(world, 1, BOTH, passed)
    world.out(invite(cseq=2, to_tag="b", method="BYE"))
    hung_up = world.now
    world.wait(6)
    (ended,) = world.engine.looks.ended(0.0)
    (media,) = ended["media"]
    assert (media["external"], media["packets_in"], media["packets_out"]) == ("203.0.113.99:7000", *passed)
    assert media["silent_in"] == [{"since": began + WALL, "until": began + 3 + WALL}]
    assert media["silent_out"] == []
    assert media["closed"] == hung_up + WALL, "it closes later, but the call is over"


def test_before_the_answer_nobody_is_silent_and_after_it_from_the_answer_on():
    world = World()
    established(world)
    answered = world.now
    lasts(world, 3, OUTWARD)
    assert silences(world) == [(answered, None)]


def test_nobody_is_silent_while_nobody_counts():
    world, passed = talked()
    world.now += 20  # the broker is away
    passed = lasts(world, 1, BOTH, passed)
    assert silences(world) == silences(world, "out") == []
    silent = lasts(world, 1.5, OUTWARD, passed)
    counted = world.now
    world.now += 20
    lasts(world, 1, BOTH, silent)
    assert silences(world)[-1][1] == counted, "what was while nobody counted is not known"


def test_of_very_many_the_longest_are_kept():
    world, passed = talked()
    for number in range(MOST + 5):
        passed = lasts(world, 3 if number == 0 else 1.5, OUTWARD, passed)
        passed = lasts(world, 1, BOTH, passed)
    found = silences(world)
    assert len(found) == MOST
    assert found == sorted(found)
    assert found[0][1] is not None
    assert found[0][1] - found[0][0] == 3
    assert all(until is not None and until - since >= SHORTEST for since, until in found)


def test_silence_outlives_the_engine_and_a_restart_is_none():
    world = Kept()
    established(world)
    passed = lasts(world, 3, OUTWARD, lasts(world, 2, BOTH))
    passed = lasts(world, 1, BOTH, passed)
    before = silences(world)
    assert len(before) == 1
    heir = take_over(world, world.written(world.engine.state.names()))
    heir.now += 5
    lasts(heir, 2, BOTH, passed)
    assert silences(heir) == before


def test_what_is_followed_only_is_never_called_silent():
    world, _ = talked()
    for entry in world.engine._dialogs.negotiation.ledger:
        entry.hole.shadow = True
    world.now += 5
    world.count(Counter(rtp(world).id, 100, 100))
    world.now += 5
    world.count(Counter(rtp(world).id, 100, 100))
    assert silences(world) == []
