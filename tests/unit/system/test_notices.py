# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices: one for each event, tried until it arrives or is given up, and no secret ever shown."""

import socket
from contextlib import suppress
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from appliance.audit.models import Entry
from appliance.audit.services import record
from appliance.firewall.models import Content, Rule
from appliance.firewall.services import create_rule
from appliance.notices import channels
from appliance.permissions import Role
from appliance.ruleset.policy import dump
from appliance.ruleset.snapshot import snapshot
from appliance.system import services
from appliance.system.models import Notice, NoticeSettings, Revision, State
from appliance.system.services.notices import way_of
from sipalg_core.contract import names
from tests.unit.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def sent(monkeypatch, owner):
    """What went out by syslog; "fail" in it makes the next attempt fail."""
    services.save_notice_settings(actor=owner, syslog_host="192.0.2.9", before_minutes=60)
    went = []

    def syslog(way, message):
        if "fail" in went:
            went.remove("fail")
            raise OSError("no route")
        went.append(message.kind)

    monkeypatch.setitem(channels.CHANNELS, "syslog", syslog)
    return went


def run(number=3):
    """What is drafted decides from now on."""
    policy = dump(snapshot(names.NODE, number))
    return Revision.objects.create(number=number, author="anna", policy=policy, state=State.APPLIED)


def test_each_event_is_told_once(sent, owner):
    now = timezone.now()
    create_rule(actor=owner, name="soon", action="drop", until=now + timedelta(minutes=30))
    create_rule(actor=owner, name="later", action="drop", until=now + timedelta(hours=3))
    create_rule(actor=owner, name="off", action="drop", until=now + timedelta(minutes=30), enabled=False)
    run()
    create_rule(actor=owner, name="a draft", action="drop", until=now + timedelta(minutes=30))
    Revision.objects.create(number=1, author="anna", policy={}, state=State.ROLLED_BACK, error="No confirmation.")
    Revision.objects.create(number=2, author="anna", policy={}, state=State.FAILED, error="refused")
    Content.objects.create(lookup="address:sip.example.net", failures=3, error="timeout")
    assert len(services.note_events()) == 4
    assert services.note_events() == []
    assert services.send_notices() == 4
    assert sorted(sent) == ["failed", "lookup_failed", "rolled_back", "rule_ends_soon"]
    assert services.send_notices() == 0
    Rule.objects.filter(name="soon").update(until=None)  # an end that is drafted away comes all the same
    told = services.note_events(now=now + timedelta(minutes=31))
    assert [(notice.kind, notice.subject.split("”")[0]) for notice in told] == [("rule_ended", "Rule “soon")]


def test_what_does_not_arrive_is_tried_again_later_and_given_up_at_last(sent):
    Notice.objects.create(key="k", kind="x", level="hint", subject="s")
    sent.append("fail")
    now = timezone.now()
    assert services.send_notices(now=now) == 0
    notice = Notice.objects.get()
    assert (notice.done, notice.deliveries["syslog"]["error"]) == (False, "no route")
    assert services.send_notices(now=now + timedelta(seconds=10)) == 0
    assert services.send_notices(now=now + timedelta(seconds=31)) == 1
    assert Notice.objects.get().done
    lost = Notice.objects.create(key="l", kind="x", level="hint", subject="s")
    for day in range(1, 12):
        sent.append("fail")
        services.send_notices(now=now + timedelta(days=day))
    lost.refresh_from_db()
    assert (lost.done, lost.deliveries["syslog"]["tries"]) == (True, 8)


def test_without_a_receiver_nothing_is_noted(owner):
    Revision.objects.create(number=1, author="anna", policy={}, state=State.FAILED, error="refused")
    assert services.note_events() == []


def test_secrets_are_sealed_kept_and_never_told(api, owner):
    mail = {"email_to": ["a@example.net"], "email_from": "b@example.net", "smtp_host": "mail.example.net"}
    told = api("patch", "notices/settings", mail | {"smtp_password": "open sesame"}).json()
    assert told["smtp_password"] is True
    row = NoticeSettings.objects.get()
    assert "sesame" not in row.smtp_password
    assert way_of(row).smtp_password == "open sesame"
    api("patch", "notices/settings", {"smtp_password": "", "smtp_port": 25})
    assert way_of(NoticeSettings.objects.get()).smtp_password == "open sesame"
    assert "sesame" not in str([(entry.before, entry.after) for entry in Entry.objects.all()])


