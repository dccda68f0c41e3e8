# SPDX-License-Identifier: GPL-2.0-or-later
"""The first-run wizard: every step with good and bad answers, resuming, going back, and what each writes."""

import json

import pytest

from appliance.accounts.models import User
from appliance.accounts.services import create_owner_link
from appliance.backup import document, entry
from appliance.firewall.models import AddressObject, Rule
from appliance.firewall.services import create_rule
from appliance.network.models import Interface
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.resolution import Answer, Failure
from appliance.ruleset.snapshot import snapshot
from appliance.sip.models import Provider
from appliance.system import queries
from appliance.system.models import Revision, Setup, State
from appliance.wizard import steps
from tests.unit.network.test_interfaces import link
from tests.unit.people import PASSWORD, password_hash

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
NEIGHBOURS = [
    {"address": "192.168.0.2", "mac": "02:00:00:00:00:02", "interface": "lan0", "state": "reachable"},
    {"address": "192.168.0.66", "mac": "02:00:00:00:00:66", "interface": "lan0", "state": "stale"},
    {"address": "203.0.113.1", "mac": "02:00:00:00:00:99", "interface": "wan0", "state": "reachable"},
    {"address": "192.168.0.9", "mac": "", "interface": "lan0", "state": "failed"},
    {"address": "fe80::2", "mac": "02:00:00:00:00:02", "interface": "lan0", "state": "reachable"},
]
LINKS = [
    link("lan0", "192.168.0.1/24"), link("wan0", "203.0.113.2/24", gateway="203.0.113.1"), link("eth2", carrier=False)
]  # fmt: skip
KNOWN = {
    "address:example.com": Answer(("192.0.2.80",), 60.0),
    "srv:_sip._udp.sip.example.net": Answer(("203.0.113.1", "203.0.113.3"), 60.0),
    "address:plain.example.net": Answer(("203.0.113.7",), 60.0),
}
GOOD = {
    "look": {"language": "en"},
    "owner": {"password": PASSWORD},
    "factor": {},
    "start": {"way": "new"},
    "interfaces": {},
    "zones": {"role-lan0": "internal", "role-wan0": "external", "role-eth2": ""},
    "internet": {"servers": ""},
    "phones": {"pbx": "192.168.0.2"},
    "provider": {"server": "sip.example.net", "media_from": "203.0.113.99", "symmetric": "on"},
    "mode": {"mode": "alg"},
    "review": {},
}


@pytest.fixture
def surroundings(monkeypatch):
    """What netadmin and name servers would say; tests/browser asks the real ones."""
    told = {"links": LINKS, "neighbours": NEIGHBOURS}
    monkeypatch.setattr("appliance.network.queries.ask", lambda question, **_: told[question])
    monkeypatch.setattr("appliance.wizard.looking.ask", lambda question, **_: told[question])
    monkeypatch.setattr(
        "appliance.wizard.looking.resolve",
        lambda lookups, _servers: {each: KNOWN.get(each, Failure("nxdomain")) for each in lookups},
    )
    return told


@pytest.fixture
def wizard(client, owner, engine, surroundings):
    client.force_login(owner)
    return client


def address(step):
    return "/system/setup/owner/password/" if step == "owner" else f"/system/setup/{step}/"


def take(client, *names, **changed):
    answer = None
    for name in names:
        answer = client.post(address(name), GOOD[name] | changed)
        assert answer.status_code == 302, (name, answer.content.decode())
    return answer


def up_to(client, name):
    """All steps before this one, answered well."""
    take(client, *list(GOOD)[: list(GOOD).index(name)])


def text_of(answer):
    return answer.content.decode()


def on_the_way(answer):
    return answer.url.removeprefix("/system/setup/").strip("/")


# --- the way through ---


def test_link_of_a_new_appliance_leads_into_the_wizard(client, engine):
    token = create_owner_link()
    answer = client.post(f"/accounts/link/{token}/", follow=True)
    assert answer.redirect_chain[-1][0] == "/system/setup/look/"
    assert "Step 1 of 13" in text_of(answer)


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


# --- steps ---


def test_language_holds_for_the_pages_that_follow(wizard):
    answer = take(wizard, "look", language="de")
    assert answer.cookies["django_language"].value == "de"
    assert '<html lang="de"' in text_of(wizard.get("/system/setup/owner/"))


