# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections towards the operator: mistakes of a filter at the field, words where netadmin is silent, an audit."""

import pytest
from django.utils import timezone

from appliance.audit.models import Entry
from appliance.firewall.models import Content
from appliance.firewall.services import upload_country_data, use_country_data
from appliance.kernel import answers
from appliance.kernel.connections import Selection
from appliance.ruleset import policy
from appliance.system import services
from appliance.system.models import OldConnections, Revision, State

pytestmark = pytest.mark.django_db

ROW = {
    "id": 7, "protocol": "tcp", "source": "192.168.0.66", "sport": 4000, "destination": "203.0.113.1", "dport": 23,
    "translated_source": "203.0.113.2", "translated_sport": 4000, "translated_destination": "",
    "translated_dport": None,
    "from_zone": "internal", "to_zone": "external", "state": "established", "timeout": 60, "packets": None,
    "call": False, "verdict": "denied", "rule": "auto:default_deny", "dnat": "", "snat": "",
}  # fmt: skip


@pytest.fixture
def running(owner):
    frozen = policy.dump(policy.Policy(1, "local"))
    return Revision.objects.create(
        number=1, author="anna", policy=frozen, state=State.APPLIED,
        old_connections={"old": 3, "calls": 1, "choice": OldConnections.ASK},
    )  # fmt: skip


@pytest.fixture
def netadmin(monkeypatch):
    """Answers as kernel.answers would; with the kernel it stands in tests/lab."""
    asked = []
    answers = {"connections": {"items": [ROW], "total": 1}, "flush": {"closed": 14, "spared": 2}}

    def ask(question, **arguments):
        asked.append((question, arguments))
        return answers[question]

    monkeypatch.setattr("appliance.system.queries.ask", ask)
    monkeypatch.setattr("appliance.system.services.connections.ask", ask)
    return asked


def test_nobody_answers_and_the_page_and_the_api_say_so(client, owner, api, running):
    client.force_login(owner)
    assert b"The job queue (Redis) does not answer." in client.get("/system/connections/").content
    assert api("get", "connections").status_code == 503
    answer = api("post", "connections/flush", {"host": "192.168.0.66"})
    assert answer.status_code == 503
    assert list(Entry.objects.filter(verb__startswith="flush").values_list("verb", flat=True)) == ["flush"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ("host=300.1.1.1", "host"),
        ("port=0", "port"),
        ("zone=moon", "zone"),
        ("address=9", "address"),
        ("rule=x", "rule"),
    ],
)
def test_mistake_in_a_filter_is_told_at_its_field(api, asked, field):
    answer = api("get", f"connections?{asked}")
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])


def test_filter_by_object_and_rule_is_what_they_mean(api, netadmin, running, owner):
    address = api("post", "addresses", {"name": "PC", "kind": "host", "value": "192.168.0.66"}).json()
    rule = api("post", "rules", {"name": "x", "action": "drop"}).json()
    assert api("get", f"connections?address={address['id']}&rule={rule['id']}").json()["count"] == 1
    expected = Selection(within=("192.168.0.66",), rule=f"rule:{rule['id']}")
    assert netadmin == [("connections", {"node": "local", "selection": expected.plain()})]


def test_object_is_all_that_it_stands_for_now(api, netadmin, running, owner):
    """Groups in groups, names as they were resolved last, countries."""
    for name, kind, value in (("A", "host", "192.168.0.66"), ("B", "dns", "b.example.net"), ("C", "country", "DE, AT")):
        api("post", "addresses", {"name": name, "kind": kind, "value": value})
    now = timezone.now().timestamp()
    Content.objects.filter(lookup="address:b.example.net").update(seen={"198.51.100.9": now})
    api("post", "addresses", {"name": "D", "kind": "group", "members": ["A", "B", "C"]})
    group = api("post", "addresses", {"name": "E", "kind": "group", "members": ["D"]}).json()
    assert api("post", "connections/flush", {"address": group["id"]}).json() == {"closed": 14, "spared": 2}
    selection = {"within": ("192.168.0.66", "198.51.100.9"), "countries": ("AT", "DE")}
    assert netadmin == [("flush", {"node": "local", "selection": selection, "calls": False})]
    assert Entry.objects.get(verb="flush").after["countries"] == ["AT", "DE"]


