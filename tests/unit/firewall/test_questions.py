# SPDX-License-Identifier: GPL-2.0-or-later
"""The page and the REST of questions; that the answers are the kernel's is tests/lab/test_ruleset_decide.py's."""

import re

import pytest

from appliance.firewall.services import create_service, delete_rule, move_rule
from appliance.network.services import save_interface


@pytest.fixture
def office(owner, make_rule, pbx, provider, sip, web):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24"], masquerade=True)
    return {
        "sip": make_rule("Phones", source=pbx, destination=provider, service=sip),
        "web": make_rule("Web out", service=web, from_zone="internal"),
        "in": make_rule("Maintenance", table="dnat", action="dnat", service=web, target=pbx, from_zone="external"),
        "deny": make_rule("Nothing else", action="drop"),
        "never": make_rule("Behind", destination=pbx),
    }


def packet(saddr, daddr, dport, protocol="tcp"):
    return f"saddr={saddr}&daddr={daddr}&dport={dport}&protocol={protocol}"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (packet("192.168.0.20", "9.9.9.9", 443),
         "Accepted by rule 2 “Web out”, leaves by wan0, seen there as 203.0.113.2 by masquerade of internal networks."),
        (packet("192.168.0.20", "9.9.9.9", 53), "Dropped by rule 3 “Nothing else”."),
        (packet("192.168.0.2", "203.0.113.1", 5060, "udp"), "Accepted by the SIP ALG because of rule 1 “Phones”;"),
        (packet("9.9.9.9", "203.0.113.2", 443), "translated to 192.168.0.2 443 by rule 1 “Maintenance”"),
        (packet("192.168.0.20", "192.168.0.1", 8000), "Accepted by the automatic rule for the console."),
        (packet("9.9.9.9", "203.0.113.2", 8000), "Dropped by the default: what no rule accepts is dropped."),
    ],
)  # fmt: skip
def test_the_page_says_which_rule_decides(client, owner, office, query, words):
    client.force_login(owner)
    text = client.get(f"/firewall/questions/?{query}").content.decode()
    assert words in re.sub(r"<[^>]*>", "", text)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (packet("192.168.0.20", "fd00::1", 443), "Both addresses must be of one family."),
        ("saddr=x&daddr=9.9.9.9&protocol=udp", "UDP and TCP need a port."),
        ("host=nobody", "Enter a valid IPv4 or IPv6 address."),
    ],
)
def test_what_is_no_question_is_said_at_the_field(client, owner, office, query, words):
    client.force_login(owner)
    assert words in client.get(f"/firewall/questions/?{query}").content.decode()


def test_who_can_reach_a_host(client, api, owner, office):
    def names(host):
        return [item["name"] for item in api("get", f"reaching?host={host}").json()["items"]]

    assert names("192.168.0.2") == ["Web out"]
    delete_rule(actor=owner, rule=office["deny"])
    assert names("192.168.0.2") == ["Web out", "Behind", "Maintenance"]
    assert names("203.0.113.2") == []
    items = api("get", "reaching?host=203.0.113.1").json()["items"]
    assert [(item["name"], item["alg"]) for item in items] == [("Phones", True), ("Web out", False)]
    client.force_login(owner)
    text = client.get("/firewall/questions/?host=192.168.0.2").content.decode()
    assert "Maintenance" in text
    assert api("get", "reaching?host=nobody").json()["fields"]["host"]


def test_rest_says_which_rule_decides(api, office):
    answer = api("get", f"decide?{packet('9.9.9.9', '203.0.113.2', 443)}").json()
    assert (answer["verdict"], answer["reason"]) == ("drop", f"rule:{office['deny'].pk}")
    assert (answer["dnat"], answer["daddr"], answer["iifname"]) == (f"rule:{office['in'].pk}", "192.168.0.2", "wan0")
    assert api("get", "decide?saddr=1&daddr=2&protocol=x").json()["fields"].keys() == {"saddr", "daddr", "protocol"}


@pytest.mark.parametrize(
    ("asked", "verdict", "reason"),
    [
        ("protocol=other&number=50", "accept", "vpn"),
        ("protocol=other&number=47", "drop", ""),
        ("protocol=icmp&dport=443", "drop", ""),
    ],
)
def test_other_protocols_are_asked_about_by_number(client, api, owner, office, make_rule, asked, verdict, reason):
    esp = create_service(actor=owner, name="ESP", protocol="other", number=50)
    rule = make_rule("vpn", service=esp)
    move_rule(actor=owner, rule=rule, position=1)
    ends = "saddr=9.9.9.9&daddr=192.168.0.2&draft=true"
    answer = api("get", f"decide?{ends}&{asked}").json()
    wanted = f"rule:{rule.pk}" if reason else f"rule:{office['deny'].pk}"
    assert (answer["verdict"], answer["reason"]) == (verdict, wanted)
    client.force_login(owner)
    assert f'data-reason="{wanted}"' in client.get(f"/firewall/questions/?{ends}&{asked}").content.decode()


def test_a_ping_is_an_echo_request_whatever_port_was_left_in_the_form(api, office):
    answer = api("get", "decide?saddr=192.168.0.2&daddr=192.168.0.1&protocol=icmp&dport=443").json()
    assert answer["reason"] == "auto:ping"


@pytest.mark.parametrize("number", [0, 43, 44, 60])
def test_what_rules_look_behind_is_said_to_be_no_protocol_of_ipv6(api, owner, office, number):
    asked = f"decide?saddr=2001:db8::9&daddr=2001:db8:a::2&protocol=other&number={number}"
    assert "rules look behind it" in api("get", asked).json()["fields"]["number"][0]
    assert (
        "fields" not in api("get", asked.replace("2001:db8::9", "9.9.9.9").replace("2001:db8:a::2", "9.9.9.8")).json()
    )
    assert "fields" not in api("get", asked.removesuffix(str(number)) + "51").json()


@pytest.mark.parametrize(("number", "said"), [("", "Give the protocol's number"), ("6", "has a choice of its own")])
def test_a_number_that_is_none_is_said_at_its_field(client, api, owner, office, number, said):
    asked = f"decide?saddr=9.9.9.9&daddr=192.168.0.2&protocol=other&number={number}".removesuffix("&number=")
    assert said in api("get", asked).json()["fields"]["number"][0]


def test_where_no_interface_leads_is_said_as_a_sentence(client, owner):
    client.force_login(owner)
    page = client.get(f"/firewall/questions/?{packet('9.9.9.9', '8.8.8.8', 443)}").content.decode()
    assert "Dropped: no interface leads there" in re.sub(r"<[^>]*>", "", page)