@pytest.mark.parametrize(
    ("step", "bad", "words"),
    [
        ("look", {"language": "xx"}, "not one of the available choices"),
        ("owner", {"password": "short"}, "at least 12"),
        ("start", {"way": "sideways"}, "not one of the available choices"),
        ("zones", {"role-lan0": "internal", "role-wan0": ""}, "leads to the Internet"),
        ("zones", {"role-lan0": "", "role-wan0": "external"}, "at least one interface with telephones"),
        ("zones", {"role-lan0": "nowhere", "role-wan0": "external"}, "not one of the available choices"),
        ("internet", {"servers": "dns.example"}, "no address of a name server"),
        ("phones", {}, "Choose the phone system"),
        ("phones", {"pbx": "typed", "address": ""}, "Write its address"),
        ("phones", {"pbx": "typed", "address": "192.168.0.0/24"}, "Write one address"),
        ("phones", {"pbx": "10.9.9.9"}, "not one of the available choices"),
        ("provider", {"server": ""}, "Write the provider&#x27;s server"),
        ("provider", {"server": "de"}, "A country is too much for SIP"),
        ("provider", {"server": "no name"}, "Write an address, a network"),
        ("provider", {"server": "203.0.113.1", "media_from": "nonsense"}, "Write an address, a network"),
        ("provider", {"template": "none-such", "server": "203.0.113.1"}, "not one of the available choices"),
        ("mode", {"mode": "magic"}, "not one of the available choices"),
    ],
)
def test_a_bad_answer_is_refused_in_words_and_changes_nothing(wizard, step, bad, words):
    up_to(wizard, step)
    before = queries.setup_now().passed, list(snapshot("local", 0).interfaces), Rule.objects.count()
    answer = wizard.post(address(step), bad)
    assert answer.status_code == 200
    assert words in text_of(answer)
    assert (queries.setup_now().passed, list(snapshot("local", 0).interfaces), Rule.objects.count()) == before


def test_password_is_set_and_this_browser_stays_signed_in(wizard, owner):
    take(wizard, "look", "owner")
    assert User.objects.get(pk=owner.pk).check_password(PASSWORD)
    assert wizard.get("/system/setup/factor/").status_code == 200


def test_who_has_a_password_is_not_asked(wizard, owner):
    User.objects.filter(pk=owner.pk).update(password=password_hash())
    owner.refresh_from_db()
    wizard.force_login(owner)
    take(wizard, "look")
    assert 'name="password"' not in text_of(wizard.get("/system/setup/owner/"))
    assert on_the_way(take(wizard, "owner", password="")) == "factor"
    assert User.objects.get(pk=owner.pk).check_password(PASSWORD)


def test_zones_are_proposed_by_route_and_cable_and_become_drafts(wizard):
    up_to(wizard, "zones")
    page = text_of(wizard.get("/system/setup/zones/"))
    for name, role in (("lan0", "internal"), ("wan0", "external"), ("eth2", "")):
        field = page.split(f'name="role-{name}"')[1].split("</select>")[0]
        assert f'value="{role}" selected' in field
    take(wizard, "zones")
    assert {row.name: (row.role, row.masquerade) for row in Interface.objects.all()} == {
        "lan0": ("internal", False), "wan0": ("external", True)
    }  # fmt: skip
    take(wizard, "zones", **{"role-eth2": "dmz", "role-lan0": "internal"})
    assert Interface.objects.get(name="eth2").role == "dmz"
    take(wizard, "zones")
    assert not Interface.objects.filter(name="eth2").exists()


def test_zones_without_netadmin_say_so(client, owner, engine):
    client.force_login(owner)
    for name in ("look", "owner", "factor", "start", "interfaces"):
        take(client, name)
    assert "does not answer" in text_of(client.get("/system/setup/zones/"))
    refused = client.post("/system/setup/zones/", GOOD["zones"])
    assert refused.status_code == 200


def test_internet_is_judged_by_address_gateway_names_and_time(wizard, surroundings):
    up_to(wizard, "internet")
    told = text_of(wizard.get("/system/setup/parts/internet/"))
    for key in ("address", "gateway", "names", "time"):
        assert f'data-fact="{key}"' in told
    assert "203.0.113.2" in told
    assert "which answers" in told
    surroundings["links"] = [link("lan0", "192.168.0.1/24"), link("wan0", "192.168.1.7/24", gateway="192.168.1.1")]
    surroundings["neighbours"] = [NEIGHBOURS[3] | {"address": "192.168.1.1"}]
    told = text_of(wizard.get("/system/setup/parts/internet/"))
    assert "Switch SIP ALG off there" in told
    assert "which does not answer" in told


