# SPDX-License-Identifier: GPL-2.0-or-later
"""Reads of rules and of the objects they use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cached_property
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final, NamedTuple

from django.db import models
from django.db.models import Q, QuerySet, Sum
from django.db.models.functions import Length
from django.utils import timezone

from appliance.accounts.queries import boot_id
from appliance.firewall.models import (
    Activation,
    ActivationKind,
    ActivationState,
    AddressKind,
    AddressObject,
    Content,
    ContentChange,
    CountryData,
    Hits,
    NameServers,
    Rule,
    Schedule,
    Service,
)
from appliance.ruleset.countries import codes
from appliance.ruleset.countries import found as countries_called
from appliance.ruleset.country_data import Difference, difference
from appliance.ruleset.spans import WIDTH, Spans, packed


def rules(table: str = "") -> QuerySet[Rule]:
    """Of one table or of all, in the order in which they decide."""
    chosen = Rule.objects.filter(table=table) if table else Rule.objects.all()
    return chosen.select_related("source", "destination", "service", "target", "schedule").order_by("table", "position")


def acting(node: str) -> list[Activation]:
    """What acts on top of the running revision, or is about to. A reboot does not renew remote maintenance."""
    chosen = Activation.objects.filter(node=node, state__in=[ActivationState.ASKED, ActivationState.ACTIVE])
    chosen = chosen.filter(Q(ends=None) | Q(ends__gt=timezone.now()))
    return list(chosen.exclude(Q(kind=ActivationKind.MAINTENANCE) & ~Q(boot=boot_id())).order_by("pk"))


def exempt(node: str) -> list[Activation]:
    """The servers that the ALG leaves alone now."""
    return [each for each in acting(node) if each.kind == ActivationKind.EXEMPTION]


def overdue(node: str) -> list[Activation]:
    """Marked as acting, though their time is over or the machine has started anew."""
    marked = Activation.objects.filter(node=node, state__in=[ActivationState.ASKED, ActivationState.ACTIVE])
    return list(marked.exclude(pk__in=[each.pk for each in acting(node)]))


def activations(node: str) -> QuerySet[Activation]:
    """Newest first."""
    return Activation.objects.filter(node=node)


class Ending(NamedTuple):
    """A rule, or what acts for a time, that ends by itself."""

    name: str
    ends: datetime
    rule: int | None


def ending(node: str, until: datetime) -> list[Ending]:
    """What acts now and ends before that moment; the next first."""
    soon = [Ending(rule.name, rule.until, rule.pk)
            for rule in Rule.objects.filter(enabled=True, expired_at=None, until__lte=until) if rule.until]  # fmt: skip
    soon += [Ending(each.name, each.ends, None) for each in acting(node) if each.ends and each.ends <= until]
    return sorted(soon, key=lambda each: each.ends)


def schedules() -> QuerySet[Schedule]:
    return Schedule.objects.order_by("search")


def due(now: datetime) -> QuerySet[Rule]:
    """Past their end and not marked so yet."""
    return Rule.objects.filter(until__lte=now, expired_at=None)


def hits() -> dict[int, Hits]:
    return {each.rule_id: each for each in Hits.objects.all()}


DAYS: Final = 7
COUNTED_FOR: Final = timedelta(minutes=10)
"""Connections that were counted longer ago say nothing about now."""


def by_day(hits: Hits) -> dict[str, int]:
    """Packets of the last seven days (UTC), today last."""
    today = timezone.now().date()
    days = ((today - timedelta(days=ago)).isoformat() for ago in reversed(range(DAYS)))
    return {day: hits.days.get(day, 0) for day in days}


def connections_now(hits: Hits | None) -> int | None:
    if hits is None or hits.connections_at is None or timezone.now() - hits.connections_at > COUNTED_FOR:
        return None
    return hits.connections or 0


def counted(hits: Hits | None) -> dict[str, Any]:
    """What the kernel counted for a rule, for programs; None where it has counted nothing yet."""
    return {
        "hits": hits and hits.packets,
        "last_hit": hits and hits.last,
        "hits_by_day": hits and by_day(hits),
        "connections": connections_now(hits),
    }


def addresses() -> QuerySet[AddressObject]:
    return AddressObject.objects.prefetch_related("members").order_by("search")


def addresses_by_key() -> dict[int, AddressObject]:
    """The same, where only groups are asked what they hold."""
    found = list(AddressObject.objects.order_by("search"))
    models.prefetch_related_objects([each for each in found if each.kind == AddressKind.GROUP], "members")
    return {each.pk: each for each in found}


def services() -> QuerySet[Service]:
    return Service.objects.order_by("search")


class Use(NamedTuple):
    """A row, and by which of its fields it names an object: a rule, a group, a provider, whatever there is."""

    by: models.Model
    field: str


def uses(thing: AddressObject | Service | Schedule) -> list[Use]:
    """What names the object itself, rules first; a group that holds it is a use of its own."""
    return all_uses(type(thing), thing.pk).get(thing.pk, [])


def all_uses(model: type[models.Model], key: int | None = None) -> dict[int, list[Use]]:
    """By the object's key: of all objects of this kind, or of one."""
    found: dict[int, list[Use]] = {}
    for relation in model._meta.related_objects:
        name = relation.field.name
        chosen = {name: key} if key else {f"{name}__isnull": False}
        holders = relation.related_model._default_manager.filter(**chosen).distinct()
        if relation.field.many_to_many:
            pairs = [(each.pk, holder) for holder in holders.prefetch_related(name)
                     for each in getattr(holder, name).all() if key in (None, each.pk)]  # fmt: skip
        else:
            pairs = [(getattr(holder, relation.field.attname), holder) for holder in holders]
        for each, holder in pairs:
            found.setdefault(each, []).append(Use(holder, name))
    return {each: sorted(some, key=_place_of_use) for each, some in found.items()}


