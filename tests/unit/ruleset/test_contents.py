# SPDX-License-Identifier: GPL-2.0-or-later
"""Contents are laid into a policy for those who ask, and are no part of what a revision keeps."""

from dataclasses import replace
from ipaddress import ip_address

import pytest

from appliance.ruleset.contents import fill
from appliance.ruleset.policy import Address, Policy, Provider, Rule, dump, load
from appliance.ruleset.spans import Spans

NAME = Address("Name", ("10.0.0.1",), lookups=("address:a.example",))
COUNTRY = Address("Country", (), countries=("DE",))


class Known:
    def __init__(self, *resolved, edition="2026"):
        self.answers, self.edition, self.read = resolved, edition, 0

    def resolved(self, lookups):
        return self.answers

    def countries(self, codes):
        self.read += 1
        return Spans.of(["198.51.100.0/24"])


def policy(*addresses):
    rules = tuple(Rule(number, number, "r", "accept", each) for number, each in enumerate(addresses, 1))
    return Policy(1, "local", rules=rules, providers=(Provider("P", "Name", NAME),))


def test_filled_policy_is_the_same_policy_and_dumps_alike():
    plain = policy(NAME, COUNTRY)
    filled = fill(plain, Known("10.0.0.2"))
    assert filled == plain
    assert dump(filled) == dump(plain)
    assert load(dump(filled)) == plain


def test_object_holds_its_values_and_what_its_names_resolve_to():
    filled = fill(policy(NAME), Known("10.0.0.2", "2001:db8::1"))
    source, media = filled.rules[0].source, filled.providers[0].media
    assert list(source.held.texts()) == ["10.0.0.1-10.0.0.2", "2001:db8::1"]
    assert media.held == source.held
    assert list(NAME.held.texts()) == []


def test_countries_are_read_once_and_only_when_somebody_looks():
    known = Known()
    filled = fill(policy(COUNTRY, replace(COUNTRY, negated=True)), known)
    assert not filled.rules[0].source.empty
    assert known.read == 0
    assert all(ip_address("198.51.100.7") in rule.source.held for rule in filled.rules)
    assert known.read == 1


@pytest.mark.parametrize(("known", "same"), [(Known("10.0.0.2"), True), (Known("10.0.0.3"), False), (Known(), False)])
def test_fingerprint_of_a_name_is_its_addresses(known, same):
    prints = [fill(policy(NAME), each).rules[0].source.content.fingerprint for each in (Known("10.0.0.2"), known)]
    assert (prints[0] == prints[1]) == same


def test_fingerprint_of_a_country_is_the_edition_of_the_data():
    prints = {fill(policy(COUNTRY), Known(edition=each)).rules[0].source.content.fingerprint for each in "ab"}
    assert len(prints) == 2
    assert fill(policy(COUNTRY), Known(edition="")).rules[0].source.empty


def test_set_has_the_name_of_what_the_object_is_made_of():
    assert NAME.set == replace(NAME, name="Other").set
    assert NAME.set != replace(NAME, lookups=("address:b.example",)).set
    assert COUNTRY.set == replace(COUNTRY, negated=True).set
    assert (NAME.ranged, COUNTRY.ranged, replace(NAME, values=("10.0.0.0/8",)).ranged) == (False, True, True)