def test_phone_systems_are_hosts_inside_and_registered_ones_first(wizard, engine):
    up_to(wizard, "phones")
    engine.rows["registrations"] = [{"internal": "192.168.0.66:5060", "aor": "sip:200@example", "state": "registered"}]
    page = text_of(wizard.get("/system/setup/phones/"))
    assert page.index('value="192.168.0.66"') < page.index('value="192.168.0.2"') < page.index('value="typed"')
    for hidden in ('value="203.0.113.1"', 'value="192.168.0.9"', "fe80::2"):
        assert hidden not in page
    assert "registered: sip:200@example" in page


def test_typed_address_counts(wizard):
    up_to(wizard, "phones")
    wizard.post("/system/setup/phones/", {"address": "192.168.0.50"})
    assert Setup.objects.get().answers["phones"] == {"pbx": "192.168.0.50"}
    assert 'value="192.168.0.50"' in text_of(wizard.get("/system/setup/phones/"))


def test_without_a_phone_system_the_questions_about_it_are_left_out(wizard):
    up_to(wizard, "phones")
    assert on_the_way(wizard.post("/system/setup/phones/", {"pbx": "none"})) == "apply"
    assert wizard.get("/system/setup/provider/").status_code == 302


@pytest.mark.parametrize(
    ("typed", "kind", "words"),
    [
        ("sip.example.net", "srv", "203.0.113.1, 203.0.113.3"),
        ("plain.example.net", "name", "203.0.113.7"),
        ("203.0.113.0/28", "address", "203.0.113.0/28"),
        ("gone.example.net", "unknown", "cannot be resolved now"),
        ("half", "none", "no whole name"),
    ],
)
def test_server_is_looked_up_while_one_types(wizard, typed, kind, words):
    told = text_of(wizard.get("/system/setup/parts/servers/", {"server": typed}))
    assert f'data-servers="{kind}"' in told
    assert words in told


def test_template_fills_in_what_it_knows_and_says_where_from(wizard):
    told = text_of(wizard.get("/system/setup/parts/servers/", {"template": "telnyx"}))
    assert "Template, check with your provider" in told
    assert "read on" in told
    up_to(wizard, "provider")
    wizard.post("/system/setup/provider/", {"template": "telnyx"})
    answer = Setup.objects.get().answers["provider"]
    assert (answer["server"], answer["symmetric"]) == ("sip.telnyx.com", False)
    take(wizard, "mode", "review")
    provider = Provider.objects.get()
    assert (provider.name, provider.template) == ("Telnyx", "telnyx")


def test_review_shows_the_rules_in_words_and_drafts_them(wizard):
    up_to(wizard, "review")
    page = text_of(wizard.get("/system/setup/review/"))
    assert page.count('class="sentence"') == 1
    assert not Rule.objects.exists()
    take(wizard, "review")
    (rule,) = snapshot("local", 0).rules
    assert rule.opens_alg
    assert rule.source.values == ("192.168.0.2",)
    assert rule.destination.lookups == ("srv:_sip._udp.sip.example.net",)


@pytest.mark.parametrize(("mode", "rules"), [("sips", 2), ("plain", 2)])
def test_each_mode_drafts_what_it_needs(wizard, mode, rules):
    up_to(wizard, "mode")
    take(wizard, "mode", mode=mode)
    take(wizard, "review")
    drafted = snapshot("local", 0).rules
    assert len(drafted) == rules
    assert not any(rule.opens_alg for rule in drafted)


def test_another_answer_replaces_what_the_first_one_drafted(wizard, owner):
    create_rule(actor=owner, name="mine", action="drop")
    take(wizard, *GOOD)
    take(wizard, "provider", server="203.0.113.7")
    take(wizard, "mode", "review")
    assert [rule.name for rule in Rule.objects.order_by("position")] == ["mine", "Telephone system to provider"]
    assert Provider.objects.get().signalling.value == "203.0.113.7"
    assert not AddressObject.objects.filter(kind="dns").exists()
    take(wizard, "review")
    assert Rule.objects.count() == 2


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
    from django.core.files.uploadedfile import SimpleUploadedFile

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
    from django.template.loader import get_template

    for step in steps.STEPS:
        get_template(f"setup/{step.name}.html")
    assert len({step.name for step in steps.STEPS}) == len(steps.STEPS)
