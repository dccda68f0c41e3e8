# SPDX-License-Identifier: GPL-2.0-or-later
"""When vendor support may come in: opened by the customer, as far and as long as he says, and never without an end.

Without an open window no support account works, and no port is open for one. The kernel ends the way in by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.accounts import queries
from appliance.accounts.models import MaintenanceWindow, SignInLink, User
from appliance.accounts.services.sessions import end_sessions
from appliance.audit.models import Entry
from appliance.audit.services import record
from appliance.firewall import services as firewall
from appliance.firewall.models import Activation, AddressObject
from appliance.permissions import Role, Scope
from appliance.ruleset import notation
from appliance.ruleset import policy as ruleset
from appliance.ruleset.snapshot import dump_rows, load_rows, snapshot, values_of
from sipalg_core.contract import names

USUAL: Final = timedelta(hours=4)
LONGEST: Final = timedelta(hours=24)
LARGEST_SOURCE: Final = {4: 16, 6: 32}
"""Shortest prefix of a support company's network: more than that is half of the Internet."""


@transaction.atomic
def open_window(
    *, actor: User | str, scope: int, lasts: timedelta, reason: str, sources: Sequence[AddressObject]
) -> MaintenanceWindow:  # fmt: skip
    """Let support accounts in from these objects, and open exactly the console's port for them."""
    held = _sources(sources)
    _check(scope, lasts, reason)
    ends = timezone.now() + lasts
    window = MaintenanceWindow.objects.create(
        started_by=str(actor), reason=reason, scope=scope, sources=held, ends=ends, boot=queries.boot_id(),
        rows=_configuration(), first_entry=_last_entry() + 1,
    )  # fmt: skip
    record(actor=actor, verb="open remote maintenance", target=window, after=describe_window(window), reason=reason)
    activation = firewall.open_console(actor=actor, rule=_way_in(held), until=ends, reason=reason)
    window.activation = activation.pk
    window.save(update_fields=["activation"])
    return window


@transaction.atomic
def close_window(*, actor: User | str, window: MaintenanceWindow) -> MaintenanceWindow:
    """At once: connections, sessions and links of support end."""
    current = MaintenanceWindow.objects.select_for_update().get(pk=window.pk)
    if current.ended is not None:
        raise ValidationError({"window": [_("This remote maintenance has ended already.")]})
    record(actor=actor, verb="close remote maintenance", target=current, before=describe_window(current))
    activation = Activation.objects.filter(pk=current.activation or 0).first()
    if activation is not None and activation.acts:
        firewall.stop_activation(actor=actor, activation=activation)
    for user in User.objects.filter(role=Role.SUPPORT):
        end_sessions(actor=actor, user=user, reason="remote maintenance has ended")
        SignInLink.objects.filter(user=user, used=None).update(used=timezone.now())
    current.ended, current.ended_by = timezone.now(), str(actor)
    current.rows_after, current.last_entry = _configuration(), _last_entry()
    current.save()
    return current


def close_overdue() -> list[MaintenanceWindow]:
    """Write down those whose time is over, or that a reboot ended; the kernel has closed the way already."""
    open_now = queries.open_window()
    overdue = MaintenanceWindow.objects.filter(ended=None).exclude(pk=open_now.pk if open_now else 0)
    return [close_window(actor="time", window=window) for window in overdue]


@transaction.atomic
def take_back(*, actor: User | str, window: MaintenanceWindow) -> None:
    """The configuration becomes, as a draft, what it was before the window was opened."""
    load_rows(window.rows["rows"])
    record(actor=actor, verb="take back", target=window, reason=_("changes during remote maintenance"))


def describe_window(window: MaintenanceWindow) -> dict[str, Any]:
    return {
        "scope": Scope(window.scope).label, "sources": window.sources, "ends": window.ends.isoformat(),
        "reason": window.reason,
    }  # fmt: skip


def console_port() -> int:
    asked = urlsplit(settings.CONSOLE_ORIGINS[0])
    return asked.port or (443 if asked.scheme == "https" else 80)


def _way_in(sources: Sequence[str]) -> ruleset.Rule:
    return ruleset.Rule(
        id=0, position=0, name=_("Remote maintenance"), action="accept", table="input", from_zone="external",
        source=ruleset.Address("Vendor support", tuple(sources)),
        service=ruleset.Service("Console", "tcp", str(console_port())),
    )  # fmt: skip


def _configuration() -> dict[str, Any]:
    return {"rows": dump_rows(), "policy": ruleset.dump(snapshot(names.NODE, 0))}


def _last_entry() -> int:
    return Entry.objects.aggregate(last=Max("sequence"))["last"] or 0


def _check(scope: int, lasts: timedelta, reason: str) -> None:
    errors: dict[str, list[str]] = {}
    if queries.open_window() is not None:
        errors["scope"] = [_("Remote maintenance is open already. End it first.")]
    elif scope not in Scope.values:
        errors["scope"] = [_("Choose how far support may go.")]
    if not timedelta(0) < lasts <= LONGEST:
        errors["lasts"] = [_("Remote maintenance lasts at most 24 hours.")]
    if not reason.strip():
        errors["reason"] = [_("Say why: the report and the audit log keep it.")]
    if errors:
        raise ValidationError(errors)


def _sources(sources: Sequence[AddressObject]) -> list[str]:
    held = sorted({value for each in sources for value in values_of(each)})
    networks = [network for value in held for network in notation.networks(value)]
    if not networks:
        raise ValidationError({"sources": [_("Choose the support company's addresses.")]})
    if any(network.prefixlen < LARGEST_SOURCE[network.version] for network in networks):
        raise ValidationError({"sources": [_("This is too much of the Internet. Name the company's own addresses.")]})
    return [str(network) for network in networks]
