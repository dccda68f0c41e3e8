# SPDX-License-Identifier: GPL-2.0-or-later
"""Taking back: a deleted rule comes back as the rule that it was, a moved one to its place, for a while."""

from datetime import time

import pytest

from appliance.audit.models import Entry
from appliance.firewall.models import AddressObject, Rule
from appliance.firewall.services import create_address, create_rule, create_schedule, create_service
from appliance.ui import requests

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


@pytest.fixture
def console(client, owner, engine):
    client.force_login(owner)
    return client


@pytest.fixture
def rules(owner):
    host = create_address(actor=owner, name="PBX", kind="host", value="192.168.0.2")
    return [
        create_rule(actor=owner, name=f"rule {n}", action="drop", source=host, section="Telephony" if n < 3 else "")
        for n in range(1, 5)
    ]


def order():
    return list(Rule.objects.order_by("position").values_list("pk", "position", "section"))


def text_of(answer):
    return answer.content.decode()


def test_deleted_rule_comes_back_as_it_was(console, rules):
    before = order()
    console.post(f"/firewall/rules/{rules[1].pk}/delete/")
    assert len(order()) == 3
    page = text_of(console.get("/firewall/rules/"))
    assert "Rule “rule 2” is deleted." in page
    assert 'action="/firewall/rules/undo/"' in page
    after = text_of(console.post("/firewall/rules/undo/", follow=True))
    assert "“rule 2” is where it was." in after
    assert order() == before
    assert Rule.objects.get(pk=rules[1].pk).source.name == "PBX"
    assert Entry.objects.first().verb == "undo delete"
    assert "is deleted" not in after


def test_moved_rule_goes_back_to_its_place_and_section(console, rules):
    before = order()
    answer = console.post(f"/firewall/rules/{rules[3].pk}/move/", {"direction": "up"}, headers=HTMX)
    assert "Rule “rule 4” is moved." in text_of(answer)
    console.post(f"/firewall/rules/{rules[2].pk}/move/", {"direction": "up"})
    console.post("/firewall/rules/undo/")
    assert order() != before, "only the last act is taken back"
    console.post(f"/firewall/rules/{rules[3].pk}/move/", {"direction": "down"})
    console.post("/firewall/rules/undo/")
    assert [pk for pk, _position, _section in order()].index(rules[3].pk) in (2, 3)


def test_move_out_of_a_section_is_taken_back_whole(console, rules):
    before = order()
    console.post(f"/firewall/rules/{rules[1].pk}/move/", {"direction": "down"})
    assert order() != before
    console.post("/firewall/rules/undo/")
    assert order() == before


def test_a_move_that_moves_nothing_offers_nothing(console, rules):
    console.post(f"/firewall/rules/{rules[0].pk}/move/", {"direction": "up"})
    assert "rules/undo/" not in text_of(console.get("/firewall/rules/"))


def test_offer_ends_by_itself(console, rules, monkeypatch):
    monkeypatch.setattr(requests, "UNDO_SECONDS", -1.0)
    console.post(f"/firewall/rules/{rules[0].pk}/delete/")
    assert "rules/undo/" not in text_of(console.get("/firewall/rules/"))
    assert "nothing to undo any more" in text_of(console.post("/firewall/rules/undo/", follow=True))
    assert len(order()) == 3


def test_it_is_taken_back_once(console, rules):
    console.post(f"/firewall/rules/{rules[0].pk}/delete/")
    console.post("/firewall/rules/undo/")
    assert "nothing to undo any more" in text_of(console.post("/firewall/rules/undo/", follow=True))
    assert len(order()) == 4


def test_what_changed_since_is_left_alone(console, rules):
    console.post(f"/firewall/rules/{rules[3].pk}/move/", {"direction": "up"})
    Rule.objects.filter(pk=rules[3].pk).delete()
    assert "It cannot be undone any more" in text_of(console.post("/firewall/rules/undo/", follow=True))


def test_rule_whose_object_is_gone_does_not_come_back(console, rules):
    for rule in rules[1:]:
        Rule.objects.filter(pk=rule.pk).delete()
    console.post(f"/firewall/rules/{rules[0].pk}/delete/")
    AddressObject.objects.all().delete()
    assert "named an object that is gone" in text_of(console.post("/firewall/rules/undo/", follow=True))
    assert not Rule.objects.exists()


# --- objects ---


@pytest.fixture
def deleted(console, owner):
    """A group, a service and a schedule, each deleted by its page; by sort: what they were."""

    def delete(sort, thing):
        row = type(thing).objects.filter(pk=thing.pk).values().get()
        assert console.post(f"/firewall/objects/{sort}/{thing.pk}/delete/").status_code == 302
        assert not type(thing).objects.filter(pk=thing.pk).exists()
        return type(thing), row

    return delete


def undo_object(console):
    return text_of(console.post("/firewall/objects/undo/", follow=True))


def test_deleted_group_comes_back_with_its_members(console, owner, deleted):
    members = [create_address(actor=owner, name=name, kind="host", value=f"10.0.0.{len(name)}") for name in ("a", "bb")]
    group = create_address(actor=owner, name="Phones", kind="group", members=members)
    model, row = deleted("addresses", group)
    page = text_of(console.get("/firewall/objects/"))
    assert "“Phones” is deleted." in page
    assert 'action="/firewall/objects/undo/"' in page
    assert "“Phones” is there again." in undo_object(console)
    assert model.objects.filter(pk=group.pk).values().get() == row
    assert set(model.objects.get(pk=group.pk).members.all()) == set(members)
    assert Entry.objects.first().verb == "undo delete"
    assert "nothing to undo any more" in undo_object(console)


def test_deleted_service_and_schedule_come_back_as_they_were(console, owner, deleted):
    web = create_service(actor=owner, name="Web", protocol="tcp", ports="80,443")
    office = create_schedule(actor=owner, name="Office", weekdays=[0, 4], begin=time(8), end=time(18), timezone="UTC")
    for sort, thing in (("services", web), ("schedules", office)):
        model, row = deleted(sort, thing)
        undo_object(console)
        assert model.objects.filter(pk=thing.pk).values().get() == row


def test_object_whose_name_is_taken_or_whose_member_is_gone_stays_away(console, owner, deleted):
    host = create_address(actor=owner, name="PBX", kind="host", value="192.168.0.2")
    deleted("addresses", host)
    other = create_address(actor=owner, name="pbx", kind="host", value="192.168.0.3")
    assert "It cannot be undone any more: “PBX” was changed since." in undo_object(console)
    group = create_address(actor=owner, name="Phones", kind="group", members=[other])
    deleted("addresses", group)
    AddressObject.objects.filter(pk=other.pk).delete()
    assert "“Phones” named an object that is gone." in undo_object(console)
    assert not AddressObject.objects.exists()


def test_refused_deletion_offers_nothing(console, rules):
    pbx = AddressObject.objects.get()
    page = text_of(console.post(f"/firewall/objects/addresses/{pbx.pk}/delete/", follow=True))
    assert "is used in 4 rules" in page
    assert "objects/undo/" not in page


def test_each_page_takes_back_its_own(console, rules, owner):
    console.post(f"/firewall/rules/{rules[0].pk}/delete/")
    assert "nothing to undo any more" in undo_object(console)
    spare = create_address(actor=owner, name="Spare", kind="host", value="10.0.0.9")
    console.post(f"/firewall/objects/addresses/{spare.pk}/delete/")
    assert "nothing to undo any more" in text_of(console.post("/firewall/rules/undo/", follow=True))
    assert not AddressObject.objects.filter(name="Spare").exists()
