# SPDX-License-Identifier: GPL-2.0-or-later
"""Each step of the first-run wizard by itself: what it proposes, what it refuses, what it writes."""

import pytest

from appliance.accounts.models import User
from appliance.firewall.models import AddressObject, Rule
from appliance.firewall.services import create_rule
from appliance.network.models import Interface
from appliance.ruleset.snapshot import snapshot
from appliance.sip.models import Provider
from appliance.system import queries
from appliance.system.models import Setup
from tests.unit.network.test_interfaces import link
from tests.unit.people import PASSWORD, password_hash
from tests.unit.system.wizard import GOOD, NEIGHBOURS, address, on_the_way, take, text_of, up_to

pytestmark = pytest.mark.django_db


def test_language_holds_for_the_pages_that_follow(wizard):
    answer = take(wizard, "look", language="de")
    assert answer.cookies["django_language"].value == "de"
    assert '<html lang="de"' in text_of(wizard.get("/system/setup/owner/"))


@pytest.mark.parametrize(
    ("step", "bad", "words"),
    [
        ("look", {"language": "xx"}, "not one of the available choices"),
        ("owner", {"password": "short"}, "at least 12"),
        ("start", {"way": "sideways"}, "not one of the available choices"),
        ("zones", {"role-lan0": "internal", "role-wan0": ""}, "leads to the Internet"),
        ("zones", {"role-lan0": "", "role-wan0": "external"}, "at least one interface with telephones"),
        ("zones", {"role-lan0": "nowhere", "role-wan0": "external"}, "not one of the available choices"),
        ("internet", {"servers": "dns.example"}, "no address of a name server"),
        ("office", {"what": "some"}, "not one of the available choices"),
        ("phones", {}, "Choose the phone system"),
        ("phones", {"pbx": "typed", "address": ""}, "Write its address"),
        ("phones", {"pbx": "typed", "address": "192.168.0.0/24"}, "Write one address"),
        ("phones", {"pbx": "10.9.9.9"}, "not one of the available choices"),
        ("provider", {"server": ""}, "Write the provider&#x27;s server"),
        ("provider", {"server": "de"}, "A country is too much for SIP"),
        ("provider", {"server": "no name"}, "Write an address, a network"),
        ("provider", {"server": "203.0.113.1", "media_from": "nonsense"}, "Write an address, a network"),
        ("provider", {"template": "none-such", "server": "203.0.113.1"}, "not one of the available choices"),
        ("mode", {"mode": "magic"}, "not one of the available choices"),
    ],
)
def test_a_bad_answer_is_refused_in_words_and_changes_nothing(wizard, step, bad, words):
    up_to(wizard, step)
    before = queries.setup_now().passed, list(snapshot("local", 0).interfaces), Rule.objects.count()
    answer = wizard.post(address(step), bad)
    assert answer.status_code == 200
    assert words in text_of(answer)
    assert (queries.setup_now().passed, list(snapshot("local", 0).interfaces), Rule.objects.count()) == before


def test_password_is_set_and_this_browser_stays_signed_in(wizard, owner):
    take(wizard, "look", "owner")
    assert User.objects.get(pk=owner.pk).check_password(PASSWORD)
    assert wizard.get("/system/setup/factor/").status_code == 200


def test_who_has_a_password_is_not_asked(wizard, owner):
    User.objects.filter(pk=owner.pk).update(password=password_hash())
    owner.refresh_from_db()
    wizard.force_login(owner)
    take(wizard, "look")
    assert 'name="password"' not in text_of(wizard.get("/system/setup/owner/"))
    assert on_the_way(take(wizard, "owner", password="")) == "factor"
    assert User.objects.get(pk=owner.pk).check_password(PASSWORD)


def test_zones_are_proposed_by_route_and_cable_and_become_drafts(wizard):
    up_to(wizard, "zones")
    page = text_of(wizard.get("/system/setup/zones/"))
    for name, role in (("lan0", "internal"), ("wan0", "external"), ("eth2", "")):
        field = page.split(f'name="role-{name}"')[1].split("</select>")[0]
        assert f'value="{role}" selected' in field
    take(wizard, "zones")
    assert {row.name: (row.role, row.masquerade) for row in Interface.objects.all()} == {
        "lan0": ("internal", False), "wan0": ("external", True)
    }  # fmt: skip
    take(wizard, "zones", **{"role-eth2": "dmz", "role-lan0": "internal"})
    assert Interface.objects.get(name="eth2").role == "dmz"
    take(wizard, "zones")
    assert not Interface.objects.filter(name="eth2").exists()


def test_zones_without_netadmin_say_so(client, owner, engine):
    client.force_login(owner)
    for name in ("look", "owner", "factor", "start", "interfaces"):
        take(client, name)
    assert "does not answer" in text_of(client.get("/system/setup/zones/"))
    refused = client.post("/system/setup/zones/", GOOD["zones"])
    assert refused.status_code == 200


