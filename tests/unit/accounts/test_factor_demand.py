# SPDX-License-Identifier: GPL-2.0-or-later
"""A second factor that is demanded: from the next sign-in on, on every way in, and nobody is locked out."""

from datetime import timedelta

import pytest
from channels.db import database_sync_to_async
from django.utils import timezone

from appliance.accounts import queries
from appliance.accounts.models import FactorDemand, User
from appliance.accounts.services import create_api_token, create_owner_link, demand_factor
from appliance.audit.models import Entry
from appliance.permissions import Role
from appliance.signin import FactorAdapter
from appliance.sip import consumers
from appliance.system.models import Setup
from tests.live_socket import live
from tests.unit.accounts.factors import code, give_app
from tests.unit.people import person

pytestmark = pytest.mark.django_db
FACTORS = "/accounts/factors/app/add/"
OWN = ("/accounts/", FACTORS, "/accounts/factors/passkeys/add/")


@pytest.fixture
def people(db):
    Setup.objects.create(author="anna", ended=timezone.now())
    return {role: person(role) for role in Role}


def bearer(text):
    return {"headers": {"Authorization": f"Bearer {text}"}}


def test_owner_demands_it_and_takes_that_back_in_the_settings_of_people(client, people):
    client.force_login(people[Role.OWNER])
    assert "Without one now: a_administrator, a_owner." in client.get("/accounts/people/").content.decode()
    page = client.post("/accounts/people/demand-factor/", {"demanded": "on"}, follow=True).content.decode()
    assert "Whoever has none is led to its set-up at the next sign-in" in page
    assert 'name="demanded" id="factor-demanded" checked' in page
    assert queries.factor_demanded()
    client.post("/accounts/people/demand-factor/")
    assert queries.factor_demanded() is None
    told = list(Entry.objects.filter(verb__startswith="demand").order_by("sequence"))
    assert [each.verb for each in told] == ["demand second factor", "demand no second factor"]
    assert told[0].before == {"since": None}
    assert told[1].before == told[0].after


@pytest.mark.parametrize("role", [role for role in Role if role not in (Role.OWNER, Role.SUPPORT)])
def test_nobody_but_the_owner_demands_it(client, people, role):
    client.force_login(people[role])
    assert client.post("/accounts/people/demand-factor/", {"demanded": "on"}).status_code == 403
    assert not FactorDemand.objects.exists()


def test_who_is_in_goes_on_until_the_next_sign_in(client, people, engine):
    client.force_login(people[Role.ADMINISTRATOR])
    demand_factor(actor="test", demanded=True)
    assert client.get("/firewall/rules/").status_code == 200
    client.logout()
    client.force_login(people[Role.ADMINISTRATOR])
    assert client.get("/firewall/rules/").url == FACTORS


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMINISTRATOR])
def test_who_has_none_is_led_to_the_set_up_and_can_do_nothing_else(client, people, engine, role):
    demand_factor(actor="test", demanded=True)
    client.force_login(people[role])
    assert client.get("/").url == FACTORS
    assert "Your account needs a second factor before you can go on" in client.get(FACTORS).content.decode()
    for method, path in (
        ("get", "/firewall/rules/"),
        ("post", "/system/changes/apply/"),
        ("get", "/accounts/api-tokens/"),
    ):
        assert getattr(client, method)(path).url == FACTORS, path
    assert client.get("/firewall/rules/", headers={"HX-Request": "true"}).status_code == 204
    assert client.post("/accounts/api-tokens/add/", {"name": "a way round"}).url == FACTORS
    answer = client.get("/api/v1/rules")
    assert (answer.status_code, answer.json()["error"]) == (
        403, "This needs a second factor. Set one up in your account first."
    )  # fmt: skip
    assert [client.get(path).status_code for path in OWN] == [200] * len(OWN)


def test_once_it_is_set_up_everything_opens(client, people, engine):
    demand_factor(actor="test", demanded=True)
    client.force_login(people[Role.OWNER])
    client.get(FACTORS)
    client.post(FACTORS, {"code": code(FactorAdapter().decrypt(client.session["mfa.totp.secret"]))})
    assert client.get("/firewall/rules/").status_code == 200
    assert client.get("/api/v1/rules").status_code == 200


@pytest.mark.parametrize("role", [Role.TECHNICIAN, Role.AUDITOR])
def test_others_are_not_asked(client, people, engine, role):
    demand_factor(actor="test", demanded=True)
    client.force_login(people[role])
    assert client.get("/firewall/rules/").status_code == 200


def test_a_program_goes_on_with_the_token_that_it_has(client, people):
    text = create_api_token(user=people[Role.ADMINISTRATOR], name="monitoring")[1]
    demand_factor(actor="test", demanded=True)
    assert client.get("/api/v1/rules", **bearer(text)).status_code == 200
    FactorDemand.objects.update(since=timezone.now() - timedelta(hours=1))
    assert client.get("/api/v1/rules", **bearer(text)).status_code == 403


def test_the_device_itself_always_lets_the_owner_in(client, people):
    """A lost telephone: the link comes in past the factor, takes the old one away, and a new one is set up."""
    demand_factor(actor="test", demanded=True)
    give_app(User.objects.get(role=Role.OWNER))
    client.post(f"/accounts/link/{create_owner_link()}/")
    assert client.get("/accounts/people/").status_code == 200
    client.post("/accounts/factors/app/remove/")
    assert client.get("/accounts/people/").url == FACTORS
    assert client.get(FACTORS).status_code == 200


def test_support_without_one_sees_nothing_by_any_way(client, people, engine, open_window):
    client.force_login(people[Role.SUPPORT])
    assert client.get("/firewall/rules/").url == FACTORS
    assert client.get("/accounts/api-tokens/").url == FACTORS
    assert client.get("/api/v1/rules").status_code == 403
    text = create_api_token(user=people[Role.SUPPORT], name="older")[1]
    assert client.get("/api/v1/rules", **bearer(text)).status_code == 403
    assert client.get("/metrics", **bearer(text)).status_code == 401


@pytest.fixture
def open_window(db):
    from appliance.accounts.models import MaintenanceWindow

    return MaintenanceWindow.objects.create(
        started_by="test", reason="no audio", scope=3, sources=["127.0.0.1"], boot=queries.boot_id(),
        ends=timezone.now() + timedelta(hours=1),
    )  # fmt: skip


@pytest.mark.django_db(transaction=True)
async def test_nothing_is_watched_live_before(engine, monkeypatch):
    monkeypatch.setattr(consumers, "IDENTITY_INTERVAL", 0.05)
    user = await database_sync_to_async(person)(Role.ADMINISTRATOR)
    await database_sync_to_async(demand_factor)(actor="test", demanded=True)
    text = (await database_sync_to_async(create_api_token)(user=user, name="later"))[1]
    async with live((b"authorization", f"Bearer {text}".encode())) as socket:
        await socket.send({"subscribe": ["calls"]})
        assert "error" in await socket.receive("calls")


@pytest.mark.django_db(transaction=True)
async def test_a_token_of_a_pass_watches_from_its_own_place_only(engine):
    user = await database_sync_to_async(person)(Role.TECHNICIAN, source="192.0.2.0/24")
    text = (await database_sync_to_async(create_api_token)(user=user, name="elsewhere"))[1]
    async with live((b"authorization", f"Bearer {text}".encode())) as socket:
        assert await socket.closed() == 4401
