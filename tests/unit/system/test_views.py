# SPDX-License-Identifier: GPL-2.0-or-later
"""Review, apply with its progress and its failures, and the list of revisions."""

import pytest

from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.snapshot import snapshot
from appliance.system.models import Revision, State

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
    assert "disabled" not in text


def test_nothing_to_apply_is_said(console, make_revision):
    make_revision(7, State.APPLIED)
    assert "Running and saved configuration are the same (revision 7)." in text_of(
        console.get("/system/changes/review/")
    )


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
