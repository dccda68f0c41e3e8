# SPDX-License-Identifier: GPL-2.0-or-later
"""/api/v1/apply, /api/v1/revisions and /api/v1/health."""

import pytest

from appliance.system.models import Revision, State


@pytest.mark.django_db(transaction=True)
def test_apply_answers_with_the_revision(api):
    answer = api("post", "apply", {"reason": "because"})
    assert answer.status_code == 202
    assert (answer.json()["number"], answer.json()["reason"]) == (1, "because")
    assert api("get", "revisions").json()["count"] == 1
    detail = api("get", "revisions/1").json()
    assert (detail["state"], detail["policy"]["revision"]) == ("failed", 1)
    assert api("get", "revisions/2").status_code == 404


def test_health_says_who_is_down(api):
    health = api("get", "health").json()
    assert health["status"] == "down"
    assert health["sentence"].startswith("The SIP engine does not answer.")
    assert [health[part]["ok"] for part in ("engine", "broker", "redis", "database")] == [False, False, False, True]


def test_health_with_engine_and_broker(api, engine):
    engine.health.update({"enabled": True, "revision": 5})
    Revision.objects.create(number=5, author="anna", state=State.APPLIED, policy={"revision": 5, "node": "local"})
    health = api("get", "health").json()
    assert (health["status"], health["revision"], health["engine"]["revision"]) == ("degraded", 5, 5)
    assert health["redis"]["ok"] is False
