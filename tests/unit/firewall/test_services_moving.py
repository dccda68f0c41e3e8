# SPDX-License-Identifier: GPL-2.0-or-later
"""Objects that move: what may be entered, what is held and logged, how a policy names them, services of every kind."""

import pytest
from django.core.exceptions import ValidationError

from appliance.audit.models import Entry
from appliance.firewall import queries
from appliance.firewall.models import AddressObject, Content, ContentChange
from appliance.firewall.services import (
    add_usual_services,
    create_address,
    create_service,
    drop_unused,
    hold,
    replace_everywhere,
    set_name_servers,
    take_due,
    update_address,
    update_service,
)
from appliance.network.services import save_interface
from appliance.ruleset.resolution import Answer, Failure
from appliance.ruleset.snapshot import snapshot, values_of
from appliance.sip.services import create_provider
from appliance.system.services import go_back, request_apply

LOOKUP = "address:sip.example.net"


@pytest.fixture
def name(owner):
    return create_address(actor=owner, name="Server", kind="dns", value="sip.example.net")


@pytest.fixture
def inside(owner):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24"])


@pytest.mark.parametrize(
    ("value", "lookup", "kept"),
    [
        ("SIP.Example.NET.", "", ("address", "sip.example.net")),
        ("_sip._udp.example.net", "", ("srv", "_sip._udp.example.net")),
        ("example.net", "naptr", ("naptr", "example.net")),
    ],
)
def test_name_is_kept_in_one_spelling_with_its_lookup(owner, value, lookup, kept):
    address = create_address(actor=owner, name="x", kind="dns", value=value, lookup=lookup)
    assert (address.lookup, address.value) == kept
    assert Content.objects.filter(lookup=address.lookup_key).exists()


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"kind": "dns", "value": "192.0.2.1"}, "value"),
        ({"kind": "dns", "value": "localhost"}, "value"),
        ({"kind": "dns", "value": ""}, "value"),
        ({"kind": "dns", "value": "a.example", "lookup": "mx"}, "lookup"),
        ({"kind": "dns", "value": "sip.example.net", "lookup": "srv"}, "value"),
        ({"kind": "dns", "value": "a.example", "negated": True}, "negated"),
        ({"kind": "host", "value": "192.0.2.1", "lookup": "srv"}, "lookup"),
        ({"kind": "country", "value": "DE, Bavaria"}, "value"),
        ({"kind": "country", "value": ""}, "value"),
        ({"kind": "host", "value": "192.0.2.1", "negated": True}, "negated"),
        ({"kind": "planet", "value": "Mars"}, "kind"),
    ],
)
def test_bad_object_is_refused_at_its_field(owner, fields, field):
    with pytest.raises(ValidationError) as error:
        create_address(actor=owner, name="x", **fields)
    assert list(error.value.message_dict) == [field]
    assert not AddressObject.objects.exists()


def test_answers_are_held_and_their_changes_logged(name, inside):
    assert take_due(now=100) == [LOOKUP]
    assert take_due(now=100) == []
    assert hold(outcomes={LOOKUP: Answer(("198.51.100.1", "192.168.0.9", "203.0.113.2"), 300)}, now=100) == [LOOKUP]
    row = Content.objects.get()
    assert (list(row.seen), row.due, row.error) == (["198.51.100.1"], 400, "")
    assert row.refused == [["192.168.0.9", "inside"], ["203.0.113.2", "own"]]
    assert hold(outcomes={LOOKUP: Failure("timeout")}, now=400) == []
    row.refresh_from_db()
    assert (list(row.seen), row.due, row.failures, row.error) == (["198.51.100.1"], 460, 1, "timeout")
    hold(outcomes={LOOKUP: Answer(("198.51.100.2",), 60)}, now=460)
    assert [(each.added, each.removed) for each in queries.content_changes(LOOKUP)] == [
        (["198.51.100.2"], []), (["198.51.100.1"], []),
    ]  # fmt: skip
    assert values_of(name) == ["198.51.100.1-198.51.100.2"]


