# SPDX-License-Identifier: GPL-2.0-or-later
"""REST and command line of people, remote maintenance, the audit log and the certificate: services of the console."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from appliance import tls
from appliance.accounts import queries, services
from appliance.accounts.models import SignInLink, User
from appliance.audit.models import Entry
from appliance.firewall.services import activations, create_address, create_rule
from appliance.permissions import Role, Scope
from tests.unit.accounts.factors import give_app, has_app
from tests.unit.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _alone(monkeypatch, tmp_path):
    """No netadmin, and a certificate of one's own."""
    monkeypatch.setattr(activations, "tell_netadmin", lambda *, node: True)
    monkeypatch.setattr(tls, "kept_at", lambda: tmp_path / "console.pem")


@pytest.fixture
def window(owner):
    company = create_address(actor=owner, name="Support company", kind="host", value="203.0.113.80")
    return services.open_window(
        actor=owner, scope=Scope.CHANGE, lasts=timedelta(hours=1), reason="no audio", sources=[company]
    )  # fmt: skip


@pytest.fixture
def pinhole(capsys):
    def run(*words):
        call_command("pinhole", *words, "--json")
        return json.loads(capsys.readouterr().out)

    return run


@pytest.fixture
def pair(tmp_path):
    """For another host than the console's."""
    made = tls.made_here(["https://pinhole.example"]).pem.decode()
    key, _begins, certificate = made.partition("-----BEGIN CERTIFICATE-----")
    return {"certificate": f"-----BEGIN CERTIFICATE-----{certificate}", "key": key}


# --- REST ---


def test_users_are_listed_with_what_a_sceptic_asks(api, owner):
    give_app(owner)
    services.demand_factor(actor=owner, demanded=True)
    told = api("get", "users").json()
    assert (told["count"], told["items"][0]["username"], told["items"][0]["second_factor"]) == (1, "anna", True)
    assert told["second_factor_demanded"]


def test_a_pass_is_made_ends_by_itself_and_its_link_needs_its_code(api, client):
    made = api("post", "passes", {"username": "Ben", "hours": 4, "source": "192.168.0.0/24"})
    assert made.status_code == 201
    user = User.objects.get(username="Ben")
    assert (user.role, user.source, made.json()["id"]) == (Role.TECHNICIAN, "192.168.0.0/24", user.pk)
    assert timedelta(hours=3) < user.ends - timezone.now() <= timedelta(hours=4)
    token = made.json()["url"].rstrip("/").rpartition("/")[2]
    with pytest.raises(services.LinkInvalid, match="code is wrong"):
        services.redeem_link(token=token, code="no", source="192.168.0.20")
    assert services.redeem_link(token=token, code=made.json()["code"], source="192.168.0.20") == user


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"username": "", "hours": 4}, "username"),
        ({"username": "Ben", "hours": 169}, "lasts"),
        ({"username": "Ben", "hours": -(10**30)}, "lasts"),
        ({"username": "Ben", "hours": 10**30}, "lasts"),
        ({"username": "Ben", "hours": 4, "source": "x"}, "source"),
    ],
)
def test_a_pass_that_will_not_do_is_an_error_at_its_field(api, body, field):
    answer = api("post", "passes", body)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, [field])
    assert not User.objects.filter(username="Ben").exists()


def test_remote_maintenance_is_watched_and_ended(api, window, client):
    helper = person(Role.SUPPORT)
    create_rule(actor=helper, name="made by support", action="drop")
    told = api("get", "maintenance").json()
    assert (told["open"]["id"], told["open"]["scope"], told["count"]) == (window.pk, "change", 1)
    report = api("get", f"maintenance/{window.pk}").json()
    assert [act["words"] for act in report["acts"]] == ["Created rule “made by support”"]
    assert report["changes"] == ["Rule “made by support” is new."]
    ended = api("post", f"maintenance/{window.pk}/end").json()
    assert (ended["ended_by"], queries.open_window()) == ("anna", None)
    again = api("post", f"maintenance/{window.pk}/end")
    assert (again.status_code, list(again.json()["fields"])) == (422, ["window"])
    assert api("get", "maintenance/999999").status_code == 404


