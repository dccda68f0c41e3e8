# SPDX-License-Identifier: GPL-2.0-or-later
"""Address objects and services: canonical values, clear refusals, nothing deleted that is in use."""

import pytest
from django.core.exceptions import ValidationError

from appliance.firewall.queries import addresses, parts, services
from appliance.firewall.services import (
    create_address,
    create_service,
    delete_address,
    delete_service,
    update_address,
    update_service,
)
from appliance.sip.services import create_provider


@pytest.mark.parametrize(
    ("kind", "value", "canonical"),
    [
        ("host", " 192.168.0.2 ", "192.168.0.2"),
        ("host", "2001:DB8::0:1", "2001:db8::1"),
        ("network", "192.168.0.0/255.255.255.0", "192.168.0.0/24"),
        ("network", "fd00:a:0::/64", "fd00:a::/64"),
        ("range", "192.168.0.10 - 192.168.0.12", "192.168.0.10-192.168.0.12"),
        ("range", "fd00::1-fd00::00ff", "fd00::1-fd00::ff"),
    ],
)
def test_values_are_kept_in_one_spelling(owner, kind, value, canonical):
    assert create_address(actor=owner, name="x", kind=kind, value=value).value == canonical


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("host", "192.168.0.300"), ("host", "pbx.example"), ("host", "192.168.0.0/24"), ("host", ""),
        ("network", "192.168.0.1/24"), ("range", "192.168.0.12-192.168.0.10"), ("range", "192.168.0.1-fd00::1"),
        ("range", "192.168.0.1"),
    ],
)  # fmt: skip
def test_bad_value_names_the_field_and_shows_how(owner, kind, value):
    with pytest.raises(ValidationError) as error:
        create_address(actor=owner, name="x", kind=kind, value=value)
    assert "Write it like" in error.value.message_dict["value"][0]


def test_names_are_unique_beyond_case_also_outside_ascii(owner):
    create_address(actor=owner, name="Straße İzmir", kind="host", value="192.168.0.2")
    with pytest.raises(ValidationError) as error:
        create_address(actor=owner, name="STRASSE İzmir", kind="host", value="192.168.0.3")
    assert "name" in error.value.message_dict


def test_group_holds_addresses_and_groups_but_neither_nothing_nor_itself(owner, pbx):
    with pytest.raises(ValidationError, match="empty group"):
        create_address(actor=owner, name="Phones", kind="group")
    phones = create_address(actor=owner, name="Phones", kind="group", members=[pbx])
    assert list(phones.members.all()) == [pbx]
    everything = create_address(actor=owner, name="All", kind="group", members=[phones])
    assert parts(everything) == [pbx]
    with pytest.raises(ValidationError, match="cannot be in itself"):
        update_address(actor=owner, address=phones, members=[everything])
    for name in "abcd":
        everything = create_address(actor=owner, name=name, kind="group", members=[everything])
    with pytest.raises(ValidationError, match="nested too deeply"):
        create_address(actor=owner, name="e", kind="group", members=[everything])


def test_changed_address_keeps_its_kind(owner, pbx):
    assert update_address(actor=owner, address=pbx, value="192.168.0.3").value == "192.168.0.3"
    with pytest.raises(ValidationError):
        update_address(actor=owner, address=pbx, value="192.168.0.0/24")


def test_address_in_use_is_not_deleted_and_the_rules_are_listed(owner, pbx, make_rule):
    make_rule("Web out", source=pbx)
    make_rule("In again", destination=pbx)
    with pytest.raises(ValidationError) as error:
        delete_address(actor=owner, address=pbx)
    text = error.value.message_dict["address"][0]
    assert "used in 2 rules. Replace it there first: 1 “Web out”, 2 “In again”." in text


def test_member_and_provider_address_is_not_deleted(owner, pbx, provider):
    group = create_address(actor=owner, name="Phones", kind="group", members=[pbx])
    with pytest.raises(ValidationError, match="Phones"):
        delete_address(actor=owner, address=pbx)
    delete_address(actor=owner, address=group)
    delete_address(actor=owner, address=pbx)
    create_provider(actor=owner, name="Tel", signalling=provider)
    with pytest.raises(ValidationError, match="Tel"):
        delete_address(actor=owner, address=provider)
    assert list(addresses()) == [provider]


@pytest.mark.parametrize(
    ("ports", "canonical"), [("5060", "5060"), (" 16384 - 32767 , 5060", "5060,16384-32767"), ("", "")]
)
def test_ports_are_kept_in_one_spelling(owner, ports, canonical):
    assert create_service(actor=owner, name="x", protocol="udp", ports=ports).ports == canonical


@pytest.mark.parametrize("ports", ["0", "65536", "6000-5000", "sip", "-5", "5060-", "٥٠٦٠"])
def test_bad_ports_are_refused(owner, ports):
    with pytest.raises(ValidationError) as error:
        create_service(actor=owner, name="x", protocol="udp", ports=ports)
    assert "ports" in error.value.message_dict


def test_service_rules(owner, web, make_rule):
    with pytest.raises(ValidationError, match="Only UDP and TCP"):
        create_service(actor=owner, name="x", protocol="icmp", ports="1")
    with pytest.raises(ValidationError, match="SIP needs UDP"):
        create_service(actor=owner, name="x", protocol="tcp", ports="5060", application="sip")
    update_service(actor=owner, service=web, ports="443")
    rule = make_rule("Web out", service=web)
    with pytest.raises(ValidationError, match="used in 1 rule"):
        delete_service(actor=owner, service=web)
    rule.delete()
    delete_service(actor=owner, service=web)
    assert not services().exists()