def test_only_the_last_changes_are_kept(name):
    for number in range(120):
        hold(outcomes={LOOKUP: Answer((f"198.51.100.{number}",), 60)}, now=1 + number * 90_000.0)
    assert ContentChange.objects.count() == 100


def test_frozen_policy_names_what_moves_and_not_what_it_holds(owner, name, pbx, make_rule):
    countries = create_address(actor=owner, name="Off", kind="country", value="DE CH", negated=True)
    network = create_address(actor=owner, name="Net", kind="network", value="198.51.100.0/24")
    mixed = create_address(actor=owner, name="Mixed", kind="group", members=[name, network])
    make_rule("a", source=mixed, destination=countries)
    hold(outcomes={LOOKUP: Answer(("203.0.113.9",), 60)}, now=1)
    rule = snapshot("local", 1).rules[0]
    assert (rule.source.values, rule.source.lookups) == (("198.51.100.0/24",), (LOOKUP,))
    assert (rule.destination.countries, rule.destination.negated) == (("CH", "DE"), True)


def test_group_holds_no_negated_country(owner):
    off = create_address(actor=owner, name="Off", kind="country", value="DE", negated=True)
    with pytest.raises(ValidationError, match="everywhere else"):
        create_address(actor=owner, name="x", kind="group", members=[off])


def test_content_outlives_going_back_and_goes_when_nothing_names_it(owner, name):
    hold(outcomes={LOOKUP: Answer(("198.51.100.1",), 60)}, now=1)
    revision = request_apply(actor=owner)
    go_back(actor=owner, revision=revision)
    assert list(Content.objects.get().seen) == ["198.51.100.1"]
    assert drop_unused(used=set()) == 0
    update_address(actor=owner, address=AddressObject.objects.get(), value="other.example.net")
    assert drop_unused(used={LOOKUP}) == 0
    assert drop_unused(used=set()) == 1
    assert [each.lookup for each in Content.objects.all()] == ["address:other.example.net"]


@pytest.mark.parametrize(
    ("servers", "kept"),
    [([], []), (["192.0.2.53", "[2001:db8::53]:5353", "127.0.0.1:5300"], ["192.0.2.53", "[2001:db8::53]:5353",
                                                                          "127.0.0.1:5300"])],
)  # fmt: skip
def test_name_servers(owner, servers, kept):
    set_name_servers(actor=owner, servers=servers)
    assert queries.name_servers() == kept


@pytest.mark.parametrize(
    "server", ["", "dns.example", "192.0.2.53:0", "192.0.2.53:99999", "192.0.2.53:x", "[::1", "1.2.3"]
)
def test_bad_name_server(owner, server):
    with pytest.raises(ValidationError, match="name server"):
        set_name_servers(actor=owner, servers=[server])


# --- Services ---


def test_protocol_by_number_and_group(owner, web, make_rule):
    esp = create_service(actor=owner, name="ESP", protocol="other", number=50)
    vpn = create_service(actor=owner, name="VPN", protocol="group", members=[esp, web])
    make_rule("a", service=vpn)
    service = snapshot("local", 1).rules[0].service
    assert [(each.name, each.protocol, each.number, each.ports) for each in service.alternatives] == [
        ("ESP", "other", 50, ""), ("Web", "tcp", None, "80,443"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"protocol": "other"}, "number"),
        ({"protocol": "other", "number": 256}, "number"),
        ({"protocol": "other", "number": -1}, "number"),
        ({"protocol": "other", "number": 17}, "number"),
        ({"protocol": "udp", "number": 50}, "number"),
        ({"protocol": "other", "number": 50, "ports": "1"}, "ports"),
        ({"protocol": "group"}, "members"),
        ({"protocol": "group", "ports": "5"}, "ports"),
        ({"protocol": "udp", "ports": ",".join(str(each) for each in range(1000, 1200, 2))}, "ports"),
        ({"protocol": "sctp"}, "protocol"),
    ],
)
def test_bad_service_is_refused_at_its_field(owner, fields, field):
    with pytest.raises(ValidationError) as error:
        create_service(actor=owner, name="x", **fields)
    assert list(error.value.message_dict) == [field]


