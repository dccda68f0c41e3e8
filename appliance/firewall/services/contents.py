# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to what DNS names hold, and to the name servers that are asked. Nothing here is part of a revision."""

from __future__ import annotations

import ipaddress
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.celery import app
from appliance.firewall.models import AddressKind, AddressObject, Content, ContentChange, NameServers
from appliance.network import queries as network
from appliance.ruleset.resolution import Answer, Failure, Held, Refusal, follow, refusal
from sipalg_core.contract import names

log = logging.getLogger(__name__)

DNS_QUEUE: Final = "dns"
CLAIM: Final = 60.0
"""Seconds after which a lookup that somebody took and never brought back is due again."""
CHANGES_KEPT: Final = 100
MOST_SERVERS: Final = 4


def resolve_soon(lookup: str) -> None:
    """Once the rows are written; the names that are due come by themselves."""
    Content.objects.get_or_create(lookup=lookup)
    transaction.on_commit(lambda: ask("refresh_names", DNS_QUEUE, [lookup]))


def refresh(*, actor: User | str, address: AddressObject) -> None:
    """Look the name up now, whatever its time to live says."""
    if address.kind != AddressKind.DNS:
        raise ValidationError({"address": [_("Only a DNS name is looked up.")]})
    with transaction.atomic():
        Content.objects.get_or_create(lookup=address.lookup_key)
        record(actor=actor, verb="refresh", target=address)
    if not ask("refresh_names", DNS_QUEUE, [address.lookup_key]):
        raise ValidationError({"address": [_("The job queue (Redis) does not answer. Try again.")]}, code="unavailable")


def ask(task: str, queue: str, *arguments: object) -> bool:
    """Hand a job over; false where nobody takes it: beat asks again."""
    try:
        app.send_task(f"appliance.firewall.tasks.{task}", arguments, queue=queue)
    except (OperationalError, RedisError, OSError) as error:
        log.warning("%s was not queued: %s", task, error)
        return False
    return True


@transaction.atomic
def take_due(*, now: float, asked: Sequence[str] = (), most: int = 500) -> list[str]:
    """Lookups whose time has come, or that were asked for; they are ours for CLAIM seconds."""
    wanted = {each.lookup_key for each in AddressObject.objects.filter(kind=AddressKind.DNS)}
    missing = wanted - set(Content.objects.values_list("lookup", flat=True))
    Content.objects.bulk_create([Content(lookup=each) for each in sorted(missing)], ignore_conflicts=True)
    chosen = Content.objects.filter(lookup__in=asked) if asked else Content.objects.filter(due__lte=now)
    taken = list(chosen.order_by("due").values_list("lookup", flat=True)[:most])
    Content.objects.filter(lookup__in=taken).update(due=now + CLAIM)
    return taken


@transaction.atomic
def hold(*, outcomes: Mapping[str, Answer | Failure], now: float) -> list[str]:
    """Write down what names resolved to; the lookups whose addresses changed."""
    changed, why = [], what_is_refused()
    for row in Content.objects.filter(lookup__in=outcomes).select_for_update():
        before = held_by(row)
        after = follow(before, outcomes[row.lookup], now, why)
        row.seen, row.refused = dict(after.seen), [list(each) for each in after.refused]
        row.refreshed, row.due, row.failures, row.error = after.refreshed, after.due, after.failures, after.error
        row.save()
        if after.addresses != before.addresses:
            changed.append(row.lookup)
            _log_change(row.lookup, set(before.addresses), set(after.addresses))
    return changed


def held_by(row: Content) -> Held:
    return Held(
        seen=row.seen, refused=tuple((address, reason) for address, reason in row.refused), refreshed=row.refreshed,
        due=row.due, failures=row.failures, error=row.error,
    )  # fmt: skip


def _log_change(lookup: str, before: set[str], after: set[str]) -> None:
    added, removed = sorted(after - before), sorted(before - after)
    ContentChange.objects.create(lookup=lookup, added=added, removed=removed)
    log.info("%s changed: +%s -%s", lookup, ",".join(added) or "0", ",".join(removed) or "0")
    old = ContentChange.objects.filter(lookup=lookup).values_list("pk", flat=True)[CHANGES_KEPT:]
    ContentChange.objects.filter(pk__in=list(old)).delete()


@transaction.atomic
def drop_unused(*, used: set[str]) -> int:
    """Forget lookups that neither an object nor a standing revision (`used`) names."""
    objects = {each.lookup_key for each in AddressObject.objects.filter(kind=AddressKind.DNS)}
    unused = Content.objects.exclude(lookup__in=objects | used)
    ContentChange.objects.filter(lookup__in=list(unused.values_list("lookup", flat=True))).delete()
    return unused.delete()[0]


def what_is_refused() -> Refusal:
    """Our own addresses and what lies behind us, as configured and as found."""
    own, inside = set(), set()
    found = network.found(names.NODE)
    for row in network.interfaces():
        for text in {*row.addresses, *found.get(row.name, ())}:
            interface = ipaddress.ip_interface(text)
            own.add(str(interface.ip))
            if row.role != "external":
                inside.add(str(interface.network))
    return refusal(own, inside)


# --- Name servers ---


@transaction.atomic
def set_name_servers(*, actor: User | str, servers: Sequence[str]) -> NameServers:
    """Whom to ask; none: those of the machine. At once, and for names of objects only."""
    if len(servers) > MOST_SERVERS:
        raise ValidationError({"servers": [_("At most %d name servers.") % MOST_SERVERS]})
    canonical = [_server(text) for text in servers]
    row = NameServers.objects.first() or NameServers()
    before = list(row.servers)
    row.servers = canonical
    row.save()
    record(
        actor=actor, verb="update", target=row, before={"name servers": before}, after={"name servers": canonical}
    )  # fmt: skip
    Content.objects.update(due=time.time())
    return row


def server_parts(text: str) -> tuple[str, int]:
    """`192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:5353`; raise ValueError."""
    host, port = text, "53"
    if text.startswith("["):
        host, bracket, rest = text[1:].partition("]")
        port = rest.removeprefix(":") if rest else "53"
        if not bracket or (rest and not rest.startswith(":")):
            raise ValueError(text)
    elif text.count(":") == 1:
        host, _colon, port = text.partition(":")
    if not (port.isascii() and port.isdigit() and 0 < int(port) < 65536):
        raise ValueError(text)
    return str(ipaddress.ip_address(host)), int(port)


def _server(text: str) -> str:
    try:
        host, port = server_parts(text.strip())
    except ValueError as error:
        message = _("“%s” is no address of a name server. Write it like 192.0.2.53 or [2001:db8::53]:5353.") % text
        raise ValidationError({"servers": [message]}) from error
    if port == 53:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
