# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of people, remote maintenance, the audit log and the console's certificate.

Remote maintenance is opened in the console alone: it needs a second factor, which nobody has here.
"""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from appliance import device
from appliance.accounts import columns, queries, services
from appliance.accounts.models import MaintenanceWindow, User
from appliance.audit import queries as audit
from appliance.audit.columns import words
from appliance.cli.asking import ACTOR, Verb, file_content
from appliance.permissions import Role
from appliance.system import services as system

MOST: Final = 50


def list_users(_asked: Namespace) -> list[dict[str, Any]]:
    return [columns.person(user) for user in User.objects.order_by("role", "username")]


def add_user(asked: Namespace) -> dict[str, Any]:
    return columns.invitation(services.create_user(actor=ACTOR, username=asked.name, role=asked.role))


def add_pass(asked: Namespace) -> dict[str, Any]:
    lasts = timedelta(hours=min(max(asked.hours, 0), 10_000))
    made = services.create_pass(actor=ACTOR, username=asked.name, lasts=lasts, source=asked.source)
    return columns.invitation(made)


def renew_link(asked: Namespace) -> dict[str, Any]:
    return columns.invitation(services.renew_link(actor=ACTOR, user=_user(asked.name)))


def switch_user(asked: Namespace) -> dict[str, Any]:
    user = _user(asked.name)
    services.set_active(actor=ACTOR, user=user, active=asked.state == "on")
    return columns.person(user)


def set_role(asked: Namespace) -> dict[str, Any]:
    user = _user(asked.name)
    services.set_role(actor=ACTOR, user=user, role=asked.role)
    return columns.person(user)


def reset_factors(asked: Namespace) -> dict[str, Any]:
    user = _user(asked.name)
    services.reset_factors(actor=ACTOR, user=user)
    return columns.person(user)


def demand_factor(asked: Namespace) -> dict[str, Any]:
    if asked.state:
        services.demand_factor(actor=ACTOR, demanded=asked.state == "on")
    return {"demanded_since": queries.factor_demanded(), "without": queries.without_factor()}


def maintenance(asked: Namespace) -> Any:
    """With a number its report."""
    if asked.id is not None:
        return columns.report(_window(asked.id))
    return [columns.window(each) for each in MaintenanceWindow.objects.all()[:MOST]]


def end_maintenance(_asked: Namespace) -> dict[str, Any]:
    window = queries.open_window()
    if window is None:
        raise ValidationError({"window": [_("No remote maintenance is open.")]})
    return columns.window(services.close_window(actor=ACTOR, window=window))


def entries(asked: Namespace) -> list[dict[str, Any]]:
    found = audit.entries({"words": asked.words, "actor": asked.actor, "verb": asked.act})[: asked.most]
    return [
        {"sequence": each.sequence, "time": each.time, "actor": each.actor, "source": each.source,
         "words": words(each), "verb": each.verb, "target": each.target, "reason": each.reason}
        for each in found
    ]  # fmt: skip


def certificate(asked: Namespace) -> dict[str, Any]:
    """With files: these from now on."""
    if asked.certificate or asked.key:
        found = {
            field: file_content(path) if path else b""
            for field, path in (("certificate", asked.certificate), ("key", asked.key))
        }
        system.replace_certificate(actor=ACTOR, anyway=asked.anyway, **found)
    return device.shown()


# --- Their parts ---


def _user(name: str) -> User:
    user = User.objects.filter(username__iexact=name).first()
    if user is None:
        raise ValidationError({"name": [_("There is no account “%s”.") % name]})
    return user


def _window(number: int) -> MaintenanceWindow:
    window = MaintenanceWindow.objects.filter(pk=number).first()
    if window is None:
        raise ValidationError({"id": [_("There is no such remote maintenance.")]})
    return window


# --- Their arguments ---


def _name(parser: ArgumentParser) -> None:
    parser.add_argument("name")


def _named_role(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("role", choices=Role.values)


def _named_switch(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("state", choices=("on", "off"))


def _pass(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--hours", type=int, default=24, help="1 to 168 (default: 24)")
    parser.add_argument("--source", default="", help="only from this address or network")


def _seeking(parser: ArgumentParser) -> None:
    for name in ("words", "actor", "act"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--most", type=int, default=MOST, help=f"entries (default: {MOST})")


def _pem(parser: ArgumentParser) -> None:
    parser.add_argument("--certificate", type=Path, help="PEM: the console's own, then its issuers")
    parser.add_argument("--key", type=Path, help="PEM, without a passphrase")
    parser.add_argument("--anyway", action="store_true", help="even if it does not name this console")


VERBS: Final = (
    Verb("users", "who there is, with role, second factor and sessions", list_users),
    Verb("add-user", "an account; prints the link that lets its person in once", add_user, _named_role),
    Verb("add-pass", "a technician's account that ends by itself; prints link and code", add_pass, _pass),
    Verb("new-link", "another way in for whoever lost password or link", renew_link, _name),
    Verb("switch-user", "let somebody in again, or not any more", switch_user, _named_switch),
    Verb("set-role", "give somebody another role", set_role, _named_role),
    Verb("reset-factors", "take second factors away that were lost", reset_factors, _name),
    Verb(
        "demand-factor",
        "whether owners and firewall admins must have a second factor; with on or off, say so",
        demand_factor,
        lambda p: p.add_argument("state", choices=("on", "off"), nargs="?"),
    ),
    Verb(
        "maintenance",
        "remote maintenance that is and was, newest first; with a number its report",
        maintenance,
        lambda p: p.add_argument("id", type=int, nargs="?"),
    ),
    Verb("end-maintenance", "end remote maintenance at once", end_maintenance),
    Verb("entries", "the audit log, newest first", entries, _seeking),
    Verb("certificate", "the console's certificate; with files, put these in its place", certificate, _pem),
)
