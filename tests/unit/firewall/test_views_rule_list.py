# SPDX-License-Identifier: GPL-2.0-or-later
"""The list of rules: its filter finds by meaning, and each rule says in a word what is the matter with it."""

from __future__ import annotations

from datetime import time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import escape

from appliance.accounts.models import User
from appliance.firewall.models import Hits, Rule, Table
from appliance.firewall.services import create_address, create_rule, create_schedule, create_service, keep_filter
from appliance.firewall.services.rule_lists import FILTERS_KEPT
from appliance.firewall.views.rule_tables import AUTOMATIC, TABLES
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.snapshot import snapshot
from appliance.system.models import Revision, State

HTMX = {"HX-Request": "true"}


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def office(owner) -> Rule:
    save_interface(actor=owner, name="lan0", role="internal", addresses=["10.0.0.1/24"])
    net = create_address(actor=owner, name="Büro", kind="network", value="10.0.0.0/24")
    web = create_service(actor=owner, name="Web", protocol="tcp", ports="443,8080-8090")
    return create_rule(
        actor=owner, name="Surfen", source=net, service=web, action="accept", tags=["pc"], comment="seit Mai"
    )


@pytest.fixture
def other(owner) -> Rule:
    printer = create_address(actor=owner, name="Drucker", kind="host", value="10.9.9.9")
    return create_rule(actor=owner, name="Drucken", destination=printer, action="drop")


def listed(console, text: str) -> str:
    return seen(console.get("/firewall/rules/", {"q": text}, headers=HTMX))


def seen(answer) -> str:
    """The rows that are not hidden, without the changes that wait above the table."""
    rows = answer.content.decode().partition("<tbody>")[2].split("<tr ")
    return "".join(row for row in rows if " hidden>" not in row.partition("\n")[0])


def state_of(console, rule: Rule) -> str:
    page = console.get("/firewall/rules/").content.decode()
    row = page.partition(f'data-id="{rule.pk}"')[2].partition("</tr>")[0]
    return row.partition('data-rule-state="')[2].partition('"')[0]


@pytest.mark.parametrize(
    "text", ["surf", "BÜRO", "10.0.0.77", "443", "8085", "tag:pc", "pc", "mai", "web accept", "-drucker",
             "is:accept", "-is:drop"]
)  # fmt: skip
def test_filter_finds_by_what_a_rule_means(console, office, other, text):
    page = listed(console, text)
    assert "Surfen" in page
    assert "Drucken" not in page


@pytest.mark.parametrize("text", ["germany", "Deutschland", "almanya", "-schweiz germ"])
def test_filter_finds_by_a_country_within_a_group(console, owner, office, other, text):
    country = create_address(actor=owner, name="There", kind="country", value="DE, AT")
    group = create_address(actor=owner, name="Known", kind="group", members=[country])
    create_rule(actor=owner, name="Ausland", source=group, action="drop")
    page = listed(console, text)
    assert "Ausland" in page
    assert "Surfen" not in page
    told = console.get("/firewall/rules/holding/", {"address": "german"}).json()
    assert set(told["objects"]) == {country.pk, group.pk}
    assert "data-countries" in console.get("/firewall/rules/").content.decode()


@pytest.mark.parametrize("text", ["zebra", "-tag:pc", "10.0.1.1", "8091", "-8085", "surf -10.0.0.5",
                                  "to:moon", "-from:internal", "is:drop", "ends:7", "is:", "-is:accept"])  # fmt: skip
def test_filter_excludes(console, office, text):
    page = listed(console, text)
    assert "Surfen" not in page
    assert "No rule matches this filter." in page
    assert "1 rule exists." in page


def test_filter_finds_by_state_and_by_end(console, owner, office, other):
    run()
    assert "Surfen" not in listed(console, "is:changed")
    Rule.objects.filter(pk=office.pk).update(until=timezone.now() + timedelta(days=5), log=True)
    Rule.objects.filter(pk=other.pk).update(enabled=False)
    for text in ("ends:7", "ends:", "ends:5", "is:active", "is:changed -is:disabled", "is:logged"):
        page = listed(console, text)
        assert "Surfen" in page, text
        assert "Drucken" not in page, text
    assert "No rule matches this filter." in listed(console, "ends:4")
    assert "Drucken" in listed(console, "is:disabled")
    assert "Drucken" in listed(console, "-ends:7")


def test_filtered_page_has_an_address_of_its_own(console, office, other):
    answer = console.get("/firewall/rules/", {"q": "surf"})
    assert "<html" in answer.content.decode()
    assert 'value="surf"' in answer.content.decode()
    assert "Drucken" not in seen(answer)


def run() -> None:
    Revision.objects.create(number=1, state=State.APPLIED, author="anna", policy=policy.dump(snapshot("local", 1)))


