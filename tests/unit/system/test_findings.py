# SPDX-License-Identifier: GPL-2.0-or-later
"""Whatever any of the checks finds is complete: id, link, evidence, why, help, fix, REST, page, metrics, and let be."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone, translation

from appliance.advisor.checks import CHECKS, advise
from appliance.advisor.evidence import Evidence
from appliance.advisor.finding import Finding
from appliance.help.pages import PAGES
from appliance.permissions import Role
from appliance.sip.models import AlgSettings
from appliance.system import services
from tests.unit.advisor.test_checks import PROVOKED
from tests.unit.people import person

DRAFTS = {"A01", "A02", "A08", "A10", "A11", "A15", "A17", "A19", "A23", "A24"}
"""Checks whose fix is a change that can be made for the operator; others lead to where it is made."""
ELSEWHERE = {"A05"}
"""What helps against it is the provider's to do."""
GUIDES = {"A03": "stun-off", "A21": "kernel-helper", "A22": "router-sip-alg"}
"""Checks against which something helps that is done on another device, or as root: the page that says how."""


@pytest.fixture(params=[check.id for check in CHECKS])
def check(request) -> str:
    return request.param


@pytest.fixture
def seen(check, monkeypatch) -> Evidence:
    """What the advisor gets to see: what provokes this check."""
    evidence = PROVOKED[check]
    monkeypatch.setattr("appliance.advisor.reading.gather", lambda: evidence)
    monkeypatch.setattr("appliance.system.services.advisor.gather", lambda: evidence)
    return evidence


@pytest.fixture
def findings(check, seen) -> list[Finding]:
    return [each for each in advise(seen).findings if each.check == check]


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


def test_finding_is_complete(check, findings):
    for each in findings:
        assert re.fullmatch(r"[A-Za-z0-9.:_-]+", each.id), "it stands in addresses and in metrics"
        assert all(each.evidence), "packet, rule or time"
        assert each.evidence
        assert 1 <= len(re.findall(r"[.!?](?=\s|$)", each.why)) <= 3
        assert each.help in PAGES
        assert bool(each.fixes) == (check not in ELSEWHERE)
        assert (each.draft is not None) == (check in DRAFTS and not each.id.startswith(("A24-object", "A24-ends")))


def test_its_id_is_the_same_in_every_language_and_at_any_time(findings, check, seen):
    with translation.override("de"):
        assert [each.id for each in advise(seen).findings if each.check == check] == [each.id for each in findings]


def test_page_shows_it_by_its_permanent_link(console, findings):
    text = console.get(reverse("system:advisor")).content.decode()
    for each in findings:
        assert f'id="{each.id}"' in text
        assert f'href="#{each.id}"' in text
        assert reverse("ui:help_page", args=[each.help]) in text


def test_rest_tells_all_of_it(console, findings, check):
    told = console.get("/api/v1/advisor").json()
    items = {item["id"]: item for item in told["items"]}
    for each in findings:
        item = items[each.id]
        assert (item["check"], item["severity"], item["text"], item["why"]) == (
            check, each.severity, each.text, each.why,
        )  # fmt: skip
        assert item["evidence"] == list(each.evidence)
        assert item["commands"] == list(each.commands)
        assert item["page"] == f"/system/advisor/#{each.id}"
        assert item["help"] == f"/help/{each.help}/"
        assert item["fixable"] == (each.draft is not None) == any(fix["draft"] for fix in item["fixes"])
        assert all(fix["label"] and (fix["draft"] or fix["page"].startswith("/")) for fix in item["fixes"])
    (row,) = [row for row in told["checks"] if row["id"] == check]
    assert (row["made"], bool(row["looks_at"]), bool(row["last"])) == (True, True, True)


@pytest.mark.parametrize("check", GUIDES, indirect=True)
def test_what_is_done_elsewhere_has_a_guide(console, findings, check):
    text = console.get(reverse("system:advisor")).content.decode()
    address = reverse("ui:help_page", args=[GUIDES[check]])
    assert f'href="{address}"' in text
    assert PAGES[GUIDES[check]].guides
    for each in findings:
        assert bool(each.commands) == (check == "A21")
        assert all(command in text for command in each.commands)
        assert (f'data-copy="#commands-{each.id}"' in text) == bool(each.commands)


