# SPDX-License-Identifier: GPL-2.0-or-later
"""/metrics as Prometheus reads it: figures, parts that are down, and nobody without a token."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from appliance.accounts.services import create_api_token
from appliance.permissions import Role
from tests.unit.people import person
from tests.unit.sip.test_api import CALL


@pytest.fixture
def scrape(client, token):
    def asked():
        answer = client.get("/metrics", headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain")
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(answer.content.decode())
            for sample in family.samples
        }

    return asked


def test_figures_are_fresh_from_the_engine(scrape, engine):
    engine.rows["calls"] = [CALL, CALL | {"id": "c2", "verdict": None}, CALL | {"id": "c3", "state": "completed"}]
    engine.rows["registrations"] = [{"state": "registered"}, {"state": "overdue"}, {"state": "registered"}]
    engine.items["counters"] = [{"side": "external", "method": "INVITE", "status": 486, "messages": 3}]
    engine.items["transactions"] = [{"method": method} for method in ("INVITE", "BYE", "BYE")]
    engine.health["counters"] = {"dropped:no-rule": 7, "received": 12}
    engine.health["pinholes"] = 4
    found = scrape()
    assert found["pinhole_calls", "in_call"] == 2
    assert found["pinhole_calls", "completed"] == 1
    assert found["pinhole_call_verdicts", "audio-both"] == found["pinhole_call_verdicts", "none"] == 1
    assert found["pinhole_registrations", "registered"] == 2
    assert found["pinhole_pinholes",] == 4
    assert found["pinhole_messages_total", "INVITE", "external", "486"] == 3
    assert (found["pinhole_transactions", "INVITE"], found["pinhole_transactions", "BYE"]) == (1, 2)
    assert found["pinhole_events_total", "dropped", "no-rule"] == 7
    assert found["pinhole_events_total", "received", ""] == 12
    assert (found["pinhole_up", "engine"], found["pinhole_up", "broker"], found["pinhole_up", "redis"]) == (1, 1, 0)


def test_broker_that_is_down_is_told(scrape, engine):
    engine.broker = False
    assert scrape()["pinhole_up", "broker"] == 0


def test_engine_that_is_down_is_a_figure_and_no_fault(scrape):
    found = scrape()
    assert found == {("pinhole_up", "redis"): 0, ("pinhole_up", "engine"): 0, ("pinhole_up", "broker"): 0}


@pytest.mark.django_db
def test_nobody_reads_them_unknown(client, engine):
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"Authorization": "Bearer ph_wrong"}).status_code == 401


def test_who_may_not_is_told_so(client, db, engine):
    text = create_api_token(user=person(Role.SUPPORT), name="tests")[1]
    assert client.get("/metrics", headers={"Authorization": f"Bearer {text}"}).status_code == 401


def test_signed_in_people_may_look(client, owner, engine):
    client.force_login(owner)
    assert client.get("/metrics").status_code == 200
    assert client.post("/metrics").status_code == 405
