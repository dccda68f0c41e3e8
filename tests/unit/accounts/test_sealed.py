# SPDX-License-Identifier: GPL-2.0-or-later
"""Secrets of second factors: not to be read in the database, and what is said where the appliance's key is lost."""

import base64
import importlib
from concurrent.futures import ThreadPoolExecutor

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP
from django.apps import apps
from django.db import connection

from appliance import keys
from appliance.accounts.services import create_owner_link
from appliance.permissions import Role
from tests.unit.accounts.factors import SECRET, code, give_app, has_app
from tests.unit.people import PASSWORD, person

pytestmark = pytest.mark.django_db
LOST = "The appliance has another key"


@pytest.fixture
def anna():
    return person(Role.OWNER)


def database():
    """The bytes of its file."""
    connection.ensure_connection()
    return connection.connection.serialize()


def spellings(secret):
    """As text, and as base64 whatever stands before it (sessions)."""
    return [secret.encode()] + [base64.b64encode(b"x" * shift + secret.encode())[4:-4] for shift in range(3)]


def test_the_database_holds_no_secret_of_a_second_factor(client, anna):
    client.force_login(anna)
    page = "/accounts/factors/app/add/"
    secret = client.get(page).context["form"].secret
    assert not any(each in database() for each in spellings(secret)), "of an app that is being added"
    client.post(page, {"code": code(secret)})
    shown = client.get("/accounts/factors/codes/").context["unused_codes"]
    held = database()
    assert anna.username.encode() in held, "this is the database"
    assert len(shown) == 10
    assert not any(each in held for each in spellings(secret))
    seed = RecoveryCodes(Authenticator.objects.get(type="recovery_codes"))
    assert sorted(seed.generate_codes()) == sorted(shown)
    assert all(text.encode() not in held for text in shown)
    assert all(keys.is_sealed(text) for each in Authenticator.objects.all() for text in each.data.values() if
               isinstance(text, str))  # fmt: skip


def test_what_lay_there_in_clear_is_sealed_and_still_works(anna):
    Authenticator.objects.create(user=anna, type="totp", data={"secret": SECRET})
    Authenticator.objects.create(user=anna, type="recovery_codes", data={"seed": "ab" * 40, "used_mask": 1})
    assert SECRET.encode() in database()
    migration = importlib.import_module("appliance.accounts.migrations.0004_seal_factors")
    for _ in range(2):
        migration.seal_factors(apps, None)
    held = database()
    assert SECRET.encode() not in held
    assert b"ab" * 40 not in held
    assert TOTP(Authenticator.objects.get(type="totp")).validate_code(code())
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes"))
    assert len(codes.get_unused_codes()) == 9


def test_a_lost_key_is_told_of_and_the_owners_link_still_lets_him_in(client, anna, settings):
    give_app(anna)
    RecoveryCodes.activate(anna)
    settings.SECRET_KEY = "another one, since the file was lost with the disk"
    client.post("/accounts/sign-in/", {"username": anna.username, "password": PASSWORD})
    assert LOST in client.post("/accounts/authenticate/", {"code": code()}).content.decode()
    assert client.post(f"/accounts/link/{create_owner_link()}/").url == "/"
    for page in ("/accounts/factors/codes/", "/accounts/factors/codes/download/"):
        assert LOST in client.get(page, follow=True).content.decode()
    client.post("/accounts/factors/app/remove/")
    assert not has_app(anna)
    page = "/accounts/factors/app/add/"
    client.post(page, {"code": code(client.get(page).context["form"].secret)})
    assert has_app(anna)


def test_the_key_comes_from_systemd_where_it_gives_one(tmp_path, monkeypatch):
    given = tmp_path / "credentials"
    given.mkdir()
    (given / keys.NAME).write_text("from systemd\n")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(given))
    assert keys.own_key(tmp_path) == "from systemd"
    assert not (tmp_path / keys.NAME).exists()


def test_processes_that_start_together_have_one_key_that_others_cannot_read(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        found = set(pool.map(keys.own_key, [tmp_path] * 32))
    assert len(found) == 1
    assert len(found.pop()) > 64
    assert [path.name for path in tmp_path.iterdir()] == [keys.NAME]
    assert (tmp_path / keys.NAME).stat().st_mode & 0o007 == 0


def test_a_seal_is_for_one_purpose_and_notices_a_change():
    sealed = keys.seal("open sesame", key="k", purpose="notices")
    assert keys.unseal(sealed, key="k", purpose="notices") == "open sesame"
    for key, purpose, text in (("other", "notices", sealed), ("k", "factors", sealed), ("k", "notices", sealed[:-4])):
        with pytest.raises(keys.KeyLost):
            keys.unseal(text, key=key, purpose=purpose)
