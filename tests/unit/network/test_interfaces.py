# SPDX-License-Identifier: GPL-2.0-or-later
"""Zones and interfaces: what the kernel has, adopted with a role; the running policy goes by what was found."""

import html
import re
import time

import pytest
from django.core.exceptions import ValidationError

from appliance.audit.models import Entry
from appliance.network import services
from appliance.network.models import Interface
from appliance.ruleset import policy
from appliance.system import queries
from appliance.system.models import Revision, State

pytestmark = pytest.mark.django_db


def link(name, *addresses, **fields):
    held = [
        {"address": each, "static": True, "left": None, "usable": not each.startswith("fe80")} for each in addresses
    ]
    return {
        "name": name, "kind": "", "mac": "02:00:00:00:00:01", "mtu": 1500, "up": True, "carrier": True, "state": "up",
        "speed": 1000, "changes": 1, "changed": None, "gateway": "", "held": held,
    } | fields  # fmt: skip


@pytest.fixture
def kernel(monkeypatch):
    """What netadmin would answer; tests/lab asks the real one."""
    links = [link("lan0", "192.168.0.1/24", "fe80::1/64"), link("wan0", "203.0.113.2/24"), link("eth2", carrier=False)]
    monkeypatch.setattr("appliance.network.queries.ask", lambda *_, **__: links)
    return links


def test_page_without_netadmin_shows_the_configuration_and_says_why(client, owner):
    services.save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    client.force_login(owner)
    page = client.get("/network/").content.decode()
    assert "The job queue (Redis) does not answer." in page
    assert "not known to the kernel" in page


def test_interface_is_adopted_with_its_addresses_and_shown_with_what_differs(client, owner, kernel):
    client.force_login(owner)
    client.post("/network/wan0/adopt/", {"role": "external"})
    adopted = Interface.objects.get(name="wan0")
    assert (adopted.role, adopted.addresses, adopted.masquerade) == ("external", ["203.0.113.2/24"], True)
    client.post("/network/lan0/adopt/", {"role": "internal"})
    assert Interface.objects.get(name="lan0").addresses == ["192.168.0.1/24"]
    kernel[1]["held"][0]["address"] = "203.0.113.7/24"
    kernel[1]["held"][0] |= {"static": False, "left": 3600}
    kernel[2]["changed"] = time.time()
    page = client.get("/network/").content.decode()
    for words in ("203.0.113.7/24", "by DHCP, 60 min left", "configured: 203.0.113.2/24", "no cable", "1 Gbit/s"):
        assert words in page
    cables = client.get("/network/", headers={"HX-Request": "true"}).content.decode()
    assert cables.count("changed just now") == 1


@pytest.mark.parametrize(("name", "role", "field"), [("eth9", "internal", "name"), ("wan0", "moon", "role")])
def test_adopting_what_is_not_there_is_refused_at_the_field(owner, kernel, name, role, field):
    with pytest.raises(ValidationError) as refused:
        services.adopt_interface(actor=owner, name=name, role=role)
    assert list(refused.value.message_dict) == [field]


def cells(page: str) -> dict[tuple[str, str], tuple[int, str]]:
    """By the zones of row and column: how many rules are said, and where the cell leads."""
    found = re.findall(r'<td data-label="to (\w+)"><a href="([^"]+)">(?:(\d+) rules?|closed)</a>', page)
    roles = list(dict.fromkeys(target for target, _address, _said in found))
    return {
        (roles[at // len(roles)], target): (int(said or 0), html.unescape(address))
        for at, (target, address, said) in enumerate(found)
    }


def shown(client, address: str) -> set[str]:
    rows = client.get(address).content.decode().split("<tr ")
    names = (re.search(r'id="rule-\d+"[^>]*>([^<]+)</a>', row) for row in rows if " hidden>" not in row.split("\n")[0])
    return {name[1] for name in names if name}


def test_zone_matrix_counts_rules_and_leads_to_just_those(client, owner, api, kernel):
    for name, role in (("lan0", "internal"), ("wan0", "external")):
        services.adopt_interface(actor=owner, name=name, role=role)
    for name, value in (("PC", "192.168.0.66"), ("Shop", "198.51.100.7")):
        api("post", "addresses", {"name": name, "kind": "host", "value": value})
    for name, fields in {
        "surfing": {"from_zone": "internal", "to_zone": "external"},
        "inward": {"from_zone": "external", "to_zone": "internal"},
        "shopping": {"source": "PC", "destination": "Shop"},
        "anything of the PC": {"source": "PC"},
        "off": {"from_zone": "internal", "enabled": False},
        "closed": {"from_zone": "internal", "action": "drop"},
    }.items():
        assert api("post", "rules", {"name": name, "action": "accept"} | fields).status_code == 201
    client.force_login(owner)
    found = cells(client.get("/network/").content.decode())
    expected = {
        ("internal", "internal"): {"anything of the PC"},
        ("internal", "external"): {"surfing", "shopping", "anything of the PC"},
        ("external", "internal"): {"inward"},
        ("external", "external"): set(),
    }
    assert {zones: said for zones, (said, _address) in found.items()} == {
        zones: len(names) for zones, names in expected.items()
    }
    assert {zones: shown(client, address) for zones, (_said, address) in found.items()} == expected


def test_found_addresses_go_into_the_running_policy_and_into_no_draft(owner):
    for name, role, address in (("lan0", "internal", "192.168.0.1/24"), ("wan0", "external", "203.0.113.2/24")):
        services.save_interface(actor=owner, name=name, role=role, addresses=[address])
    frozen = policy.dump(policy.Policy(1, "local", tuple(policy.Interface(each.name, each.role, tuple(each.addresses))
                                                         for each in Interface.objects.all())))  # fmt: skip
    revision = Revision.objects.create(number=1, author="anna", policy=frozen, state=State.APPLIED)
    assert services.record_found(found={"lan0": ["192.168.0.1/24"], "wan0": ["203.0.113.2/24"]}) == {
        "lan0": [], "wan0": []
    }  # fmt: skip
    assert services.record_found(found={"lan0": [], "wan0": ["203.0.113.7/24"]}) == {
        "lan0": ["192.168.0.1/24"], "wan0": ["203.0.113.2/24"]
    }  # fmt: skip
    lan, wan = queries.policy_now(revision, time.time()).interfaces
    assert (lan.addresses, wan.addresses) == (("192.168.0.1/24",), ("203.0.113.7/24",))
    assert queries.pending_changes() == []
    assert Entry.objects.filter(verb="addresses changed").count() == 2
    assert services.record_found(found={"wan0": ["203.0.113.7/24"]}) == {}


def test_rest_saves_adopts_lists_and_deletes(api, kernel):
    assert api("put", "interfaces/dmz0", {"role": "dmz", "addresses": ["10.0.0.1/24"]}).json()["found"] is None
    assert api("put", "interfaces/dmz0", {"role": "dmz", "addresses": ["10.0.0.1/33"]}).json()["fields"].keys() == {
        "addresses"
    }
    assert api("post", "interfaces/lan0/adopt", {"role": "internal"}).json()["addresses"] == ["192.168.0.1/24"]
    assert [each["name"] for each in api("get", "interfaces").json()["items"]] == ["dmz0", "lan0"]
    assert api("get", "links").json()["count"] == 3
    assert api("delete", "interfaces/dmz0").status_code == 204
    assert api("delete", "interfaces/dmz0").status_code == 404
