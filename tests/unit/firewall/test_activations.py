# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules started for a time and servers taken from the ALG: who may, what is refused, what is written down."""

import json
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.utils import timezone

from appliance.accounts.services import create_api_token, grant
from appliance.audit.models import Entry
from appliance.firewall import queries, services
from appliance.firewall.models import Activation, Rule
from appliance.permissions import Role
from appliance.ruleset import policy as ruleset
from appliance.ruleset.snapshot import snapshot
from appliance.system import queries as system
from appliance.system.models import Revision, State
from sipalg_core.contract import names
from tests.unit.people import person

pytestmark = pytest.mark.django_db


def soon(hours=2):
    return timezone.now() + timedelta(hours=hours)


@pytest.fixture
def told(monkeypatch):
    """netadmin takes what it is asked, and the test says what the kernel answers."""
    monkeypatch.setattr(services.activations, "tell_netadmin", lambda *, node: True)


@pytest.fixture
def office(make_rule, pbx, provider, sip, web):
    make_rule("Phones", source=pbx, destination=provider, service=sip)
    make_rule("Ready", service=web, enabled=False, prepared=True)
    make_rule("Unprepared", service=web, enabled=False)
    rows = snapshot(names.NODE, 1)
    return Revision.objects.create(number=1, author="anna", state=State.APPLIED, policy=ruleset.dump(rows))


def running(name):
    return next(each for each in system.policy_asked(draft=False).rules if each.name == name)


def test_a_technician_starts_what_was_prepared_and_nothing_else(told, office):
    technician = person(Role.TECHNICIAN)
    started = services.start_rule(actor=technician, rule=running("Ready"), until=soon(), reason="test call")
    assert started.state == "asked"
    with pytest.raises(ValidationError, match="not prepared"):
        services.start_rule(actor=technician, rule=running("Unprepared"), until=soon(), reason="x")
    assert services.start_rule(actor=person(Role.ADMINISTRATOR), rule=running("Unprepared"), until=soon(), reason="x")


@pytest.mark.parametrize(
    ("name", "until", "reason", "field"),
    [
        ("Ready", -1, "x", "until"),
        ("Ready", 9000, "x", "until"),
        ("Ready", 2, " ", "reason"),
        ("Phones", 2, "x", "rule"),
    ],
)
def test_what_cannot_be_started_says_why(told, office, owner, name, until, reason, field):
    with pytest.raises(ValidationError) as error:
        services.start_rule(actor=owner, rule=running(name), until=soon(until), reason=reason)
    assert field in error.value.message_dict
    assert not Activation.objects.exists()


def test_it_acts_on_top_of_the_running_revision_and_publishes_no_draft(told, office, owner, web):
    draft = Rule.objects.get(name="Ready")
    services.update_rule(actor=owner, rule=draft, version=draft.version, action="drop", name="Changed meanwhile")
    services.start_rule(actor=owner, rule=running("Ready"), until=soon(), reason="x")
    (activation,) = system.policy_now(office, timezone.now().timestamp()).activations
    assert (activation.rule.name, activation.rule.action) == ("Ready", "accept")
    assert "Changed meanwhile" not in str(system.policy_now(office, 0).rules)


def test_an_exemption_follows_its_object_and_survives_its_deletion(told, office, owner, provider):
    services.start_exemption(actor=owner, server=provider, reason="provider says so")
    assert system.policy_now(office, 0).activations[0].exempt == ("203.0.113.1",)
    services.update_address(actor=owner, address=provider, value="203.0.113.9")
    assert system.policy_now(office, 0).activations[0].exempt == ("203.0.113.9",)
    Rule.objects.all().delete()
    services.delete_address(actor=owner, address=provider)
    assert system.policy_now(office, 0).activations[0].exempt == ("203.0.113.1",)


@pytest.mark.parametrize(
    ("values", "held"),
    [
        (("203.0.113.1", "2001:db8::1"), ["203.0.113.1", "2001:db8::1"]),
        (("203.0.113.0/30",), ["203.0.113.0/30"]),
        (services.EVERYTHING, list(services.EVERYTHING)),
    ],
)
def test_servers_may_be_typed(told, office, owner, values, held):
    assert services.start_exemption(actor=owner, values=values, reason="x").values == held


@pytest.mark.parametrize("values", [(), ("sip.example.net",), ("203.0.113.1; drop",)])
def test_what_is_no_address_is_refused(told, office, owner, values):
    with pytest.raises(ValidationError):
        services.start_exemption(actor=owner, values=values, reason="x")


def test_telephone_is_no_server_to_be_exempt(told, office, owner, pbx):
    for asked, field in (({"server": pbx}, "server"), ({"values": (pbx.value,)}, "values")):
        with pytest.raises(ValidationError, match="the server that it speaks with") as refused:
            services.start_exemption(actor=owner, reason="x", **asked)
        assert list(refused.value.error_dict) == [field]
    assert services.start_exemption(actor=owner, values=("0.0.0.0/0",), reason="x")


def test_one_exemption_for_a_server_at_a_time(told, office, owner, provider):
    services.start_exemption(actor=owner, server=provider, reason="x")
    with pytest.raises(ValidationError, match="exempt already"):
        services.start_exemption(actor=owner, server=provider, reason="x")


