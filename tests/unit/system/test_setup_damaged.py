# SPDX-License-Identifier: GPL-2.0-or-later
"""The wizard with answers that are missing, odd, or speak of what is gone: it asks again, and never breaks."""

import copy

import pytest

from appliance.firewall.models import Rule
from appliance.network.models import Interface
from appliance.sip.queries import templates
from appliance.system.models import Restoration, Setup
from appliance.wizard import kept, steps
from tests.unit.system.wizard import GOOD, LINKS, on_the_way, take, text_of

pytestmark = pytest.mark.django_db

ODD = (None, "", "x" * 500, "\x00", "Ünïcode ✆", -1, 10**30, 0.5, True, [], ["new"], {}, {"pbx": []}, [[]])
KEPT = ("look", "start", "zones", "office", "phones", "provider", "mode", "review")
"""The steps of a new appliance of which something is kept that is read again."""
PARTS = ("/system/setup/parts/preview/", "/system/setup/apply/", "/system/setup/parts/heard/")


def damages(answer):
    """The answer without each of its words, with odd ones for each, and no answer at all."""
    yield from ODD
    for word in answer:
        yield {key: value for key, value in answer.items() if key != word}
        for odd in ODD:
            yield answer | {word: odd}


def ask_every_step(client, row):
    """What each page would read and show, without the page."""
    found, lost = kept.sound(row)
    open_step = steps.next_open(found)
    for step in steps.STEPS:
        if steps.reachable(found, step.name):
            step.form(client.owner, found, None, None)
            step.show(found)
    return open_step.name, lost


@pytest.fixture
def done(wizard, owner):
    """All answered well, up to Apply."""
    take(wizard, *GOOD)
    wizard.owner = owner
    return wizard


def test_whatever_is_kept_of_a_step_it_is_asked_again_and_nothing_breaks(done):
    good = Setup.objects.get().answers
    for name in KEPT:
        shown = set()
        for damaged in damages(good[name]):
            row = Setup(answers=copy.deepcopy(good) | {name: damaged}, passed=list(GOOD), author=done.owner.username)
            open_step, lost = ask_every_step(done, row.in_shape())
            assert open_step == (name if name in lost else "review" if lost else "apply"), (name, damaged)
            assert lost <= {name, "review"}, (name, damaged)
            shown |= lost
        assert name in shown


def test_a_step_without_its_answer_is_led_back_to_and_answered_once_more(done):
    good = Setup.objects.get().answers
    for name in KEPT:
        Setup.objects.update(answers={step: answer for step, answer in good.items() if step != name})
        for page in PARTS:
            assert done.get(page).status_code in (200, 302), (name, page)
        page = text_of(done.get("/system/setup/", follow=True))
        assert f'data-step="{name}"' in page
        assert "does not hold any more" in page
        assert on_the_way(done.post("/system/setup/check/")) == name
        take(done, name)
        assert "does not hold any more" not in text_of(done.get("/system/setup/", follow=True))


def test_whatever_stands_in_the_row_every_page_answers(done):
    good = Setup.objects.values("answers", "passed", "drafted", "seen").get()
    for part in good:
        for odd in ODD:
            ask_every_step(done, Setup(author=done.owner.username, **(good | {part: odd})).in_shape())
        for odd in ({"look": []}, [["look"]]):
            Setup.objects.update(**(good | {part: odd}))
            assert done.get("/system/setup/", follow=True).status_code == 200
            take(done, "look")


def test_drafts_are_made_whatever_is_noted_of_earlier_ones(done):
    for odd in (*(each for each in ODD if each is not None), {"rule": ["x", None, -5, 10**30]}):
        Setup.objects.update(drafted=odd)
        take(done, "review")
    assert Rule.objects.count() == 5


def test_rules_that_were_deleted_are_reviewed_again(done):
    Rule.objects.all().delete()
    assert on_the_way(done.get("/system/setup/")) == "review"
    take(done, "review")
    assert Rule.objects.exists()


def test_another_answer_is_reviewed_again_wherever_one_goes_on(done):
    take(done, "phones", pbx="192.168.0.66")
    assert on_the_way(done.get("/system/setup/")) == "review"


def test_an_interface_that_is_gone_leads_back_to_the_zones_once(done, surroundings):
    surroundings["links"] = [each for each in LINKS if each["name"] != "wan0"]
    assert on_the_way(done.get("/system/setup/")) == "zones"
    take(done, "zones")
    assert on_the_way(done.get("/system/setup/")) == "apply"
    surroundings["links"] = []  # nobody can say
    assert on_the_way(done.get("/system/setup/")) == "apply"
    Interface.objects.filter(name="lan0").delete()
    assert on_the_way(done.get("/system/setup/")) == "zones"


def test_a_template_that_is_gone_leads_back_to_the_provider(done, monkeypatch):
    key = next(iter(templates()))
    take(done, "provider", template=key)
    take(done, "mode", "review")
    assert on_the_way(done.get("/system/setup/")) == "apply"
    monkeypatch.setattr("appliance.wizard.kept.templates", dict)
    assert on_the_way(done.get("/system/setup/")) == "provider"


def test_a_file_that_is_forgotten_or_damaged_is_asked_for_again(wizard):
    take(wizard, "look", "owner", "factor")
    take(wizard, "start", way="restore")
    row = Setup.objects.get()
    row.answers["restore"], row.passed = {"kept": 4711}, [*row.passed, "restore"]
    row.save()
    for content in (None, {}, [], {"version": 999}, {"version": 1, "rules": "x"}):
        if content is not None:
            Restoration.objects.update_or_create(pk=4711, defaults={"author": "anna", "content": content})
        assert on_the_way(wizard.get("/system/setup/mapping/")) == "restore"
        assert wizard.get("/system/setup/parts/preview/").status_code == 200
