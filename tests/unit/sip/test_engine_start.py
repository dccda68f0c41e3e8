# SPDX-License-Identifier: GPL-2.0-or-later
"""Starting a stopped engine from the console: who may, what is written down, and what netadmin does for it."""

import socket
from queue import Queue

import pytest

from appliance.audit.models import Entry
from appliance.kernel import starting
from appliance.kernel.answers import ANSWERS
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.permissions import Role
from sipalg_core.contract import names
from tests.doubles import Double
from tests.unit.people import person

START = "/calls/engine/start/"
HTMX = {"HX-Request": "true"}


@pytest.fixture
def knocks(run_dir):
    """Whoever starts processes, at the socket where netadmin knocks."""
    heard = Queue()
    double = Double(names.start_socket(), socket.SOCK_STREAM, lambda connection: heard.put(connection.recv(1)))
    yield heard
    double.stop()


@pytest.fixture
def netadmin(monkeypatch):
    """Its answers, without a queue between."""
    monkeypatch.setattr("appliance.sip.services.engine.ask", lambda question, **_: ANSWERS[question]())


def test_netadmin_knocks_where_nobody_answers_and_says_nothing(knocks):
    assert starting.start_engine()
    assert knocks.get(timeout=20) == b""


def test_engine_that_answers_is_left_alone(engine, knocks):
    assert not starting.start_engine()
    assert knocks.empty()


def test_where_nobody_starts_processes_netadmin_says_so(run_dir):
    with pytest.raises(OSError, match="No such file"):
        starting.start_engine()


@pytest.mark.django_db
def test_it_is_asked_for_from_the_banner_and_written_down(client, owner, netadmin, knocks):
    client.force_login(owner)
    assert "Start the SIP engine" in client.get("/calls/").content.decode()
    assert client.post(START, headers=HTMX).content.decode() == "It is being started…"
    assert knocks.get(timeout=20) == b""
    assert Entry.objects.filter(verb="start", target__contains="engine", actor=owner.username).count() == 1


@pytest.mark.django_db
def test_running_engine_and_silent_netadmin_are_said_in_words(client, owner, engine, netadmin, knocks, monkeypatch):
    client.force_login(owner)
    assert "does not have to be started" in client.post(START, headers=HTMX).content.decode()
    assert "does not have to be started" in client.post(START, follow=True).content.decode()

    def silent(*_args, **_values):
        raise NetadminUnavailable("The process that applies rules does not answer.")

    monkeypatch.setattr("appliance.sip.services.engine.ask", silent)
    assert "does not answer" in client.post(START, headers=HTMX).content.decode()
    assert knocks.empty()
    assert Entry.objects.filter(verb="start").count() == 3  # before it takes effect, whatever comes of it


@pytest.mark.django_db
def test_programs_may_too_and_auditors_may_not(client, api, netadmin, knocks):
    assert api("post", "engine/start").status_code == 202
    assert knocks.get(timeout=20) == b""
    client.force_login(person(Role.AUDITOR))
    assert client.post(START).status_code == 403
    assert "Start the SIP engine" not in client.get("/calls/").content.decode()
