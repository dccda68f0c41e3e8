# SPDX-License-Identifier: GPL-2.0-or-later
"""The live log towards the operator: filter words, a line and its rule, and words where nobody listens."""

import html
import re
from urllib.parse import parse_qs, urlsplit

import pytest

from appliance.firewall.models import AddressObject, Rule, Service
from appliance.kernel import kept_lines
from appliance.kernel.kept_lines import matches
from appliance.kernel.lines import Line
from appliance.network.models import Interface
from appliance.permissions import Role
from tests.unit.people import person

pytestmark = pytest.mark.django_db

LINE = Line(
    id="5f-01", at=1790000000.0, verdict="drop", rule="auto:default_deny", iif="lan0", oif="wan0", protocol="tcp",
    saddr="192.168.0.66", sport="40000", daddr="203.0.113.66", dport="8080", flags="SYN", length=60, count=1,
)  # fmt: skip
HTMX = {"HX-Request": "true"}


@pytest.fixture
def kept(monkeypatch):
    """What Redis would hold; the real one stands in tests/lab."""
    lines = [LINE]
    monkeypatch.setattr(kept_lines, "_lines", lambda _node: lines)
    return lines


@pytest.fixture
def console(client, owner):
    Interface.objects.create(name="lan0", role="internal")
    Interface.objects.create(name="wan0", role="external")
    client.force_login(owner)
    return client


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("", True), ("192.168", True), ("8080 tcp", True), ("udp", False), ("-udp", True), ("-tcp", False),
        ("saddr:192.168.0.6", False), ("saddr:192.168.0.66", True), ("-dport:80", True), ("-dport:8080", False),
        ("rule:auto:default_deny", True), ("count:1", True), ("colour:red", False), ("-", True), ("SYN", True),
        ("saddr:", False),
    ],
)  # fmt: skip
def test_words_of_a_filter(words, found):
    assert matches(LINE, words) == found


def test_page_says_that_nobody_listens(console):
    text = console.get("/system/log/").content.decode()
    assert "The log cannot be read: Redis does not answer." in text
    assert console.get("/system/log/5f-01/", headers=HTMX).status_code == 200


def test_rest_answers_newest_first_and_filters(api, kept):
    kept.append(LINE | {"id": "5f-02", "protocol": "udp"})
    answer = api("get", "log").json()
    assert ([each["id"] for each in answer["items"]], answer["count"]) == (["5f-02", "5f-01"], 2)
    assert (answer["listening"], "Redis" in answer["unavailable"]) == (False, True)
    assert [each["id"] for each in api("get", "log?q=-udp").json()["items"]] == ["5f-01"]
    assert api("get", "log?limit=0").status_code == 422


def test_rest_says_so_where_redis_is_away(api):
    assert api("get", "log").status_code == 503


def test_line_is_a_sentence_with_filters_and_the_way_to_a_rule(console, kept):
    text = html.unescape(console.get("/system/log/5f-01/", headers=HTMX).content.decode())
    assert "Dropped by the default: TCP 8080, internal · lan0 → external · wan0." in text
    assert 'href="/system/log/?q=daddr%3A203.0.113.66"' in text
    assert 'href="/system/log/?q=-dport%3A8080"' in text
    assert "<html" not in text
    assert "<html" in console.get("/system/log/5f-01/").content.decode()
    assert "This line is not kept any more." in console.get("/system/log/nothing/").content.decode()


def make_url(console):
    text = console.get("/system/log/5f-01/", headers=HTMX).content.decode()
    return html.unescape(re.search(r'href="([^"]*from-packet[^"]*)"', text)[1])


def test_rule_from_a_line_is_filled_in_and_makes_what_it_needs(console, kept):
    url = make_url(console)
    assert parse_qs(urlsplit(url).query)["from_zone"] == ["internal"]
    form = console.get(url, headers=HTMX).content.decode()
    assert 'value="TCP 8080 to 203.0.113.66"' in form
    fields = {
        "name": "Web", "action": "accept", "source": "new", "destination": "new", "service": "new",
        "from_zone": "internal", "to_zone": "external", "enabled": "on",
    }  # fmt: skip
    answer = console.post(url, fields, headers=HTMX)
    assert answer["HX-Redirect"] == "/firewall/rules/?table=forward"
    rule = Rule.objects.get()
    assert (rule.source.value, rule.destination.value) == ("192.168.0.66", "203.0.113.66")
    assert (rule.service.protocol, rule.service.ports) == ("tcp", "8080")
    console.post(url, fields | {"name": "Again"}, headers=HTMX)
    assert (AddressObject.objects.count(), Service.objects.count(), Rule.objects.count()) == (2, 1, 2)


def test_rule_from_a_line_goes_before_the_rule_that_decided(console, kept):
    first, second = (Rule.objects.create(name=name, action="drop", position=at) for at, name in ((1, "a"), (2, "b")))
    kept[0] = LINE | {"rule": f"rule:{second.pk}"}
    url = make_url(console)
    assert "It is placed before “b”" in console.get(url).content.decode()
    console.post(url, {"name": "c", "action": "accept", "enabled": "on"})
    assert list(Rule.objects.order_by("position").values_list("name", flat=True)) == ["a", "c", "b"]
    assert first.pk


@pytest.mark.parametrize(
    "query", ["", "saddr=x&dport=99999&table=snat&rule=x", "protocol=gre&daddr=::1", "rule=999999"]
)
def test_rule_from_nonsense_is_an_empty_form(console, query):
    url = f"/firewall/rules/from-packet/?{query}"
    assert console.get(url).status_code == 200
    answer = console.post(url, {"name": "", "action": "accept", "source": "999", "service": "new"})
    assert (answer.status_code, Rule.objects.count()) == (200, 0)


def test_a_line_to_this_device_makes_a_rule_of_that_table(console, kept):
    kept[0] = LINE | {"oif": ""}
    assert "this device" in console.get("/system/log/5f-01/").content.decode()
    console.post(make_url(console), {"name": "SSH", "action": "accept", "source": "new", "service": "new"})
    rule = Rule.objects.get()
    assert (rule.table, rule.destination) == ("input", None)


def test_who_may_not_see_traffic_sees_no_log(client, kept):
    client.force_login(person(Role.TECHNICIAN))
    assert client.get("/system/log/").status_code == 403
    assert client.get("/system/log/5f-01/").status_code == 403


def test_rule_list_leads_to_the_log(console):
    rule = Rule.objects.create(name="a", action="drop", position=1)
    text = console.get("/firewall/rules/").content.decode()
    assert f'href="/system/log/?q=rule:rule:{rule.pk}"' in text
    assert 'href="/system/log/?q=rule:auto:default_deny"' in text
