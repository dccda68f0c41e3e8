# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices: one for each event, tried until it arrives or is given up, and no secret ever shown."""

from datetime import timedelta

import pytest
from django.utils import timezone

from appliance.audit.models import Entry
from appliance.firewall.models import Content, Rule
from appliance.firewall.services import create_rule
from appliance.notices import channels
from appliance.system import services
from appliance.system.models import Notice, NoticeSettings, Revision, State
from appliance.system.services.notices import _way

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


def test_each_event_is_told_once(sent, owner):
    create_rule(actor=owner, name="soon", action="drop", until=timezone.now() + timedelta(minutes=30))
    create_rule(actor=owner, name="later", action="drop", until=timezone.now() + timedelta(hours=3))
    Revision.objects.create(number=1, author="anna", policy={}, state=State.ROLLED_BACK, error="No confirmation.")
    Revision.objects.create(number=2, author="anna", policy={}, state=State.FAILED, error="refused")
    Content.objects.create(lookup="address:sip.example.net", failures=3, error="timeout")
    assert len(services.note_events()) == 4
    assert services.note_events() == []
    assert services.send_notices() == 4
    assert sorted(sent) == ["failed", "lookup_failed", "rolled_back", "rule_ends_soon"]
    assert services.send_notices() == 0
    Rule.objects.filter(name="soon").update(expired_at=timezone.now())
    assert [notice.kind for notice in services.note_events()] == ["rule_ended"]


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
    assert _way(row).smtp_password == "open sesame"
    api("patch", "notices/settings", {"smtp_password": "", "smtp_port": 25})
    assert _way(NoticeSettings.objects.get()).smtp_password == "open sesame"
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
