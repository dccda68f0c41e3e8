# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of rules, objects, interfaces and recipes: they change the draft."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from appliance.cli.asking import ACTOR, Verb, address, rule, schedule, service
from appliance.firewall import queries, services
from appliance.firewall.columns import rule_sentence
from appliance.firewall.models import Action, AddressKind, Rule, Table
from appliance.network import queries as network
from appliance.network import services as network_services
from appliance.recipes.forms import RECIPES


def _rule(each: Rule) -> dict[str, Any]:
    return {"id": each.pk} | services.describe_rule(each) | {"expired": each.expired_at is not None}


def list_rules(asked: Namespace) -> list[dict[str, Any]]:
    rules = queries.rules(asked.table or "")
    if asked.json:
        return [_rule(each) for each in rules]
    return [
        {"id": each.pk, "table": each.table, "on": "on" if each.enabled else "off", "name": each.name,
         "what": _plain(rule_sentence(each))}
        for each in rules
    ]  # fmt: skip


def add_rule(asked: Namespace) -> dict[str, Any]:
    until = parse_datetime(asked.until) if asked.until else None
    if asked.until and (until is None or until.tzinfo is None):
        raise ValidationError({"until": [_("Write the end with its zone: 2026-12-24T18:00+00:00.")]})
    place = {"before": rule("before", asked.before), "after": rule("after", asked.after), "position": asked.position}
    made = services.create_rule(
        actor=ACTOR, name=asked.name, action=asked.action, table=asked.table,
        source=address("source", asked.source), destination=address("destination", asked.destination),
        service=service("service", asked.service), schedule=schedule("schedule", asked.schedule),
        target=address("target", asked.target), target_port=asked.target_port, from_zone=asked.from_zone,
        to_zone=asked.to_zone, until=until, section=asked.section, comment=asked.comment, log=asked.log,
        enabled=not asked.disabled, **place,
    )  # fmt: skip
    return _rule(made)


def move_rule(asked: Namespace) -> dict[str, Any]:
    moved = services.move_rule(
        actor=ACTOR, rule=_existing(asked), before=rule("before", asked.before), after=rule("after", asked.after),
        position=asked.position,
    )  # fmt: skip
    return _rule(moved)


def switch_rule(asked: Namespace) -> dict[str, Any]:
    return _rule(services.set_rule_enabled(actor=ACTOR, rule=_existing(asked), enabled=asked.state == "on"))


def delete_rule(asked: Namespace) -> dict[str, Any]:
    services.delete_rule(actor=ACTOR, rule=_existing(asked))
    return {"deleted": asked.id}


def list_objects(_asked: Namespace) -> list[dict[str, Any]]:
    return [services.describe_address(each) for each in queries.addresses()]


def list_services(_asked: Namespace) -> list[dict[str, Any]]:
    return [services.describe_service(each) for each in queries.services()]


def add_object(asked: Namespace) -> dict[str, Any]:
    members = [each for name in asked.member if (each := address("member", name))]
    made = services.create_address(actor=ACTOR, name=asked.name, kind=asked.kind, value=asked.value, members=members)
    return services.describe_address(made)


def delete_object(asked: Namespace) -> dict[str, Any]:
    found = address("name", asked.name)
    assert found is not None
    services.delete_address(actor=ACTOR, address=found)
    return {"deleted": asked.name}


def list_interfaces(_asked: Namespace) -> list[dict[str, Any]]:
    found = network.found()
    return [network_services.describe(each) | {"found": found.get(each.name)} for each in network.interfaces()]


def list_links(_asked: Namespace) -> list[dict[str, Any]]:
    return [
        {"name": each["name"], "state": each["state"], "addresses": [held["address"] for held in each["held"]]}
        for each in network.live_links()
    ]


def adopt_interface(asked: Namespace) -> dict[str, Any]:
    made = network_services.adopt_interface(
        actor=ACTOR, name=asked.name, role=asked.role, masquerade=asked.masquerade
    )  # fmt: skip
    return network_services.describe(made)


def cook(asked: Namespace) -> dict[str, Any]:
    """Answers are `question=answer`."""
    recipe = RECIPES[asked.recipe]
    form = recipe.form(dict(each.partition("=")[::2] for each in asked.answer))
    if not form.is_valid():
        raise ValidationError({field: [str(each) for each in errors] for field, errors in form.errors.items()})
    plan = recipe.plan(form.cleaned_data)
    drafted = services.preview_plan(plan=plan) if asked.dry_run else services.draft_plan(actor=ACTOR, plan=plan)
    return {"drafts": [_plain(each) for each in drafted.sentences], "advice": drafted.advice}


def _existing(asked: Namespace) -> Rule:
    found = rule("id", asked.id)
    assert found is not None
    return found


def _plain(sentence: str) -> str:
    return str(sentence).replace("<b>", "").replace("</b>", "").replace("<strong>", "").replace("</strong>", "")


# --- Their arguments ---


def _placing(parser: ArgumentParser) -> None:
    parser.add_argument("--before", type=int, metavar="ID")
    parser.add_argument("--after", type=int, metavar="ID")
    parser.add_argument("--position", type=int)


def _adding(parser: ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("--action", choices=Action.values, required=True)
    parser.add_argument("--table", choices=Table.values, default=Table.FORWARD.value)
    for name in ("source", "destination", "service", "target", "schedule", "until"):
        parser.add_argument(f"--{name}")
    for name in ("from-zone", "to-zone", "section", "comment"):
        parser.add_argument(f"--{name}", default="")
    parser.add_argument("--target-port", type=int)
    parser.add_argument("--log", action="store_true")
    parser.add_argument("--disabled", action="store_true")
    _placing(parser)


def _moving(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=int)
    _placing(parser)


def _switching(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=int)
    parser.add_argument("state", choices=("on", "off"))


def _object(parser: ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("kind", choices=AddressKind.values)
    parser.add_argument("value", nargs="?", default="")
    parser.add_argument("--member", action="append", default=[])


def _adopting(parser: ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("role")
    parser.add_argument("--masquerade", action="store_true")


def _cooking(parser: ArgumentParser) -> None:
    parser.add_argument("recipe", choices=list(RECIPES))
    parser.add_argument("answer", nargs="*", help="question=answer")
    parser.add_argument("--dry-run", action="store_true")


VERBS: Final = (
    Verb("rules", "list the rules of the draft", list_rules, lambda p: p.add_argument("--table", choices=Table.values)),
    Verb("add-rule", "add a rule, last in its table or where --before, --after or --position say", add_rule, _adding),
    Verb("move-rule", "move a rule before or after another, or to a position", move_rule, _moving),
    Verb("switch-rule", "switch a rule on or off", switch_rule, _switching),
    Verb("delete-rule", "delete a rule", delete_rule, lambda p: p.add_argument("id", type=int)),
    Verb("objects", "list address objects", list_objects),
    Verb("services", "list services", list_services),
    Verb("add-object", "add an address object", add_object, _object),
    Verb(
        "delete-object", "delete an address object that nothing uses", delete_object, lambda p: p.add_argument("name")
    ),
    Verb("interfaces", "list interfaces of the configuration", list_interfaces),
    Verb("links", "list what the kernel has", list_links),
    Verb("adopt-interface", "take an interface of the kernel into the draft", adopt_interface, _adopting),
    Verb("recipe", "rules from a few answers", cook, _cooking),
)
