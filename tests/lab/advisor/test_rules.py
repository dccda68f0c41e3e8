# SPDX-License-Identifier: GPL-2.0-or-later
"""The advisor on rules and objects: what administrators do wrong is found, its fix is a draft, and then it is gone."""

from __future__ import annotations

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.lab import topology
from sipalg_core.net import Endpoint
from tests.lab.advisor.reading import PATIENCE, allow, change, finding, fixed, forward, found, gone
from tests.lab.fake_resolver import fake_resolver
from tests.lab.kernel_rig import udp
from tests.lab.running import PROJECT, RunningLab, until

pytestmark = pytest.mark.lab

COUNTRY = "LI"
BUNDLED = ("NRO, by ip-location-db", "2026-06-17")


def test_check_a01_a02_a10_a11_a15_forwardings_that_do_harm(ruled: RunningLab) -> None:
    lab = ruled
    numbers = {
        "SIP in": forward(lab, "SIP in", "5060"),
        "RTP in": forward(lab, "RTP in", "16384-32767"),
        "Web in": forward(lab, "Web in", "443", "tcp"),
    }
    lab.apply("forwardings that do harm")
    with udp(topology.WAN, Endpoint(topology.STRANGER, 5062)) as scanner:
        scanner.sendto(b"OPTIONS sip:100@x SIP/2.0\r\n\r\n", (topology.APPLIANCE_OUTSIDE, 5060))
    findings = {
        check: f"{check}-rule-{numbers[name]}"
        for check, name in (
            ("A01", "SIP in"), ("A10", "SIP in"), ("A15", "SIP in"), ("A02", "RTP in"), ("A11", "Web in"),
        )
    }  # fmt: skip
    for check, ident in findings.items():
        seen = found(lab, ident)
        name = next(name for name, number in numbers.items() if str(number) == ident.rpartition("-")[2])
        assert name in seen["text"]
        assert (seen["severity"] == "error") == (check in ("A01", "A02"))
    assert until(lambda: "Today 1 packet from outside came in by it." in found(lab, findings["A10"])["evidence"], 30.0)
    fixed(lab, findings["A01"], findings["A02"], findings["A11"])
    gone(lab, *findings.values())
    rules = {each["id"]: each for each in lab.get("rules?table=dnat")["items"]}
    assert not any(rules[number]["enabled"] for number in numbers.values())


def test_check_a12_a24_countries_that_are_approximate_and_old(ruled: RunningLab) -> None:
    """The data in use is replaced by an old edition, and by the one that came with the appliance afterwards."""
    lab = ruled
    lab.request("POST", "addresses", {"name": "Country", "kind": "country", "value": COUNTRY})
    rule = forward(lab, "Web from a country", "443", "tcp", until=days(30))
    change(lab, rule, source="Country")
    lab.apply("a country")
    assert "Liechtenstein" in found(lab, f"A12-rule-{rule}")["evidence"][1]
    assert finding(lab, f"A11-rule-{rule}") is None
    try:
        use(lab, "old", "2025-01-01", {"old.csv": f"198.51.100.0/25,{COUNTRY}\n".encode()})
        assert "2025-01-01" in found(lab, "A24-countries")["evidence"][0]
    finally:
        folder = PROJECT / "vendor/country"
        use(lab, *BUNDLED, {name: (folder / name).read_bytes() for name in ("ipv4.csv", "ipv6.csv")})
    gone(lab, "A24-countries")
    lab.request("POST", "addresses", {"name": "Support", "kind": "host", "value": topology.SUPPORT})
    change(lab, rule, source="Support")
    lab.apply("an address is better")
    gone(lab, f"A12-rule-{rule}")


def test_check_a24_rules_that_end_do_nothing_or_are_forgotten(ruled: RunningLab) -> None:
    lab = ruled
    wide = allow(lab, "Wide", "40000-40010")
    narrow = allow(lab, "Narrow", "40005")
    ending = allow(lab, "Ending", "40020", until=days(1))
    lab.apply("rules that want looking after")
    assert "Narrow" in found(lab, f"A24-shadowed-{narrow}")["evidence"][0]
    assert "ends" in found(lab, f"A24-ends-{ending}")["evidence"][1]
    fixed(lab, f"A24-shadowed-{narrow}")
    change(lab, ending, until=days(30))
    lab.apply("it goes on")
    gone(lab, f"A24-ends-{ending}")
    hundred_days_ago(lab, wide)  # nobody waits for them
    assert "100 days" in found(lab, f"A24-unused-{wide}")["evidence"][1]
    fixed(lab, f"A24-unused-{wide}")


def test_check_a24_name_that_cannot_be_resolved(ruled: RunningLab) -> None:
    lab = ruled
    with fake_resolver() as resolver:
        lab.request("PUT", "name-servers", {"servers": [resolver.server]})
        try:
            name = {"name": "Nowhere", "kind": "dns", "value": "nowhere.example"}
            ident = lab.request("POST", "addresses", name)["id"]
            seen = found(lab, f"A24-object-{ident}")
            assert (seen["severity"], "Nowhere" in seen["text"]) == ("warning", True)
            resolver.zone = {("nowhere.example", "A"): [topology.SUPPORT]}
            lab.request("POST", f"addresses/{ident}/refresh")
            gone(lab, f"A24-object-{ident}")
        finally:
            lab.request("PUT", "name-servers", {"servers": []})


def days(number: int) -> str:
    return (datetime.now(UTC) + timedelta(days=number)).isoformat()


def hundred_days_ago(lab: RunningLab, rule: int) -> None:
    """As if the rule had been counted for so long; without hits."""
    assert until(lambda: rule in {each["id"] for each in lab.get("rules")["items"]}, PATIENCE)
    lab.manage("shell", "-c", f"""
from datetime import timedelta
from django.utils import timezone
from appliance.firewall.models import Hits
since = timezone.now() - timedelta(days=100)
Hits.objects.update_or_create(rule_id={rule}, defaults={{"since": since, "last": None}})
""")  # fmt: skip


def use(lab: RunningLab, name: str, published: str, files: dict[str, bytes]) -> None:
    """Upload an edition of country data and let it be the one."""
    edge = "----edge"
    parts = [f'name="{key}"\r\n\r\n{value}'.encode() for key, value in (("name", name), ("published", published))]
    parts += [
        f'name="files"; filename="{file}"\r\nContent-Type: text/csv\r\n\r\n'.encode() + text
        for file, text in files.items()
    ]
    body = b"".join(f"--{edge}\r\nContent-Disposition: form-data; ".encode() + part + b"\r\n" for part in parts)
    request = urllib.request.Request(
        f"{lab.console}/api/v1/country-data", method="POST", data=body + f"--{edge}--\r\n".encode(),
        headers={
            "Authorization": f"Bearer {lab.token}", "Content-Type": f"multipart/form-data; boundary={edge}",
        },
    )  # fmt: skip
    with urllib.request.urlopen(request, timeout=120) as response:
        made: dict[str, Any] = json.load(response)
    lab.request("POST", f"country-data/{made['id']}/use?force=true")
