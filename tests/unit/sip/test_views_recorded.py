# SPDX-License-Identifier: GPL-2.0-or-later
"""Who looked at a call, and who took call data away, stands in the audit log."""

import pytest
from django.utils import timezone

from appliance.audit.models import Entry
from appliance.sip.models import CallRecord

pytestmark = pytest.mark.django_db


def test_looking_at_a_call_and_taking_the_history_away_are_entries(client, owner, engine):
    now = timezone.now()
    CallRecord.objects.create(ident="7", call_id="x", since=now, ended=now, noted=0.0, direction="outbound")
    client.force_login(owner)
    for _ in range(2):
        assert client.get("/calls/7/").status_code == 200
    b"".join(client.get("/calls/history/calls.csv").streaming_content)
    told = [(each.verb, each.after["what"]) for each in Entry.objects.filter(verb__in=("view", "download"))]
    assert told == [("download", "call history"), ("view", "call 7")]
