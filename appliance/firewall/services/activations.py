# SPDX-License-Identifier: GPL-2.0-or-later
"""Every write to activations: what starts at once and ends by itself, who ends it before, and what netadmin reports.

None of them touches the configuration: what somebody has drafted stays a draft.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from appliance.accounts.models import User
from appliance.accounts.queries import boot_id, permits
from appliance.audit.services import record
from appliance.celery import app
from appliance.firewall.models import (
    Activation,
    ActivationKind,
    ActivationState,
    AddressObject,
    Application,
    Table,
)
from appliance.firewall.queries import acting, overdue, rules
from appliance.ruleset import notation
from appliance.ruleset import policy as ruleset
from appliance.ruleset.activations import common
from appliance.ruleset.snapshot import values_of
from sipalg_core.contract import names

log = logging.getLogger(__name__)

LONGEST: Final = timedelta(days=366)
EVERYTHING: Final = ("0.0.0.0/0", "::/0")
"""The ALG off for every server."""


def start_rule(
    *, actor: User | str, rule: ruleset.Rule, until: datetime, reason: str, node: str = names.NODE
) -> Activation:  # fmt: skip
    """Let a rule of the running revision that does not decide there decide until then. `rule` is as it runs."""
    _check_rule(actor, rule)
    _check(until, reason)
    frozen = replace(rule, enabled=True, expired=False, schedule=None, windows=None, until=None)
    return _start(
        actor=actor, node=node, kind=ActivationKind.RULE, name=rule.name, rule=ruleset.dump_rule(frozen), ends=until,
        reason=reason,
    )  # fmt: skip


def start_exemption(
    *,
    actor: User | str,
    reason: str,
    until: datetime | None = None,
    server: AddressObject | None = None,
    values: Sequence[str] = (),
    node: str = names.NODE,
) -> Activation:
    """Take an object's servers, or these addresses, from the ALG; without an end until somebody lifts it."""
    if until is not None:
        _check(until, reason)
    elif not reason.strip():
        raise ValidationError({"reason": [_no_reason()]})
    held = _addresses(server, values)
    if _are_telephones(held):
        message = _("That is a telephone behind this firewall. Exempt the server that it speaks with.")
        raise ValidationError({"server" if server else "values": [message]})
    name = server.name if server else _("every SIP server") if tuple(held) == EVERYTHING else ", ".join(held)
    if any(each.kind == ActivationKind.EXEMPTION and each.name == name for each in acting(node)):
        raise ValidationError({"server": [_("%s is exempt already. Lift that exemption first.") % name]})
    return _start(
        actor=actor, node=node, kind=ActivationKind.EXEMPTION, name=name, values=held,
        address_row=server.pk if server else None, ends=until, reason=reason,
    )  # fmt: skip


def open_console(
    *, actor: User | str, rule: ruleset.Rule, until: datetime, reason: str, node: str = names.NODE
) -> Activation:  # fmt: skip
    """Remote maintenance: the way in that `rule` describes. accounts.services decides whether there is any."""
    _check(until, reason)
    return _start(
        actor=actor, node=node, kind=ActivationKind.MAINTENANCE, name=rule.name, rule=ruleset.dump_rule(rule),
        ends=until, reason=reason, boot=boot_id(),
    )  # fmt: skip


def let_in(*, actor: str, source: str, ports: Sequence[int], until: datetime, node: str = names.NODE) -> Activation:
    """From the device itself, whatever the rules say: these TCP ports of ours, for an address or a network."""
    rule = ruleset.Rule(
        id=0, position=0, name=_("Console for %s") % source, action="accept", table="input",
        source=ruleset.Address(source, tuple(_addresses(None, [source]))),
        service=ruleset.Service("Console", "tcp", ",".join(map(str, sorted(set(ports))))),
    )  # fmt: skip
    return _start(
        actor=actor, node=node, kind=ActivationKind.RULE, name=rule.name, rule=ruleset.dump_rule(rule), ends=until,
        reason=_("asked for on the device itself"),
    )  # fmt: skip


@transaction.atomic
def stop_activation(*, actor: User | str, activation: Activation) -> Activation:
    """Now; the kernel cuts what it let in."""
    current = Activation.objects.select_for_update().get(pk=activation.pk)
    if not current.acts:
        raise ValidationError({"activation": [_("“%s” has ended already.") % current.name]})
    record(actor=actor, verb="stop", target=current, before=describe_activation(current))
    _end(current, by=str(actor))
    transaction.on_commit(lambda: tell_netadmin(node=current.node))
    return current


def start_again(*, actor: User | str, activation: Activation) -> Activation:
    """What was ended before its time acts again as it was, until the end that it had: a new one, since it had ended."""
    if activation.acts or (activation.ends is not None and activation.ends <= timezone.now()):
        raise ValidationError(_("It cannot be undone any more: “%s” was changed since.") % activation.name)
    if any((each.kind, each.name) == (activation.kind, activation.name) for each in acting(activation.node)):
        raise ValidationError(_("It cannot be undone any more: “%s” was changed since.") % activation.name)
    kept = ("node", "kind", "name", "rule", "address_row", "values", "ends", "reason", "boot")
    return _start(actor=actor, **{name: getattr(activation, name) for name in kept})


