# SPDX-License-Identifier: GPL-2.0-or-later
"""Remote maintenance: nothing without a window, no more than its scope, only from its addresses, nothing afterwards."""

import pwd
from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from appliance.accounts import queries, services
from appliance.accounts.models import MaintenanceWindow, SignedIn, SignInLink
from appliance.audit.models import Entry
from appliance.exposure import support_acts, window_changes
from appliance.firewall import queries as firewall
from appliance.firewall.models import AddressObject
from appliance.firewall.services import activations, create_address, create_rule
from appliance.kernel.logins import logins
from appliance.kernel.sockets import listening
from appliance.permissions import Role, Scope
from appliance.ruleset.decide import Packet, decide
from appliance.ruleset.policy import Interface, Policy
from appliance.ruleset.snapshot import activations as acting_now
from sipalg_core.contract import names
from tests.unit.accounts.factors import code, give_app, has_app
from tests.unit.people import PASSWORD, person

pytestmark = pytest.mark.django_db
COMPANY, STRANGER = "203.0.113.80", "203.0.113.66"


@pytest.fixture(autouse=True)
def _told(monkeypatch):
    monkeypatch.setattr(activations, "tell_netadmin", lambda *, node: True)


@pytest.fixture
def company(owner):
    return create_address(actor=owner, name="Support company", kind="host", value=COMPANY)


@pytest.fixture
def helper():
    user = person(Role.SUPPORT)
    give_app(user)
    return user


@pytest.fixture
def window(company):
    return opened(company)


def opened(company, scope=Scope.CHANGE, lasts=timedelta(hours=1)):
    return services.open_window(actor="anna", scope=scope, lasts=lasts, reason="no audio", sources=[company])


def come_in(user, source=COMPANY):
    client = Client(REMOTE_ADDR=source)
    answer = client.post("/accounts/sign-in/", {"username": user.username, "password": PASSWORD})
    if answer.status_code == 302 and answer.url == "/accounts/authenticate/":
        client.post(answer.url, {"code": code()})
    return client


def is_in(client):
    return client.get("/").status_code == 200


def test_without_a_window_no_support_account_works(helper):
    client = come_in(helper)
    assert not is_in(client)
    assert "only while remote maintenance is open" in client.get("/accounts/sign-in/").content.decode()


def test_in_the_window_and_from_the_company_it_does(helper, window):
    assert is_in(come_in(helper))
    assert SignedIn.objects.get().source == COMPANY


def test_from_elsewhere_it_does_not(helper, window):
    assert not is_in(come_in(helper, STRANGER))


def test_without_a_second_factor_support_sees_only_how_to_set_one_up(window):
    plain = person(Role.SUPPORT)
    client = come_in(plain)
    assert client.get("/").url == "/accounts/factors/app/add/"
    assert client.get("/firewall/rules/").url == "/accounts/factors/app/add/"
    assert client.get("/accounts/factors/app/add/").status_code == 200


def test_a_fragment_behind_the_page_of_the_second_factor_does_not_spoil_its_code(window):
    """The page refreshes its status when the live channel speaks; sent on, that asked for another secret."""
    client = come_in(person(Role.SUPPORT))
    secret = client.get("/accounts/factors/app/add/").context["form"].secret
    for path in ("/status/", "/"):
        assert client.get(path, headers={"HX-Request": "true"}).status_code == 204
    sent = client.post("/firewall/rules/add/", {}, headers={"HX-Request": "true"})
    assert sent.headers["HX-Redirect"] == "/accounts/factors/app/add/"
    client.post("/accounts/factors/app/add/", {"code": code(secret)})
    assert is_in(client)


def test_a_page_that_is_loaded_again_shows_the_same_secret_until_the_app_is_added(client, owner):
    client.force_login(owner)
    page = "/accounts/factors/app/add/"
    secret = client.get(page).context["form"].secret
    assert client.get(page).context["form"].secret == secret
    client.post(page, {"code": "000000"})
    client.post(page, {"code": code(secret)})
    assert has_app(owner)
    client.post("/accounts/factors/app/remove/")
    assert client.get(page).context["form"].secret != secret


