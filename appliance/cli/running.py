# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of what runs: changes and trials, connections, backups, questions."""

from __future__ import annotations

import ipaddress
import time
from argparse import ArgumentParser, Namespace
from getpass import getpass
from pathlib import Path
from typing import Any, Final, TypeVar

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from appliance.backup import document, entry
from appliance.cli.asking import ACTOR, Verb, address, file_content, moment, there
from appliance.firewall.forms import PacketForm
from appliance.kernel.connections import Selection
from appliance.ruleset.decide import decide, reaching
from appliance.ruleset.findings import text
from appliance.system import queries, services
from appliance.system.forms import SelectionForm
from appliance.system.models import Revision, State
from appliance.ui.forms import OperatorForm

Form = TypeVar("Form", bound=OperatorForm)

PATIENCE: Final = 30.0
"""Seconds until an apply that nobody took is given up here; it may still come."""


def changes(asked: Namespace) -> dict[str, Any]:
    running = queries.running_revision()
    return ({"nft": queries.pending_nft()} if asked.nft else {}) | {
        "running": running.number if running else None,
        "changes": [change.text for change in queries.pending_changes()],
        "findings": [f"{finding.level}: {text(finding)}" for finding in queries.findings()],
    }


def revisions(_asked: Namespace) -> list[dict[str, Any]]:
    return [_revision(each) for each in queries.revisions()[:50]]


def compare(asked: Namespace) -> dict[str, Any]:
    changed, nft = queries.changes_of(_numbered(asked.number), _numbered(asked.since))
    return {"changes": [change.text for change in changed], "nft": nft}


def apply(asked: Namespace) -> dict[str, Any]:
    """Wait until the kernel has it, or has refused it."""
    revision = services.request_apply(actor=ACTOR, reason=asked.reason, confirm_within=asked.confirm_within)
    deadline = time.monotonic() + PATIENCE
    while revision.state in (State.PENDING, State.APPLYING) and time.monotonic() < deadline:
        time.sleep(0.2)
        revision.refresh_from_db()
    if revision.state == State.FAILED:
        raise ValidationError(revision.error)
    return _revision(revision)


def keep(_asked: Namespace) -> dict[str, Any]:
    return _revision(services.keep(actor=ACTOR, revision=_waiting()))


def extend(_asked: Namespace) -> dict[str, Any]:
    return _revision(services.extend(actor=ACTOR, revision=_waiting()))


def undo(_asked: Namespace) -> dict[str, Any]:
    return _revision(services.undo(actor=ACTOR, revision=_waiting()))


def go_back(asked: Namespace) -> dict[str, Any]:
    revision = _numbered(asked.number)
    services.go_back(actor=ACTOR, revision=revision)
    return {"draft": f"r{revision.number}", "changes": [change.text for change in queries.pending_changes()]}


def connections(asked: Namespace) -> Any:
    found = queries.connections(_selection(asked))
    return found if asked.json else found["items"]


def flush(asked: Namespace) -> dict[str, int]:
    return services.flush_connections(actor=ACTOR, selection=_selection(asked), calls=asked.with_calls)._asdict()


def backup(asked: Namespace) -> dict[str, Any]:
    content = services.make_backup(actor=ACTOR, passphrase=_passphrase(asked))
    asked.file.write_bytes(content)
    return {"file": str(asked.file), "octets": len(content)}


def restore(asked: Namespace) -> dict[str, Any]:
    text = file_content(asked.file)
    content = services.open_backup(file=text, passphrase=_passphrase(asked))
    return _restored(asked, content)


def export(_asked: Namespace) -> dict[str, Any]:
    return entry.collect().model_dump(mode="json")


def load(asked: Namespace) -> dict[str, Any]:
    return _restored(asked, services.read_configuration(text=file_content(asked.file)))


def which_rule(asked: Namespace) -> dict[str, Any]:
    policy = queries.policy_asked(draft=asked.draft)
    number = asked.protocol if asked.protocol.isdecimal() else None
    protocol = "other" if number else asked.protocol
    asked_for = {
        "saddr": asked.saddr, "daddr": asked.daddr, "protocol": protocol, "number": number, "dport": asked.port,
    }  # fmt: skip
    form = PacketForm(asked_for | {"at": moment("at", asked.at) if asked.at else None})
    decision = decide(policy, _checked(form).packet(policy))
    names = queries.rule_names()
    return {
        "verdict": decision.verdict, "rule": names.get(decision.reason, decision.reason), "alg": decision.alg,
        "dnat": names.get(decision.dnat, decision.dnat), "snat": names.get(decision.snat, decision.snat),
    }  # fmt: skip


def who_can_reach(asked: Namespace) -> list[dict[str, Any]]:
    try:
        host = ipaddress.ip_address(asked.host)
    except ValueError as error:
        raise ValidationError({"host": [_("Write one address, such as 192.168.0.2.")]}) from error
    return [{"id": rule.id, "table": rule.table, "name": rule.name}
            for rule in reaching(queries.policy_asked(draft=asked.draft), host)]  # fmt: skip


