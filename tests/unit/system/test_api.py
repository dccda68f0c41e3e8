# SPDX-License-Identifier: GPL-2.0-or-later
"""/api/v1/apply, /api/v1/revisions and /api/v1/health."""

import pytest

from appliance.firewall.models import Rule
from appliance.firewall.services import create_rule
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


@pytest.mark.django_db(transaction=True)
def test_dry_run_says_changes_nft_and_findings_and_changes_nothing(api, owner):
    create_rule(actor=owner, name="a", source=None, destination=None, service=None, action="drop")
    answer = api("get", "changes").json()
    assert answer["changes"] == ["Rule “a” is new."]
    assert any("+add rule inet appliance forward_r0 counter meta mark" in line for line in answer["nft"])
    assert [finding["code"] for finding in answer["findings"]] == ["locked_out"]
    assert not Revision.objects.exists()


@pytest.mark.parametrize("verb", ["keep", "extend", "undo"])
def test_verbs_of_a_trial_answer_in_words(api, verb):
    assert api("post", f"revisions/1/{verb}").status_code == 404
    Revision.objects.create(number=1, author="anna", state=State.APPLIED, policy={})
    answer = api("post", f"revisions/1/{verb}")
    assert answer.status_code == 422
    assert "does not wait for confirmation" in answer.json()["error"]


@pytest.mark.django_db(transaction=True)
def test_compare_and_go_back(api, owner):
    api("post", "apply", {"confirm_within": 90})
    rule = create_rule(actor=owner, name="a", source=None, destination=None, service=None, action="drop")
    api("post", "apply", {})
    assert api("get", "revisions/2/compare?since=1").json()["changes"] == ["Rule “a” is new."]
    assert api("post", "revisions/1/go-back").status_code == 200
    assert not Rule.objects.filter(pk=rule.pk).exists()
    assert api("post", "apply", {"confirm_within": 5}).json()["fields"]["confirm_within"]


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
