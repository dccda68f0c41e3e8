# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may what: one table, permission by role. What does not stand here nobody may.

Every view, API operation and live topic names one of these words (`ui.requests.may`, `TOPICS`); `appliance.gate` asks.
Vendor support may something only while a maintenance window is open, and only up to the window's scope.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from django.db import models
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Role(models.TextChoices):
    """What an account is for. Each person has one."""

    OWNER = "owner", _("owner")
    ADMINISTRATOR = "administrator", _("firewall admin")
    TECHNICIAN = "technician", _("VoIP technician")
    SUPPORT = "support", _("vendor support")
    AUDITOR = "auditor", _("auditor")


class Scope(models.IntegerChoices):
    """How far a maintenance window lets vendor support go; the wider holds the narrower."""

    SEE = 1, _("see")
    DIAGNOSE = 2, _("see and diagnose")
    CHANGE = 3, _("see, diagnose and change")


@dataclass(frozen=True, slots=True)
class Permission:
    """`support` is the narrowest scope that holds it; None: support never may."""

    roles: frozenset[Role]
    support: Scope | None
    refusal: Promise


ANYBODY: Final = "anybody"
"""Named by what needs no account: coming in, choosing a language, reporting a violated policy."""

_OWNER: Final = frozenset({Role.OWNER})
_ADMIN: Final = _OWNER | {Role.ADMINISTRATOR}
_TECHNICIAN: Final = _ADMIN | {Role.TECHNICIAN}
_READER: Final = _ADMIN | {Role.AUDITOR}
_ALL: Final = _TECHNICIAN | {Role.AUDITOR}

