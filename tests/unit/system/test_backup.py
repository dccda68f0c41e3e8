# SPDX-License-Identifier: GPL-2.0-or-later
"""Backups: what comes out goes in again; what is damaged, strange or newer is refused in words and whole."""

import json
from datetime import time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone

from appliance.audit.models import Entry
from appliance.audit.services import verify
from appliance.backup import document, entry, sealing
from appliance.firewall.models import AddressObject, Rule
from appliance.firewall.services import create_address, create_rule, create_schedule, create_service
from appliance.network.models import Interface
from appliance.network.services import save_interface
from appliance.ruleset.snapshot import CONFIGURATION, snapshot
from appliance.sip.services import change_settings, create_provider
from appliance.system import services
from appliance.system.models import Restoration

pytestmark = pytest.mark.django_db

PASSPHRASE = "correct horse battery"


@pytest.fixture
def configuration(owner):
    for name, role in (("lan0", "internal"), ("wan0", "external")):
        save_interface(actor=owner, name=name, role=role, addresses=["192.168.0.1/24"], masquerade=role == "external")
    pbx = create_address(actor=owner, name="PBX", kind="host", value="192.168.0.2")
    phones = create_address(actor=owner, name="A phones", kind="group", members=[pbx])
    provider = create_address(actor=owner, name="Provider", kind="host", value="203.0.113.1")
    sip = create_service(actor=owner, name="SIP", protocol="udp", ports="5060", application="sip")
    hours = create_schedule(actor=owner, name="Office", weekdays=[0, 1], begin=time(8), end=time(17))
    tel = create_provider(actor=owner, name="Provider", signalling=provider, symmetric_media=True)
    change_settings(actor=owner, values={"timers.t4": 6})
    change_settings(actor=owner, values={"peering.shadow": True, "handling.syntax": {"cseq": "pass"}}, provider=tel)
    create_rule(actor=owner, name="sip", action="accept", source=phones, destination=provider, service=sip)
    later = timezone.now() + timedelta(days=1)
    create_rule(
        actor=owner, name="to pbx", action="dnat", table="dnat", target=pbx, until=later, schedule=hours, tags=["x"]
    )
    return services.make_backup(actor=owner, passphrase=PASSPHRASE)


def meaning():
    """The draft without its keys."""
    frozen = snapshot("local", 0)
    return [(rule.table, rule.position, rule.name, rule.source, rule.target, rule.until) for rule in frozen.rules], (
        frozen.interfaces, frozen.providers, frozen.settings
    )  # fmt: skip


def test_every_kind_of_thing_is_in_it():
    assert {kind.model for kind in entry.KINDS} == set(CONFIGURATION)


def test_what_was_saved_comes_back_as_it_was(owner, configuration):
    before = meaning()
    Rule.objects.all().delete()
    AddressObject.objects.filter(name="A phones").delete()
    create_rule(actor=owner, name="other", action="drop")
    content = services.open_backup(file=configuration, passphrase=PASSPHRASE)
    looked = services.preview(content=content)
    assert {change.kind for change in looked.changes} >= {"added", "removed"}
    assert Rule.objects.get().name == "other"
    assert services.restore(actor=owner, content=content) == 0
    assert meaning() == before
    assert Entry.objects.filter(verb="restore").count() == 1
    assert verify() is None


def test_interfaces_take_other_names_here_or_are_left_out(owner, configuration):
    content = services.open_backup(file=configuration, passphrase=PASSPHRASE)
    services.restore(actor=owner, content=content, interfaces={"lan0": "eth1", "wan0": ""})
    assert list(Interface.objects.values_list("name", "role")) == [("eth1", "internal")]


def test_rule_whose_time_is_over_is_left_out_and_counted(owner, configuration):
    Rule.objects.filter(name="to pbx").update(until=timezone.now() - timedelta(days=1), expired_at=timezone.now())
    content = document.read(document.write(entry.collect()))
    assert services.preview(content=content).left_out == 1
    assert services.restore(actor=owner, content=content) == 1
    assert list(Rule.objects.values_list("name", flat=True)) == ["sip"]


@pytest.mark.parametrize("at", [0, 20, 60, 140, 200, -1])
def test_one_changed_octet_is_noticed_wherever_it_stands(configuration, at):
    changed = bytearray(configuration)
    changed[at] ^= 1
    with pytest.raises(ValidationError):
        services.open_backup(file=bytes(changed), passphrase=PASSPHRASE)


@pytest.mark.parametrize(
    "file", [b"", b"PK\x03\x04", sealing.MAGIC, sealing.MAGIC + b"{}\n", sealing.MAGIC + b"[1]\nx"]
)
def test_what_is_no_backup_is_said_to_be_none(file):
    with pytest.raises(ValidationError, match=r"This is no backup of Pinhole\."):
        services.open_backup(file=file, passphrase=PASSPHRASE)


def test_wrong_passphrase_is_said_at_its_field(configuration):
    with pytest.raises(ValidationError) as refused:
        services.open_backup(file=configuration, passphrase="wrong horse battery")
    assert list(refused.value.message_dict) == ["passphrase"]