@pytest.mark.django_db
@pytest.mark.parametrize("check", ["A20"], indirect=True)
def test_fix_that_the_reader_may_not_open_is_not_offered(client, findings):
    shown = {}
    for role in (Role.TECHNICIAN, Role.ADMINISTRATOR):
        client.force_login(person(role))
        shown[role] = client.get(reverse("system:advisor")).content.decode()
        assert f'id="{findings[0].id}"' in shown[role]
    assert "/calls/c1/bundle/" not in shown[Role.TECHNICIAN]
    assert "/calls/c1/bundle/" in shown[Role.ADMINISTRATOR]


def test_it_is_let_be_with_a_reason_until_an_end(console, findings):
    ends = timezone.now() + timedelta(days=2)
    for each in findings:
        body = {"reason": "we know", "until": ends.isoformat()}
        answer = console.post(f"/api/v1/advisor/{each.id}/ignore", body, content_type="application/json")
        assert answer.status_code == 201
    told = console.get("/api/v1/advisor").json()
    ids = {each.id for each in findings}
    assert not ids & {item["id"] for item in told["items"]}
    assert {row["finding"] for row in told["ignored"]} == ids
    assert all(row["reason"] == "we know" and row["until"] for row in told["ignored"])


def test_metrics_have_it_and_whether_it_is_let_be(console, owner, findings, check):
    services.note_advice()
    services.ignore_finding(actor=owner, finding=findings[0].id, reason="we know")
    text = console.get("/metrics").content.decode()
    for each in findings:
        ignored = str(each is findings[0]).lower()
        line = (
            f'pinhole_advisor_finding{{check="{check}",finding="{each.id}",ignored="{ignored}",'
            f'severity="{each.severity}"}} 1.0'
        )
        assert line in text
    assert f'pinhole_advisor_check_made{{check="{check}"}} 1.0' in text
    assert "pinhole_advisor_round_time_seconds" in text


@pytest.mark.parametrize(
    ("check", "path", "value"),
    [
        ("A17", "policy.media_ports", "10000-29999"),
        ("A19", "timers.inactive_media", 240),
    ],
    indirect=["check"],
)
def test_fix_of_a_setting_is_a_draft(console, findings, path, value):
    assert console.post(f"/api/v1/advisor/{findings[0].id}/fix").status_code == 204
    assert AlgSettings.objects.get().values[path] == value


def test_checks_that_cannot_be_made_say_when_they_last_were(console, monkeypatch):
    monkeypatch.setattr("appliance.system.services.advisor.gather", lambda: PROVOKED["A03"])
    services.note_advice()
    blind = Evidence(PROVOKED["A03"].at, PROVOKED["A03"].policy)
    monkeypatch.setattr("appliance.advisor.reading.gather", lambda: blind)
    (row,) = [row for row in console.get("/api/v1/advisor").json()["checks"] if row["id"] == "A03"]
    assert (row["made"], bool(row["last"])) == (False, True)
    text = console.get(reverse("system:advisor") + "?checks").content.decode()
    assert text.count("data-check=") == len(CHECKS)
    assert "<details" in text


def test_nothing_to_report_leads_to_the_checks(console, monkeypatch):
    evidence = PROVOKED["A03"]
    blind = Evidence(evidence.at, evidence.policy)
    monkeypatch.setattr("appliance.advisor.reading.gather", lambda: blind)
    text = console.get(reverse("system:advisor")).content.decode()
    assert "Nothing to report." in text
    assert 'href="?checks#checks"' in text


def test_menu_counts_what_is_open(console, monkeypatch, owner):
    monkeypatch.setattr("appliance.system.services.advisor.gather", lambda: PROVOKED["A03"])
    services.note_advice()
    assert re.search(r'Advisor <span class="count">1<', console.get(reverse("ui:help")).content.decode())
    services.ignore_finding(actor=owner, finding="A03-192.168.0.2", reason="we know")
    assert 'class="count"' not in console.get(reverse("ui:help")).content.decode()
