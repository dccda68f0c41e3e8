# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of objects: addresses and services."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from appliance.firewall import queries
from appliance.firewall.models import AddressObject, Schedule, Service
from appliance.firewall.services import create_address, hold, upload_country_data, use_country_data
from appliance.ruleset.resolution import Answer, Failure


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


# --- What moves, uses, replacement, search ---

LOOKUP = "address:sip.example.net"


@pytest.fixture
def server(owner):
    address = create_address(actor=owner, name="Server", kind="dns", value="sip.example.net")
    hold(outcomes={LOOKUP: Answer(("198.51.100.1", "127.0.0.1"), 300)}, now=1_790_000_000)
    return address


def text_of(answer):
    return answer.content.decode()


def test_the_list_shows_what_a_name_holds_and_what_was_refused(console, server):
    text = text_of(console.get("/firewall/objects/"))
    assert "198.51.100.1" in text
    assert "refused 127.0.0.1: a loopback address" in text
    assert 'datetime="2026-09-21T14:18:20+00:00"' in text
    hold(outcomes={LOOKUP: Failure("timeout")}, now=1_790_000_300)
    assert "No name server answers" in text_of(console.get("/firewall/objects/"))


def test_search_for_an_address_finds_what_holds_it(console, owner, pbx, server, web):
    create_address(actor=owner, name="LAN", kind="network", value="192.168.0.0/24")
    text = text_of(console.get("/firewall/objects/?q=192.168.0.2", headers={"HX-Request": "true"}))
    assert ("PBX" in text, "LAN" in text, "Server" in text, "Web" in text) == (True, True, False, False)
    assert "<html" not in text
    assert "Web" in text_of(console.get("/firewall/objects/?q=web+80"))
    assert "No object fits." in text_of(console.get("/firewall/objects/?q=nothing"))


def test_panel_of_a_name_shows_its_log_its_uses_and_asks_anew(console, server, make_rule):
    make_rule("Out", destination=server)
    text = text_of(console.get(f"/firewall/objects/addresses/{server.pk}/", headers={"HX-Request": "true"}))
    assert "+198.51.100.1" in text
    assert "1 Out" in text
    assert 'name="negated"' not in text
    assert "Look up now" in text
    text = text_of(console.post(f"/firewall/objects/addresses/{server.pk}/refresh/", follow=True))
    assert "The job queue (Redis) does not answer." in text


def test_object_is_replaced_everywhere_from_its_panel(console, pbx, provider, make_rule):
    rule = make_rule("Out", source=pbx)
    page = f"/firewall/objects/address/{pbx.pk}/replace/"
    assert page in text_of(console.get(f"/firewall/objects/addresses/{pbx.pk}/"))
    assert "1 Out" in text_of(console.get(page))
    text = text_of(console.post(page, {"by": provider.pk}, follow=True))
    assert "“PBX” is replaced everywhere, as a draft." in text
    rule.refresh_from_db()
    assert rule.source == provider
    assert "This field is required." in text_of(console.post(page, {"by": ""}))
    assert console.get("/firewall/objects/planet/1/replace/").status_code == 404


def test_country_is_added_by_its_name_and_shown_in_the_readers_language(console, country_data):
    values = {"name": "Off", "kind": "country", "value": "Germany, İsviçre, Östereich", "negated": "on"}
    refused = text_of(console.post("/firewall/objects/addresses/add/", values))
    assert "“Östereich” is no country. Nearest: Austria (AT)." in refused
    assert '<option value="Austria" data-name="Austria">AT</option>' in refused
    values["value"] = "Germany, İsviçre, Österreich"
    console.post("/firewall/objects/addresses/add/", values)
    address = AddressObject.objects.get()
    assert (address.value, address.negated) == ("AT,CH,DE", True)
    text = text_of(console.get("/firewall/objects/"))
    assert '<span title="CH">Switzerland</span>' in text
    assert "Schweiz" in text_of(console.get("/firewall/objects/?q=almanya", headers={"Accept-Language": "de"}))
    assert "everywhere but" in text
    assert "1 range" in text


def test_group_of_services_and_protocol_by_number(console, web):
    console.post("/firewall/objects/services/add/", {"name": "ESP", "protocol": "other", "number": 50})
    console.post("/firewall/objects/services/add/", {"name": "All", "protocol": "group", "members": [web.pk]})
    assert list(Service.objects.get(name="All").members.all()) == [web]
    text = text_of(console.get("/firewall/objects/"))
    assert "group of services" in text
    console.post("/firewall/objects/usual-services/")
    assert Service.objects.filter(name="SIPS").exists()


def test_name_servers_are_used_at_once(console):
    console.post("/firewall/objects/name-servers/", {"servers": "192.0.2.53, [2001:db8::53]:5353"})
    assert queries.name_servers() == ["192.0.2.53", "[2001:db8::53]:5353"]
    text = text_of(console.post("/firewall/objects/name-servers/", {"servers": "dns.example"}))
    assert "is no address of a name server" in text


@pytest.fixture
def country_data(owner):
    data = upload_country_data(actor=owner, name="old", files=[b"192.0.2.0,192.0.2.9,DE\n"], licence="CC BY 4.0")
    return use_country_data(actor=owner, data=data)


def test_country_data_is_compared_before_it_is_used(console, country_data, owner):
    create_address(actor=owner, name="Germany", kind="country", value="DE")
    page = "/firewall/objects/countries/"
    assert "CC BY 4.0" in text_of(console.get(page))
    file = SimpleUploadedFile("new.csv", b"192.0.2.0,192.0.2.1,AT\n")
    text = text_of(console.post(f"{page}upload/", {"first": file}, follow=True))
    assert "loses more than 30 %" in text
    waiting = queries.waiting_country_data()
    text = text_of(console.post(f"{page}{waiting.pk}/use/", follow=True))
    assert "has 100 % fewer ranges for Germany. Kept the old data." in text
    console.post(f"{page}{waiting.pk}/use/", {"force": "on"})
    assert queries.active_country_data() == waiting
    assert "This edition is in use." in text_of(console.post(f"{page}{waiting.pk}/discard/", follow=True))


@pytest.mark.parametrize("content", [b"", b"nonsense\nnonsense", b"\xab\xcd\xefMaxMind.com"])
def test_bad_file_is_said_at_the_field(console, content):
    answer = console.post("/firewall/objects/countries/upload/", {"first": SimpleUploadedFile("x", content)})
    assert answer.status_code == 200
    assert 'id="id_first_error"' in text_of(answer)
    assert queries.active_country_data() is None
