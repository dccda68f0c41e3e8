# SPDX-License-Identifier: GPL-2.0-or-later
"""Whoever writes, records: each verb of the services that somebody acts in reaches the audit log."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2] / "appliance"
PLACES = sorted(
    path for path in ROOT.rglob("*.py") if "services" in (path.parent.name, path.stem) and path.name != "__init__.py"
)
RECORDS = {"record", "record_view", "record_list", "record_download"}
WRITES = {"save", "create", "update", "delete", "bulk_create", "bulk_update", "update_or_create", "get_or_create"}
UNRECORDED = {
    "accounts.attempts.note": "guesses at a password are counted, not told one by one",
    "accounts.sessions.seen": "that somebody is active is no change",
    "audit.trail.record": "it is the entry",
    "firewall.contents.drop_unused": "what names stand for, looked up again and again",
    "firewall.contents.hold": "the same",
    "firewall.contents.resolve_soon": "the same",
    "firewall.contents.take_due": "the same",
    "firewall.rule_lists.choose_columns": "how one reader likes to see the list",
    "firewall.rule_lists.forget_filter": "the same",
    "firewall.rule_lists.keep_filter": "the same",
    "firewall.rules.count_connections": "what the kernel tracks",
    "firewall.rules.count_hits": "the kernel's counters",
    "firewall.rules.place_rule": "a part of taking a change back, which records",
    "sip.history.forget_old": "what the kept setting says, nobody's act",
    "sip.history.note_ended": "the engine's calls, nobody's act",
    "sip.quality.note_runs": "what the kernel saw of media, nobody's act",
    "sip.selftests.finish_selftest": "the end of what `request_selftest` recorded",
    "sip.selftests.note_result": "the same",
    "system.advisor.note_advice": "findings, nobody's act",
    "system.backup.keep_for_restoring": "a look into a file; `restore` records",
    "system.connections.found_old_connections": "what the kernel tracks",
    "system.notices.send_notices": "who was told of it",
    "system.notices.note_events": "what happened, to be told",
    "system.remote_log.export_audit": "how far the copy of the log is",
    "system.revisions.begin": "netadmin takes what `apply` recorded",
    "system.revisions.extended": "the kernel's own end of a trial that `extend` recorded",
    "system.setup.note_heard": "the first call that was heard, nobody's act",
    "system.revisions.retry": "netadmin died over what `apply` recorded",
}
"""Writes that leave no entry, and why. Whatever else writes without one fails here until it stands here."""


def _name(path):
    app = path.relative_to(ROOT).parts[0]
    return f"{app}.{path.stem}"


def _functions():
    for path in PLACES:
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                yield _name(path), node


def _called(node):
    for each in ast.walk(node):
        if isinstance(each, ast.Call):
            yield each.func.attr if isinstance(each.func, ast.Attribute) else getattr(each.func, "id", "")


FUNCTIONS = list(_functions())
CALLS = {}
for _module, _node in FUNCTIONS:
    CALLS.setdefault(_node.name, set()).update(_called(_node))


def _reaches_a_record(name, seen=frozenset()):
    called = CALLS.get(name, set())
    return bool(called & RECORDS) or any(
        _reaches_a_record(each, seen | {name}) for each in called - seen - {name} if each in CALLS
    )


def _writes(name, seen=frozenset()):
    """By itself or through its module's own helpers."""
    called = CALLS.get(name, set())
    return bool(called & WRITES) or any(
        _writes(each, seen | {name}) for each in called - seen - {name} if each in CALLS and each.startswith("_")
    )


VERBS = [
    (module, node) for module, node in FUNCTIONS
    if not node.name.startswith("_") and "actor" in {each.arg for each in node.args.kwonlyargs + node.args.args}
]  # fmt: skip


def test_there_are_verbs_to_look_at():
    assert len(VERBS) > 60


@pytest.mark.parametrize(("module", "node"), VERBS, ids=[f"{module}.{node.name}" for module, node in VERBS])
def test_each_verb_records(module, node):
    assert f"{module}.{node.name}" in UNRECORDED or _reaches_a_record(node.name), (
        f"{module}.{node.name} leaves no audit entry"
    )


def test_what_writes_without_an_entry_is_known_and_why():
    silent = {
        f"{module}.{node.name}" for module, node in FUNCTIONS
        if not node.name.startswith("_") and _writes(node.name) and not _reaches_a_record(node.name)
    }  # fmt: skip
    assert silent - set(UNRECORDED) == set()