def test_what_a_group_of_services_cannot_hold(owner, sip, web):
    group = create_service(actor=owner, name="G", protocol="group", members=[web])
    mail = create_service(actor=owner, name="Mail", protocol="tcp", ports="25")
    with pytest.raises(ValidationError, match="not groups"):
        create_service(actor=owner, name="x", protocol="group", members=[group])
    with pytest.raises(ValidationError, match="belongs to the ALG"):
        create_service(actor=owner, name="x", protocol="group", members=[sip])
    with pytest.raises(ValidationError, match="is in a group"):
        update_service(actor=owner, service=web, protocol="group", ports="", members=[mail])


def test_usual_services_leave_taken_names_alone(owner, sip):
    added = add_usual_services(actor=owner)
    assert "SIP" not in [each.name for each in added]
    assert {"SIPS", "STUN", "RTP"} <= {each.name for each in added}
    assert add_usual_services(actor=owner) == []


# --- Uses ---


def test_uses_are_rules_groups_and_providers(owner, name, sip, pbx, make_rule):
    make_rule("a", source=pbx, destination=name, service=sip)
    create_address(actor=owner, name="Group", kind="group", members=[name])
    create_provider(actor=owner, name="Tel", signalling=name)
    assert [(str(use.by), use.field) for use in queries.uses(name)] == [
        ("a", "destination"), ("Group", "members"), ("Tel", "signalling"),
    ]  # fmt: skip
    other = create_address(actor=owner, name="Other", kind="host", value="198.51.100.7")
    assert replace_everywhere(actor=owner, thing=name, by=other) == 3
    assert queries.uses(name) == []
    assert Entry.objects.filter(verb="replace").count() == 1


def test_replacement_that_one_place_refuses_changes_nothing(owner, name, sip, pbx, make_rule):
    make_rule("a", source=pbx, destination=name, service=sip)
    create_provider(actor=owner, name="Tel", signalling=name)
    other = create_address(actor=owner, name="Other", kind="host", value="198.51.100.7")
    create_provider(actor=owner, name="Second", signalling=other)
    with pytest.raises(ValidationError, match="cannot stand in “Tel”"):
        replace_everywhere(actor=owner, thing=name, by=other)
    assert [use.field for use in queries.uses(name)] == ["destination", "signalling"]


def test_service_is_replaced_in_rules_and_groups(owner, web, make_rule):
    make_rule("a", service=web)
    group = create_service(actor=owner, name="G", protocol="group", members=[web])
    other = create_service(actor=owner, name="Other", protocol="tcp", ports="8080")
    assert replace_everywhere(actor=owner, thing=web, by=other) == 2
    assert list(group.members.all()) == [other]
    with pytest.raises(ValidationError, match="another object"):
        replace_everywhere(actor=owner, thing=web, by=web)


# --- Search ---


def test_address_finds_what_holds_it(owner, name, pbx):
    create_address(actor=owner, name="LAN", kind="network", value="10.0.0.0/24")
    create_address(actor=owner, name="Everything", kind="group", members=[name, pbx])
    hold(outcomes={LOOKUP: Answer(("198.51.100.1",), 60)}, now=1)

    def found(text):
        return [each.name for each in queries.found_addresses(text, queries.KnownContents())]

    assert found("10.0.0.5") == ["LAN"]
    assert found("198.51.100.1") == ["Everything", "Server"]
    assert found("192.168.0.2") == ["Everything", "PBX"]
    assert found("sip.exam") == ["Server"]
    assert found("2001:db8::1") == []
    assert len(found("")) == 4
