# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of objects: addresses and services."""

import pytest

from appliance.firewall.models import AddressObject, Schedule, Service
from appliance.firewall.services import create_address


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


def test_the_list_says_where_an_object_is_used(console, make_rule, pbx, web):
    make_rule("Phones", source=pbx, service=web)
    text = console.get("/firewall/objects/").content.decode()
    assert text.count("1 Phones") == 2
    assert "192.168.0.2" in text


def test_adding_an_address_keeps_its_canonical_form(console):
    console.post("/firewall/objects/addresses/add/", {"name": "LAN", "kind": "network", "value": "FD00:A::/64"})
    assert AddressObject.objects.get().value == "fd00:a::/64"


def test_a_bad_address_is_said_at_the_field_and_stays(console):
    values = {"name": "LAN", "kind": "network", "value": "192.168.0.999"}
    text = console.post("/firewall/objects/addresses/add/", values).content.decode()
    assert "is not a network" in text
    assert 'value="192.168.0.999"' in text


def test_adding_a_group(console, pbx):
    console.post("/firewall/objects/addresses/add/", {"name": "Phones", "kind": "group", "members": [pbx.pk]})
    assert list(AddressObject.objects.get(name="Phones").members.all()) == [pbx]


def test_editing_an_address_offers_no_other_kind(console, pbx):
    path = f"/firewall/objects/addresses/{pbx.pk}/"
    text = console.get(path).content.decode()
    assert 'name="kind"' not in text
    assert 'name="members"' not in text
    console.post(path, {"name": "PBX", "value": "192.168.0.3"})
    pbx.refresh_from_db()
    assert pbx.value == "192.168.0.3"


def test_editing_a_group_changes_its_members(console, owner, pbx, provider):
    group = create_address(actor=owner, name="Phones", kind="group", members=[pbx])
    console.post(f"/firewall/objects/addresses/{group.pk}/", {"name": "Phones", "members": [provider.pk]})
    assert list(group.members.all()) == [provider]


def test_an_address_in_use_stays_and_the_page_says_where(console, make_rule, pbx):
    make_rule("Phones", source=pbx)
    text = console.post(f"/firewall/objects/addresses/{pbx.pk}/delete/", follow=True).content.decode()
    assert "“PBX” is used in 1 rule" in text
    assert AddressObject.objects.filter(pk=pbx.pk).exists()


def test_deleting_an_address(console, pbx):
    console.post(f"/firewall/objects/addresses/{pbx.pk}/delete/")
    assert not AddressObject.objects.exists()


def test_adding_a_service(console):
    values = {"name": "SIP", "protocol": "udp", "ports": "5060", "application": "sip"}
    console.post("/firewall/objects/services/add/", values)
    assert Service.objects.get().application == "sip"


def test_bad_ports_are_said_at_the_field(console, web):
    values = {"name": "Web", "protocol": "tcp", "ports": "http"}
    text = console.post(f"/firewall/objects/services/{web.pk}/", values).content.decode()
    assert "“http” are no ports." in text


def test_deleting_a_service(console, web):
    console.post(f"/firewall/objects/services/{web.pk}/delete/")
    assert not Service.objects.exists()


def test_adding_editing_and_deleting_a_schedule(console):
    values = {"name": "Office", "weekdays": ["0", "4"], "begin": "08:00", "end": "18:00", "timezone": "Europe/Berlin"}
    console.post("/firewall/objects/schedules/add/", values)
    schedule = Schedule.objects.get()
    assert "Mon, Fri 08:00–18:00 Europe/Berlin" in console.get("/firewall/objects/").content.decode()
    path = f"/firewall/objects/schedules/{schedule.pk}/"
    assert "is no time zone" in console.post(path, values | {"timezone": "Berlin"}).content.decode()
    console.post(path, values | {"weekdays": ["6"]})
    schedule.refresh_from_db()
    assert schedule.weekdays == [6]
    console.post(f"{path}delete/")
    assert not Schedule.objects.exists()
