# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of the log: filters, the export that no spreadsheet executes, and the check."""

import csv
import io

import pytest

from appliance.audit.models import Entry
from appliance.audit.services import record

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


def exported(console, asked=""):
    text = b"".join(console.get(f"/audit/export/?{asked}").streaming_content).decode()
    return list(csv.reader(io.StringIO(text)))


def test_filters(console, owner):
    for number in range(3):
        record(actor=f"person {number}", verb="create", target=owner, reason=f"ticket {number}")
    text = console.get("/audit/?actor=person+1").content.decode()
    assert "ticket 1" in text
    assert "ticket 2" not in text
    assert "ticket 2" in console.get("/audit/?words=TICKET+2").content.decode()
    assert "No entry matches." in console.get("/audit/?until=2020-01-01").content.decode()
    assert "No entry matches." in console.get("/audit/?until=nonsense").content.decode()


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_export_holds_no_formula(console, owner, name):
    record(actor=name, verb="create", target=owner, reason=name, before={"x": name})
    rows = exported(console)
    forged = next(row for row in rows if row[4] == "create" and name.strip() in row[2])
    for cell in forged:
        assert not cell.startswith(("=", "+", "-", "@", "\t", "\r"))


def test_export_is_itself_an_entry_and_takes_the_filter(console, owner):
    record(actor="ben", verb="create", target=owner)
    rows = exported(console, "actor=ben")
    assert [row[2] for row in rows[1:]] == ["ben"]
    assert Entry.objects.first().verb == "download"


def test_where_it_came_from_is_always_filled_in(console, owner):
    console.post("/firewall/rules/add/", {"name": "x", "action": "drop"}, REMOTE_ADDR="192.168.0.20")
    assert Entry.objects.get(verb="create").source == "192.168.0.20"
    assert record(actor="time", verb="test", target=owner).source == "device"


def test_hostile_text_is_text(console, owner):
    record(actor="<script>alert(1)</script>", verb="create", target=owner, reason="<img src=x onerror=alert(1)>")
    text = console.get("/audit/").content.decode()
    assert "<script>alert" not in text
    assert "<img src=x" not in text


def test_check_says_that_it_holds(console):
    assert "The log holds" in console.get("/audit/check/").content.decode()
