# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of rules, interfaces and recipes: they change the draft."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from typing import Any, Final

from django.core.exceptions import ValidationError

from appliance.cli.asking import ACTOR, Verb, address, given, moment, rule, schedule, service, there
from appliance.firewall import queries, services
from appliance.firewall.columns import rule_sentence
from appliance.firewall.models import Action, Hits, Rule, Table
from appliance.network import queries as network
from appliance.network import services as network_services
from appliance.network.models import Interface
from appliance.recipes.forms import RECIPES

_PLAIN: Final = (
    "name", "action", "target_port", "from_zone", "to_zone", "section", "comment", "log", "enabled", "prepared"
)  # fmt: skip
_OBJECTS: Final = {
    "source": address, "destination": address, "target": address, "service": service, "schedule": schedule
}  # fmt: skip


def _rule(each: Rule, hits: Hits | None) -> dict[str, Any]:
    own = {"id": each.pk, "version": each.version, "expired": each.expired_at is not None}
    return own | services.describe_rule(each) | queries.counted(hits)


def _told(each: Rule) -> dict[str, Any]:
    return _rule(each, queries.hits().get(each.pk))


def list_rules(asked: Namespace) -> list[dict[str, Any]]:
    rules = queries.rules(asked.table or "")
    if asked.json:
        hits = queries.hits()
        return [_rule(each, hits.get(each.pk)) for each in rules]
    return [
        {"id": each.pk, "table": each.table, "on": "on" if each.enabled else "off", "name": each.name,
         "what": rule_sentence(each)}
        for each in rules
    ]  # fmt: skip


def add_rule(asked: Namespace) -> dict[str, Any]:
    made = services.create_rule(actor=ACTOR, table=asked.table, **_fields(asked), **_place(asked))
    return _told(made)


def edit_rule(asked: Namespace) -> dict[str, Any]:
    """Only what is said changes, and an empty text is any; with --seen only what nobody has changed since."""
    found = there(rule, "id", asked.id)
    version = found.version if asked.seen is None else asked.seen
    return _told(services.update_rule(actor=ACTOR, rule=found, version=version, **_fields(asked)))


def move_rule(asked: Namespace) -> dict[str, Any]:
    return _told(services.move_rule(actor=ACTOR, rule=there(rule, "id", asked.id), **_place(asked)))


def switch_rule(asked: Namespace) -> dict[str, Any]:
    found = there(rule, "id", asked.id)
    return _told(services.set_rule_enabled(actor=ACTOR, rule=found, enabled=asked.state == "on"))


def clone_rule(asked: Namespace) -> dict[str, Any]:
    return _told(services.clone_rule(actor=ACTOR, rule=there(rule, "id", asked.id)))


def delete_rule(asked: Namespace) -> dict[str, Any]:
    services.delete_rule(actor=ACTOR, rule=there(rule, "id", asked.id))
    return {"deleted": asked.id}


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


def edit_interface(asked: Namespace) -> dict[str, Any]:
    before = network_services.describe(there(_interface, "name", asked.name))
    fields = {key: before[key] for key in ("role", "addresses", "masquerade")}
    fields |= given(asked, "role", "masquerade")
    if asked.address is not None:
        fields["addresses"] = asked.address
    return network_services.describe(network_services.save_interface(actor=ACTOR, name=asked.name, **fields))


def release_interface(asked: Namespace) -> dict[str, Any]:
    network_services.delete_interface(actor=ACTOR, interface=there(_interface, "name", asked.name))
    return {"released": asked.name}


def cook(asked: Namespace) -> dict[str, Any]:
    """Answers are `question=answer`."""
    recipe = RECIPES[asked.recipe]
    form = recipe.form(dict(each.partition("=")[::2] for each in asked.answer))
    if not form.is_valid():
        raise ValidationError({field: [str(each) for each in errors] for field, errors in form.errors.items()})
    plan = recipe.plan(form.cleaned_data)
    drafted = services.preview_plan(plan=plan) if asked.dry_run else services.draft_plan(actor=ACTOR, plan=plan)
    return {"drafts": drafted.sentences, "advice": drafted.advice}