def tell_netadmin(*, node: str = names.NODE) -> bool:
    """Ask it to make the kernel say what the rows say; false where nobody could be asked: it looks by itself, later."""
    try:
        app.send_task("appliance.firewall.tasks.activate", queue=names.netadmin_queue(node))
    except (OperationalError, RedisError, OSError) as error:
        log.warning("netadmin was not told of activations: %s", error)
        return False
    return True


def describe_activation(activation: Activation) -> dict[str, Any]:
    return {
        "kind": activation.kind,
        "name": activation.name,
        "values": activation.values,
        "ends": activation.ends and activation.ends.isoformat(),
        "reason": activation.reason,
        "state": activation.state,
    }


# --- What netadmin reports ---


@transaction.atomic
def activated(*, node: str) -> None:
    """The kernel has all that acts."""
    for activation in acting(node):
        if activation.state == ActivationState.ASKED:
            activation.state = ActivationState.ACTIVE
            activation.save(update_fields=["state"])
            record(actor="netadmin", verb="activated", target=activation)


@transaction.atomic
def not_activated(*, node: str, error: str) -> None:
    """What was asked for did not reach the kernel; what acted before goes on."""
    for activation in acting(node):
        if activation.state == ActivationState.ASKED:
            activation.state, activation.error = ActivationState.FAILED, error
            activation.save(update_fields=["state", "error"])
            record(actor="netadmin", verb="failed", target=activation, reason=error)


@transaction.atomic
def end_overdue(*, node: str) -> list[Activation]:
    """Write down what the kernel has ended."""
    ended = overdue(node)
    for activation in ended:
        record(actor="time", verb="ended", target=activation)
        _end(activation, by="")
    return ended


def _start(*, actor: User | str, **fields: Any) -> Activation:
    with transaction.atomic():
        activation = Activation.objects.create(started_by=str(actor), **fields)
        record(
            actor=actor, verb="activate", target=activation, after=describe_activation(activation),
            reason=activation.reason,
        )  # fmt: skip
        transaction.on_commit(lambda: _started(activation))
    activation.refresh_from_db()
    return activation


def _started(activation: Activation) -> None:
    if not tell_netadmin(node=activation.node):
        not_activated(node=activation.node, error=_("The job queue (Redis) does not answer. Nothing was changed."))


def _end(activation: Activation, *, by: str) -> None:
    activation.state = ActivationState.ENDED
    activation.ended, activation.ended_by = timezone.now(), by
    activation.save(update_fields=["state", "ended", "ended_by"])


def _check_rule(actor: User | str, rule: ruleset.Rule) -> None:
    if rule.enabled and not rule.expired and rule.activity is None:
        raise ValidationError({"rule": [_("“%s” decides already.") % rule.name]})
    if rule.service is not None and rule.service.application:
        message = _("A SIP rule cannot be started for a time: calls would outlive it. Give it an end and apply it.")
        raise ValidationError({"rule": [message]})
    if rule.table == "snat" or (rule.table == "input" and rule.action != "accept"):
        raise ValidationError({"rule": [_("Only rules that let something through can be started for a time here.")]})
    if isinstance(actor, User) and not rule.prepared and not permits(actor, "rules.change"):
        message = _("“%s” is not prepared for this. A firewall admin can mark it so.") % rule.name
        raise ValidationError({"rule": [message]})


def _check(until: datetime, reason: str) -> None:
    errors: dict[str, list[str]] = {}
    if until <= timezone.now():
        errors["until"] = [_("The end time is in the past. It would never be active.")]
    elif until > timezone.now() + LONGEST:
        errors["until"] = [_("Choose an end within a year. What should stay is a rule.")]
    if not reason.strip():
        errors["reason"] = [_no_reason()]
    if errors:
        raise ValidationError(errors)


def _no_reason() -> str:
    return _("Say why: the audit log keeps it.")


def _are_telephones(held: list[str]) -> bool:
    """Of SIP rules, and servers of none: an exemption of theirs would exempt nothing."""
    sip = [
        rule for rule in rules(Table.FORWARD)
        if rule.enabled and rule.service is not None and rule.service.application == Application.SIP
    ]  # fmt: skip
    ends = [[getattr(rule, end) for rule in sip] for end in ("source", "destination")]
    speaks, serves = (
        any(common(tuple(values_of(each)), tuple(held)) for each in objects if each is not None) for objects in ends
    )
    return speaks and not serves


def _addresses(server: AddressObject | None, values: Sequence[str]) -> list[str]:
    if server is not None:
        return values_of(server)
    read = []
    for value in values:
        try:
            span = notation.address_range(value)
        except ValueError as error:
            message = _("“%s” is no address, network or range. For a name, choose its object.") % value
            raise ValidationError({"values": [message]}) from error
        read += [str(network) for network in notation.networks(f"{span.first}-{span.last}")]
    if not read:
        raise ValidationError({"server": [_("Say which server: an object, or its address.")]})
    return [each.removesuffix("/32").removesuffix("/128") for each in read]
