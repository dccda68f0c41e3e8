# SPDX-License-Identifier: GPL-2.0-or-later
"""Review, apply with its progress and its failures, and the list of revisions."""

import re
from datetime import timedelta

import pytest
from django.utils import timezone

from appliance.accounts.models import User
from appliance.audit.models import Entry
from appliance.firewall.services import create_address, create_rule
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.snapshot import dump_rows, snapshot
from appliance.system.models import ReasonDemand, Revision, State
from appliance.system.queries import pending_changes

HTMX = {"HX-Request": "true"}


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def draft(owner):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])


@pytest.fixture
def make_revision(db):
    def make(number, state, **fields):
        return Revision.objects.create(
            number=number, state=state, author="anna", policy=policy.dump(snapshot("local", number)), **fields
        )

    return make


def text_of(answer):
    return answer.content.decode()


def test_review_says_the_changes_in_words(console, draft):
    text = text_of(console.get("/system/changes/review/"))
    assert "Interface “lan0” is new." in text
    assert " disabled" not in text


def test_nothing_to_apply_is_said(console, make_revision):
    make_revision(7, State.APPLIED, applied_at=timezone.now())
    for path in ("/system/changes/", "/system/changes/review/"):
        same = text_of(console.get(path))
        assert re.search(r"configuration are the same \(revision 7, <time [^>]*>[^<]*</time>, anna\)", same)


def test_an_error_finding_stops_the_button(console, owner):
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24"])
    text = text_of(console.get("/system/changes/review/"))
    assert "this would cut off the console" in text
    assert "disabled" in text


@pytest.mark.django_db(transaction=True)
def test_apply_without_queue_says_that_nothing_was_applied(console, draft):
    text = text_of(console.post("/system/changes/apply/", {"reason": "first"}, headers=HTMX))
    assert "Revision 1 was not applied." in text
    assert "The job queue (Redis) does not answer." in text
    assert Revision.objects.get().reason == "first"


def test_progress_asks_again_until_the_revision_is_done(console, make_revision):
    revision = make_revision(1, State.APPLYING)
    assert "hx-trigger" in text_of(console.get("/system/changes/1/progress/", headers=HTMX))
    revision.state, revision.duration = State.APPLIED, 0.25
    revision.save()
    answer = console.get("/system/changes/1/progress/", headers=HTMX)
    assert "hx-trigger" not in text_of(answer)
    assert "Revision 1 is active. It took 0.25 s" in text_of(answer)
    assert "changed" in answer.headers["HX-Trigger"]


def test_a_window_that_is_too_long_is_said_at_the_field(console, draft):
    text = text_of(console.post("/system/changes/apply/", {"confirm_within": 601}, headers=HTMX))
    assert "less than or equal to 600" in text
    assert not Revision.objects.exists()


@pytest.fixture
def trial(make_revision):
    make_revision(1, State.APPLIED)
    return make_revision(2, State.WAITING, deadline=timezone.now() + timedelta(seconds=90), confirm_within=90)


@pytest.mark.parametrize("path", ["/system/changes/", "/firewall/rules/", "/", "/accounts/"])
def test_every_page_has_the_countdown_and_its_buttons(console, trial, path):
    text = text_of(console.get(path))
    assert f'data-countdown="{trial.deadline.isoformat()}"' in text
    for verb in ("keep", "extend", "undo"):
        assert f"/system/changes/2/{verb}/" in text


@pytest.mark.django_db(transaction=True)  # as a request has it: no transaction around it all
@pytest.mark.parametrize("verb", ["keep", "extend", "undo"])
def test_a_verb_without_queue_says_that_the_kernel_goes_back(console, trial, verb):
    text = text_of(console.post(f"/system/changes/2/{verb}/", follow=True))
    assert "Without a confirmation the kernel goes back by itself." in text
    assert console.get(f"/system/changes/2/{verb}/").status_code == 405


def test_a_revision_that_went_back_says_so(console, make_revision):
    make_revision(1, State.ROLLED_BACK, error="No confirmation within 90 s. Revision 0 is active again.")
    text = text_of(console.get("/system/changes/1/"))
    assert "Revision 1 was rolled back." in text
    assert "No confirmation within 90 s." in text
    german = text_of(console.get("/system/changes/1/", headers={"Accept-Language": "de"}))
    assert "Keine Bestätigung innerhalb von 90 s." in german