# --- Their parts ---


def _fields(asked: Namespace) -> dict[str, Any]:
    """What was said of a rule, as its services take it; "" of an object, a port or the end is none."""
    fields = given(asked, *_PLAIN)
    for field, find in _OBJECTS.items():
        if (name := getattr(asked, field)) is not None:
            fields[field] = find(field, name or None)
    if asked.until is not None:
        fields["until"] = moment("until", asked.until) if asked.until else None
    if asked.tag is not None:
        fields["tags"] = [each for each in asked.tag if each]
    return fields


def _place(asked: Namespace) -> dict[str, Any]:
    return {
        "before": rule("before", asked.before), "after": rule("after", asked.after), "position": asked.position
    }  # fmt: skip


def _interface(_field: str, name: str | None) -> Interface | None:
    return network.interfaces().filter(name=name).first()


# --- Their arguments ---


def _placing(parser: ArgumentParser) -> None:
    parser.add_argument("--before", type=int, metavar="ID")
    parser.add_argument("--after", type=int, metavar="ID")
    parser.add_argument("--position", type=int)


def _saying(parser: ArgumentParser) -> None:
    """What adding and editing have in common."""
    for name in (*_OBJECTS, "until", "from-zone", "to-zone", "section", "comment"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--target-port", type=int)
    parser.add_argument("--tag", action="append", help="once for each")
    parser.add_argument("--log", action=BooleanOptionalAction)
    parser.add_argument("--prepared", action=BooleanOptionalAction, help="a switched-off rule that is kept ready")


def _adding(parser: ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("--action", choices=Action.values, required=True)
    parser.add_argument("--table", choices=Table.values, default=Table.FORWARD.value)
    parser.add_argument("--disabled", action="store_false", dest="enabled")
    _saying(parser)
    _placing(parser)


def _editing(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=int)
    parser.add_argument("--name")
    parser.add_argument("--action", choices=Action.values)
    parser.add_argument("--enabled", action=BooleanOptionalAction)
    parser.add_argument("--seen", type=int, metavar="VERSION", help="refuse where the rule is another one by now")
    _saying(parser)


def _moving(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=int)
    _placing(parser)


def _switching(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=int)
    parser.add_argument("state", choices=("on", "off"))


def _adopting(parser: ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("role")
    parser.add_argument("--masquerade", action="store_true")


def _editing_interface(parser: ArgumentParser) -> None:
    parser.add_argument("name")
    parser.add_argument("--role")
    parser.add_argument("--address", action="append", help="with its prefix; once for each")
    parser.add_argument("--masquerade", action=BooleanOptionalAction)


def _cooking(parser: ArgumentParser) -> None:
    parser.add_argument("recipe", choices=list(RECIPES))
    parser.add_argument("answer", nargs="*", help="question=answer")
    parser.add_argument("--dry-run", action="store_true")


def _one(parser: ArgumentParser) -> None:
    parser.add_argument("id", type=int)


VERBS: Final = (
    Verb("rules", "list the rules of the draft", list_rules, lambda p: p.add_argument("--table", choices=Table.values)),
    Verb("add-rule", "add a rule, last in its table or where --before, --after or --position say", add_rule, _adding),
    Verb("edit-rule", "change what is said of a rule, and nothing else", edit_rule, _editing),
    Verb("move-rule", "move a rule before or after another, or to a position", move_rule, _moving),
    Verb("switch-rule", "switch a rule on or off", switch_rule, _switching),
    Verb("clone-rule", "copy a rule right below itself, switched off", clone_rule, _one),
    Verb("delete-rule", "delete a rule", delete_rule, _one),
    Verb("interfaces", "list interfaces of the configuration", list_interfaces),
    Verb("links", "list what the kernel has", list_links),
    Verb("adopt-interface", "take an interface of the kernel into the draft", adopt_interface, _adopting),
    Verb("edit-interface", "change role, addresses, masquerading of an interface", edit_interface, _editing_interface),
    Verb(
        "release-interface", "take an interface out of the draft", release_interface, lambda p: p.add_argument("name")
    ),
    Verb("recipe", "rules from a few answers", cook, _cooking),
)