def test_a_session_that_is_carried_to_another_address_ends(helper, window):
    client = come_in(helper)
    assert client.get("/", REMOTE_ADDR=STRANGER).status_code == 302
    assert not is_in(client)


@pytest.mark.parametrize(
    ("scope", "see", "diagnose", "change"),
    [(Scope.SEE, True, False, False), (Scope.DIAGNOSE, True, True, False), (Scope.CHANGE, True, True, True)],
)
def test_scope(helper, company, scope, see, diagnose, change):
    opened(company, scope)
    for word, expected in (
        ("rules.see", see), ("calls.trace", diagnose), ("rules.change", change), ("alg.exempt", change),
        ("users.change", False), ("maintenance.start", False), ("backup.make", False),
    ):  # fmt: skip
        assert queries.permits(helper, word) is expected, word
    client = come_in(helper)
    answer = client.post("/firewall/rules/add/", {"name": "x", "action": "drop"})
    assert (answer.status_code == 302) is change


def test_the_kernel_gets_exactly_that_way_in(window):
    (activation,) = acting_now(names.NODE)
    lan, wan = (Interface("lan0", "internal", ("192.168.0.1/24",)), Interface("wan0", "external", ("203.0.113.2/24",)))
    policy = Policy(1, "local", (lan, wan), activations=(activation,))
    at = timezone.now().timestamp()

    def verdict(source, port):
        from ipaddress import ip_address

        return decide(policy, Packet("wan0", ip_address(source), ip_address("203.0.113.2"), "tcp", port, at)).verdict

    assert verdict(COMPANY, services.console_port()) == "accept"
    assert verdict(STRANGER, services.console_port()) == "drop"
    assert verdict(COMPANY, 22) == "drop"
    assert activation.until <= window.ends.timestamp() + 1


def test_ending_it_ends_everything(helper, window):
    client = come_in(helper)
    SignInLink.objects.create(user=helper, hash="x", expires=timezone.now() + timedelta(hours=1))
    services.close_window(actor="anna", window=window)
    assert not is_in(client)
    assert queries.support_scope() is None
    assert firewall.acting(names.NODE) == []
    assert not SignInLink.objects.filter(used=None).exists()
    with pytest.raises(ValidationError, match="ended already"):
        services.close_window(actor="anna", window=window)


def test_time_ends_it_whether_or_not_anybody_writes_that_down(helper, window):
    client = come_in(helper)
    key = client.session.session_key
    MaintenanceWindow.objects.update(ends=timezone.now() - timedelta(seconds=1))
    assert not is_in(client)
    assert queries.user_for_session(key) is None or not queries.in_place(helper, COMPANY)
    assert [each.ended_by for each in services.close_overdue()] == ["time"]
    assert services.close_overdue() == []


def test_a_reboot_does_not_renew_it(helper, window):
    MaintenanceWindow.objects.update(boot="another")
    assert queries.support_scope() is None
    assert not is_in(come_in(helper))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"lasts": timedelta(hours=25)}, "lasts"), ({"lasts": timedelta(0)}, "lasts"), ({"scope": 9}, "scope"),
        ({"reason": " "}, "reason"), ({"sources": []}, "sources"),
    ],
)  # fmt: skip
def test_what_is_refused(company, changed, field):
    fields = {"scope": Scope.SEE, "lasts": timedelta(hours=1), "reason": "x", "sources": [company]} | changed
    with pytest.raises(ValidationError) as error:
        services.open_window(actor="anna", **fields)
    assert field in error.value.message_dict
    assert not MaintenanceWindow.objects.exists()


def test_not_for_half_of_the_internet(owner):
    everybody = create_address(actor=owner, name="Everybody", kind="network", value="0.0.0.0/0")
    with pytest.raises(ValidationError, match="too much of the Internet"):
        opened(everybody)


