# SPDX-License-Identifier: GPL-2.0-or-later
"""The self-test in the console: asked for once at a time, shown as it goes, reported without a name of the house."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from appliance.sip import services
from appliance.sip.columns import selftests
from appliance.sip.columns.selftests import FLOWS, SEEN, report
from appliance.sip.models import SelfTest
from sipalg_core.selftest.flows import FLOWS as RUN
from sipalg_core.selftest.sandbox import INSIDE, MEDIA, OURS, PROVIDER

RESULT = {
    "flow": "hold", "title": "Hold and resume", "number": 1, "of": 14, "ok": True, "seconds": 2.1, "detail": "",
}  # fmt: skip


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def selftest(owner):
    return SelfTest.objects.create(asked_by="anna", results=[RESULT])


def test_every_flow_has_its_words():
    assert list(FLOWS) == [flow.name for flow in RUN]
    assert {name: str(text) for name, text in FLOWS.items()} == {flow.name: flow.title for flow in RUN}


def test_one_at_a_time(owner, selftest):
    with pytest.raises(ValidationError, match="running already"):
        services.request_selftest(actor=owner)
    services.finish_selftest(selftest=selftest)
    assert services.request_selftest(actor=owner).asked_by == str(owner)


@pytest.mark.django_db(transaction=True)
def test_without_a_job_queue_it_says_so_and_does_not_run(owner):
    selftest = services.request_selftest(actor=owner)
    selftest.refresh_from_db()
    assert not selftest.running
    assert "does not answer" in selftest.error


def test_page_follows_it_and_shows_what_failed(console, selftest):
    page = console.get(f"/calls/selftests/{selftest.pk}/", headers={"HX-Request": "true"}).content.decode()
    assert "1 of 14 call flows are done" in page
    assert "live:jobs from:body" in page
    failed = RESULT | {"ok": False, "detail": "INVITE did not arrive at 203.0.113.1:5060."}
    services.note_result(selftest=selftest, result=failed)
    services.finish_selftest(selftest=selftest)
    page = console.get("/calls/selftests/").content.decode()
    assert "1 call flow failed." in page
    assert failed["detail"] in page
    assert "every 1s" not in page


def test_one_whose_worker_died_is_not_running_for_ever(console, selftest):
    SelfTest.objects.update(asked=timezone.now() - timedelta(minutes=10))
    assert "did not finish" in console.get("/calls/selftests/").content.decode()


def test_report_is_for_strangers(console, selftest):
    services.finish_selftest(selftest=selftest)
    answer = console.get(f"/calls/selftests/{selftest.pk}/report.txt")
    assert answer["Content-Type"].startswith("text/plain")
    text = answer.content.decode()
    assert " 1 Hold and resume: passed (2.1 s)" in text
    assert "1 of 14 passed." in text.splitlines()[1]
    assert "Linux" in text
    assert "anna" not in report(selftest)


def test_report_says_what_was_seen_and_what_it_means(selftest):
    failed = RESULT | {"ok": False, "number": 2, "detail": "INVITE did not arrive at 203.0.113.1:5060."}
    services.finish_selftest(selftest=selftest)
    text = report(selftest)
    assert "keep the announced port" in text
    assert "neither loses nor damages" in text
    services.note_result(selftest=selftest, result=failed)
    text = report(selftest)
    assert "INVITE did not arrive at 203.0.113.1:5060." in text
    assert "fails inside this firewall" in text
    assert "neither loses nor damages" not in text


def test_every_flow_says_what_it_has_shown_and_names_who_was_played():
    assert list(SEEN) == [flow.name for flow in RUN]
    played = {"phone": INSIDE[4], "ours": OURS[4], "provider": PROVIDER[4], "media": MEDIA[4]}
    assert played == selftests._PLAYED


def test_rest_starts_and_follows_it(console, owner):
    started = console.post("/api/v1/selftests", content_type="application/json")
    assert started.status_code == 202
    again = console.post("/api/v1/selftests", content_type="application/json")
    assert again.status_code == 422
    told = console.get(f"/api/v1/selftests/{started.json()['id']}").json()
    assert (told["running"], told["results"]) == (True, [])
    assert console.get("/api/v1/selftests").json()["count"] == 1