def test_states_in_words(console, owner, office, other):
    run()
    assert state_of(console, office) == "active"
    assert "data-draft" not in console.get("/firewall/rules/").content.decode()
    Rule.objects.filter(pk=other.pk).update(expired_at=timezone.now())
    assert state_of(console, other) == "expired"
    now = timezone.now()
    away = create_schedule(
        actor=owner, name="never now", weekdays=[(now.weekday() + 3) % 7], begin=time(1), end=time(2), timezone="UTC"
    )
    Rule.objects.filter(pk=office.pk).update(schedule=away)
    assert state_of(console, office) == "waiting"
    assert "data-draft" in console.get("/firewall/rules/").content.decode()


def test_new_rule_is_not_said_to_be_active(console, owner, office):
    run()
    new = create_rule(actor=owner, name="Later", source=office.source, action="drop")
    assert state_of(console, new) == "new"
    page = console.get("/firewall/rules/").content.decode()
    assert "data-draft" not in page
    assert 'data-state="new"' in console.get("/firewall/rules/bar/").content.decode()


def test_shadowed_unresolved_and_unused_rules_are_marked(console, owner, office):
    twin = create_rule(actor=owner, name="Twin", source=office.source, service=office.service, action="accept")
    assert state_of(console, twin) == "shadowed"
    empty = create_address(actor=owner, name="Nobody", kind="dns", value="nobody.example.net")
    hollow = create_rule(actor=owner, name="Hollow", source=empty, action="accept")
    assert state_of(console, hollow) == "unresolved"
    Hits.objects.create(rule_id=office.pk, since=timezone.now() - timedelta(days=91))
    assert state_of(console, office) == "unused"


def test_what_the_browsers_filter_does_not_know_it_is_told(console, office, other):
    told = console.get("/firewall/rules/holding/", {"address": "10.0.0.77"}).json()
    assert told == {"objects": [office.source_id]}
    assert console.get("/firewall/rules/holding/", {"address": "10.0.9"}).json() == {"objects": []}
    assert "data-countries" not in console.get("/firewall/rules/").content.decode()
    page = console.get("/firewall/rules/").content.decode()
    assert f'data-ports="443,8080-8090" data-objects="{office.source_id}"' in page
    assert 'data-tags="pc"' in page


def test_number_is_looked_for_in_the_ports_of_a_group(console, owner, other):
    parts = [create_service(actor=owner, name=f"s{port}", protocol="tcp", ports=str(port)) for port in (25, 110)]
    group = create_service(actor=owner, name="Post", protocol="group", members=parts)
    create_rule(actor=owner, name="Mail", service=group, action="accept")
    assert "Mail" in listed(console, "110")
    assert "Mail" not in listed(console, "111")


def test_week_of_hits_and_open_connections_stand_in_the_row(console, office):
    today = timezone.now().date()
    days = {(today - timedelta(days=ago)).isoformat(): n for ago, n in ((8, 99), (6, 4), (0, 2))}
    Hits.objects.create(rule_id=office.pk, packets=105, days=days, connections=3, connections_at=timezone.now())
    page = console.get("/firewall/rules/").content.decode()
    assert "4, 0, 0, 0, 0, 0, 2" in page
    assert f'href="/system/connections/?rule={office.pk}">3</a>' in page
    Hits.objects.update(connections_at=timezone.now() - timedelta(hours=1))
    assert f'?rule={office.pk}">3' not in console.get("/firewall/rules/").content.decode()


def test_columns_are_chosen_and_kept_for_the_account(console, owner, office, client):
    assert "Surfen" in console.get("/firewall/rules/").content.decode()
    answer = console.post(
        "/firewall/rules/columns/?table=forward", {"column": ["source", "zones", "action", "nonsense"]}
    )
    assert answer.url == "/firewall/rules/?table=forward"
    page = console.get("/firewall/rules/").content.decode()
    assert "rule-sentence" not in page
    assert f'href="/firewall/objects/addresses/{office.source_id}/">Büro</a>' in page
    assert page.partition('data-col="action"')[2].partition("</td>")[0].endswith(">accept")
    console.post("/firewall/rules/columns/", {"column": []})
    assert "rule-sentence" in console.get("/firewall/rules/").content.decode()


def test_every_column_has_a_cell_for_every_rule(console, owner, office, other):
    from appliance.firewall.views.rule_columns import COLUMNS

    console.post("/firewall/rules/columns/", {"column": [column.key for column in COLUMNS]})
    page = console.get("/firewall/rules/").content.decode()
    for column in COLUMNS:
        assert page.count(f'data-col="{column.key}"') == 2


def test_states_are_said_by_icon_and_word(console, owner, office, other):
    run()
    Rule.objects.filter(pk=other.pk).update(enabled=False)
    page = console.get("/firewall/rules/").content.decode()
    for name, icon, word in (("active", "ok", "active"), ("disabled", "pause", "off")):
        told = page.partition(f'data-rule-state="{name}"')[2].partition("</span>")[0]
        assert f"#{icon}" in told
        assert told.endswith(word)


def test_page_reads_the_rules_once_to_list_them_and_once_to_judge_them(console, office, other):
    run()
    with CaptureQueriesContext(connection) as asked:
        console.get("/firewall/rules/")
    read = [each["sql"] for each in asked if each["sql"].partition(" FROM ")[2].startswith('"firewall_rule" ')]
    assert len(read) == 2


