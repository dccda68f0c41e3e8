# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of objects: addresses, services, schedules, country data and whom names are asked of."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from collections.abc import Callable, Mapping
from datetime import date, time
from pathlib import Path
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.utils.dateparse import parse_date, parse_time
from django.utils.translation import gettext as _

from appliance.cli.asking import ACTOR, Verb, address, file_content, given, schedule, service, there
from appliance.firewall import queries, services
from appliance.firewall.models import AddressKind, Application, CountryData, Protocol, Service

SORTS: Final[Mapping[str, Callable[[str, str | None], Any]]] = {
    "address": address, "service": service, "schedule": schedule
}  # fmt: skip


_DELETING: Final[Mapping[str, Callable[..., None]]] = {
    "address": services.delete_address, "service": services.delete_service, "schedule": services.delete_schedule
}  # fmt: skip


def list_objects(asked: Namespace) -> list[dict[str, Any]]:
    found = queries.found_addresses(asked.search, queries.KnownContents())
    return [services.describe_address(each) for each in found]


def add_object(asked: Namespace) -> dict[str, Any]:
    made = services.create_address(
        actor=ACTOR, name=asked.name, kind=asked.kind, value=asked.value, lookup=asked.lookup, negated=asked.negated,
        members=[there(address, "member", name) for name in asked.member or ()],
    )  # fmt: skip
    return services.describe_address(made)


def edit_object(asked: Namespace) -> dict[str, Any]:
    changes = given(asked, "value", "lookup", "negated") | _new_name(asked)
    if asked.member is not None:
        changes["members"] = [there(address, "member", name) for name in asked.member]
    found = there(address, "name", asked.name)
    return services.describe_address(services.update_address(actor=ACTOR, address=found, **changes))


def refresh_object(asked: Namespace) -> dict[str, Any]:
    services.refresh(actor=ACTOR, address=there(address, "name", asked.name))
    return {"asked": asked.name}


def list_services(_asked: Namespace) -> list[dict[str, Any]]:
    return [services.describe_service(each) for each in queries.services()]


def add_service(asked: Namespace) -> dict[str, Any]:
    made = services.create_service(
        actor=ACTOR, name=asked.name, protocol=asked.protocol, ports=asked.ports, application=asked.application,
        number=asked.number, members=_services(asked),
    )  # fmt: skip
    return services.describe_service(made)


def edit_service(asked: Namespace) -> dict[str, Any]:
    changes = given(asked, "protocol", "ports", "application", "number") | _new_name(asked)
    if asked.member is not None:
        changes["members"] = _services(asked)
    found = there(service, "name", asked.name)
    return services.describe_service(services.update_service(actor=ACTOR, service=found, **changes))


def usual_services(_asked: Namespace) -> list[dict[str, Any]]:
    return [services.describe_service(each) for each in services.add_usual_services(actor=ACTOR)]


def list_schedules(_asked: Namespace) -> list[dict[str, Any]]:
    return [services.describe_schedule(each) for each in queries.schedules()]


def add_schedule(asked: Namespace) -> dict[str, Any]:
    made = services.create_schedule(
        actor=ACTOR, name=asked.name, weekdays=asked.weekday or [], begin=_time("begin", asked.begin),
        end=_time("end", asked.end), timezone=asked.timezone,
    )  # fmt: skip
    return services.describe_schedule(made)


def edit_schedule(asked: Namespace) -> dict[str, Any]:
    changes = given(asked, "timezone") | _new_name(asked)
    if asked.weekday is not None:
        changes["weekdays"] = sorted(set(asked.weekday))
    changes |= {field: _time(field, text) for field, text in given(asked, "begin", "end").items()}
    found = there(schedule, "name", asked.name)
    return services.describe_schedule(services.update_schedule(actor=ACTOR, schedule=found, **changes))


def delete(asked: Namespace) -> dict[str, Any]:
    """Of the sort that the verb ends with."""
    sort = asked.verb.removeprefix("delete-").replace("object", "address")
    _DELETING[sort](actor=ACTOR, **{sort: there(SORTS[sort], "name", asked.name)})
    return {"deleted": asked.name}


def replace_object(asked: Namespace) -> dict[str, Any]:
    """Wherever it is used, or nowhere."""
    thing, other = (there(SORTS[asked.sort], field, getattr(asked, field)) for field in ("name", "by"))
    return {"places": services.replace_everywhere(actor=ACTOR, thing=thing, by=other)}


def list_uses(asked: Namespace) -> list[dict[str, Any]]:
    return [
        {"kind": use.by._meta.model_name, "id": use.by.pk, "name": str(use.by), "field": use.field}
        for use in queries.uses(there(SORTS[asked.sort], "name", asked.name))
    ]


def country_data(_asked: Namespace) -> list[dict[str, Any]]:
    editions = (queries.active_country_data(), queries.waiting_country_data())
    return [_edition(each) for each in editions if each is not None]


def upload_country_data(asked: Namespace) -> dict[str, Any]:
    published: date | None = parse_date(asked.published) if asked.published else None
    made = services.upload_country_data(
        actor=ACTOR, name=asked.name or ", ".join(each.name for each in asked.file),
        files=[file_content(each) for each in asked.file], published=published, licence=asked.licence,
    )  # fmt: skip
    return _edition(made)


def use_country_data(asked: Namespace) -> dict[str, Any]:
    return _edition(services.use_country_data(actor=ACTOR, data=_waiting_edition(), force=asked.force))


def discard_country_data(_asked: Namespace) -> dict[str, Any]:
    waiting = _waiting_edition()
    services.discard_country_data(actor=ACTOR, data=waiting)
    return {"discarded": waiting.source}


