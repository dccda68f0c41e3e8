# SPDX-License-Identifier: GPL-2.0-or-later
"""Names, what their answers may hold, and what is held when; time is a variable."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appliance.ruleset.resolution import (
    CEILING,
    FLOOR,
    KEPT,
    MOST,
    PATIENCE,
    Answer,
    Failure,
    Held,
    canonical_name,
    follow,
    lookup,
    parse,
    refusal,
)

WHY = refusal(own=["203.0.113.2", "2001:db8:a::2"], inside=["192.168.0.0/24", "fd00:a::/64"])
DAY = 86_400.0


@pytest.mark.parametrize(
    ("kind", "text", "canonical"),
    [
        ("address", " Updates.Example.NET. ", "updates.example.net"),
        ("address", "bücher.example", "xn--bcher-kva.example"),
        ("srv", "_sip._udp.example.net", "_sip._udp.example.net"),
        ("srv", "_sips._tcp.tel.Example.net.", "_sips._tcp.tel.example.net"),
        ("naptr", "example.net", "example.net"),
        ("address", "a_b.example.net", "a_b.example.net"),
    ],
)
def test_names_have_one_form(kind, text, canonical):
    assert canonical_name(kind, text) == canonical
    assert parse(lookup(kind, canonical)) == (kind, canonical)


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("address", ""), ("address", "localhost"), ("address", "192.0.2.1"), ("address", "a..example"),
        ("address", "-a.example"), ("address", "a-.example"), ("address", "a b.example"), ("address", "a;b.example"),
        ("address", "a" * 64 + ".example"), ("address", ".".join(["abcdefgh"] * 30)), ("address", "a.example/24"),
        ("address", "_sip._udp.example.net"), ("srv", "sip.example.net"), ("srv", "_sip._udp"), ("srv", "_sip.a.b.c"),
        ("naptr", "_sip._udp.example.net"), ("address", "ü" * 70 + ".example"), ("address", "a.example\n"
         "add rule"),
    ],
)  # fmt: skip
def test_what_is_no_name_is_refused(kind, text):
    with pytest.raises(ValueError, match=r"."):
        canonical_name(kind, text)


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("203.0.113.1", ""), ("2001:db8:a::1", ""), ("10.0.0.1", ""), ("8.8.8.8", ""),
        ("203.0.113.2", "own"), ("2001:db8:a::2", "own"), ("192.168.0.2", "inside"), ("fd00:a::2", "inside"),
        ("127.0.0.1", "loopback"), ("::1", "loopback"), ("169.254.1.1", "link_local"), ("fe80::1", "link_local"),
        ("169.254.169.254", "metadata"), ("fd00:ec2::254", "metadata"), ("224.0.0.1", "multicast"),
        ("ff02::1", "multicast"), ("0.0.0.0", "special"), ("255.255.255.255", "special"), ("::", "special"),
        ("::ffff:8.8.8.8", "special"), ("::ffff:192.168.0.2", "inside"), ("64:ff9b::c0a8:2", "inside"),
        ("64:ff9b::808:808", ""), ("no address", "special"), ("fe80::1%eth0", "link_local"),
    ],
)  # fmt: skip
def test_an_answer_may_not_point_where_it_must_not(address, reason):
    assert WHY(address) == reason


def test_poisoned_answer_is_refused_and_the_rest_is_held():
    held = follow(Held(), Answer(("203.0.113.1", "192.168.0.2", "127.0.0.1"), 300), 1000, WHY)
    assert held.addresses == ("203.0.113.1",)
    assert held.refused == (("192.168.0.2", "inside"), ("127.0.0.1", "loopback"))
    assert (held.due, held.error, held.failures) == (1300, "", 0)


def test_answer_that_only_points_inside_changes_nothing():
    before = follow(Held(), Answer(("203.0.113.1",), 300), 1000, WHY)
    after = follow(before, Answer(("192.168.0.2",), 300), 1300, WHY)
    assert after.addresses == ("203.0.113.1",)
    assert (after.error, after.failures, after.refreshed) == ("all_refused", 1, 1000)
    assert after.refused == (("192.168.0.2", "inside"),)


@pytest.mark.parametrize(("ttl", "wait"), [(0, FLOOR), (5, FLOOR), (300, 300), (10 * DAY, CEILING)])
def test_time_to_live_is_clamped(ttl, wait):
    assert follow(Held(), Answer(("203.0.113.1",), ttl), 1000, WHY).due == 1000 + wait


def test_rotating_answers_are_kept_for_a_day():
    held = follow(Held(), Answer(("203.0.113.1",), 60), 0, WHY)
    held = follow(held, Answer(("203.0.113.3",), 60), 60, WHY)
    assert held.addresses == ("203.0.113.1", "203.0.113.3")
    held = follow(held, Answer(("203.0.113.3",), 60), KEPT - 1, WHY)
    assert held.addresses == ("203.0.113.1", "203.0.113.3")
    assert follow(held, Answer(("203.0.113.3",), 60), KEPT, WHY).addresses == ("203.0.113.3",)


@pytest.mark.parametrize("error", ["nxdomain", "timeout", "servfail"])
def test_failure_keeps_what_was_known_however_long_it_lasts(error):
    held, now = follow(Held(), Answer(("203.0.113.1",), 60), 0, WHY), 60.0
    waits = []
    for _ in range(12):
        held = follow(held, Failure(error), now, WHY)
        waits.append(held.due - now)
        now = held.due + DAY
    assert held.addresses == ("203.0.113.1",)
    assert (held.error, held.failures, held.refreshed) == (error, 12, 0)
    assert waits[:4] == [60, 120, 240, 480]
    assert waits[-1] == PATIENCE
    again = follow(held, Answer(("203.0.113.3",), 60), now, WHY)
    assert again.addresses == ("203.0.113.3",)
    assert (again.error, again.failures) == ("", 0)


def test_empty_answer_is_a_failure():
    held = follow(Held(), Answer((), 60), 0, WHY)
    assert (held.addresses, held.error) == ((), "no_address")


def test_at_most_64_addresses_and_the_newest_of_them():
    many = tuple(f"198.51.100.{each}" for each in range(1, 101))
    held = follow(Held(), Answer(many, 60), 0, WHY)
    assert len(held.addresses) == MOST
    assert held.error == "too_many"
    again = follow(held, Answer(many, 60), 60, WHY)
    assert again.addresses == held.addresses  # the same ones, refresh after refresh
    later = follow(held, Answer(("203.0.113.9",), 60), 60, WHY)
    assert "203.0.113.9" in later.addresses
    assert len(later.addresses) == MOST


def test_address_that_has_become_ours_goes():
    held = follow(Held(), Answer(("203.0.113.2", "203.0.113.1"), 60), 0, refusal([], []))
    assert follow(held, Answer(("203.0.113.1",), 60), 60, WHY).addresses == ("203.0.113.1",)


ADDRESSES = st.lists(st.sampled_from([f"203.0.113.{each}" for each in range(6)] + ["192.168.0.9"]), max_size=4)
OUTCOMES = st.one_of(
    st.builds(Answer, ADDRESSES.map(tuple), st.floats(0, 1e6)), st.builds(Failure, st.sampled_from(["timeout"]))
)


@given(st.lists(st.tuples(st.floats(1, 1e5), OUTCOMES), max_size=20))
def test_whatever_comes_nothing_forbidden_is_held_and_nothing_is_lost_without_an_answer(steps):
    held, now = Held(), 0.0
    for wait, outcome in steps:
        now += wait
        before, held = held, follow(held, outcome, now, WHY)
        assert not any(map(WHY, held.addresses))
        assert now + FLOOR <= held.due <= now + CEILING
        if held.refreshed != now:
            assert replace(held, refused=(), due=0, failures=0, error="") == replace(
                before, refused=(), due=0, failures=0, error=""
            )
