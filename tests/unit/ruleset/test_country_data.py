# SPDX-License-Identifier: GPL-2.0-or-later
"""Country data as others write it: every form gives the same ranges, and what is damaged has a word and an end."""

from contextlib import suppress
from datetime import date
from ipaddress import ip_address

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.ruleset import country_data
from appliance.ruleset.country_data import CountryDataError, difference, read
from appliance.ruleset.spans import Spans
from tests.unit.ruleset import mmdb

EXPECTED = {
    "DE": ["192.0.2.0-192.0.2.127", "2001:db8::-2001:db8:0:ff:ffff:ffff:ffff:ffff"],
    "AT": ["198.51.100.0-198.51.101.255"],
}
FIRST, LAST = int(ip_address("2001:db8::")), int(ip_address("2001:db8::ff:ffff:ffff:ffff:ffff"))


def as_text(found):
    return {code: list(spans.texts()) for code, spans in found.countries.items()}


@pytest.mark.parametrize(
    "content",
    [
        "192.0.2.0,192.0.2.127,DE\n198.51.100.0,198.51.101.255,AT\n2001:db8::,2001:db8::ff:ffff:ffff:ffff:ffff,DE\n",
        "start,end,country\r\n192.0.2.64,192.0.2.127,de\r\n192.0.2.0,192.0.2.63,DE\r\n"
        "198.51.100.0,198.51.101.255,AT\r\n\r\n# note\r\n2001:db8::,2001:db8::1,DE\r\n",
        '"192.0.2.0/25","DE"\n"198.51.100.0/23","AT"\n"2001:db8::/60",DE\n',
        f"3221225984,3221226111,DE\n3325256704,3325257215,AT\n{FIRST},{LAST},DE\n",
    ],
)
def test_every_form_of_csv_gives_the_same(content):
    assert as_text(read([content.encode()])) == EXPECTED


@pytest.mark.parametrize(
    "record",
    [lambda code: {"country": {"iso_code": code}}, lambda code: {"country_code": code}, lambda code: {"country": code}],
)
def test_every_form_of_mmdb_gives_the_same(record):
    rows = {"192.0.2.0/25": "DE", "198.51.100.0/23": "AT", "2001:db8::/56": "DE"}
    found = read([mmdb.write({network: record(code) for network, code in rows.items()})])
    assert as_text(found) == EXPECTED
    assert found.published == date(2026, 5, 28)


def test_families_may_come_in_two_files():
    found = read([b"192.0.2.0,192.0.2.127,DE\n198.51.100.0,198.51.101.255,AT", b"2001:db8::,2001:db8::ff,DE"])
    assert as_text(found) == EXPECTED


def test_unknown_countries_are_left_out():
    assert list(
        read([b"192.0.2.0,192.0.2.127,DE\n198.51.100.0,198.51.100.1,ZZ\n198.51.100.9,198.51.100.9,\n"]).countries
    ) == ["DE"]


@pytest.mark.parametrize(
    ("content", "code", "where"),
    [
        (b"", "no_countries", ""),
        (b"192.0.2.0,192.0.2.127,ZZ", "no_countries", ""),
        (b"192.0.2.0,192.0.2.127,DE\nnonsense\n", "bad_line", "2"),
        (b"192.0.2.0,192.0.2.127,DE\n192.0.2.9,192.0.2.1,DE\n", "bad_line", "2"),
        (b"192.0.2.0,192.0.2.127,DE\n192.0.2.9,2001:db8::,DE\n", "bad_line", "2"),
        (b"192.0.2.0,192.0.2.127,DE\n192.0.2.0/99,DE\n", "bad_line", "2"),
        (b"192.0.2.0,192.0.2.127,DE\n" + b"9" * 60 + b",1,DE\n", "bad_line", "2"),
        (b"192.0.2.0,192.0.2.127,DE\n" + b"x" * 1000, "bad_line", "2"),
        (b"192.0.2.0,192.0.2.127,DE\n\xff\xfe,\xff,DE\n", "bad_line", "2"),
        (b"\x00" * 40 + mmdb.MARKER, "bad_mmdb", ""),
        (mmdb.MARKER + b"\xff" * 40, "bad_mmdb", ""),
        (mmdb.write({"192.0.2.0/25": {"country_code": "DE"}})[60:], "bad_mmdb", ""),
    ],
)  # fmt: skip
def test_damage_has_its_word(content, code, where):
    with pytest.raises(CountryDataError) as error:
        read([content])
    assert (error.value.code, error.value.where) == (code, where)


def test_limits(monkeypatch):
    monkeypatch.setattr(country_data, "LARGEST", 20)
    with pytest.raises(CountryDataError, match="too_large"):
        read([b"192.0.2.0,192.0.2.127,DE"])
    monkeypatch.setattr(country_data, "LARGEST", 200)
    monkeypatch.setattr(country_data, "MOST_ROWS", 1)
    with pytest.raises(CountryDataError, match="too_many_rows"):
        read([b"192.0.2.0,192.0.2.1,DE\n192.0.2.3,192.0.2.3,DE\n"])


WHOLE = mmdb.write({f"192.0.2.{each}/32": {"country_code": "DE"} for each in range(8)})


@settings(max_examples=300, deadline=2000)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(min_size=1, max_size=4)), max_size=6))
def test_mmdb_with_any_octets_changed_is_read_or_refused(changes):
    content = bytearray(WHOLE)
    for at, octets in changes:
        content[at : at + len(octets)] = octets
    with suppress(CountryDataError):
        read([bytes(content)])


@given(st.binary(max_size=200))
def test_any_octets_are_read_or_refused(content):
    with suppress(CountryDataError):
        read([content, content + mmdb.MARKER])


def test_difference_counts_ranges_and_knows_a_suspicious_drop():
    before = Spans.of([f"192.0.2.{each}" for each in range(0, 200, 2)])
    after = Spans.of([f"192.0.2.{each}" for each in range(20, 140, 2)] + ["2001:db8::/56"])
    found = difference("DE", before, after)
    assert (found.added, found.removed, found.before, found.after, found.suspicious) == (1, 40, 100, 61, True)
    assert not difference("DE", before, Spans.of([f"192.0.2.{each}" for each in range(0, 140, 2)])).suspicious
    assert not difference("DE", Spans(), after).suspicious
