# SPDX-License-Identifier: GPL-2.0-or-later
"""Countries as people write them: in three languages, by code, by group; and what is said to a name that is none."""

from itertools import chain

import pytest

from appliance.ruleset import countries
from appliance.ruleset.countries import GROUPS, LANGUAGES, UnknownCountry, canonical, is_code, name


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_name_that_is_shown_can_be_written(language):
    names = countries.all_names(language)
    assert len(names) == 250  # ISO 3166-1, and Kosovo
    for code, shown in names.items():
        assert canonical(shown) == canonical(shown.upper()) == canonical(code.lower()) == code


def test_names_are_those_of_the_readers_language():
    assert [name("DE", each) for each in (*LANGUAGES, "de-at", "fr", None)] == [
        "Germany", "Deutschland", "Almanya", "Deutschland", "Germany", "Germany"
    ]  # fmt: skip
    assert name("ZQ") == "ZQ"
    assert list(countries.all_names("de"))[:2] == ["AF", "EG"]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("de, dach fr", "AT,CH,DE,FR"), ("Germany and France", "DE,FR"), ("Trinidad und Tobago", "TT"),
        ("Türkei; TURKIYE\nturkey", "TR"), ("saint lucia", "LC"), ("Cote d'Ivoire, Burma", "CI,MM"), ("DEU", "DE"),
        ("united kingdom, Vereinigte Staaten", "GB,US"), ("ISPANYA ırak", "ES,IQ"), ("", ""), (" , ;", ""),
        ("usa UK", "GB,US"),
    ],
)  # fmt: skip
def test_list_as_people_write_it(written, meant):
    assert canonical(written) == meant


def test_groups_are_countries():
    assert all(map(is_code, chain(*GROUPS.values())))
    assert len(GROUPS["EU"]) == 27


@pytest.mark.parametrize(
    ("written", "word", "nearest"),
    [
        ("DE Bavaria", "Bavaria", None), ("Frankrich, AT", "Frankrich", "FR"), ("Germny", "Germny", "DE"),
        ("United Kingdm", "United Kingdm", "GB"), ("Almnya", "Almnya", "DE"), ("XX", "XX", None), ("-", "-", None),
        ("EZ", "EZ", None), ("x" * 1000, "x" * 1000, None),
    ],
)  # fmt: skip
def test_what_is_no_country_is_told_with_the_nearest(written, word, nearest):
    with pytest.raises(UnknownCountry) as refused:
        canonical(written)
    assert refused.value.word == word
    assert next(iter(refused.value.nearest), None) == nearest


def test_search_finds_by_a_part_of_a_name_in_any_language():
    assert countries.found("schwei") == countries.found("isviçre") == countries.found("SWITZ") == {"CH"}
    assert {"GB", "US"} < countries.found("united")
    assert countries.found("de") == frozenset()