PERMISSIONS: Final = {
    # --- one's own account, and what every page shows ---
    "account.own": Permission(_ALL, Scope.SEE, _("Vendor support comes in only while remote maintenance is open.")),
    "tokens.own": Permission(_ALL, Scope.SEE, _("Vendor support comes in only while remote maintenance is open.")),
    "overview.see": Permission(_ALL, Scope.SEE, _("Vendor support comes in only while remote maintenance is open.")),
    "metrics.see": Permission(_ALL, Scope.SEE, _("Vendor support comes in only while remote maintenance is open.")),
    # --- calls ---
    "calls.see": Permission(_ALL, Scope.SEE, _("Only people of this firewall can see calls.")),
    "calls.numbers": Permission(_ALL, Scope.SEE, _("Only a VoIP technician can see telephone numbers whole.")),
    "calls.trace": Permission(_TECHNICIAN, Scope.DIAGNOSE, _("Only a VoIP technician can see the messages of a call.")),
    "calls.export": Permission(_TECHNICIAN, Scope.DIAGNOSE, _("Only a VoIP technician can download call data.")),
    "calls.test": Permission(_TECHNICIAN, Scope.DIAGNOSE, _("Only a VoIP technician can place test calls.")),
    "pinholes.close": Permission(_TECHNICIAN, Scope.CHANGE, _("Only a VoIP technician can close a pinhole.")),
    "engine.start": Permission(_TECHNICIAN, Scope.CHANGE, _("Only a VoIP technician can start the SIP engine.")),
    "bans.lift": Permission(_TECHNICIAN, Scope.CHANGE, _("Only a VoIP technician can lift a ban.")),
    # --- telephony's settings ---
    "alg.see": Permission(_ALL, Scope.SEE, _("Only people of this firewall can see the settings of the SIP ALG.")),
    "alg.change": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can change the SIP ALG.")),
    "alg.exempt": Permission(_TECHNICIAN, Scope.CHANGE, _("Only a VoIP technician can exempt a server from the ALG.")),
    "providers.see": Permission(_ALL, Scope.SEE, _("Only people of this firewall can see providers.")),
    "providers.change": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can change providers.")),
    # --- the firewall ---
    "rules.see": Permission(_ALL, Scope.SEE, _("Only people of this firewall can see rules.")),
    "rules.change": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can change rules.")),
    "rules.delete": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can delete rules.")),
    "rules.start": Permission(_TECHNICIAN, Scope.CHANGE, _("Only a VoIP technician can start a prepared rule.")),
    "objects.see": Permission(_ALL, Scope.SEE, _("Only people of this firewall can see objects.")),
    "objects.change": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can change objects.")),
    "network.see": Permission(_ALL, Scope.SEE, _("Only people of this firewall can see interfaces.")),
    "network.change": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can change zones and interfaces.")),
    "changes.see": Permission(_ALL, Scope.SEE, _("Only people of this firewall can see changes.")),
    "changes.apply": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can apply or take back changes.")),
    "changes.demand": Permission(_OWNER, None, _("Only the owner can demand a reason with each apply.")),
    # --- diagnosis; other people's traffic is not the technician's business ---
    "questions.ask": Permission(_ALL, Scope.SEE, _("Only people of this firewall can ask which rule decides.")),
    "advisor.see": Permission(_ALL, Scope.SEE, _("Only people of this firewall can see the advisor.")),
    "advisor.change": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can dismiss findings.")),
    "traffic.see": Permission(_READER, Scope.DIAGNOSE, _("Only a firewall admin can see traffic other than calls.")),
    "connections.flush": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can flush connections.")),
    "connections.flush_phones": Permission(
        _TECHNICIAN, Scope.CHANGE, _("Only a VoIP technician can flush the connections of the phone system.")
    ),
    "diagnose.run": Permission(_TECHNICIAN, Scope.DIAGNOSE, _("Only a VoIP technician can run tests and captures.")),
    "bundle.make": Permission(_ADMIN, Scope.DIAGNOSE, _("Only a firewall admin can make a support bundle.")),
    # --- the appliance ---
    "system.see": Permission(_READER, Scope.SEE, _("Only a firewall admin can see the settings of the appliance.")),
    "system.change": Permission(_ADMIN, Scope.CHANGE, _("Only a firewall admin can change the appliance's settings.")),
    "notices.see": Permission(_READER, Scope.SEE, _("Only a firewall admin can see notices.")),
    "notices.change": Permission(_ADMIN, None, _("Only a firewall admin can change who is notified.")),
    "backup.make": Permission(_ADMIN, None, _("Only a firewall admin can make backups.")),
    "backup.restore": Permission(_OWNER, None, _("Only the owner can restore a backup.")),
    "setup.run": Permission(_OWNER, None, _("Only the owner can set the appliance up.")),
    # --- people ---
    "users.see": Permission(_OWNER | {Role.AUDITOR}, None, _("Only the owner can see users.")),
    "users.change": Permission(_OWNER, None, _("Only the owner can change users and passes.")),
    "maintenance.see": Permission(_ALL, Scope.SEE, _("Only people of this firewall can see remote maintenance.")),
    "maintenance.start": Permission(_ADMIN, None, _("Only the owner or a firewall admin can let support in.")),
    "exposure.see": Permission(_READER, Scope.SEE, _("Only a firewall admin can see what could get in.")),
    "audit.see": Permission(_READER, Scope.SEE, _("Only a firewall admin or an auditor can see the audit log.")),
    "audit.export": Permission(_READER, None, _("Only a firewall admin or an auditor can export the audit log.")),
}

GRANTABLE: Final = {
    "alg.exempt": frozenset({Role.ADMINISTRATOR, Role.TECHNICIAN, Role.SUPPORT}),
    "calls.numbers": frozenset({Role.ADMINISTRATOR, Role.TECHNICIAN, Role.SUPPORT, Role.AUDITOR}),
}
"""What the owner may give to these roles or take from them, beside the table."""

WITHHELD: Final = frozenset({(Role.SUPPORT, "calls.numbers"), (Role.AUDITOR, "calls.numbers")})
"""What of it these roles have only where the owner has given it to them."""

TOPICS: Final = {
    "calls": "calls.see",
    "call": "calls.trace",
    "pinholes": "calls.see",
    "closed": "calls.see",
    "registrations": "calls.see",
    "counters": "overview.see",
    "transactions": "calls.trace",
    "jobs": "changes.see",
    "health": "overview.see",
    "log": "traffic.see",
}
"""Of the WebSocket; what stands behind a colon (`call:<id>`) is one row of the topic."""


def allows(permission: str, role: Role, scope: Scope | None = None) -> bool:
    """`scope` is the open maintenance window's; raise KeyError where there is no such permission."""
    wanted = PERMISSIONS[permission]
    if role is Role.SUPPORT:
        return scope is not None and wanted.support is not None and scope >= wanted.support
    return role in wanted.roles


def topic_permission(topic: str) -> str | None:
    return TOPICS.get(topic.partition(":")[0])