def test_switched_row_is_judged_without_all_others(console, owner, office, other):
    run()
    Rule.objects.filter(pk=other.pk).update(enabled=False)
    with CaptureQueriesContext(connection) as asked:
        row = console.post(f"/firewall/rules/{other.pk}/enabled/", {"enabled": "on"}, headers=HTMX).content.decode()
    assert 'data-rule-state="active"' in row
    assert "data-draft" not in row  # it runs as it stands
    judged = [each["sql"] for each in asked if 'FROM "firewall_rule" LEFT OUTER JOIN' in each["sql"]]
    assert judged
    assert all('"firewall_rule"."id" = ' in sql for sql in judged)
    row = console.post(f"/firewall/rules/{other.pk}/enabled/", {}, headers=HTMX).content.decode()
    assert 'data-rule-state="disabled"' in row
    assert "data-draft" in row


@pytest.mark.parametrize("table", Table.values)
def test_each_table_says_what_it_is_for_and_what_none_of_its_rules_means(console, table):
    page = console.get(f"/firewall/rules/?table={table}").content.decode()
    words = TABLES[Table(table)]
    for said in (words.label, words.about, words.none, words.hint):
        assert str(escape(said)) in page


def test_rule_whose_packets_the_alg_takes_has_no_figure_of_its_own(console, owner):
    sip = create_service(actor=owner, name="SIP", protocol="udp", ports="5060", application="sip")
    phones = create_address(actor=owner, name="Phones", kind="host", value="10.0.0.2")
    server = create_address(actor=owner, name="Provider", kind="host", value="192.0.2.1")
    rule = create_rule(actor=owner, name="Calls", source=phones, destination=server, service=sip, action="accept")
    Hits.objects.create(rule_id=rule.pk, packets=4711, last=timezone.now())
    cell = console.get("/firewall/rules/").content.decode().partition('data-col="hits"')[2].partition("</td>")[0]
    assert "counts its messages" in cell
    assert 'href="/alg/providers/"' in cell
    assert "4711" not in cell


def test_filter_is_kept_for_the_account_with_its_name_and_forgotten(console, client, owner, office):
    kept = {"table": "forward", "name": "Büro", "q": "  is:accept   -tag:voip "}
    answer = console.post("/firewall/rules/filters/keep/", kept)
    assert answer.url == "/firewall/rules/?table=forward&q=++is%3Aaccept+++-tag%3Avoip+"
    page = console.get("/firewall/rules/?table=dnat").content.decode()
    assert 'href="?table=dnat&amp;q=is%3Aaccept%20-tag%3Avoip" title="is:accept -tag:voip">Büro</a>' in page
    assert "The filter is kept." in page
    client.force_login(User.objects.create(username="berta", role="administrator"))
    assert "Büro</a>" not in client.get("/firewall/rules/?q=nothing").content.decode()
    client.force_login(owner)
    console.post("/firewall/rules/filters/forget/", {"name": "Büro"})
    assert '-tag:voip">Büro' not in console.get("/firewall/rules/").content.decode()


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"name": " ", "q": "x"}, "at most 40 characters"),
        ({"name": "x" * 41, "q": "x"}, "at most 40 characters"),
        ({"name": "x", "q": "  "}, "There is no filter to keep"),
        ({"name": "x", "q": "y" * 201}, "There is no filter to keep"),
    ],
)
def test_filter_without_name_or_words_is_refused(console, asked, said):
    console.post("/firewall/rules/filters/keep/", asked)
    assert said in console.get("/firewall/rules/").content.decode()


def test_only_so_many_filters_are_kept(owner):
    for number in range(FILTERS_KEPT):
        keep_filter(actor=owner, name=str(number), words="x")
    keep_filter(actor=owner, name="0", words="another")
    with pytest.raises(ValidationError):
        keep_filter(actor=owner, name="one more", words="x")


def test_figures_say_since_when_they_count(console, office):
    Hits.objects.create(rule_id=office.pk, packets=7, last=timezone.now(), since=timezone.now() - timedelta(days=40))
    cell = console.get("/firewall/rules/").content.decode().partition('data-col="hits"')[2].partition("</td>")[0]
    assert "since <time" in cell
    assert cell.count("<time") == 2
    Hits.objects.update(last=None)
    cell = console.get("/firewall/rules/").content.decode().partition('data-col="hits"')[2].partition("</td>")[0]
    assert "never since <time" in cell


@pytest.mark.parametrize("table", Table.values)
def test_automatic_rules_have_a_section_and_lead_to_what_makes_them(console, table):
    page = console.get(f"/firewall/rules/?table={table}").content.decode()
    before, after = AUTOMATIC[table]
    assert ("Automatic: before your rules" in page) == bool(before)
    assert "Automatic: behind your rules" in page
    for rule in (*before, *after):
        assert not rule.page or f'<a href="{rule.page}">Its setting' in page
    assert any(rule.page for rule in (*before, *after))