def _place_of_use(use: Use) -> tuple[bool, str, int]:
    return not isinstance(use.by, Rule), str(getattr(use.by, "table", "")), getattr(use.by, "position", 0)


def rule_uses(address: AddressObject) -> QuerySet[Rule]:
    """Rules that name the object itself; a group that holds it is a use of its own."""
    return rules().filter(Q(source=address) | Q(destination=address) | Q(target=address))


def parts(address: AddressObject) -> list[AddressObject]:
    """What it is made of in the end: itself, or all that its groups hold."""
    found: dict[int, AddressObject] = {}
    waiting, seen = [address], {address.pk}
    while waiting:
        each = waiting.pop()
        if each.kind != AddressKind.GROUP:
            found[each.pk] = each
            continue
        members = [member for member in each.members.all() if member.pk not in seen]
        seen.update(member.pk for member in members)
        waiting += members
    return list(found.values())


def found_addresses(text: str, known: KnownContents) -> list[AddressObject]:
    """Those with every word in name, value or countries; an address among the words finds the objects that hold it."""
    found = list(addresses())
    for word in text.casefold().split():
        try:
            sought = ip_address(word)
        except ValueError:
            found = [
                each for each in found if word in each.search or word in each.value.casefold() or _names(each, word)
            ]
        else:
            found = [each for each in found if _stands_for(each, sought, known)]
    return found


def _names(address: AddressObject, word: str) -> bool:
    """A country by a part of its name, in whatever language."""
    sought = countries_called(word)
    made_of = parts(address) if sought else []
    return any(each.kind == AddressKind.COUNTRY and sought & {*codes(each.value)} for each in made_of)


def _stands_for(address: AddressObject, host: IPv4Address | IPv6Address, known: KnownContents) -> bool:
    made_of = parts(address)
    fixed = [each.value for each in made_of if each.kind not in (AddressKind.DNS, AddressKind.COUNTRY)]
    names = [each.lookup_key for each in made_of if each.kind == AddressKind.DNS]
    countries = [code for each in made_of if each.kind == AddressKind.COUNTRY for code in codes(each.value)]
    held = host in Spans.of((*fixed, *known.resolved(names))) or known.in_countries(host, countries)
    return held != address.negated


# --- What objects that move hold ---


