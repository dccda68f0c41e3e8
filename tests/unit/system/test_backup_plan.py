# SPDX-License-Identifier: GPL-2.0-or-later
"""Backups by plan: made when they are due, kept so many, openable by their passphrase, and told where they fail."""

from datetime import timedelta

import pytest
from django.utils import timezone

from appliance.audit.models import Entry
from appliance.backup import planned
from appliance.firewall.models import Rule
from appliance.firewall.services import create_rule
from appliance.permissions import Role
from appliance.system import services
from tests.unit.people import person

pytestmark = pytest.mark.django_db

PASSPHRASE = "correct horse battery"
PAGE, PLAN = "/system/backup/", "/system/backup/plan/"


@pytest.fixture
def console(client, owner):
    owner.set_password("x")
    owner.save()
    client.force_login(owner)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": timezone.now().timestamp()}]
    session.save()
    return client


def answers(every="day", passphrase=PASSPHRASE, again=None):
    return {"plan-every": every, "plan-passphrase": passphrase, "plan-again": passphrase if again is None else again}


def test_plan_makes_what_is_due_and_what_it_made_opens(console, owner):
    create_rule(actor=owner, name="kept", action="drop")
    assert console.post(PLAN, answers()).status_code == 302
    assert PASSPHRASE not in (planned.folder() / "plan.json").read_text()
    now = timezone.now()
    first = services.make_planned(now=now)
    assert services.make_planned(now=now + timedelta(hours=23)) is None
    assert services.make_planned(now=now + timedelta(hours=24)) is not None
    page = console.get(PAGE).content.decode()
    assert first.name in page
    Rule.objects.all().delete()
    file = console.get(f"/system/backup/made/{first.name}").content
    services.restore(actor=owner, content=services.open_backup(file=file, passphrase=PASSPHRASE))
    assert Rule.objects.get().name == "kept"
    verbs = list(Entry.objects.values_list("verb", flat=True))
    assert {"plan backups", "backup", "download", "restore"} <= set(verbs)


def test_only_so_many_are_kept(owner):
    services.plan_backups(actor=owner, every="week", passphrase=PASSPHRASE)
    now = timezone.now()
    names = [services.make_planned(now=now + timedelta(days=7 * n)).name for n in range(planned.KEPT + 2)]
    assert [each.name for each in planned.made()] == names[:1:-1]


def test_refused_in_words_and_taken_back(console):
    assert "at least 12 characters" in console.post(PLAN, answers(passphrase="short")).content.decode()
    assert "not the same" in console.post(PLAN, answers(again="another one")).content.decode()
    assert console.post(PLAN, answers(every="hourly")).status_code == 200
    assert planned.read() is None
    console.post(PLAN, answers())
    console.post(PLAN, answers(every="week", passphrase=""))
    assert planned.read().every == "week", "its passphrase goes on"
    console.post(PLAN, answers(every="", passphrase=""))
    assert planned.read() is None
    assert services.make_planned(now=timezone.now()) is None


def test_lost_key_and_full_disk_are_said_on_the_page_until_one_is_made(console, owner, settings, monkeypatch):
    services.plan_backups(actor=owner, every="day", passphrase=PASSPHRASE)
    key = settings.SECRET_KEY
    settings.SECRET_KEY = "another"
    assert services.make_planned(now=timezone.now()) is None
    assert "kept under another key" in planned.read().failed
    settings.SECRET_KEY = key

    def full(_content, _now):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(planned, "keep", full)
        services.make_planned(now=timezone.now())
    assert "The last one that was due was not made. The file could not be written" in console.get(PAGE).content.decode()
    services.make_planned(now=timezone.now())
    assert planned.read().failed == ""


def test_full_disk_is_not_filled_with_what_was_begun(owner, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("appliance.backup.planned.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        planned.keep(b"sealed", timezone.now())
    assert list(planned.folder().iterdir()) == []


@pytest.mark.parametrize("name", ["plan.json", "..%2Fsecret_key", "pinhole-20260101-000000.pinhole-backup"])
def test_nothing_else_of_the_disk_is_given_out(console, owner, name):
    services.plan_backups(actor=owner, every="day", passphrase=PASSPHRASE)
    assert console.get(f"/system/backup/made/{name}").status_code == 404


def test_who_may_make_none_plans_none(client):
    client.force_login(person(Role.TECHNICIAN))
    assert client.post(PLAN, answers()).status_code == 403
    assert client.get("/system/backup/made/x").status_code == 403
