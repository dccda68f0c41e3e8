# SPDX-License-Identifier: GPL-2.0-or-later
"""Which address of an interface is the first."""

import pytest

from appliance.kernel.links import Held, Link, preferred

OLD, NEW, SIX = "203.0.113.2/24", "203.0.113.7/24", "2001:db8::2/64"


@pytest.mark.parametrize(
    ("found", "configured", "first"),
    [
        ([NEW], [OLD], (NEW,)),
        ([NEW, OLD], [OLD], (OLD, NEW)),
        ([SIX, OLD], [OLD, SIX], (OLD, SIX)),
        ([], [OLD], ()),
        ([NEW, SIX], [], (NEW, SIX)),
    ],
)
def test_what_the_configuration_names_stands_first_and_nothing_that_is_not_there(found, configured, first):
    assert preferred(found, configured) == first


def test_addresses_that_are_no_good_are_shown_and_not_used():
    held = (Held(OLD, static=False, left=60), Held("fe80::1/64", static=True, usable=False))
    link = Link("wan0", "", "", 1500, True, True, "up", None, 0, "", held)
    assert link.addresses == (OLD,)
    assert [each["address"] for each in link.plain()["held"]] == [OLD, "fe80::1/64"]