def test_the_audit_log_is_read_page_by_page_and_checked(api, owner):
    for name in ("first", "second", "third"):
        create_rule(actor=owner, name=name, action="drop")
    told = api("get", "audit?verb=create&words=firewall.rule").json()["items"]
    assert [each["words"] for each in told] == [f"Created rule “{name}”" for name in ("third", "second", "first")]
    assert told[0]["after"]["name"] == "third"
    older = api("get", f"audit?verb=created&words=firewall.rule&before={told[1]['sequence']}").json()
    assert [each["target"].split()[-1] for each in older["items"]] == ["first"]
    looked = Entry.objects.filter(verb="view", after={"what": "audit log"})
    assert [each.actor for each in looked] == ["anna"]
    assert api("get", "audit/check").json() == {"holds": True, "sequence": None, "why": ""}
    assert api("get", "audit?since=yesterday").status_code == 422


def test_the_certificate_is_shown_and_replaced(api, pair):
    assert api("get", "certificate").json()["kept"] is None
    refused = api("put", "certificate", pair | {"key": "no key"})
    assert (refused.status_code, list(refused.json()["fields"])) == (422, ["key"])
    assert not tls.kept_at().exists()


@pytest.mark.django_db(transaction=True)
def test_the_certificate_is_another_once_it_is_put_there(api, pair, settings, owner):
    settings.CONSOLE_ORIGINS = ["https://pinhole.example"]
    shown = api("put", "certificate", pair).json()
    assert shown["kept"]["names"] == ["pinhole.example"]
    assert tls.read(tls.kept_at().read_bytes(), tls.kept_at().read_bytes()).names == ("pinhole.example",)
    assert Entry.objects.first().verb == "replace certificate"
    settings.CONSOLE_ORIGINS = ["https://another.example"]
    assert "another.example" in api("put", "certificate", pair).json()["fields"]["certificate"][0]
    assert api("put", "certificate", pair | {"anyway": True}).status_code == 200


# --- The command line ---


def test_people_from_the_console_of_the_machine(pinhole, owner):
    made = pinhole("add-user", "Carla", "auditor")
    assert SignInLink.objects.filter(user__username="Carla", used=None).count() == 1
    assert "/accounts/link/" in made["url"]
    assert pinhole("add-pass", "Ben", "--hours", "2")["code"]
    assert {each["username"] for each in pinhole("users")} == {"anna", "Ben", "Carla"}
    assert pinhole("set-role", "carla", "administrator")["role"] == "administrator"
    assert pinhole("switch-user", "Carla", "off")["works"] is False
    assert pinhole("switch-user", "Carla", "on")["works"] is True
    assert pinhole("new-link", "Carla")["url"] != made["url"]
    give_app(owner)
    assert pinhole("reset-factors", "anna")["second_factor"] is False
    assert not has_app(owner)
    acts = pinhole("entries", "--actor", "command line", "--most", "2")
    assert [each["words"] for each in acts] == [
        "Reset the second factors of account “anna”", "Made a new sign-in link for account “Carla”"
    ]  # fmt: skip


def test_the_demand_is_shown_and_set(pinhole, owner):
    assert pinhole("demand-factor") == {"demanded_since": None, "without": ["anna"]}
    assert pinhole("demand-factor", "on")["demanded_since"]
    assert pinhole("demand-factor", "off")["demanded_since"] is None


def test_remote_maintenance_is_ended_from_the_console_of_the_machine(pinhole, window):
    assert [each["ended"] for each in pinhole("maintenance")] == [None]
    assert pinhole("maintenance", str(window.pk))["acts"] == []
    assert pinhole("end-maintenance")["ended_by"] == "command line"
    with pytest.raises(CommandError, match="No remote maintenance is open"):
        pinhole("end-maintenance")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("new-link", "nobody"), "name: There is no account “nobody”."),
        (("maintenance", "999"), "id: There is no such remote maintenance."),
        (("add-pass", "Ben", "--hours", "1000"), "lasts: A pass lasts"),
        (("switch-user", "anna", "off"), "This is the last owner."),
        (("set-role", "anna", "auditor"), "This is the last owner."),
        (("certificate", "--certificate", "/nonexistent"), "file: "),
    ],
)
def test_refusals_name_the_field(pinhole, owner, words, said):
    with pytest.raises(CommandError) as refused:
        pinhole(*words)
    assert said in str(refused.value)


@pytest.mark.django_db(transaction=True)
def test_the_certificate_from_the_console_of_the_machine(pinhole, pair, tmp_path, owner):
    for name, text in pair.items():
        (tmp_path / name).write_text(text)
    files = ("--certificate", str(tmp_path / "certificate"), "--key", str(tmp_path / "key"))
    assert pinhole("certificate", *files)["kept"]["names"] == ["pinhole.example"]
    assert tls.kept_at().stat().st_mode & 0o077 == 0
    assert Entry.objects.first().verb == "replace certificate"
