# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of what acts at once on top of the running revision: rules for a while, exemptions from the ALG."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from appliance.cli.asking import ACTOR, Verb, address, moment, there
from appliance.firewall import queries, services
from appliance.firewall.models import Activation, ActivationKind
from appliance.system import queries as system
from sipalg_core.contract import names


def list_activations(_asked: Namespace) -> list[dict[str, Any]]:
    """Those that are over, too, newest first."""
    return [_activation(each) for each in queries.activations(names.NODE)[:50]]


def start_rule(asked: Namespace) -> dict[str, Any]:
    """A rule of the running revision."""
    rule = next((each for each in system.policy_asked(draft=False).rules if each.id == asked.id), None)
    if rule is None:
        raise ValidationError({"rule": [_("The running revision has no such rule.")]})
    until = moment("until", asked.until)
    return _activation(services.start_rule(actor=ACTOR, rule=rule, until=until, reason=asked.reason))


def exempt(asked: Namespace) -> dict[str, Any]:
    values = list(services.EVERYTHING) if asked.everything else asked.address or []
    made = services.start_exemption(
        actor=ACTOR, reason=asked.reason, until=moment("until", asked.until) if asked.until else None,
        server=address("server", asked.server), values=values,
    )  # fmt: skip
    return _activation(made)


def stop(asked: Namespace) -> dict[str, Any]:
    rows = queries.activations(names.NODE).exclude(kind=ActivationKind.MAINTENANCE)
    found = there(lambda _field, number: rows.filter(pk=number).first(), "id", asked.id)
    return _activation(services.stop_activation(actor=ACTOR, activation=found))


def needed(asked: Namespace) -> list[dict[str, Any]]:
    """With --draft as drafts as well."""
    rows = queries.activations(names.NODE).filter(kind=ActivationKind.EXEMPTION)
    found = there(lambda _field, number: rows.filter(pk=number).first(), "id", asked.id)
    if asked.draft:
        services.draft_needed(actor=ACTOR, activation=found)
    return [
        {"text": each.text, "why": each.why, "rule": each.drafted.pk if each.drafted else None}
        for each in services.rules_needed(found)
    ]


# --- Their parts ---


def _activation(each: Activation) -> dict[str, Any]:
    return {"id": each.pk} | services.describe_activation(each)


# --- Their arguments ---


def _starting(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=int)
    for name in ("until", "reason"):
        parser.add_argument(f"--{name}", required=True)


def _exempting(parser: ArgumentParser) -> None:
    parser.add_argument("--server", help="an object")
    parser.add_argument("--address", action="append", help="address, network or range; once for each")
    parser.add_argument("--everything", action="store_true", help="the ALG off for every server")
    parser.add_argument("--until", help="without it until somebody stops it")
    parser.add_argument("--reason", required=True)


def _needing(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=int)
    parser.add_argument("--draft", action="store_true", help="make drafts of them")


VERBS: Final = (
    Verb("activations", "what acts, and acted, on top of the running revision", list_activations),
    Verb("start-rule", "let a rule act until a time", start_rule, _starting),
    Verb("exempt", "take servers from the ALG", exempt, _exempting),
    Verb("rules-needed", "the rules that an exemption's servers need meanwhile", needed, _needing),
    Verb("stop", "end an activation", stop, lambda p: p.add_argument("id", type=int)),
)
