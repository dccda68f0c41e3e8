# SPDX-License-Identifier: GPL-2.0-or-later
"""Adding to the audit trail, and proving that nobody rewrote it.

An entry stands in three places: in the database with its change, before that in a file of its own (on the disk before
the change can take effect), and afterwards wherever syslog takes it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import socket
from collections.abc import Iterator
from contextvars import ContextVar
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models, transaction
from django.db.models.functions import Cast
from django.utils import timezone

from appliance.accounts.models import User
from appliance.audit.models import Entry
from sipalg_core.contract import names

log = logging.getLogger(__name__)

FIRST_HASH: Final = "0" * 64
VIEW_MEMORY: Final = timedelta(minutes=5)
LIST_MEMORY: Final = timedelta(hours=1)
HERE: Final = "device"
"""Where an act comes from that nobody asked for over the network."""
origin: ContextVar[str] = ContextVar("origin", default="")
"""The address that the request at hand came from; appliance.gate sets it."""
_HASHED: Final = (
    "sequence", "time", "actor", "source", "verb", "target", "before", "after", "reason", "previous_hash",
)  # fmt: skip


class Broken(NamedTuple):
    """The first entry that does not fit, and what is wrong there."""

    sequence: int
    why: str


def record(
    *,
    actor: User | str,
    verb: str,
    target: models.Model,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
    source: str = "",
) -> Entry:
    """Add an entry in the caller's transaction: the change and its record stand or fall together.

    `source` is where it was asked from; not given, the address that the request at hand came from, and without a
    request this device itself.
    """
    connection = transaction.get_connection()
    if not connection.in_atomic_block:
        raise transaction.TransactionManagementError("audit.record belongs into the transaction of the change")
    last = Entry.objects.order_by("-sequence").first()
    entry = Entry(
        sequence=last.sequence + 1 if last else 1,
        time=timezone.now(),
        actor=str(actor),
        source=(source or origin.get() or HERE)[:64],
        verb=verb,
        target=f"{target._meta.label_lower}:{target.pk} {target}"[:200],
        before=_plain(before),
        after=_plain(after),
        reason=reason,
        previous_hash=last.hash if last else FIRST_HASH,
    )
    entry.hash = _hash(entry)
    entry.save()
    _copy(entry)
    if hasattr(connection, "recorded"):
        connection.recorded.append(entry.sequence)
    transaction.on_commit(lambda: _tell_syslog(entry))
    return entry


def record_view(
    *, actor: User | str, what: str, target: models.Model | None = None, memory: timedelta = VIEW_MEMORY
) -> Entry | None:
    """Somebody looked at what a call said; who goes on looking is not written down again for as long as `memory`.

    `target` for an actor who is no user.
    """
    since = timezone.now() - memory
    if Entry.objects.filter(verb="view", actor=str(actor), time__gt=since, after__what=what).exists():
        return None  # found without a lock: programs ask every second
    with transaction.atomic():
        return record(actor=actor, verb="view", target=target or cast(User, actor), after={"what": what})


def record_list(*, actor: User | str, what: str, target: models.Model | None = None) -> Entry | None:
    """Somebody looked at who called whom, once an hour: pages and programs ask for such a list all day."""
    return record_view(actor=actor, what=what, target=target, memory=LIST_MEMORY)


@transaction.atomic
def record_download(*, actor: User, what: str) -> Entry:
    """Somebody took call data, or this log, away."""
    return record(actor=actor, verb="download", target=actor, after={"what": what})


def verify() -> Broken | None:
    """Walk the whole chain; None where it holds."""
    whole = 0
    try:
        for sequence, broken in _walk():
            if broken is not None:
                return broken
            whole = sequence
    except (ValueError, TypeError, AttributeError):
        return Broken(whole + 1, "cannot be read")
    return None


def _walk() -> Iterator[tuple[int, Broken | None]]:
    previous, expected = FIRST_HASH, 1
    text = transaction.get_connection().vendor == "sqlite"  # there a time is text, and may be spelt in other ways
    entries = Entry.objects.order_by("sequence").annotate(spelt=Cast("time", models.TextField()))
    for entry in entries.iterator():
        broken = None
        if entry.sequence != expected:
            broken = Broken(expected, "is missing")
        elif entry.previous_hash != previous:
            broken = Broken(expected, "does not continue the entry before it")
        elif entry.hash != _hash(entry) or (text and cast(Any, entry).spelt != str(entry.time.replace(tzinfo=None))):
            broken = Broken(expected, "was changed")
        yield expected, broken
        previous, expected = entry.hash, expected + 1


def verify_copy() -> Broken | None:
    """Every entry of the database must stand in the file as well, and nothing of the file may be missing at the end.

    The file may hold more: what was written down and then not done. Of one number the last line counts.
    """
    copied: dict[int, str] = {}
    path = copy_file()
    for line in path.read_text(errors="replace").rstrip("\n").split("\n") if path.exists() else ():
        try:
            told = json.loads(line)
            digest, sequence = told.pop("hash"), int(told["sequence"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return Broken(0, f"a line of {path.name} cannot be read")
        if digest != _digest(told):
            return Broken(sequence, f"was changed in {path.name}")
        copied[sequence] = digest
    known = dict(Entry.objects.values_list("sequence", "hash"))
    first = min(copied, default=None)
    for sequence, digest in known.items():
        if first is not None and sequence >= first and copied.get(sequence) != digest:
            return Broken(sequence, f"stands otherwise in {path.name}")
    missing = [sequence for sequence in copied if sequence > max(known, default=0) + 1]
    return Broken(min(missing), "is missing in the database") if missing else None


def copy_file() -> Path:
    return names.state_dir() / "audit.jsonl"


def _copy(entry: Entry) -> None:
    """To the disk before the caller's transaction can be committed; a disk that is full stops the act."""
    line = json.dumps(_fields(entry) | {"hash": entry.hash}, sort_keys=True) + "\n"
    descriptor = os.open(copy_file(), os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o660)
    try:
        os.write(descriptor, line.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tell_syslog(entry: Entry) -> None:
    """To the address in PINHOLE_SYSLOG (`host:port`, UDP, RFC 5424), and never as an obstacle."""
    address = os.environ.get("PINHOLE_SYSLOG", "")
    host, _colon, port = address.rpartition(":")
    if not host or not port.isdecimal():
        return
    words = {"actor": entry.actor, "source": entry.source, "verb": entry.verb, "target": entry.target}
    data = " ".join(f'{name}="{_escaped(value)}"' for name, value in words.items())
    told = f"<109>1 {entry.time.isoformat()} pinhole audit - {entry.sequence} [audit@0 {data}] {entry.hash}"
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.setblocking(False)
            sender.sendto(told.encode(), (host.strip("[]"), int(port)))
    except OSError as error:
        log.warning("syslog was not told of entry %d: %s", entry.sequence, error)


def _escaped(value: str) -> str:
    """RFC 5424 §6.3.3; and no line of ours ends inside of a value."""
    text = "".join(character if character.isprintable() else "?" for character in value)
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("]", "\\]")


def _plain(values: dict[str, Any] | None) -> dict[str, Any] | None:
    """Bring values into the form that the database gives back, so that the hash stays true."""
    plain: dict[str, Any] | None = json.loads(json.dumps(values, cls=DjangoJSONEncoder))
    return plain


def _hash(entry: Entry) -> str:
    return _digest(_fields(entry))


def _fields(entry: Entry) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _HASHED} | {"time": entry.time.timestamp()}


def _digest(fields: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
