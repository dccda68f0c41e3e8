# SPDX-License-Identifier: GPL-2.0-or-later
"""The advisor's page and its REST: findings from the rows, what somebody lets be, and fixes that are drafts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.urls import reverse
from django.utils import timezone

from appliance.advisor.checks import advise
from appliance.advisor.reading import noted, read
from appliance.audit.models import Entry
from appliance.firewall.models import Rule
from appliance.firewall.services import create_address, create_rule, create_service
from appliance.network.services import save_interface
from appliance.system import services
from appliance.system.models import Ignored
from tests.unit.advisor.test_checks import PROVOKED


@pytest.fixture
def forwarding(owner) -> Rule:
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24"])
    pbx = create_address(actor=owner, name="PBX", kind="host", value="192.168.0.2")
    web = create_service(actor=owner, name="HTTPS", protocol="tcp", ports="443")
    return create_rule(
        actor=owner, name="PBX from afar", table="dnat", action="dnat", service=web, target=pbx, from_zone="external"
    )


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


def finding_of(rule: Rule) -> str:
    return f"A11-rule-{rule.pk}"


def test_page_shows_finding_evidence_and_what_could_not_be_checked(console, forwarding):
    text = console.get("/system/advisor/").content.decode()
    assert "“PBX from afar” is open without end and for everybody." in text
    assert "HTTPS from anybody to PBX." in text
    assert "checks could not be made" in text  # neither engine nor netadmin runs here


def test_ignored_finding_is_not_open_until_its_end(console, owner, forwarding):
    services.ignore_finding(
        actor=owner, finding=finding_of(forwarding), reason="wanted", until=timezone.now() + timedelta(days=1)
    )
    reading = read()
    assert finding_of(forwarding) not in {each.id for each in reading.findings}
    assert [ignored.reason for _finding, ignored in reading.let_be] == ["wanted"]
    assert "Ignored by" in console.get("/system/advisor/").content.decode()
    Ignored.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert finding_of(forwarding) in {each.id for each in read().findings}


def test_ignoring_needs_a_reason_and_an_end_that_is_to_come(owner, forwarding):
    with pytest.raises(ValidationError, match="Say why"):
        services.ignore_finding(actor=owner, finding=finding_of(forwarding), reason=" ")
    with pytest.raises(ValidationError, match="in the past"):
        services.ignore_finding(
            actor=owner, finding=finding_of(forwarding), reason="x", until=timezone.now() - timedelta(1)
        )
    with pytest.raises(ValidationError, match="no such finding"):
        services.ignore_finding(actor=owner, finding="A" * 500, reason="x")
    assert not Ignored.objects.exists()


def test_form_ignores_and_the_button_minds_again(console, forwarding):
    address = reverse("system:advisor_ignore", args=[finding_of(forwarding)])
    assert "Say why" not in console.get(address).content.decode()
    assert console.post(address, {"reason": ""}).status_code == 200
    assert console.post(address, {"reason": "we know"}).status_code == 302
    ignored = Ignored.objects.get()
    console.post(reverse("system:advisor_mind", args=[ignored.pk]))
    assert not Ignored.objects.exists()
    assert list(Entry.objects.values_list("verb", flat=True)[:2]) == ["mind", "ignore"]


def test_fix_is_a_draft(console, forwarding):
    console.post(reverse("system:advisor_fix", args=[finding_of(forwarding)]))
    forwarding.refresh_from_db()
    assert not forwarding.enabled
    assert finding_of(forwarding) not in {each.id for each in read().findings}
    assert console.post(reverse("system:advisor_fix", args=[finding_of(forwarding)])).status_code == 404


def test_rest_says_the_same(console, forwarding):
    told = console.get("/api/v1/advisor").json()
    (item,) = (each for each in told["items"] if each["id"] == finding_of(forwarding))
    assert item["severity"] == "warning"
    assert item["fixable"]
    assert "A06" in told["missed"]
    answer = console.post(f"/api/v1/advisor/{item['id']}/ignore", {"reason": "wanted"}, content_type="application/json")
    assert answer.status_code == 201
    assert console.get("/api/v1/advisor").json()["ignored"][0]["finding"] == item["id"]
    assert console.delete(f"/api/v1/advisor/ignored/{answer.json()['id']}").status_code == 204


def test_its_own_round_is_what_the_overview_shows(console, owner, forwarding):
    assert noted() == []
    services.note_advice()
    assert finding_of(forwarding) in {each["id"] for each in noted()}
    assert "“PBX from afar” is open without end" in console.get("/").content.decode()
    services.ignore_finding(actor=owner, finding=finding_of(forwarding), reason="wanted")
    assert noted() == []


@pytest.mark.parametrize("check", PROVOKED)
def test_every_fix_leads_to_a_page_that_exists(check: str):
    for finding in advise(PROVOKED[check]).findings:
        for fix in finding.fixes:
            if fix.verb == "open":
                assert reverse(fix.page, args=[] if fix.argument is None else [fix.argument])
