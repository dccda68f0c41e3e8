# SPDX-License-Identifier: GPL-2.0-or-later
"""/api/v1/rules."""

import pytest
from django.middleware.csrf import CSRF_SECRET_LENGTH
from django.test import Client


@pytest.fixture
def body(pbx, provider, sip):
    return {"name": "Phones out", "source": "PBX", "destination": "Provider", "service": sip.pk, "action": "accept"}


def test_rule_is_created_listed_changed_and_deleted(api, body):
    created = api("post", "rules", body)
    assert created.status_code == 201
    rule = created.json()
    assert (rule["source"], rule["service"], rule["position"], rule["version"]) == ("PBX", "SIP", 1, 1)
    assert api("get", "rules").json() == {"items": [rule], "count": 1}
    changed = api("patch", f"rules/{rule['id']}", {"version": 1, "enabled": False}).json()
    assert (changed["enabled"], changed["version"], changed["source"]) == (False, 2, "PBX")
    assert api("get", f"rules/{rule['id']}").json() == changed
    assert api("delete", f"rules/{rule['id']}").status_code == 204
    assert api("get", "rules").json() == {"items": [], "count": 0}


def test_rule_can_be_placed_and_moved(api, make_rule):
    first = make_rule("a")
    second = api("post", "rules", {"name": "b", "action": "drop", "before": first.pk}).json()
    assert second["position"] == 1
    assert api("patch", f"rules/{second['id']}", {"version": 1, "after": first.pk}).json()["position"] == 2


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"source": "Nobody"}, "source"), ({"action": "allow"}, "action"), ({"name": None}, "name"),
        ({"before": 99}, "before"), ({"before": 1, "position": 1}, "position"), ({"destination": None}, "destination"),
    ],
)  # fmt: skip
def test_error_names_the_field(api, body, change, field):
    answer = api("post", "rules", body | change)
    assert answer.status_code == 422
    assert list(answer.json()["fields"]) == [field]
    assert answer.json()["error"]


def test_old_version_is_refused(api, body):
    rule = api("post", "rules", body).json()
    api("patch", f"rules/{rule['id']}", {"version": 1, "name": "x"})
    answer = api("patch", f"rules/{rule['id']}", {"version": 1, "name": "y"})
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["version"])


def test_broken_json_and_unknown_rule(client, api, token):
    answer = client.post(
        "/api/v1/rules", data="{", content_type="application/json", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code in (400, 422)
    assert "error" in answer.json()
    assert api("get", "rules/99").status_code == 404


def test_without_or_with_a_wrong_token_nothing_is_told(client, db):
    for headers in ({}, {"Authorization": "Bearer ph_wrong"}):
        for method in ("get", "post"):
            answer = getattr(client, method)("/api/v1/rules", headers=headers)
            assert (answer.status_code, list(answer.json())) == (401, ["error"])


def test_session_reads_freely_and_writes_with_the_csrf_token_only(owner, make_rule):
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(owner)
    rule = make_rule("a")
    assert browser.get("/api/v1/rules").json()["count"] == 1
    refused = browser.delete(f"/api/v1/rules/{rule.pk}")
    assert (refused.status_code, list(refused.json())) == (403, ["error"])
    browser.cookies["csrftoken"] = secret = "x" * CSRF_SECRET_LENGTH
    assert browser.delete(f"/api/v1/rules/{rule.pk}", headers={"X-CSRFToken": secret}).status_code == 204
