# SPDX-License-Identifier: GPL-2.0-or-later
"""Quality by provider and hour: what belongs to it, what is made of it, and how long it is kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from appliance.kernel import call_figures
from appliance.sip import services, tasks
from appliance.sip.models import QualityHour
from appliance.sip.queries.quality import mos

pytestmark = pytest.mark.django_db

PHONE, PROXY = "192.168.0.10:4000", "203.0.113.99:7000"
OPENING = {"internal": PHONE, "external": PROXY, "provider": "Tel", "component": "rtp"}


def run(at, source=PROXY, destination=PHONE, *, received=100, expected=100, jitter=2.0):
    return {
        "at": at, "source": source, "destination": destination, "received": received, "expected": expected,
        "jitter": jitter, "payload_type": 0,
    }  # fmt: skip


@pytest.fixture
def hour():
    return timezone.now().replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


def test_runs_are_added_to_their_hour_provider_and_direction(hour):
    at = hour.timestamp() + 60
    runs = [run(at, received=90), run(at, PHONE, PROXY, jitter=None), run(at, "192.0.2.1:1", "192.0.2.2:2")]
    assert services.note_runs(runs, [OPENING]) == 2
    assert services.note_runs([run(at, jitter=4.0)], [OPENING]) == 1
    inward, outward = QualityHour.objects.get(inward=True), QualityHour.objects.get(inward=False)
    assert (inward.hour, inward.provider, inward.runs, inward.expected, inward.received) == (hour, "Tel", 2, 200, 190)
    assert (inward.loss, inward.jitter, inward.worst_loss) == (0.05, 3.0, pytest.approx(0.1))
    assert (outward.loss, outward.jitter) == (0.0, None)


def test_a_port_belongs_to_who_has_it_now(hour):
    openings = [OPENING | {"provider": "New"}, OPENING | {"provider": "Old"}]  # the youngest first
    services.note_runs([run(hour.timestamp())], openings)
    assert QualityHour.objects.get().provider == "New"


@pytest.mark.parametrize(("loss", "jitter", "least", "most"), [
    (0.0, 0.0, 4.35, 4.45),
    (0.01, 0.0, 4.25, 4.4),
    (0.05, 0.0, 3.8, 4.0),
    (0.2, 0.0, 2.55, 2.65),
    (1.0, 0.0, 1.0, 1.2),
    (0.0, 200.0, 2.8, 3.0),
])  # fmt: skip
def test_mos_is_that_of_the_e_model(loss, jitter, least, most):
    assert least <= mos(loss, jitter) <= most


def test_mos_never_gets_better_by_loss_or_jitter():
    by_loss = [mos(loss / 100, 0) for loss in range(101)]
    by_jitter = [mos(0, jitter) for jitter in range(500)]
    assert by_loss == sorted(by_loss, reverse=True)
    assert by_jitter == sorted(by_jitter, reverse=True)


def test_page_has_chart_and_table_and_says_what_cannot_be_known(console, hour):
    assert "Nothing was measured in this time." in console.get("/calls/quality/").content.decode()
    services.note_runs([run(hour.timestamp(), received=70), run(hour.timestamp(), PHONE, PROXY)], [OPENING])
    text = console.get("/calls/quality/").content.decode()
    assert text.count("<rect") == 2
    assert "30.00 %" in text
    assert "Not known:" in text
    assert "<html" not in console.get("/calls/quality/?days=7", headers={"HX-Request": "true"}).content.decode()


@pytest.mark.parametrize("query", ["days=x", "days=9999", "provider=Nobody", "days=7&provider=Tel"])
def test_any_search_is_answered(console, hour, query):
    services.note_runs([run(hour.timestamp())], [OPENING])
    assert console.get(f"/calls/quality/?{query}").status_code == 200


def test_rest_says_the_same(api, hour):
    services.note_runs([run(hour.timestamp(), received=95)], [OPENING])
    (row,) = api("get", "quality").json()["items"]
    assert (row["provider"], row["direction"], row["loss"], row["packets"]) == ("Tel", "in", 5.0, 95)
    assert api("get", "quality?days=0").status_code == 422


def test_quality_is_kept_as_long_as_calls_are(hour):
    for days in (1, 40):
        services.note_runs([run((hour - timedelta(days=days)).timestamp())], [OPENING])
    services.forget_old()
    assert QualityHour.objects.count() == 1


def test_nothing_is_taken_while_the_engine_cannot_say_whose_it_is(monkeypatch):
    taken = []
    monkeypatch.setattr(tasks, "take_runs", lambda: taken.append(1) or [])
    assert (tasks.record_quality(), taken) == (0, [])


# --- of one call ---


def test_last_run_of_each_direction_is_its_calls(hour):
    at = hour.timestamp()
    runs = [
        run(at, received=90),
        run(at, received=98),
        run(at, PHONE, PROXY, jitter=None),
        run(at, "192.0.2.1:1", "192.0.2.2:2"),
    ]
    openings = [OPENING | {"call": "new"}, OPENING | {"call": "old"}, OPENING | {"call": "x", "component": "rtcp"}]
    assert call_figures.measured(runs, openings) == {
        ("new", "in"): {"packets": 100, "lost": 2, "jitter": 2.0},
        ("new", "out"): {"packets": 100, "lost": 0, "jitter": None},
    }


def test_page_of_a_call_says_them_and_that_there_are_none(console, monkeypatch):
    path = "/calls/c1/figures/"
    assert "there is none yet" in console.get(path).content.decode(), "Redis is away here"
    told = {"in": {"packets": 100, "lost": 2, "jitter": 2.04}, "out": {"packets": 1, "lost": 0, "jitter": None}}
    monkeypatch.setattr(call_figures, "of", lambda _call: told)
    text = console.get(path).content.decode()
    assert "2 of 100 packets lost, jitter 2.0 ms" in text
    assert "0 of 1 packet lost</dd>" in text
    assert 'hx-trigger="every 10s"' in text


def test_list_of_calls_asks_for_all_of_its_rows_at_once(console, monkeypatch):
    assert console.get("/calls/measured/", {"call": ["a", "b"]}).json() == {}, "Redis is away here"
    told = {"in": {"packets": 100, "lost": 3, "jitter": 40.0}}
    asked = []
    monkeypatch.setattr(call_figures, "of_several", lambda calls: asked.append(calls) or {"b": told})
    assert console.get("/calls/measured/", {"call": ["a", "b"]}).json() == {"b": told}
    assert asked == [["a", "b"]]
