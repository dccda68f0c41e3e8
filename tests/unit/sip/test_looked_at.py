# SPDX-License-Identifier: GPL-2.0-or-later
"""Who looked at calls is in the audit log, whichever way he looked: page, fragment, REST, live topic, download."""

import pytest
from channels.db import database_sync_to_async
from django.test import Client

from appliance.audit.models import Entry
from appliance.sip import services
from tests.live_socket import live
from tests.unit.sip.test_calls import MESSAGE, PARTS, TEXTS
from tests.unit.sip.test_history import ended

WAYS = {
    "/calls/": "live calls",
    "/calls/c1/": "call c1",
    "/calls/c1/messages/m1/": "call c1",
    "/calls/history/": "call history",
    "/api/v1/calls": "live calls",
    "/api/v1/calls/c1": "call c1",
    "/api/v1/calls/c1/messages": "call c1",
    "/api/v1/calls/history": "call history",
}
TAKEN = {
    "/calls/c1/export/?form=pcap": "messages of call c1",
    "/calls/c1/export/?form=text": "messages of call c1",
    "/calls/history/calls.csv": "call history",
}


@pytest.fixture
def known(engine, db):
    engine.items["call"], engine.items["trace"] = PARTS, [MESSAGE | TEXTS]
    services.note_ended([ended("c1")])


def noted(verb):
    return [(each.actor, each.source, each.after["what"]) for each in Entry.objects.filter(verb=verb)]


@pytest.mark.parametrize(("path", "what"), WAYS.items())
def test_a_look_is_an_entry_and_going_on_looking_is_none(known, owner, path, what):
    client = Client(REMOTE_ADDR="192.168.0.20")
    client.force_login(owner)
    for _ in range(3):
        assert client.get(path).status_code == 200
    assert noted("view") == [("anna", "192.168.0.20", what)]


@pytest.mark.parametrize(("path", "what"), TAKEN.items())
def test_each_download_is_an_entry(known, owner, path, what):
    client = Client(REMOTE_ADDR="192.168.0.20")
    client.force_login(owner)
    for _ in range(2):
        assert client.get(path).status_code == 200
    assert noted("download") == [("anna", "192.168.0.20", what)] * 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("topic", "what"), [("calls", "live calls"), ("call:c1", "call c1")])
async def test_a_live_topic_is_a_look_as_well(engine, token, topic, what):
    engine.items["call"] = PARTS
    async with live((b"authorization", f"Bearer {token}".encode())) as socket:
        await socket.send({"subscribe": [topic, "health"]})
        await socket.receive("health")
        assert await database_sync_to_async(noted)("view") == [("anna", "192.168.0.20", what)]
