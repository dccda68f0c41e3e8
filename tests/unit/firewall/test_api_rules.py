# SPDX-License-Identifier: GPL-2.0-or-later
"""/api/v1/rules."""

from datetime import timedelta

import pytest
from django.middleware.csrf import CSRF_SECRET_LENGTH
from django.test import Client
from django.utils import timezone

from appliance.firewall.models import Hits


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


def test_rule_of_every_table_with_all_that_it_can_say(api, pbx, web):
    api("post", "schedules", {"name": "Office", "weekdays": [0], "begin": "08:00", "end": "18:00"})
    api("post", "services", {"name": "HTTPS", "protocol": "tcp", "ports": "443"})
    body = {
        "name": "Remote maintenance", "table": "dnat", "action": "dnat", "from_zone": "external", "service": "HTTPS",
        "target": "PBX", "target_port": 8443, "until": "2030-01-01T12:00:00Z", "schedule": "Office",
        "section": "Support", "tags": ["pbx"],
    }  # fmt: skip
    rule = api("post", "rules", body).json()
    assert {key: rule[key] for key in body} == body
    assert (rule["expired"], rule["hits"], rule["last_hit"]) == (False, None, None)
    assert (rule["hits_by_day"], rule["connections"]) == (None, None)
    assert api("get", "rules?table=dnat").json()["count"] == 1
    assert api("get", "rules?table=input").json()["count"] == 0
    assert api("get", "rules?table=nat").status_code == 422


def test_etag_stays_strong_where_pages_travel_compressed(api, make_rule):
    answer = api("get", f"rules/{make_rule('a').pk}", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["ETag"] == '"1"'
    assert "Content-Encoding" not in answer.headers


def test_etag_guards_against_lost_updates(client, api, token, make_rule):
    rule = make_rule("a")

    def patch(tag, **change):
        return client.patch(
            f"/api/v1/rules/{rule.pk}", data=change, content_type="application/json",
            headers={"Authorization": f"Bearer {token}", "If-Match": tag},
        )  # fmt: skip

    tag = api("get", f"rules/{rule.pk}").headers["ETag"]
    changed = patch(tag, name="b")
    assert (changed.status_code, changed.headers["ETag"]) == (200, '"2"')
    assert patch(tag, name="c").status_code == 412
    assert list(api("patch", f"rules/{rule.pk}", {"name": "c"}).json()["fields"]) == ["version"]
    assert api("get", f"rules/{rule.pk}").json()["name"] == "b"


def test_rule_is_moved_to_a_position_and_cloned(api, make_rule):
    a, _b = make_rule("a"), make_rule("b")
    assert api("patch", f"rules/{a.pk}", {"version": 1, "position": 2}).json()["position"] == 2
    assert api("post", f"rules/{a.pk}/clone").json()["name"] == "Copy of a"
    assert [rule["name"] for rule in api("get", "rules").json()["items"]] == ["b", "a", "Copy of a"]


def test_schedules(api):
    body = {"name": "Office", "weekdays": [0, 4], "begin": "08:00", "end": "18:00", "timezone": "Europe/Berlin"}
    made = api("post", "schedules", body).json()
    assert api("put", f"schedules/{made['id']}", body | {"timezone": "Nowhere"}).json()["fields"]["timezone"]
    assert api("put", f"schedules/{made['id']}", body | {"end": "19:00"}).json()["end"].startswith("19:00")
    assert api("get", "schedules").json()["count"] == 1
    assert api("delete", f"schedules/{made['id']}").status_code == 204


def test_address_is_replaced_everywhere(api, make_rule, pbx, provider):
    make_rule("a", source=pbx)
    assert api("post", f"addresses/{pbx.pk}/replace?by=Provider").json() == {"places": 1}
    assert api("post", f"addresses/{pbx.pk}/replace?by=Nobody").json()["fields"]["by"]
    assert api("get", "rules").json()["items"][0]["source"] == "Provider"


def test_a_long_list_costs_no_more_questions_than_a_short_one(api, make_rule, django_assert_max_num_queries, web):
    for number in range(30):
        make_rule(f"r{number}", service=web)
    with django_assert_max_num_queries(8):
        assert api("get", "rules").json()["count"] == 30


def test_week_of_hits_and_open_connections_are_read_only(api, make_rule):
    rule, now = make_rule("a"), timezone.now()
    days = {(now.date() - timedelta(days=ago)).isoformat(): packets for ago, packets in ((7, 99), (6, 4), (0, 2))}
    Hits.objects.create(rule_id=rule.pk, packets=105, last=now, days=days, connections=3, connections_at=now)
    (told,) = api("get", "rules").json()["items"]
    assert told["connections"] == 3
    assert list(told["hits_by_day"].values()) == [4, 0, 0, 0, 0, 0, 2]
    assert list(told["hits_by_day"])[-1] == now.date().isoformat()
    assert api("patch", f"rules/{rule.pk}", {"version": 1, "connections": 9, "log": True}).json()["connections"] == 3
    Hits.objects.update(connections_at=now - timedelta(hours=1))
    assert api("get", f"rules/{rule.pk}").json()["connections"] is None


def test_what_is_counted_is_described(api):
    described = api("get", "openapi.json").json()["components"]["schemas"]["RuleOut"]["properties"]
    assert "seven days" in described["hits_by_day"]["description"]
    assert "Open connections" in described["connections"]["description"]
