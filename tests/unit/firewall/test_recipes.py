# SPDX-License-Identifier: GPL-2.0-or-later
"""Recipes: the right rules from a few answers, dangerous answers refused with the reason, all or nothing."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from appliance.firewall.models import AddressObject, Rule, Service
from appliance.recipes.forms import RECIPES
from appliance.ruleset.snapshot import snapshot
from appliance.sip.models import Provider

pytestmark = pytest.mark.django_db

PBX = "192.168.0.2"
LATER = (timezone.now() + timedelta(hours=4)).strftime("%Y-%m-%dT%H:%M")
GOOD = {
    "pbx": {"pbx": PBX, "server": "203.0.113.1", "media_from": "203.0.113.99", "symmetric": True},
    "sips": {"pbx": PBX, "server": "203.0.113.0/28", "stun": "203.0.113.5", "speech": "1024-65535"},
    "plain": {"pbx": PBX, "server": "203.0.113.1", "speech": "1024-65535"},
    "rtp": {"pbx": PBX, "ports": "10000-10100", "source": "203.0.113.99"},
    "external": {"how": "sips", "pbx": PBX, "port": 5061, "speech": "10000-10100", "source": "198.51.100.0/24"},
    "maintenance": {"pbx": PBX, "port": 443, "until": LATER, "source": "198.51.100.7"},
    "app": {"app": "Softphone", "pbx": PBX, "protocol": "tcp", "ports": "8443", "source": "198.51.100.7"},
    "office": {"what": "usual", "source": ""},
    "server": {"server": "192.168.0.20", "protocol": "tcp", "ports": "443", "source": "198.51.100.7"},
}


def cook(api, name, dry_run=False, **changed):
    return api("post", f"recipes/{name}", {"answers": GOOD[name] | changed, "dry_run": dry_run})


def counts():
    return tuple(model.objects.count() for model in (Rule, AddressObject, Service, Provider))


@pytest.mark.parametrize("name", RECIPES)
def test_each_recipe_drafts_rules_that_compile_and_only_once(api, name):
    before = counts()
    looked = cook(api, name, dry_run=True).json()
    assert looked["sentences"]
    assert counts() == before
    made = cook(api, name).json()
    assert made["sentences"] == looked["sentences"]
    after = counts()
    assert cook(api, name).json()["rules"] == made["rules"]
    assert counts() == after
    assert len(snapshot("local", 0).rules) == len(made["rules"])


def test_telephone_system_with_alg_is_one_sip_rule_and_a_provider(api):
    cook(api, "pbx")
    (rule,) = snapshot("local", 0).rules
    assert rule.opens_alg
    assert (rule.source.values, rule.destination.values) == ((PBX,), ("203.0.113.1",))
    provider = Provider.objects.get()
    assert (provider.media.value, provider.symmetric_media) == ("203.0.113.99", True)


def test_encrypted_sip_opens_tls_speech_outwards_and_stun(api):
    cook(api, "sips")
    wanted = {("tcp", "5061"), ("udp", "1024-65535"), ("udp", "3478")}
    assert {(rule.service.protocol, rule.service.ports) for rule in Rule.objects.all()} == wanted
    assert not Rule.objects.filter(table="dnat").exists()


def test_a_name_becomes_a_dns_object_and_a_country_one_of_countries(api):
    sentences = cook(api, "sips", dry_run=True, server="sip.example.net").json()["sentences"]
    assert any("sip.example.net" in each for each in sentences)
    sentences = cook(api, "sips", dry_run=True, server="Almanya, Österreich").json()["sentences"]
    assert any("SIPS server (Almanya, Österreich)" in each for each in sentences)
    refused = cook(api, "pbx", server="de")
    assert list(refused.json()["fields"]) == ["server"]


def test_speech_of_an_asymmetric_provider_is_limited_to_it(api):
    cook(api, "rtp")
    rule = Rule.objects.get()
    assert (rule.table, rule.action, rule.target.value, rule.source.value) == ("dnat", "dnat", PBX, "203.0.113.99")
    assert (rule.service.protocol, rule.service.ports, rule.from_zone) == ("udp", "10000-10100", "external")


def test_vpn_needs_no_rule_and_plain_sip_is_refused_with_the_reason(api):
    by_vpn = cook(api, "external", how="vpn").json()
    assert (by_vpn["rules"], "VPN" in by_vpn["advice"][0]) == ([], True)
    refused = cook(api, "external", port=5060)
    assert "the Internet is searched for it" in refused.json()["fields"]["port"][0]
    assert counts()[0] == 0


def test_maintenance_ends(api):
    made = cook(api, "maintenance").json()
    assert Rule.objects.get().until is not None
    assert "At its end the kernel closes it" in made["advice"][0]


@pytest.mark.parametrize(
    ("name", "changed", "field"),
    [
        ("pbx", {"pbx": "telephone system"}, "pbx"),
        ("pbx", {"server": ""}, "server"),
        ("sips", {"speech": "99"}, "speech"),
        ("rtp", {"ports": "500-600"}, "ports"),
        ("rtp", {"ports": "x"}, "ports"),
        ("rtp", {"source": ""}, "source"),
        ("external", {"source": ""}, "source"),
        ("external", {"port": 70000}, "port"),
        ("maintenance", {"until": ""}, "until"),
        ("maintenance", {"until": "2020-01-01T00:00"}, "until"),
        ("maintenance", {"source": ""}, "source"),
        ("maintenance", {"port": 5060}, "port"),
        ("app", {"app": ""}, "app"),
        ("app", {"protocol": "sctp"}, "protocol"),
        ("app", {"ports": "5000-6000", "protocol": "udp"}, "ports"),
        ("app", {"source": "300.1.1.1"}, "source"),
        ("office", {"what": "some"}, "what"),
        ("office", {"source": "the cellar"}, "source"),
        ("server", {"server": "web.example.net"}, "server"),
        ("server", {"source": ""}, "source"),
        ("server", {"ports": "5060", "protocol": "udp"}, "ports"),
        ("server", {"until": "2020-01-01T00:00"}, "until"),
    ],
)
def test_answer_that_will_not_do_is_refused_at_its_question_and_nothing_is_made(api, name, changed, field):
    answer = cook(api, name, **changed)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
    assert counts()[:1] == (0,)


def test_office_gets_the_usual_services_or_everything_to_the_outside_alone(api):
    cook(api, "office")
    rules = list(Rule.objects.select_related("service"))
    assert {(rule.from_zone, rule.to_zone, rule.action, rule.section) for rule in rules} == {
        ("internal", "external", "accept", "Office")
    }
    assert {(rule.service.protocol, rule.service.ports) for rule in rules} >= {("both", "80,443"), ("both", "53")}
    assert not any("25" in rule.service.ports.split(",") for rule in rules)
    everything = cook(api, "office", what="all", source="192.168.0.0/24").json()
    assert any("taken over" in each for each in everything["advice"])
    assert Rule.objects.filter(service=None, source__value="192.168.0.0/24", to_zone="external").exists()


def test_server_of_the_office_is_forwarded_from_one_place_until_an_end(api):
    cook(api, "server", until=LATER)
    rule = Rule.objects.get()
    assert (rule.table, rule.target.value, rule.source.value) == ("dnat", "192.168.0.20", "198.51.100.7")
    assert rule.until is not None


def test_anybody_must_be_ticked_and_is_warned_of(api):
    made = cook(api, "maintenance", source="", anybody=True).json()
    assert Rule.objects.get().source is None
    assert any("open to the whole Internet" in each for each in made["advice"])


def test_page_asks_shows_and_drafts(client, owner):
    client.force_login(owner)
    assert "Telephone system with the ALG" in client.get("/firewall/recipes/").content.decode()
    assert client.get("/firewall/recipes/nothing/").status_code == 404
    looked = client.post("/firewall/recipes/pbx/", GOOD["pbx"] | {"look": "1"}).content.decode()
    assert "Make drafts of it" in looked
    assert not Rule.objects.exists()
    done = client.post("/firewall/recipes/pbx/", GOOD["pbx"] | {"draft": "1"}, follow=True).content.decode()
    assert "1 rule is a draft now." in done
    assert (
        "searched for it"
        in client.post("/firewall/recipes/external/", GOOD["external"] | {"port": 5060}).content.decode()
    )


@pytest.mark.parametrize(
    ("name", "field"),
    [("sips", "server"), ("rtp", "source"), ("external", "source"), ("maintenance", "source"), ("app", "source")],
)
def test_names_of_countries_are_suggested_where_one_may_be_answered(client, owner, name, field):
    client.force_login(owner)
    page = client.get(f"/firewall/recipes/{name}/", headers={"Accept-Language": "de"}).content.decode()
    assert re.search(rf'<input[^>]*name="{field}"[^>]*data-names="country-names"', page)
    assert '<option value="Deutschland" data-name="Deutschland">DE</option>' in page


@pytest.mark.parametrize("suggested", ["Germany", "Deutschland", "Almanya", "Germany, Österreich"])
def test_what_is_suggested_is_an_answer_in_any_language(api, suggested):
    cook(api, "rtp", source=suggested)
    assert AddressObject.objects.get(kind="country").value in ("DE", "AT,DE")


def test_no_country_is_suggested_to_a_recipe_that_needs_a_name(client, owner):
    client.force_login(owner)
    assert "country-names" not in client.get("/firewall/recipes/plain/").content.decode()