def test_internet_is_judged_by_address_gateway_names_and_time(wizard, surroundings):
    up_to(wizard, "internet")
    told = text_of(wizard.get("/system/setup/parts/internet/"))
    for key in ("address", "gateway", "names", "time"):
        assert f'data-fact="{key}"' in told
    assert "203.0.113.2" in told
    assert "which answers" in told
    surroundings["links"] = [link("lan0", "192.168.0.1/24"), link("wan0", "192.168.1.7/24", gateway="192.168.1.1")]
    surroundings["neighbours"] = [NEIGHBOURS[3] | {"address": "192.168.1.1"}]
    told = text_of(wizard.get("/system/setup/parts/internet/"))
    assert "Switch SIP ALG off there" in told
    assert "which does not answer" in told


def test_phone_systems_are_hosts_inside_and_registered_ones_first(wizard, engine):
    up_to(wizard, "phones")
    engine.rows["registrations"] = [{"internal": "192.168.0.66:5060", "aor": "sip:200@example", "state": "registered"}]
    page = text_of(wizard.get("/system/setup/phones/"))
    assert page.index('value="192.168.0.66"') < page.index('value="192.168.0.2"') < page.index('value="typed"')
    for hidden in ('value="203.0.113.1"', 'value="192.168.0.9"', "fe80::2"):
        assert hidden not in page
    assert "registered: sip:200@example" in page


def test_typed_address_counts(wizard):
    up_to(wizard, "phones")
    wizard.post("/system/setup/phones/", {"address": "192.168.0.50"})
    assert Setup.objects.get().answers["phones"] == {"pbx": "192.168.0.50"}
    assert 'value="192.168.0.50"' in text_of(wizard.get("/system/setup/phones/"))


def test_without_a_phone_system_the_questions_about_it_are_left_out(wizard):
    up_to(wizard, "phones")
    assert on_the_way(wizard.post("/system/setup/phones/", {"pbx": "none"})) == "review"
    assert wizard.get("/system/setup/provider/").status_code == 302


@pytest.mark.parametrize(
    ("typed", "kind", "words"),
    [
        ("sip.example.net", "srv", "203.0.113.1, 203.0.113.3"),
        ("plain.example.net", "name", "203.0.113.7"),
        ("203.0.113.0/28", "address", "203.0.113.0/28"),
        ("gone.example.net", "unknown", "cannot be resolved now"),
        ("half", "none", "no whole name"),
    ],
)
def test_server_is_looked_up_while_one_types(wizard, typed, kind, words):
    told = text_of(wizard.get("/system/setup/parts/servers/", {"server": typed}))
    assert f'data-servers="{kind}"' in told
    assert words in told


def test_template_fills_in_what_it_knows_and_says_where_from(wizard):
    told = text_of(wizard.get("/system/setup/parts/servers/", {"template": "telnyx"}))
    assert "Template, check with your provider" in told
    assert "read on" in told
    up_to(wizard, "provider")
    wizard.post("/system/setup/provider/", {"template": "telnyx"})
    answer = Setup.objects.get().answers["provider"]
    assert (answer["server"], answer["symmetric"]) == ("sip.telnyx.com", False)
    take(wizard, "mode", "review")
    provider = Provider.objects.get()
    assert (provider.name, provider.template) == ("Telnyx", "telnyx")


def test_review_shows_the_rules_in_words_and_drafts_them(wizard):
    up_to(wizard, "review")
    page = text_of(wizard.get("/system/setup/review/"))
    assert page.count('class="sentence"') == 5
    assert not Rule.objects.exists()
    take(wizard, "review")
    rule, *office = snapshot("local", 0).rules
    assert rule.opens_alg
    assert [(each.from_zone, each.to_zone, each.opens_alg) for each in office] == [("internal", "external", False)] * 4
    assert rule.source.values == ("192.168.0.2",)
    assert rule.destination.lookups == ("srv:_sip._udp.sip.example.net",)


@pytest.mark.parametrize(("mode", "rules"), [("sips", 2), ("plain", 2)])
def test_each_mode_drafts_what_it_needs(wizard, mode, rules):
    up_to(wizard, "mode")
    take(wizard, "mode", mode=mode)
    take(wizard, "review")
    assert Rule.objects.filter(section="Telephony").count() == rules
    assert not any(rule.opens_alg for rule in snapshot("local", 0).rules)


@pytest.mark.parametrize(("what", "services"), [("usual", 4), ("all", 1), ("nothing", 0)])
def test_office_gets_what_is_answered_with_and_without_telephones(wizard, what, services):
    up_to(wizard, "office")
    take(wizard, "office", what=what)
    take(wizard, "phones", pbx="none")
    going_on = on_the_way(wizard.get("/system/setup/"))
    assert going_on == ("review" if services else "apply")
    if services:
        take(wizard, "review")
    assert Rule.objects.filter(section="Office", to_zone="external").count() == Rule.objects.count() == services


def test_another_answer_replaces_what_the_first_one_drafted(wizard, owner):
    create_rule(actor=owner, name="mine", action="drop")
    take(wizard, *GOOD)
    take(wizard, "provider", server="203.0.113.7")
    take(wizard, "mode", "review")
    names = [rule.name for rule in Rule.objects.order_by("position") if rule.section != "Office"]
    assert names == ["mine", "Telephone system to provider"]
    assert Provider.objects.get().signalling.value == "203.0.113.7"
    assert not AddressObject.objects.filter(kind="dns").exists()
    take(wizard, "review")
    assert Rule.objects.count() == 6