class KnownContents:
    """ruleset.contents.Known, from the rows; each is read once."""

    def __init__(self) -> None:
        self._read: dict[str, Spans] = {}

    @cached_property
    def contents(self) -> dict[str, Content]:
        return {each.lookup: each for each in Content.objects.all()}

    @cached_property
    def _data(self) -> CountryData | None:
        return active_country_data()

    @property
    def edition(self) -> str:
        return str(self._data.pk) if self._data else ""

    def resolved(self, lookups: Sequence[str]) -> tuple[str, ...]:
        held = (self.contents[lookup].seen for lookup in lookups if lookup in self.contents)
        return tuple(sorted({address for seen in held for address in seen}))

    def in_countries(self, host: IPv4Address | IPv6Address, codes: Sequence[str]) -> bool:
        return any(host in self._country(code) for code in codes)

    def _country(self, code: str) -> Spans:
        if code not in self._read:
            self._read[code] = self.countries([code])
        return self._read[code]

    def country_ranges(self, codes: Sequence[str]) -> int:
        """How many, without reading them."""
        return sum(self._sizes.get(code, 0) for code in codes)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        if self._data is None:
            return {}
        rows = self._data.countries.annotate(size=Length("ip"), size6=Length("ip6")).values_list(
            "code", "size", "size6"
        )
        return {code: ip // (2 * WIDTH[4]) + ip6 // (2 * WIDTH[6]) for code, ip, ip6 in rows}

    def countries(self, codes: Sequence[str]) -> Spans:
        if self._data is None:
            return Spans()
        found = [Spans(bytes(row.ip), bytes(row.ip6)) for row in self._data.countries.filter(code__in=codes)]
        if len(found) == 1:
            return found[0]
        return Spans(*(packed(span for each in found for span in each.spans(version)) for version in (4, 6)))


class Holding(NamedTuple):
    """What an object that moves stands for now. Times are Unix seconds; `refused` are addresses with a word each."""

    addresses: list[str]  # of names; countries are too many
    ranges: int  # of countries
    refreshed: float | None = None
    due: float | None = None
    error: str = ""
    refused: list[list[str]] = []


def holding(address: AddressObject, known: KnownContents) -> Holding | None:
    """None for what does not move."""
    made_of = parts(address)
    names = [each.lookup_key for each in made_of if each.kind == AddressKind.DNS]
    countries = sorted({code for each in made_of if each.kind == AddressKind.COUNTRY for code in codes(each.value)})
    if not names and not countries:
        return None
    contents = [known.contents[each] for each in names if each in known.contents]
    refreshed = [each.refreshed for each in contents if each.refreshed is not None]
    return Holding(
        list(known.resolved(names)),
        known.country_ranges(countries),
        min(refreshed, default=None),
        min((each.due for each in contents), default=None),
        next((each.error for each in contents if each.error), ""),
        [refused for each in contents for refused in each.refused],
    )


def active_country_data() -> CountryData | None:
    return CountryData.objects.filter(active=True).first()


def waiting_country_data() -> CountryData | None:
    """The edition that was uploaded and not decided about."""
    active = active_country_data()
    newer = CountryData.objects.filter(active=False)
    return (newer.filter(pk__gt=active.pk) if active else newer).first()


def used_countries() -> list[str]:
    """Codes that some object names."""
    lists = AddressObject.objects.filter(kind=AddressKind.COUNTRY).values_list("value", flat=True)
    return sorted({code for value in lists for code in codes(value)})


def country_differences(data: CountryData) -> list[Difference]:
    """What the used countries would gain and lose by it, and all the world as `*`."""
    active = active_country_data()
    used = used_countries()
    old, new = (
        {row.code: Spans(bytes(row.ip), bytes(row.ip6)) for row in each.countries.filter(code__in=used)} if each else {}
        for each in (active, data)
    )
    found = [difference(code, old.get(code, Spans()), new.get(code, Spans())) for code in used]
    before, after = (_ranges(each) if each else 0 for each in (active, data))
    return [*found, Difference("*", max(after - before, 0), max(before - after, 0), before, after)]


def _ranges(data: CountryData) -> int:
    sizes = data.countries.aggregate(ip=Sum(Length("ip")), ip6=Sum(Length("ip6")))
    return (sizes["ip"] or 0) // (2 * WIDTH[4]) + (sizes["ip6"] or 0) // (2 * WIDTH[6])


def name_servers() -> list[str]:
    row = NameServers.objects.first()
    return list(row.servers) if row else []


def content_changes(lookup: str) -> QuerySet[ContentChange]:
    """Newest first."""
    return ContentChange.objects.filter(lookup=lookup)