def test_revisions_are_compared_in_words_and_in_nft(console, owner, make_revision):
    make_revision(1, State.SUPERSEDED)
    rule = create_rule(actor=owner, name="Odd", source=None, destination=None, service=None, action="drop")
    make_revision(2, State.SUPERSEDED)
    make_revision(3, State.APPLIED)
    text = text_of(console.get("/system/changes/3/"))
    assert "No difference." in text
    text = text_of(console.get("/system/changes/3/?since=1"))
    assert "Rule “Odd” is new." in text
    added = rf"\+add rule inet appliance forward_r3 counter .* goto verdict_drop comment &quot;rule:{rule.pk}&quot;"
    assert re.search(added, text)
    assert console.get("/system/changes/3/?since=99").status_code == 404


def test_going_back_makes_a_draft(console, owner, draft):
    frozen = Revision.objects.create(number=1, author="anna", state=State.APPLIED, policy={}, rows=dump_rows())
    Revision.objects.update(policy=policy.dump(snapshot("local", 1)))
    save_interface(actor=owner, name="lan0", role="internal", addresses=["10.0.0.1/24"])
    assert pending_changes()
    assert (
        f'action="/system/changes/{frozen.number}/go-back/"' in console.get("/system/changes/review/").content.decode()
    )
    told = console.post(f"/system/changes/{frozen.number}/go-back/", follow=True)
    assert "The changes are discarded." in text_of(told)
    assert not pending_changes()


def test_the_review_says_what_a_new_rule_does(console, owner, make_revision):
    make_revision(1, State.APPLIED)
    pbx = create_address(actor=owner, name="PBX", kind="host", value="192.168.0.2")
    create_rule(actor=owner, name="Odd", source=pbx, destination=None, service=None, action="drop")
    page = console.get("/system/changes/review/").content.decode()
    assert '<span class="verdict-drop">Drop</span> <b>everything</b> from <b>PBX</b> to <b>anywhere</b>.' in page


def test_what_runs_is_undone_by_going_back_to_what_ran_before(console, make_revision):
    make_revision(1, State.SUPERSEDED, rows=dump_rows())
    make_revision(2, State.FAILED)
    make_revision(3, State.APPLIED, rows=dump_rows())
    page = console.get("/system/changes/3/").content.decode()
    assert "Undo this: back to revision 1 (as a draft)" in page
    assert 'action="/system/changes/1/go-back/"' in page
    assert "Go back to this (as a draft)" in console.get("/system/changes/1/").content.decode()


def test_a_failed_revision_says_why(console, make_revision):
    make_revision(1, State.FAILED, error="The kernel refused the rules (rule 17, “RTP in”). Nothing was changed.")
    text = text_of(console.get("/system/changes/1/"))
    assert "The kernel refused the rules (rule 17, “RTP in”)." in text
    assert "Nothing reached the kernel." in text


def test_the_list_and_the_detail(console, make_revision):
    make_revision(1, State.SUPERSEDED, nft="table inet appliance {}")
    make_revision(2, State.APPLIED, reason="Phones may call")
    text = text_of(console.get("/system/changes/"))
    assert text.index(">2<") < text.index(">1<")
    assert "Phones may call" in text
    assert "table inet appliance {}" in text_of(console.get("/system/changes/1/"))


def test_an_unknown_revision_does_not_exist(console):
    assert console.get("/system/changes/99/").status_code == 404


def test_owner_demands_a_reason_and_nothing_is_applied_without(console, client, owner, api, draft):
    assert "Reason (optional)" in console.get("/system/changes/review/").content.decode()
    said = console.post("/system/changes/demand-reason/", {"demanded": "on"}, follow=True).content.decode()
    assert "Nothing is applied without a reason any more." in said
    assert 'id="reason-demanded" checked' in said
    assert "Reason (optional)" not in console.get("/system/changes/review/").content.decode()
    for reason in ("", "  "):
        refused = console.post("/system/changes/apply/", {"reason": reason, "confirm_within": 90}).content.decode()
        assert "Say why: here nothing is applied without a reason." in refused
        assert api("post", "apply", {"reason": reason}).json()["fields"].keys() == {"reason"}
    assert not Revision.objects.exists()
    assert api("post", "apply", {"reason": "asked for by the board"}).status_code == 202
    assert Revision.objects.get().reason == "asked for by the board"
    verbs = list(Entry.objects.filter(verb__startswith="demand").values_list("verb", flat=True))
    assert verbs == ["demand a reason"]
    console.post("/system/changes/demand-reason/", {})
    assert not ReasonDemand.stands()


def test_only_the_owner_demands_reasons(client, draft):
    client.force_login(User.objects.create(username="berta", role="administrator"))
    assert "reason-demanded" not in client.get("/system/changes/").content.decode()
    assert client.post("/system/changes/demand-reason/", {"demanded": "on"}).status_code == 403
    assert not ReasonDemand.stands()
