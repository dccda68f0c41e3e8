# SPDX-License-Identifier: GPL-2.0-or-later
"""DNS objects against a name server that moves, fails, is silent and lies."""

import time

import pytest

from appliance.firewall import queries, services
from appliance.firewall.models import Content
from appliance.firewall.tasks.names import refresh_names
from appliance.firewall.tasks.resolver import resolve
from appliance.network.services import save_interface
from appliance.ruleset.resolution import Failure
from tests import pace
from tests.lab.fake_resolver import BROKEN, SILENT, fake_resolver

pytestmark = pytest.mark.lab

SRV = "srv:_sip._udp.example.net"


@pytest.fixture
def server():
    with fake_resolver() as resolver:
        yield resolver


def ask(server, *lookups):
    return resolve(lookups, [("127.0.0.1", server.port)])


def test_address_of_both_families_with_the_shortest_time(server):
    server.zone = {("a.example", "A"): ["203.0.113.1", "203.0.113.3"], ("a.example", "AAAA"): ["2001:db8::1"]}
    answer = ask(server, "address:a.example")["address:a.example"]
    assert sorted(answer.addresses) == ["2001:db8::1", "203.0.113.1", "203.0.113.3"], "a server turns its records round"
    assert answer.ttl == 300


def test_chain_of_aliases_is_followed(server):
    server.zone = {
        ("a.example", "CNAME"): ["b.example."], ("b.example", "CNAME"): ["c.example."],
        ("c.example", "A"): ["192.0.2.7"],
    }  # fmt: skip
    assert ask(server, "address:a.example")["address:a.example"].addresses == ("192.0.2.7",)


def test_service_leads_to_its_targets_addresses_and_moves(server):
    server.zone = {
        ("_sip._udp.example.net", "SRV"): ["10 60 5060 one.example.net.", "20 10 5060 two.example.net."],
        ("one.example.net", "A"): ["203.0.113.1"], ("two.example.net", "A"): ["203.0.113.3"],
        ("two.example.net", "AAAA"): ["2001:db8::3"],
    }  # fmt: skip
    assert ask(server, SRV)[SRV].addresses == ("203.0.113.1", "203.0.113.3", "2001:db8::3")
    server.zone["_sip._udp.example.net", "SRV"] = ["10 60 5060 two.example.net.", "20 1 5060 gone.example.net."]
    assert ask(server, SRV)[SRV].addresses == ("203.0.113.3", "2001:db8::3")


def test_naptr_leads_to_services_and_addresses(server):
    server.zone = {
        ("example.net", "NAPTR"): [
            '10 50 "s" "SIPS+D2T" "" _sips._tcp.example.net.',
            '20 50 "a" "SIP+D2U" "" pbx.example.net.',
            '30 50 "u" "E2U+sip" "!^.*$!sip:x@example.net!" .',
        ],
        ("_sips._tcp.example.net", "SRV"): ["1 1 5061 one.example.net."],
        ("one.example.net", "A"): ["203.0.113.1"], ("pbx.example.net", "A"): ["203.0.113.5"],
    }  # fmt: skip
    assert ask(server, "naptr:example.net")["naptr:example.net"].addresses == ("203.0.113.1", "203.0.113.5")


@pytest.mark.parametrize(
    ("zone", "error"),
    [
        ({}, "nxdomain"),
        ({("a.example", "A"): BROKEN, ("a.example", "AAAA"): BROKEN}, "servfail"),
        ({("a.example", "A"): SILENT, ("a.example", "AAAA"): SILENT}, "timeout"),
    ],
)
def test_failures_have_their_words_and_an_end(server, zone, error):
    server.zone = zone
    began = time.monotonic()
    assert ask(server, "address:a.example") == {"address:a.example": Failure(error)}
    assert time.monotonic() - began < 20  # not for ever


def test_name_without_addresses_is_an_empty_answer(server):
    server.zone = {("a.example", "MX"): ["10 b.example."]}
    assert ask(server, "address:a.example")["address:a.example"].addresses == ()


def test_one_family_that_fails_is_no_failure(server):
    server.zone = {("a.example", "A"): ["192.0.2.7"], ("a.example", "AAAA"): BROKEN}
    assert ask(server, "address:a.example")["address:a.example"].addresses == ("192.0.2.7",)


def test_large_answer_comes_over_tcp(server):
    server.zone = {("a.example", "A"): [f"198.51.100.{each}" for each in range(1, 201)]}
    assert len(ask(server, "address:a.example")["address:a.example"].addresses) == 200


def test_no_name_server_at_the_other_end():
    outcome = resolve(["address:a.example"], [("127.0.0.1", 1)])["address:a.example"]
    assert outcome in (Failure("timeout"), Failure("servfail"))


def test_a_thousand_names_in_bounded_time(server):
    names = [f"host{each}.example" for each in range(1000)]
    server.zone = {(name, "A"): [f"198.51.{each // 250}.{each % 250 + 1}"] for each, name in enumerate(names)}
    began = time.monotonic()
    outcomes = ask(server, *(f"address:{name}" for name in names))
    assert {outcome.addresses for outcome in outcomes.values()} == {
        (f"198.51.{each // 250}.{each % 250 + 1}",) for each in range(1000)
    }
    assert time.monotonic() - began < 20 * pace.of_clock()


@pytest.fixture
def told(monkeypatch):
    """What was handed to netadmin."""
    asked = []
    monkeypatch.setattr(services, "ask", lambda task, queue, *arguments: asked.append(task) or True)
    monkeypatch.setattr(services, "have_country_data", queries.active_country_data)
    return asked


@pytest.mark.django_db
def test_from_the_object_to_its_content_and_on_to_netadmin(server, told):
    save_interface(actor="test", name="lan0", role="internal", addresses=["192.168.0.1/24"])
    services.set_name_servers(actor="test", servers=[server.server])
    tel = services.create_address(actor="test", name="Tel", kind="dns", value="_sip._udp.example.net")
    server.zone = {
        ("_sip._udp.example.net", "SRV"): ["10 60 5060 one.example.net."],
        ("one.example.net", "A"): ["203.0.113.1", "192.168.0.2"],
    }
    refresh_names()
    row = Content.objects.get()
    assert (list(row.seen), row.refused, row.error) == (["203.0.113.1"], [["192.168.0.2", "inside"]], "")
    assert told == ["follow_objects"]
    refresh_names([SRV])  # nothing new: nobody is told
    assert told == ["follow_objects"]
    server.zone["one.example.net", "A"] = ["127.0.0.1"]  # poisoned
    refresh_names([SRV])
    row.refresh_from_db()
    assert (list(row.seen), row.refused, row.error) == (["203.0.113.1"], [["127.0.0.1", "loopback"]], "all_refused")
    server.zone["one.example.net", "A"] = ["203.0.113.3"]
    refresh_names([SRV])
    assert queries.holding(tel, queries.KnownContents()).addresses == ["203.0.113.1", "203.0.113.3"]
    assert told == ["follow_objects"] * 2
    server.zone = {}
    refresh_names([SRV])
    row.refresh_from_db()
    assert (sorted(row.seen), row.error) == (["203.0.113.1", "203.0.113.3"], "nxdomain")
    assert told == ["follow_objects"] * 2