def test_every_step_is_in_the_audit_log_with_its_reason(told, office, owner, provider):
    activation = services.start_exemption(actor=owner, server=provider, reason="provider says so", until=soon())
    services.activated(node=names.NODE)
    services.stop_activation(actor=owner, activation=activation)
    entries = list(Entry.objects.filter(target__startswith="firewall.activation").order_by("sequence"))
    assert [(each.verb, each.actor) for each in entries] == [
        ("activate", "anna"), ("activated", "netadmin"), ("stop", "anna"),
    ]  # fmt: skip
    assert entries[0].reason == "provider says so"
    with pytest.raises(ValidationError, match="ended already"):
        services.stop_activation(actor=owner, activation=activation)


def test_the_end_is_written_down_and_counts_whatever_the_clock_says(told, office, owner, provider):
    activation = services.start_exemption(actor=owner, server=provider, reason="x", until=soon())
    Activation.objects.update(ends=timezone.now() - timedelta(seconds=1))
    assert queries.acting(names.NODE) == []
    assert services.end_overdue(node=names.NODE) == [activation]
    activation.refresh_from_db()
    assert activation.state == "ended"
    assert services.end_overdue(node=names.NODE) == []


def test_a_reboot_renews_an_exemption_and_no_maintenance(told, office, owner, provider):
    services.start_exemption(actor=owner, server=provider, reason="x")
    console = ruleset.Rule(0, 0, "Remote maintenance", "accept", table="input")
    window = services.open_console(actor=owner, rule=console, until=soon(), reason="x")
    assert len(queries.acting(names.NODE)) == 2
    Activation.objects.filter(pk=window.pk).update(boot="another")
    assert [each.kind for each in queries.acting(names.NODE)] == ["exemption"]
    assert services.end_overdue(node=names.NODE) == [window]


