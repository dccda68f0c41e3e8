# SPDX-License-Identifier: GPL-2.0-or-later
"""Before and after, side by side: as many lines on both sides, and every changed character in its change."""

import pytest

from appliance.sip.queries import compared
from tests.unit.alg.harness import PHONE, World, established, invite, sdp


@pytest.fixture
def rows():
    world = World()
    established(world, body=sdp(PHONE.host, 14000, "a=rtcp:14001 IN IP4 192.168.0.10"))
    return world.engine.trace(str(world.call()["id"]))


def joined(pieces):
    return "".join(piece.text for piece in pieces)


def test_both_sides_are_whole(rows):
    for row in rows:
        lines = compared(row)
        assert [joined(line.before) for line in lines] == row["before"].splitlines()
        assert [joined(line.after) for line in lines] == row["after"].splitlines()


def test_what_is_outside_of_a_change_is_equal(rows):
    for row in rows:
        for line in compared(row):
            same = [[piece.text for piece in side if not piece.change] for side in (line.before, line.after)]
            assert same[0] == same[1]
            assert line.changed is (joined(line.before) != joined(line.after))


def test_changes_bear_the_number_of_their_rule(rows):
    numbers = [piece.change for line in compared(rows[0]) for piece in line.before if piece.change]
    assert numbers == list(range(1, len(rows[0]["edits"]) + 1))


def test_message_that_did_not_go_on_has_an_empty_other_side(rows):
    lines = compared(rows[0] | {"after": "", "edits": [], "sent_to": ""})
    assert all(line.after == [] and line.before is not None for line in lines)


def test_unchanged_message_has_no_changed_line():
    world = World()
    world.out(invite())
    row = world.engine.trace(str(world.call()["id"]))[0]
    assert not any(line.changed for line in compared(row | {"edits": [], "after": row["before"]}))