def test_newer_backup_is_refused_with_both_versions():
    newer = {"format": document.FORMAT, "version": document.VERSION + 1, "product": "2.4"}
    sealed = sealing.seal(json.dumps(newer).encode(), PASSPHRASE, {"product": "2.4"})
    expected = f"This backup is from version 2.4, this device runs {document.PRODUCT}. Update first."
    with pytest.raises(ValidationError, match=expected):
        services.open_backup(file=sealed, passphrase=PASSPHRASE)
    later = sealed.replace(b'"format": 1', b'"format": 9')
    with pytest.raises(ValidationError, match=expected):
        services.open_backup(file=later, passphrase=PASSPHRASE)


def test_bomb_and_costly_key_are_refused_before_they_cost_anything():
    bomb = sealing.seal(b"0" * (sealing.LARGEST + 1), PASSPHRASE, {})
    assert len(bomb) < 20_000
    with pytest.raises(ValidationError, match="larger than any backup"):
        services.open_backup(file=bomb, passphrase=PASSPHRASE)
    costly = sealing.seal(b"{}", PASSPHRASE, {}).replace(b'"n": 32768', b'"n": 99999999')
    with pytest.raises(ValidationError, match="no backup"):
        services.open_backup(file=costly, passphrase=PASSPHRASE)


def test_short_passphrase_is_refused(owner):
    with pytest.raises(ValidationError, match="at least 12 characters"):
        services.make_backup(actor=owner, passphrase="short")


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda plain: plain["rules"][0].update(action="explode"), "rules[0].action"),
        (lambda plain: plain["rules"][1].update(target="Nobody"), "rules[1].target"),
        (lambda plain: plain["rules"][0].update(name=7), "rules[0].name"),
        (lambda plain: plain["rules"][0].update(colour="red"), "rules[0].colour"),
        (lambda plain: plain["addresses"][0].update(value="300.1.1.1"), "addresses[0].value"),
        (lambda plain: plain["addresses"][0].update(colour="red"), "addresses[0].colour"),
        (lambda plain: plain["addresses"].append(plain["addresses"][0]), "addresses[3].name"),
        (lambda plain: plain["interfaces"][0].update(addresses=["x"]), "interfaces[0].addresses"),
        (lambda plain: plain["schedules"][0].update(weekdays=[9]), "schedules[0].weekdays"),
        (lambda plain: plain.update(format="something"), "format"),
        (lambda plain: plain.update(rules={}), "rules"),
    ],
)
def test_mistake_in_a_document_is_told_at_its_place_and_nothing_is_entered(api, configuration, change, place):
    before = meaning()
    plain = api("get", "configuration").json()
    change(plain)
    answer = api("put", "configuration", {"configuration": plain})
    assert (answer.status_code, next(iter(answer.json()["fields"]))) == (422, place)
    assert meaning() == before


def test_rest_gives_what_it_takes(api, configuration):
    plain = api("get", "configuration").json()
    assert api("put", "configuration", {"configuration": plain, "dry_run": True}).json()["left_out"] == 0
    assert api("put", "configuration", {"configuration": plain}).status_code == 200
    assert api("get", "configuration").json()["rules"] == plain["rules"]
    assert api("post", "backup", {"passphrase": PASSPHRASE}).content.startswith(sealing.MAGIC)


def test_page_makes_looks_maps_and_restores(client, owner, configuration):
    client.force_login(owner)
    made = client.post("/system/backup/make/", {"passphrase": PASSPHRASE, "again": PASSPHRASE})
    assert made.content.startswith(sealing.MAGIC)
    assert (
        "not the same" in client.post("/system/backup/make/", {"passphrase": PASSPHRASE, "again": "x"}).content.decode()
    )
    Rule.objects.all().delete()
    upload = {"file": SimpleUploadedFile("b", made.content), "passphrase": PASSPHRASE}
    looked = client.post("/system/backup/look/", upload, follow=True)
    assert "Rule “sip” is new." in looked.content.decode()
    kept = Restoration.objects.get()
    form = {"interface-lan0": "eth7", "interface-wan0": "wan0"}
    assert "eth7" in client.post(f"/system/backup/{kept.pk}/", form).content.decode()
    assert not Rule.objects.exists()
    client.post(f"/system/backup/{kept.pk}/enter/", form)
    assert Rule.objects.count() == 2
    assert Interface.objects.filter(name="eth7").exists()
    assert not Restoration.objects.exists()
    wrong = client.post("/system/backup/look/", {"file": SimpleUploadedFile("b", b"x"), "passphrase": ""})
    assert "This is no JSON" in wrong.content.decode()


def test_readable_json_is_read_without_a_passphrase(client, owner, configuration):
    client.force_login(owner)
    text = client.get("/system/backup/configuration.json").content
    assert json.loads(text)["format"] == document.FORMAT
    looked = client.post("/system/backup/look/", {"file": SimpleUploadedFile("c.json", text)}, follow=True)
    assert "Nothing: the draft says the same." in looked.content.decode()
