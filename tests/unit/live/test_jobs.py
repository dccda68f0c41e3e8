# SPDX-License-Identifier: GPL-2.0-or-later
"""What takes longer says how far it is: restore, import of country data, self-test. Nobody waits for the telling."""

import json
import socket
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from appliance.backup import document, entry
from appliance.firewall.services import create_rule
from appliance.live import jobs
from appliance.live.hub import Hub
from appliance.live.jobs import Job
from appliance.sip import tasks
from appliance.sip.models import SelfTest
from sipalg_core.contract import names
from tests.doubles import Double

IDENT = "abc-123"


@pytest.fixture
def told(monkeypatch):
    """What would go over the channel layer."""
    rows = []
    monkeypatch.setattr(jobs, "announce", lambda row: rows.append(row) or True)
    monkeypatch.setattr(jobs, "PAUSE", 0.0)
    monkeypatch.setattr(tasks, "announce", rows.append)
    return rows


@pytest.fixture
def console(client, owner, engine):
    client.force_login(owner)
    return client


def test_job_tells_its_begin_its_way_and_its_end(told):
    with Job("restore", IDENT) as job:
        job(1, 2)
        job(2, 2)
    assert [(row.get("done"), row.get("of"), row.get("gone")) for row in told] == [
        (0, 0, None), (1, 2, None), (2, 2, None), (None, None, True)
    ]  # fmt: skip
    assert {row["id"] for row in told} == {f"job:{IDENT}"}


def test_end_is_told_of_what_fails_too(told):
    with pytest.raises(ValueError, match="x"), Job("restore", IDENT):
        raise ValueError("x")
    assert told[-1]["gone"]


@pytest.mark.parametrize("ident", ["", "a" * 41, "../x", "A B", "<b>"])
def test_nobody_listens_to_a_job_without_a_proper_name(told, ident):
    with Job("restore", ident) as job:
        job(1, 1)
    assert told == []


def test_four_words_a_second_are_enough(told, monkeypatch):
    monkeypatch.setattr(jobs, "PAUSE", 3600.0)
    with Job("restore", IDENT) as job:
        for done in range(1000):
            job(done, 1000)
        job(1000, 1000)
    assert len(told) <= 4


def test_without_redis_a_job_goes_on_after_one_try(monkeypatch):
    tries = []
    monkeypatch.setattr(jobs, "announce", lambda row: tries.append(row) is not None)
    monkeypatch.setattr(jobs, "PAUSE", 0.0)
    with Job("restore", IDENT) as job:
        job(1, 2)
    assert len(tries) == 1
    began = time.monotonic()
    assert jobs.announce({"id": "x"}) is False or time.monotonic() - began < 60


def test_hub_forgets_a_job_that_is_over():
    hub = Hub()
    feed = hub.feeds["jobs"]
    hub._put_job({"id": "job:a", "done": 1, "of": 2})
    assert feed.delta(0.0)["ops"] == [{"op": "put", "row": {"id": "job:a", "done": 1, "of": 2}}]
    hub._put_job({"id": "job:a", "gone": True})
    assert feed.delta(0.0)["ops"] == [{"op": "del", "id": "job:a"}]


# --- who tells ---


@pytest.mark.django_db
def test_restore_tells_how_many_things_are_entered(console, owner, told):
    for number in range(3):
        create_rule(actor=owner, name=f"rule {number}", action="drop")
    file = SimpleUploadedFile("backup.json", document.write(entry.collect()))
    answer = console.post("/system/backup/look/", {"file": file, "job": IDENT})
    page = console.get(answer.url).content.decode()
    assert "data-job" in page
    assert max(row["done"] for row in told if "done" in row) == max(row["of"] for row in told if "of" in row) >= 3
    told.clear()
    console.post(f"{answer.url}enter/", {"job": IDENT})
    assert [row["kind"] for row in told] == ["restore"] * len(told)
    assert told[-1]["gone"]
    assert any(row.get("done") == 3 for row in told)


@pytest.mark.django_db
def test_import_of_country_data_tells_its_rows(console, told):
    rows = "".join(f"10.{n >> 8 & 255}.{n & 255}.0/24,DE\n" for n in range(20_500)).encode()
    file = SimpleUploadedFile("countries.csv", rows)
    answer = console.post("/firewall/objects/countries/upload/", {"first": file, "job": IDENT})
    assert answer.status_code == 302, answer.content.decode()
    assert [(row["done"], row["of"]) for row in told if row.get("done")] == [(10_000, 20_500), (20_000, 20_500)]


@pytest.mark.django_db
def test_selftest_tells_each_of_its_results_and_its_end(told, run_dir):
    result = {"flow": "x", "ok": True, "number": 1, "of": 1, "seconds": 0.1, "detail": ""}
    program = Double(
        names.selftest_socket(), socket.SOCK_STREAM, lambda asker: asker.sendall(json.dumps(result).encode())
    )
    selftest = SelfTest.objects.create(asked_by="anna")
    tasks.run_selftest(selftest.pk)
    program.stop()
    assert [(row["id"], row["done"], row.get("gone", False)) for row in told] == [
        (f"selftest:{selftest.pk}", 1, False), (f"selftest:{selftest.pk}", 1, True)
    ]  # fmt: skip


@pytest.mark.django_db
def test_selftest_that_nobody_starts_says_so(told, run_dir):
    selftest = SelfTest.objects.create(asked_by="anna")
    tasks.run_selftest(selftest.pk)
    selftest.refresh_from_db()
    assert selftest.error == "Nobody starts self-tests here: the door at which the worker knocks is shut."
    assert told[-1]["gone"]