def test_starting_it_needs_a_second_factor_proved_just_now(client, owner, company):
    anna = person(Role.ADMINISTRATOR)
    client.force_login(anna)
    page = client.get("/accounts/maintenance/start/", follow=True).content.decode()
    assert "This needs a second factor." in page
    give_app(anna)
    answer = client.get("/accounts/maintenance/start/")
    assert answer.url == "/accounts/prove/?next=%2Faccounts%2Fmaintenance%2Fstart%2F"
    client.post("/accounts/prove/code/", {"code": code(), "next": "/accounts/maintenance/start/"})
    form = {"scope": "1", "sources": [company.pk], "lasts": "4", "reason": "no audio"}
    assert client.post("/accounts/maintenance/start/", form).url == "/accounts/maintenance/"
    assert MaintenanceWindow.objects.get().started_by == "a_administrator"


def test_everybody_sees_it_and_what_support_does(client, helper, window):
    his = come_in(helper)
    his.post("/firewall/rules/add/", {"name": "helpful", "action": "drop"})
    client.force_login(person(Role.AUDITOR))
    assert "Vendor support may come in" in client.get("/").content.decode()
    assert "Vendor support may come in" in client.get("/status/").content.decode()
    page = client.get("/accounts/maintenance/").content.decode()
    assert "helpful" in page
    assert COMPANY in page
    assert "helpful" in client.get(f"/accounts/maintenance/{window.pk}/watch/").content.decode()
    assert client.post(f"/accounts/maintenance/{window.pk}/end/").status_code == 403


def test_report_shows_what_changed_and_takes_it_back(client, helper, window, owner):
    his = come_in(helper)
    his.post("/firewall/rules/add/", {"name": "helpful", "action": "drop"})
    services.close_window(actor="anna", window=window)
    window.refresh_from_db()
    create_rule(actor=owner, name="ours, later", action="drop")
    assert [change.text for change in window_changes(window)] == ["Rule “helpful” is new."]
    assert {entry.actor for entry in support_acts(window)} == {"a_support"}
    client.force_login(owner)
    report = client.get(f"/accounts/maintenance/{window.pk}/").content.decode()
    assert "helpful" in report
    assert client.post(f"/accounts/maintenance/{window.pk}/take-back/").url == "/system/changes/review/"
    assert not AddressObject.objects.filter(name="helpful").exists()
    assert Entry.objects.filter(verb="take back").exists()


def test_page_of_what_could_get_in(client, owner, helper, monkeypatch):
    client.force_login(owner)
    page = client.get("/accounts/exposure/").content.decode()
    assert "Off." in page
    assert "cannot sign in now" in page
    assert "does not answer" in page, "without netadmin it says so, and nothing made up"
    assert 'data-login="root"' in page


def test_accounts_of_the_system_that_can_log_in_with_their_keys(tmp_path):
    def account(name, shell):
        (tmp_path / name).mkdir()
        return pwd.struct_passwd((name, "x", 1000, 1000, "", str(tmp_path / name), shell))

    made = [account("admin", "/bin/bash"), account("daemon", "/usr/sbin/nologin"), account("no", "/bin/false")]
    made.append(account("closed", "/bin/sh"))
    keys = tmp_path / "admin" / ".ssh"
    keys.mkdir()
    (keys / "authorized_keys").write_text("# of the office\n\nssh-ed25519 AAAA a\nssh-ed25519 BBBB b\n")
    (tmp_path / "closed" / ".ssh").write_text("no folder at all")
    assert logins(made) == [("admin", "/bin/bash", 2), ("closed", "/bin/sh", None)]


def test_listening_sockets_are_the_kernels():
    import socket

    with socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        port = listener.getsockname()[1]
        assert {"protocol": "tcp", "address": "0.0.0.0", "port": port} in listening()
    assert port not in [each["port"] for each in listening()]


def test_a_link_for_support_waits_for_its_window_and_is_not_used_up_before(owner, company):
    invitation = services.create_user(actor=owner, username="Helper", role=Role.SUPPORT)
    address = f"/accounts/link/{invitation.link}/"
    answer = Client(REMOTE_ADDR=COMPANY).post(address)
    assert (answer.status_code, "or not now" in answer.content.decode()) == (410, True)
    opened(company)
    assert Client(REMOTE_ADDR=STRANGER).post(address).status_code == 410
    assert Client(REMOTE_ADDR=COMPANY).post(address).url == "/accounts/"