@pytest.mark.parametrize(
    ("sent_in", "field"),
    [
        ({"email_to": ["x"], "email_from": "b@example.net", "smtp_host": "m"}, "email_to"),
        ({"email_to": ["a@example.net"]}, "smtp_host"),
        ({"webhook_url": "ftp://x/"}, "webhook_url"),
        ({"webhook_url": "http://example.net/"}, "webhook_url"),
        ({"syslog_host": "x", "syslog_port": 0}, "syslog_port"),
        ({"before_minutes": 99999}, "before_minutes"),
    ],
)
def test_mistakes_are_told_at_their_field(api, sent_in, field):
    answer = api("patch", "notices/settings", sent_in)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
    assert not NoticeSettings.objects.exists()


def test_page_saves_tests_and_lists(client, owner, sent):
    client.force_login(owner)
    form = {"before_minutes": 5, "smtp_port": 587, "smtp_security": "tls", "syslog_port": 514, "syslog_protocol": "udp",
            "syslog_host": "192.0.2.9"}  # fmt: skip
    assert "Saved." in client.post("/system/notices/", form, follow=True).content.decode()
    assert "syslog: sent." in client.post("/system/notices/test/", follow=True).content.decode()
    sent.append("fail")
    assert "no route" in client.post("/system/notices/test/", follow=True).content.decode()


def test_bell_says_on_every_page_what_is_new_until_it_was_looked_at(client, owner):
    client.force_login(owner)
    assert "No new notices" in client.get("/").content.decode()
    for key, age in (("old", 2), ("new", 0)):
        Notice.objects.create(
            key=key, kind="x", level="hint", subject=key, created=timezone.now() - timedelta(days=age), done=True
        )
    assert "1 new notice" in client.get("/").content.decode()
    client.get("/system/notices/")
    assert "No new notices" in client.get("/firewall/rules/").content.decode()
    Notice.objects.create(key="newer", kind="x", level="hint", subject="newer")
    assert 'data-new="1"' in client.get("/").content.decode()
    again = client.get("/status/").content.decode()  # what every page asks for while it is open
    assert 'id="bell" hx-swap-oob="true"' in again
    assert 'data-new="1"' in again
    client.force_login(person(Role.TECHNICIAN))
    assert "bell" not in client.get("/status/").content.decode()
    assert "bell" not in client.get("/").content.decode().partition("<main")[0].partition('class="bar"')[2]


# --- the audit log elsewhere ---


def receive(listener):
    told = []
    with suppress(BlockingIOError):
        while True:
            told.append(listener.recv(4096).decode())
    return told


@pytest.fixture
def collector(monkeypatch):
    """A syslog server whose address the guard lets through."""
    monkeypatch.setattr("appliance.notices.channels.address_of", lambda host, *_more, **_options: host)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.setblocking(False)
        yield listener


def test_each_entry_goes_to_syslog_once_and_in_order(api, owner, collector):
    port = collector.getsockname()[1]
    assert services.export_audit() == 0, "nobody is set up"
    api("patch", "notices/settings", {"syslog_host": "127.0.0.1", "syslog_port": port, "inside": True})
    services.export_audit()
    assert receive(collector) == [], "what was before it was set up stays here"
    for name in ("one", "two\n<14>1 forged"):
        with transaction.atomic():
            record(actor=owner, verb="test", target=owner, reason=name, source="192.168.0.20")
    assert services.export_audit() == 2
    told = receive(collector)
    entries = Entry.objects.order_by("-sequence")[:2]
    for line, entry in zip(told, reversed(entries), strict=True):
        assert f" pinhole - audit - {entry.sequence} 'anna' test from='192.168.0.20'" in line
        assert entry.hash in line
        assert "\n" not in line
    assert services.export_audit() == 0


def test_what_the_server_does_not_take_waits_and_nothing_is_left_out(api, owner, collector, monkeypatch):
    port = collector.getsockname()[1]
    api("patch", "notices/settings", {"syslog_host": "127.0.0.1", "syslog_port": port, "inside": True})
    services.export_audit()

    def away(*_arguments):
        raise OSError("no route")

    with monkeypatch.context() as patched:
        patched.setattr("appliance.system.services.remote_log.syslog", away)
        for number in range(3):
            with transaction.atomic():
                record(actor=owner, verb=f"test{number}", target=owner)
        assert services.export_audit() == 0
    assert services.export_audit() == 3
    assert [f"test{number}" in line for number, line in enumerate(receive(collector))] == [True] * 3
