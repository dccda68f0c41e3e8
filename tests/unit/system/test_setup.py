# SPDX-License-Identifier: GPL-2.0-or-later
"""The first-run wizard as a way: who is led there, resuming and going back, apply, live check, restore."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.template.loader import get_template

from appliance.accounts.services import create_owner_link
from appliance.backup import document, entry
from appliance.firewall.models import Rule
from appliance.firewall.services import create_rule
from appliance.network.models import Interface
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.snapshot import snapshot
from appliance.system import queries
from appliance.system.models import Revision, Setup, State
from appliance.wizard import steps
from tests.unit.people import PASSWORD
from tests.unit.system.wizard import GOOD, address, on_the_way, take, text_of

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}


# --- the way through ---


def test_link_of_a_new_appliance_leads_into_the_wizard(client, engine):
    token = create_owner_link()
    answer = client.post(f"/accounts/link/{token}/", follow=True)
    assert answer.redirect_chain[-1][0] == "/system/setup/look/"
    assert "Step 1 of 14" in text_of(answer)


def test_every_page_of_a_new_appliance_leads_there_until_it_is_dismissed(wizard):
    assert 'id="setup-invitation"' in text_of(wizard.get("/"))
    assert 'id="setup-invitation"' not in text_of(wizard.get("/system/setup/look/"))
    wizard.post("/system/setup/dismiss/")
    assert 'id="setup-invitation"' not in text_of(wizard.get("/"))
    assert "Begin again" in text_of(wizard.get("/system/setup/"))
    wizard.post("/system/setup/restart/")
    assert 'id="setup-invitation"' in text_of(wizard.get("/"))


def test_an_appliance_that_runs_is_not_bothered(wizard):
    Revision.objects.create(number=1, author="anna", state=State.APPLIED, policy=policy.dump(snapshot("local", 1)))
    assert 'id="setup-invitation"' not in text_of(wizard.get("/"))


def test_each_step_leads_to_the_next_and_can_be_resumed_and_reopened(wizard):
    names = list(GOOD)
    for name, following in zip(names, [*names[1:], "apply"], strict=True):
        assert on_the_way(wizard.get("/system/setup/")) == name
        page = text_of(wizard.get(address(name) if name != "owner" else "/system/setup/owner/"))
        assert f'data-step="{name}"' in page
        assert on_the_way(take(wizard, name)) == following
    for name in names:
        again = wizard.get(f"/system/setup/{name}/")
        assert again.status_code == 200
        assert 'name="password"' not in text_of(again), "nothing is asked twice"


def test_a_later_step_waits_for_the_ones_before(wizard):
    take(wizard, "look")
    assert on_the_way(wizard.get("/system/setup/mode/")) == "owner"
    assert on_the_way(wizard.get("/system/setup/none-such/")) == "owner"
    assert on_the_way(wizard.post("/system/setup/mode/", {"mode": "alg"})) == "owner"
    assert not Setup.objects.get().answers.get("mode")


def test_answers_are_kept_on_the_server_without_a_secret(wizard):
    take(wizard, *GOOD)
    setup = Setup.objects.get()
    assert PASSWORD not in json.dumps(setup.answers)
    assert setup.answers["phones"] == {"pbx": "192.168.0.2"}
    assert setup.passed == list(GOOD)


def test_every_page_of_the_wizard_goes_back(wizard):
    take(wizard, *GOOD)
    for name, before in zip(list(GOOD)[1:], GOOD, strict=False):
        assert f'href="/system/setup/{before}/">Back' in text_of(wizard.get(f"/system/setup/{name}/"))


# --- apply and check ---


@pytest.mark.django_db(transaction=True)
def test_apply_without_queue_says_so_and_can_be_tried_again(wizard):
    take(wizard, *GOOD)
    told = text_of(wizard.post("/system/setup/parts/apply/", headers=HTMX))
    assert "The job queue (Redis) does not answer." in told
    assert ">Apply</button>" in told
    assert Setup.objects.get().revision == 1
    refused = wizard.post("/system/setup/apply/")
    assert "Apply the changes first." in text_of(refused)


def test_trial_asks_to_be_kept_and_then_leads_on(wizard):
    take(wizard, *GOOD)
    frozen = policy.dump(snapshot("local", 1))
    revision = Revision.objects.create(
        number=1, author="anna", state=State.WAITING, policy=frozen, confirm_within=90,
        deadline=queries.timezone.now() + queries.timezone.timedelta(seconds=60),
    )  # fmt: skip
    Setup.objects.update(revision=1)
    told = text_of(wizard.get("/system/setup/parts/apply/", headers=HTMX))
    assert "data-countdown" in told
    assert "Keep it" in told
    assert "Keep the changes first" in text_of(wizard.post("/system/setup/apply/"))
    revision.state, revision.deadline = State.APPLIED, None
    revision.save()
    assert 'data-state="done"' in text_of(wizard.get("/system/setup/parts/apply/", headers=HTMX))
    assert on_the_way(wizard.post("/system/setup/apply/")) == "check"


def test_live_check_remembers_what_it_has_seen(wizard, engine):
    take(wizard, *GOOD)
    for text in (text_of(wizard.get("/system/setup/parts/heard/")),):
        assert text.count('data-level="hint"') == 3
    engine.rows["registrations"] = [{"internal": "192.168.0.2:5060", "aor": "sip:200@example", "state": "registered"}]
    call = {
        "id": "1", "internal": "192.168.0.2:5060", "answered": 1.0, "since": 1.0,
        "audio_out": {"packets": 5, "active": True}, "audio_in": {"packets": 0, "active": False},
    }  # fmt: skip
    engine.rows["calls"] = [call, call | {"id": "2", "internal": "192.168.0.66:5060", "audio_in": {"packets": 9}}]
    told = text_of(wizard.get("/system/setup/parts/heard/"))
    assert told.count('data-level="ok"') == 2, "another host's call does not count"
    engine.rows["calls"] = [call | {"audio_in": {"packets": 7, "active": True}}]
    assert text_of(wizard.get("/system/setup/parts/heard/")).count('data-level="ok"') == 3
    engine.rows["calls"] = []
    assert text_of(wizard.get("/system/setup/parts/heard/")).count('data-level="ok"') == 3


def test_finishing_ends_it(wizard):
    take(wizard, *GOOD)
    Revision.objects.create(number=1, author="anna", state=State.APPLIED, policy=policy.dump(snapshot("local", 1)))
    wizard.post("/system/setup/apply/")
    answer = wizard.post("/system/setup/check/", follow=True)
    assert "This firewall is set up." in text_of(answer)
    assert 'id="setup-invitation"' not in text_of(wizard.get("/"))
    assert Setup.objects.get().ended is not None


# --- restore ---


@pytest.fixture
def backup(db, owner):
    """The configuration of another device, with other names of interfaces; nothing of it is left here."""
    save_interface(actor=owner, name="igb0", role="internal", addresses=["10.0.0.1/24"])
    save_interface(actor=owner, name="igb1", role="external", addresses=["198.51.100.2/24"])
    create_rule(actor=owner, name="kept", action="drop")
    text = document.write(entry.collect())
    Rule.objects.all().delete()
    Interface.objects.all().delete()
    return text


def upload(client, content):
    return client.post("/system/setup/restore/", {"file": SimpleUploadedFile("backup.json", content)})


def test_backup_is_restored_inside_the_wizard_with_its_interfaces_mapped(wizard, backup):
    take(wizard, "look", "owner", "factor")
    assert on_the_way(take(wizard, "start", way="restore")) == "restore"
    assert "no backup of Pinhole" in text_of(upload(wizard, b"\x00\x01")) or "JSON" in text_of(upload(wizard, b"\x00"))
    assert wizard.post("/system/setup/restore/", {}).status_code == 200
    assert on_the_way(upload(wizard, backup)) == "mapping"
    page = text_of(wizard.get("/system/setup/mapping/"))
    assert "igb0 (internal)" in page
    assert "Rule “kept” is new." in page
    chosen = {"interface-igb0": "lan0", "interface-igb1": "wan0"}
    assert "Interface “lan0” is new." in text_of(wizard.get("/system/setup/parts/preview/", chosen))
    refused = wizard.post("/system/setup/mapping/", {"interface-igb0": "nowhere", "interface-igb1": "wan0"})
    assert refused.status_code == 200
    assert not Rule.objects.exists()
    assert on_the_way(wizard.post("/system/setup/mapping/", chosen)) == "internet"
    assert Rule.objects.get().name == "kept"
    assert {row.name: row.role for row in Interface.objects.all()} == {"lan0": "internal", "wan0": "external"}
    assert on_the_way(take(wizard, "internet")) == "apply"
    assert "is restored as a draft" in text_of(wizard.get("/system/setup/restore/"))
    assert on_the_way(wizard.post("/system/setup/restore/", {})) == "mapping"
    assert on_the_way(wizard.post("/system/setup/mapping/", {})) == "internet"


# --- the table ---


def test_every_step_has_a_template_of_its_name():
    for step in steps.STEPS:
        get_template(f"setup/{step.name}.html")
    assert len({step.name for step in steps.STEPS}) == len(steps.STEPS)