def test_ranges_of_a_country_are_laid_in_where_the_connections_are(owner):
    data = upload_country_data(actor=owner, name="x", files=[b"192.0.2.0,192.0.2.127,DE\n"])
    use_country_data(actor=owner, data=data)
    asked = {"within": ["192.168.0.66"], "countries": ["DE"]}
    assert answers._selection(asked) == Selection(within=("192.168.0.66", "192.0.2.0-192.0.2.127"))
    assert answers._selection({"host": "192.0.2.1"}) == Selection(host="192.0.2.1")


def test_everywhere_else_is_no_choice(api, netadmin, running):
    other = {"name": "Not here", "kind": "country", "value": "DE", "negated": True}
    address = api("post", "addresses", other).json()
    answer = api("post", "connections/flush", {"address": address["id"]})
    assert (answer.status_code, list(answer.json()["fields"]), netadmin) == (422, ["address"], [])


def test_flush_is_audited_and_says_what_it_spared(client, owner, netadmin, running):
    client.force_login(owner)
    answer = client.post("/system/connections/flush/", {"host": "192.168.0.66"}, follow=True)
    assert "14 connections closed, 2 calls spared." in answer.content.decode()
    assert Entry.objects.get(verb="flush").after == {"host": "192.168.0.66", "with_calls": False}
    assert Entry.objects.get(verb="flushed").after == {"closed": 14, "calls_spared": 2}


def test_flush_of_everything_is_not_offered(api, netadmin, running):
    answer = api("post", "connections/flush", {})
    assert (answer.status_code, list(answer.json()["fields"]), netadmin) == (422, ["host"], [])


def test_ticked_ones_go_by_their_numbers(client, owner, netadmin, running):
    client.force_login(owner)
    client.post("/system/connections/flush/", {"selected": "1", "ids": ["7", "8", "x"], "with_calls": "on"})
    selection = Selection(ids=(7, 8)).plain()
    assert netadmin == [("flush", {"node": "local", "selection": selection, "calls": True})]


def test_bar_after_an_apply_and_its_two_buttons(client, owner, netadmin, running):
    client.force_login(owner)
    page = client.get("/system/changes/1/progress/").content.decode()
    assert "3 connections still use the old rules." in page
    assert "1 call in progress is spared." in page
    client.post("/system/changes/1/flush-later/")
    running.refresh_from_db()
    assert running.old_connections["choice"] == OldConnections.LATER
    client.post("/system/changes/1/flush/")
    running.refresh_from_db()
    assert running.old_connections == {"old": 3, "calls": 2, "choice": OldConnections.CLOSED, "closed": 14}
    assert "still use" not in client.get("/system/changes/1/progress/").content.decode()
    assert [entry.verb for entry in Entry.objects.order_by("sequence")][-3:] == [
        "flush when calls end", "flush", "flushed",
    ]  # fmt: skip


def test_left_behind_connections_belong_to_the_running_revision(api, netadmin, running):
    Revision.objects.create(number=2, author="anna", policy=running.policy, state=State.FAILED)
    assert api("post", "revisions/2/flush-old").status_code == 422
    assert api("post", "revisions/1/flush-old").json() == {"closed": 14, "spared": 2}


def test_nothing_left_behind_asks_nothing(running):
    services.found_old_connections(revision=running, counted={"old": 0, "calls": 0})
    assert running.old_connections["choice"] == ""


def test_page_says_what_the_rules_would_do_now(client, owner, netadmin, running):
    client.force_login(owner)
    page = client.get("/system/connections/?old=on").content.decode()
    for words in ("192.168.0.66:4000", "seen as 203.0.113.2:4000", "not allowed any more", "no rule"):
        assert words in page


def test_technician_flushes_the_telephones_and_nothing_else(api, netadmin, owner):
    source = policy.Address("PBX", ("192.168.0.2",))
    sip = policy.Rule(
        1, 1, "sip", "accept", source, policy.Address("P", ("203.0.113.1",)), policy.Service("S", "udp", "5060", "sip")
    )
    frozen = policy.dump(policy.Policy(1, "local", (), (sip,)))
    Revision.objects.create(number=1, author="anna", policy=frozen, state=State.APPLIED)
    assert api("post", "connections/flush-phones", {"host": "192.168.0.2"}).json() == {"closed": 14, "spared": 2}
    expected = Selection(host="192.168.0.2", within=("192.168.0.2",)).plain()
    assert netadmin == [("flush", {"node": "local", "selection": expected, "calls": False})]