# --- Their parts ---


def _revision(revision: Revision) -> dict[str, Any]:
    return {
        "number": revision.number, "state": revision.state, "author": revision.author, "reason": revision.reason,
        "deadline": revision.deadline, "error": revision.error,
    }  # fmt: skip


def _numbered(number: int) -> Revision:
    revision = queries.revisions().filter(number=number).first()
    if revision is None:
        raise ValidationError({"number": [_("There is no revision %d.") % number]})
    return revision


def _waiting() -> Revision:
    revision = queries.waiting_revision()
    if revision is None:
        raise ValidationError({"revision": [_("No revision waits for confirmation.")]})
    return revision


def _selection(asked: Namespace) -> Selection:
    given = {name: getattr(asked, name) for name in ("host", "port", "protocol", "zone", "rule", "old")}
    if asked.object:
        given["address"] = there(address, "object", asked.object).pk
    form = SelectionForm({name: value for name, value in given.items() if value not in (None, False)})
    return _checked(form).selection()


def _checked(form: Form) -> Form:
    if not form.is_valid():
        raise ValidationError({field: [str(each) for each in errors] for field, errors in form.errors.items()})
    return form


def _restored(asked: Namespace, content: document.Document) -> dict[str, Any]:
    mapped = dict(each.partition("=")[::2] for each in asked.map)
    looked = services.preview(content=content, interfaces=mapped)
    if not asked.dry_run:
        services.restore(actor=ACTOR, content=content, interfaces=mapped)
    return {"changes": [change.text for change in looked.changes], "left_out": looked.left_out}


def _passphrase(asked: Namespace) -> str:
    if asked.passphrase_file:
        return file_content(asked.passphrase_file).decode(errors="replace").strip("\r\n")
    return getpass(_("Passphrase: "))


# --- Their arguments ---


def _comparing(parser: ArgumentParser) -> None:
    parser.add_argument("number", type=int)
    parser.add_argument("since", type=int)


def _applying(parser: ArgumentParser) -> None:
    parser.add_argument("--reason", default="")
    parser.add_argument("--confirm-within", type=int, default=0, metavar="SECONDS", help="0: kept at once")


def _choosing(parser: ArgumentParser) -> None:
    for name in ("host", "object", "protocol", "zone"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--port", type=int)
    parser.add_argument("--rule", type=int, metavar="ID")
    parser.add_argument("--old", action="store_true", help="only what the rules would not do so now")


def _flushing(parser: ArgumentParser) -> None:
    _choosing(parser)
    parser.add_argument("--with-calls", action="store_true", help="media of running calls as well")


def _filing(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    parser.add_argument("--passphrase-file", type=Path, help="its first line; otherwise it is asked for")


def _mapping(parser: ArgumentParser) -> None:
    parser.add_argument("--map", action="append", default=[], metavar="THERE=HERE", help="an interface's name here")
    parser.add_argument("--dry-run", action="store_true", help="only say what would change")


def _restoring(parser: ArgumentParser) -> None:
    _filing(parser)
    _mapping(parser)


def _loading(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path)
    _mapping(parser)


def _packet(parser: ArgumentParser) -> None:
    parser.add_argument("saddr")
    parser.add_argument("daddr")
    parser.add_argument("protocol", help="udp, tcp, icmp (a ping), or the number of another: ESP is 50")
    parser.add_argument("port", type=int, nargs="?")
    parser.add_argument("--at", default="", help="when, with its zone; without it now")
    parser.add_argument("--draft", action="store_true", help="ask the draft, not what runs")


def _reaching(parser: ArgumentParser) -> None:
    parser.add_argument("host")
    parser.add_argument("--draft", action="store_true", help="ask the draft, not what runs")


VERBS: Final = (
    Verb(
        "changes",
        "what apply would change, and what speaks against it",
        changes,
        lambda p: p.add_argument("--nft", action="store_true", help="in nft's words, too"),
    ),
    Verb("compare", "what a revision changed since another", compare, _comparing),
    Verb("revisions", "list revisions, newest first", revisions),
    Verb("apply", "apply the draft; with --confirm-within on trial", apply, _applying),
    Verb("keep", "keep the revision that is on trial", keep),
    Verb("extend", "give the trial another minute", extend),
    Verb("undo", "end the trial now", undo),
    Verb("go-back", "make the draft what it was at a revision", go_back, lambda p: p.add_argument("number", type=int)),
    Verb("connections", "list connections of the kernel", connections, _choosing),
    Verb("flush", "close connections; calls are spared", flush, _flushing),
    Verb("backup", "write an encrypted backup", backup, _filing),
    Verb("restore", "restore a backup as a draft", restore, _restoring),
    Verb("export", "print the configuration as a readable document", export),
    Verb("import", "make the draft what a readable document says", load, _loading),
    Verb("which-rule", "which rule decides about a packet", which_rule, _packet),
    Verb("who-can-reach", "which rules let somebody in to a host", who_can_reach, _reaching),
)