def name_servers(asked: Namespace) -> dict[str, Any]:
    """With arguments: these from now on; `none` is the machine's own."""
    if asked.server:
        wanted = [] if asked.server == ["none"] else asked.server
        services.set_name_servers(actor=ACTOR, servers=wanted)
    return {"servers": queries.name_servers()}


# --- Their parts ---


def _new_name(asked: Namespace) -> dict[str, Any]:
    return {} if asked.rename is None else {"name": asked.rename}


def _services(asked: Namespace) -> list[Service]:
    return [there(service, "member", name) for name in asked.member or ()]


def _time(field: str, text: str) -> time:
    try:
        found = parse_time(text)
    except ValueError:
        found = None
    if found is None:
        raise ValidationError({field: [_("Write a time of day, such as 08:00.")]})
    return found


def _edition(data: CountryData) -> dict[str, Any]:
    return {"source": data.source, "published": data.published, "in use": data.active, "licence": data.licence}


def _waiting_edition() -> CountryData:
    waiting = queries.waiting_country_data()
    if waiting is None:
        raise ValidationError({"data": [_("No uploaded country data waits for a decision.")]})
    return waiting


# --- Their arguments ---


def _name(parser: ArgumentParser) -> None:
    parser.add_argument("name")


def _members(parser: ArgumentParser) -> None:
    parser.add_argument("--member", action="append", help="of a group; once for each")


def _renaming(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("--rename", metavar="NAME", help="rules go on naming it")


def _object(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("kind", choices=AddressKind.values)
    parser.add_argument("value", nargs="?", default="")
    parser.add_argument("--lookup", default="", help="how a name is asked")
    parser.add_argument("--negated", action="store_true", help="everywhere but these countries")
    _members(parser)


def _editing_object(parser: ArgumentParser) -> None:
    _renaming(parser)
    for name in ("value", "lookup"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--negated", action=BooleanOptionalAction, help="everywhere but these countries")
    _members(parser)


def _service(parser: ArgumentParser) -> None:
    _name(parser)
    parser.add_argument("protocol", choices=Protocol.values)
    parser.add_argument("ports", nargs="?", default="")
    parser.add_argument("--application", choices=Application.values, default="")
    parser.add_argument("--number", type=int, help="of another protocol (IANA)")
    _members(parser)


def _editing_service(parser: ArgumentParser) -> None:
    _renaming(parser)
    parser.add_argument("--protocol", choices=Protocol.values)
    parser.add_argument("--ports")
    parser.add_argument("--application", choices=Application.values)
    parser.add_argument("--number", type=int)
    _members(parser)


def _weekdays(parser: ArgumentParser) -> None:
    parser.add_argument("--weekday", type=int, choices=range(7), action="append", help="0 is Monday; once for each")


def _schedule(parser: ArgumentParser) -> None:
    for name in ("name", "begin", "end"):
        parser.add_argument(name)
    parser.add_argument("--timezone", default="UTC")
    _weekdays(parser)


def _editing_schedule(parser: ArgumentParser) -> None:
    _renaming(parser)
    for name in ("begin", "end", "timezone"):
        parser.add_argument(f"--{name}")
    _weekdays(parser)


def _sort(parser: ArgumentParser) -> None:
    parser.add_argument("sort", choices=list(SORTS))
    _name(parser)


def _replacing(parser: ArgumentParser) -> None:
    _sort(parser)
    parser.add_argument("by")


def _uploading(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, nargs="+", help="CSV or MMDB; IPv4 and IPv6 may be two files")
    for name in ("name", "licence", "published"):
        parser.add_argument(f"--{name}", default="")


def _forcing(parser: ArgumentParser) -> None:
    parser.add_argument("--force", action="store_true", help="where a country loses much, too")


VERBS: Final = (
    Verb(
        "objects", "list address objects; an address finds those that hold it", list_objects,
        lambda p: p.add_argument("search", nargs="?", default=""),
    ),
    Verb("add-object", "add an address object", add_object, _object),
    Verb("edit-object", "change an address object, or its name", edit_object, _editing_object),
    Verb("delete-object", "delete an address object that nothing uses", delete, _name),
    Verb("refresh-object", "look a DNS name up now", refresh_object, _name),
    Verb("services", "list services", list_services),
    Verb("add-service", "add a service", add_service, _service),
    Verb("edit-service", "change a service, or its name", edit_service, _editing_service),
    Verb("delete-service", "delete a service that nothing uses", delete, _name),
    Verb("usual-services", "add the services that most firewalls need", usual_services),
    Verb("schedules", "list schedules", list_schedules),
    Verb("add-schedule", "add hours of the week", add_schedule, _schedule),
    Verb("edit-schedule", "change a schedule, or its name", edit_schedule, _editing_schedule),
    Verb("delete-schedule", "delete a schedule that nothing uses", delete, _name),
    Verb("replace", "use another object wherever this one is used", replace_object, _replacing),
    Verb("uses", "list what uses an object", list_uses, _sort),
    Verb("country-data", "which country data is in use, and which waits", country_data),
    Verb("upload-country-data", "upload country data, to be used or discarded", upload_country_data, _uploading),
    Verb("use-country-data", "use the uploaded country data at once", use_country_data, _forcing),
    Verb("discard-country-data", "discard the uploaded country data", discard_country_data),
    Verb(
        "name-servers", "whom DNS objects are asked of; “none” is the machine's own", name_servers,
        lambda p: p.add_argument("server", nargs="*"),
    ),
)  # fmt: skip
