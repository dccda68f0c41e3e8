# SPDX-License-Identifier: GPL-2.0-or-later
"""What unit tests stand on: no running appliance in reach, an owner, a token, and doubles of engine and broker."""

import json
import shutil
import tempfile
from pathlib import Path

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher
from django.utils import translation
from hypothesis import HealthCheck, settings

from appliance.accounts.models import User
from appliance.accounts.services import create_api_token
from appliance.celery import app as celery
from tests.doubles import BrokerDouble, EngineDouble

# As in the torture tests, also where those are not asked for: always the same, and a busy machine is no reason to fail.
settings.register_profile("short", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
if settings.get_current_profile_name() == "default":
    settings.load_profile("short")


@pytest.fixture(scope="session", autouse=True)
def _no_queue_in_reach():
    """A unit test must never hand a job to the netadmin of a laboratory that runs on this machine."""
    celery.conf.broker_url = "redis+socket:///nonexistent/redis.sock"


@pytest.fixture(scope="session", autouse=True)
def _passwords_cost_little():
    """The same Argon2, with less work and memory: guesses by the dozen would cost minutes."""
    with pytest.MonkeyPatch.context() as patched:
        for name, least in (("time_cost", 1), ("memory_cost", 8), ("parallelism", 1)):
            patched.setattr(Argon2PasswordHasher, name, least)
        yield


@pytest.fixture(autouse=True)
def _nobodys_language():
    """A page that was asked for in another language leaves it to its thread."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def run_dir(monkeypatch, settings):
    """Sockets of this test only; short, because a unix socket's path may have 107 octets."""
    path = Path(tempfile.mkdtemp(prefix="ph-unit-"))
    monkeypatch.setenv("PINHOLE_RUN", str(path))
    monkeypatch.setenv("PINHOLE_STATE", str(path))
    hosts = [settings.CHANNEL_LAYERS["default"]["CONFIG"]["hosts"][0] | {"address": f"unix://{path}/redis.sock"}]
    settings.CHANNEL_LAYERS = {
        "default": settings.CHANNEL_LAYERS["default"] | {"CONFIG": {"hosts": hosts}},
    }
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    yield path
    shutil.rmtree(path)


@pytest.fixture
def owner(db):
    owner = User(username="anna", is_superuser=True)
    owner.set_unusable_password()  # hashing a real one would cost every test a tenth of a second
    owner.save()
    return owner


@pytest.fixture
def token(owner):
    return create_api_token(user=owner, name="tests")[1]


@pytest.fixture
def api(client, token):
    """A client of the REST API with full rights: `api("get", "rules")`."""

    def call(method, path, body=None, headers=None):
        content = {} if body is None else {"data": json.dumps(body), "content_type": "application/json"}
        sent = {"Authorization": f"Bearer {token}"} | (headers or {})
        return getattr(client, method)(f"/api/v1/{path}", headers=sent, **content)

    return call


@pytest.fixture
def engine(run_dir):
    double = EngineDouble()
    yield double
    double.stop()


@pytest.fixture
def broker(run_dir):
    double = BrokerDouble()
    yield double
    double.stop()
