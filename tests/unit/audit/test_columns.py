# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit log in words: each act that the code writes down has some, in three languages, and the raw words stay."""

import ast
from pathlib import Path

import pytest
from django.apps import apps
from django.utils import translation

from appliance.accounts.models import Grant
from appliance.audit.columns import ACTS, KINDS, NAMELESS, SEEN, words
from appliance.audit.models import Entry
from appliance.audit.services import record, record_view
from appliance.firewall.services import create_address, create_rule

APPLIANCE = Path(__file__).resolve().parents[3] / "appliance"
SOURCES = {path: ast.parse(path.read_text()) for path in APPLIANCE.rglob("*.py") if "migrations" not in path.parts}
PASSED_ON = "verb"
"""What a function calls it where it records for others: then its callers say which."""
NEVER = {
    "accounts.attempt", "accounts.signedin", "audit.entry", "firewall.content", "firewall.contentchange",
    "firewall.countryranges", "firewall.hits", "firewall.listcolumns", "sip.qualityhour", "system.advised",
    "system.notice",
}  # fmt: skip
"""Rows that nobody acts on: what was seen, counted, told."""


def _texts(node, tree):
    """What a value can be; PASSED_ON where a function was given it."""
    if isinstance(node, ast.Constant):
        return {node.value}
    if isinstance(node, ast.IfExp):
        return _texts(node.body, tree) | _texts(node.orelse, tree)
    if isinstance(node, ast.JoinedStr):  # of taking back: firewall.services.undo.Kind
        assert [type(part) for part in node.values] == [ast.Constant, ast.FormattedValue]
        return {f"{node.values[0].value}{kind}" for kind in ("delete", "move")}
    assert isinstance(node, ast.Name), ast.dump(node)
    given = {
        text
        for each in ast.walk(tree)
        if isinstance(each, ast.Assign | ast.AnnAssign)
        for target in (each.targets if isinstance(each, ast.Assign) else [each.target])
        if isinstance(target, ast.Name) and target.id == node.id and each.value is not None
        for text in _texts(each.value, tree)
    }
    return given or {PASSED_ON}


def _called(node):
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def _passing(tree):
    """Functions that record under a verb that they were given, and the place of that argument."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef) and any(
            _called(call) == "record" and isinstance(keyword.value, ast.Name) and keyword.value.id == PASSED_ON
            for call in ast.walk(node)
            if isinstance(call, ast.Call)
            for keyword in call.keywords
            if keyword.arg == PASSED_ON
        ):
            places = [each.arg for each in node.args.args]
            yield node.name, places.index(PASSED_ON) if PASSED_ON in places else None


def _written():
    passing = {path: dict(_passing(tree)) for path, tree in SOURCES.items()}
    everywhere = {name: place for each in passing.values() for name, place in each.items() if not name.startswith("_")}
    for path, tree in SOURCES.items():
        known = everywhere | passing[path]  # a private one is called in its own module
        for call in ast.walk(tree):
            if isinstance(call, ast.Call) and (_called(call) == "record" or _called(call) in known):
                place = known.get(_called(call))
                nodes = [keyword.value for keyword in call.keywords if keyword.arg == PASSED_ON]
                nodes += call.args[place : place + 1] if place is not None else []
                for node in nodes:
                    yield from _texts(node, tree)


VERBS = set(_written()) - {PASSED_ON}


def test_the_verbs_of_the_source_are_found():
    some = {"sign_in", "set role", "undo move", "keep", "dismiss set-up", "add second factor", "addresses changed"}
    assert some | {"demand second factor", "withdraw", "view"} <= VERBS


def test_each_verb_that_the_code_writes_has_words_and_none_has_them_in_vain():
    assert VERBS ^ ACTS.keys() == set()


def test_whatever_can_be_acted_on_has_a_word():
    ours = {
        model._meta.label_lower for model in apps.get_models() if model.__module__.startswith("appliance.")
    }  # fmt: skip
    assert ours - NEVER == KINDS.keys()
    assert KINDS.keys() >= NAMELESS


@pytest.mark.parametrize("language", ["de", "tr"])
def test_no_act_is_told_in_english_to_others(language):
    with translation.override("en"):
        english = {verb: str(act) for verb, act in ACTS.items()}
    with translation.override(language):
        assert [verb for verb, act in ACTS.items() if str(act) == english[verb]] == []
        assert [begins for begins, told in SEEN if str(told).removesuffix("%s") == begins] == []


@pytest.fixture
def rule(db):
    return create_rule(actor="anna", name="SIP to provider", action="drop")


@pytest.mark.parametrize(
    ("language", "told"),
    [
        ("en", "Created rule “SIP to provider”"),
        ("de", "Regel „SIP to provider“ angelegt"),
        ("tr", "kural “SIP to provider” oluşturuldu"),
    ],
)
def test_the_page_speaks_the_readers_language_and_keeps_the_raw_words(client, owner, rule, language, told):
    client.force_login(owner)
    page = client.get("/audit/", headers={"Accept-Language": language}).content.decode()
    assert told in page
    assert f"create firewall.rule:{rule.pk} SIP to provider" in page
    raw = b"".join(client.get("/audit/export/", headers={"Accept-Language": language}).streaming_content).decode()
    assert f",create,firewall.rule:{rule.pk} SIP to provider," in raw


@pytest.mark.parametrize(("asked", "found"), [("angelegt", True), ("create", True), ("geändert", False)])
def test_acts_are_found_by_the_readers_words_and_by_the_raw_ones(client, owner, rule, asked, found):
    client.force_login(owner)
    page = client.get(f"/audit/?verb={asked}", headers={"Accept-Language": "de"}).content.decode()
    assert ("SIP to provider" in page) is found


def test_details_name_what_changed_only(client, owner, db):
    record(actor="anna", verb="update", target=owner, before={"a": 1, "same": "x"}, after={"a": [2, "ä"], "same": "x"})
    client.force_login(owner)
    page = client.get("/audit/?verb=update").content.decode()
    assert '<th scope="row">a</th>' in page
    assert "[2, &quot;ä&quot;]" in page
    assert '<th scope="row">same</th>' not in page


@pytest.mark.parametrize(
    ("what", "told"),
    [
        ("live calls", "Looked at: live calls"),
        ("call a84b4c76e66710", "Looked at: call a84b4c76e66710"),
        ("something new", "Looked at: something new"),
        ("call 100%s", "Looked at: call 100%s"),
    ],
)
def test_what_was_looked_at(owner, what, told):
    assert words(record_view(actor=owner, what=what)) == told


def test_names_are_people_and_permissions_not_rows(owner, db):
    grant = Grant(pk=1, role="technician", permission="alg.exempt", allowed=True)
    said = words(Entry(verb="grant", target=f"accounts.grant:1 {grant}"))
    assert said == "Gave a permission: VoIP technician – exempting servers from the ALG"
    link = Entry(verb="create", target="accounts.signinlink:3 link for anna until 2026-12-01 10:00")
    assert words(link) == "Created sign-in link of “anna”"
    assert words(Entry(verb="sign_in", target="accounts.user:1 anna")) == "Signed in"
    assert words(Entry(verb="of a later edition", target="x.y:1 z")) == "of a later edition x.y:1 z"


def test_hostile_names_stay_text(client, owner, db):
    create_address(actor="%(what)s%s", name="100%s <b>%(name)s", kind="host", value="192.0.2.1")
    client.force_login(owner)
    assert "Created object “100%s &lt;b&gt;%(name)s”" in client.get("/audit/").content.decode()