def test_without_a_queue_nothing_starts_and_it_says_so(office, owner, provider, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        activation = services.start_exemption(actor=owner, server=provider, reason="x")
    activation.refresh_from_db()
    assert (activation.state, activation.error[:25]) == ("failed", "The job queue (Redis) doe")


# --- the rules that an exempt server needs ---


def test_checklist_and_drafts(told, office, owner, provider, pbx):
    activation = services.start_exemption(actor=owner, server=provider, reason="provider says so", until=soon())
    needed = services.rules_needed(activation)
    assert [each.text for each in needed] == [
        "Speech from “PBX” to “Provider”", "Calls from “Provider” to “PBX”", "Speech from “Provider” to “PBX”",
    ]  # fmt: skip
    drafted = services.draft_needed(actor=owner, activation=activation)
    speech, calls, asymmetric = drafted
    assert (speech.table, speech.source, speech.destination, speech.enabled) == ("forward", pbx, provider, True)
    assert (calls.table, calls.source, calls.target, calls.from_zone) == ("dnat", provider, pbx, "external")
    assert (asymmetric.enabled, asymmetric.until) == (False, activation.ends)
    assert services.draft_needed(actor=owner, activation=activation) == []
    assert all(each.drafted for each in services.rules_needed(activation))


def test_nothing_is_needed_for_what_no_rule_names(told, office, owner):
    activation = services.start_exemption(actor=owner, values=("198.51.100.1",), reason="x")
    assert services.rules_needed(activation) == []


# --- pages and API ---


def test_pages_show_start_and_end(client, told, office, owner, provider):
    client.force_login(person(Role.TECHNICIAN))
    text = client.get("/firewall/exemptions/").content.decode()
    assert "The ALG handles all SIP servers." in text
    assert "Exempt" in text
    answer = client.post("/firewall/exemptions/add/", {"server": provider.pk, "lasts": "4", "reason": "test"})
    page = client.get(answer.url).content.decode()
    assert "Rules needed meanwhile" in page
    assert "Draft these rules" not in page, "a technician writes no rules"
    text = client.get("/firewall/activations/").content.decode()
    assert "Ready" in text
    assert "Unprepared" not in text
    answer = client.post(f"/firewall/activations/{Activation.objects.get().pk}/stop/", follow=True)
    assert "has ended. What it let in is cut." in answer.content.decode()


def test_running_rules_with_an_end_stand_there_too(client, owner, make_rule, web):
    rule = make_rule("Until later", service=web, until=soon())
    make_rule("For good", service=web)
    rows = snapshot(names.NODE, 1)
    Revision.objects.create(number=1, author="anna", state=State.APPLIED, policy=ruleset.dump(rows))
    client.force_login(owner)
    page = client.get("/firewall/activations/").content.decode()
    assert f'data-ending="{rule.pk}"' in page
    assert "For good" not in page
    assert 'href="/firewall/recipes/server/"' in page


def test_lifted_exemption_is_taken_back_as_it_was_and_once(client, told, office, owner, provider):
    first = services.start_exemption(actor=owner, server=provider, reason="provider says so", until=soon())
    client.force_login(owner)
    page = client.post(f"/firewall/activations/{first.pk}/stop/", follow=True).content.decode()
    assert "“Provider” is ended before its time." in page
    assert 'action="/firewall/activations/undo/"' in page
    after = client.post("/firewall/activations/undo/", follow=True).content.decode()
    assert "“Provider” acts again." in after
    again = Activation.objects.exclude(pk=first.pk).get()
    kept = ("kind", "name", "values", "address_row", "ends", "reason")
    assert all(getattr(again, name) == getattr(first, name) for name in kept)
    assert again.acts
    assert "nothing to undo any more" in client.post("/firewall/activations/undo/", follow=True).content.decode()
    assert Activation.objects.count() == 2


def test_what_acts_already_or_has_passed_is_not_taken_back(client, told, office, owner, provider):
    client.force_login(owner)
    for meanwhile in (lambda _: services.start_exemption(actor=owner, server=provider, reason="y"),
                      lambda ended: Activation.objects.filter(pk=ended.pk).update(ends=timezone.now())):  # fmt: skip
        first = services.start_exemption(actor=owner, server=provider, reason="x", until=soon())
        client.post(f"/firewall/activations/{first.pk}/stop/")
        meanwhile(first)
        text = client.post("/firewall/activations/undo/", follow=True).content.decode()
        assert "It cannot be undone any more" in text
        for each in queries.acting(names.NODE):
            services.stop_activation(actor=owner, activation=each)
    client.post(f"/firewall/activations/{first.pk}/stop/")
    assert "nothing to undo any more" in client.post("/firewall/rules/undo/", follow=True).content.decode()


def test_form_refuses_in_words(client, told, office, owner, provider):
    client.force_login(owner)
    answer = client.post("/firewall/exemptions/add/", {"values": "nonsense", "lasts": "time", "reason": ""})
    text = answer.content.decode()
    assert "Say when it ends." in text
    text = client.post(
        "/firewall/exemptions/add/", {"values": "nonsense", "lasts": "4", "reason": "x"}
    ).content.decode()
    assert "is no address, network or range" in text
    assert not Activation.objects.exists()


def test_draft_only_cannot_be_started(client, told, office, owner, make_rule, web):
    rule = make_rule("Draft", service=web, enabled=False)
    client.force_login(owner)
    text = client.post(f"/firewall/rules/{rule.pk}/start/", {"lasts": "1", "reason": "x"}).content.decode()
    assert "This rule is a draft only." in text


def test_api(api, told, office, provider):
    answer = api("post", "exemptions", {"server": "Provider", "reason": "x", "until": soon().isoformat()})
    assert answer.status_code == 202
    assert answer.json()["kind"] == "exemption"
    listed = api("get", "activations").json()
    assert (listed["count"], listed["items"][0]["name"]) == (1, "Provider")
    assert api("post", f"activations/{answer.json()['id']}/stop").json()["state"] == "ended"
    assert api("get", "activations").json()["count"] == 0
    rule = running("Ready")
    started = api("post", f"rules/{rule.id}/start", {"until": soon().isoformat(), "reason": "x"}).json()
    assert started["rule_row"] == rule.id
    assert api("post", "exemptions", {"reason": "x"}).status_code == 422


def test_an_exemption_is_lifted_by_whoever_may_exempt(client, told, office, owner, provider):
    technician = person(Role.TECHNICIAN)
    activation = services.start_exemption(actor=owner, server=provider, reason="x")
    grant(actor=owner, role=Role.TECHNICIAN, permission="alg.exempt", allowed=False)
    client.force_login(technician)
    page = client.post(f"/firewall/activations/{activation.pk}/stop/", follow=True).content.decode()
    assert "Only a VoIP technician can exempt a server from the ALG." in page
    _token, text = create_api_token(user=technician, name="tests")
    sent = {"headers": {"Authorization": f"Bearer {text}"}}
    assert client.post(f"/api/v1/activations/{activation.pk}/stop", **sent).status_code == 403
    activation.refresh_from_db()
    assert activation.acts
    grant(actor=owner, role=Role.TECHNICIAN, permission="alg.exempt", allowed=True)
    assert client.post(f"/api/v1/activations/{activation.pk}/stop", **sent).status_code == 202


def test_rules_that_an_exemption_needs_are_told_and_drafted_over_rest_and_on_the_command_line(
    api, told, office, owner, provider, capsys
):
    activation = services.start_exemption(actor=owner, server=provider, reason="x")
    needed = api("get", f"exemptions/{activation.pk}/rules").json()
    assert needed["count"] == len(services.rules_needed(activation)) > 0
    assert {each["rule"] for each in needed["items"]} == {None}
    call_command("pinhole", "rules-needed", str(activation.pk), "--json")
    assert [each["text"] for each in json.loads(capsys.readouterr().out)] == [each["text"] for each in needed["items"]]
    drafted = api("post", f"exemptions/{activation.pk}/rules")
    assert (drafted.status_code, None in {each["rule"] for each in drafted.json()["items"]}) == (201, False)
    call_command("pinhole", "rules-needed", str(activation.pk), "--draft", "--json")
    assert json.loads(capsys.readouterr().out) == drafted.json()["items"]
    assert api("get", "exemptions/999999/rules").status_code == 404
