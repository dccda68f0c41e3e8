# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows to Policy, and rows out and in again as they are: the only place where the ruleset meets Django."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from django.core import serializers
from django.db import models

from appliance.firewall import queries as firewall
from appliance.firewall.models import (
    Activation,
    ActivationKind,
    AddressKind,
    AddressObject,
    Protocol,
    Rule,
    Schedule,
    Service,
)
from appliance.network import queries as network
from appliance.network.models import Interface
from appliance.ruleset import contents, policy
from appliance.ruleset.countries import codes
from appliance.sip.columns.settings import for_engine
from appliance.sip.models import AlgSettings, Provider

FIXED: Final = (AddressKind.HOST, AddressKind.NETWORK, AddressKind.RANGE)
CONFIGURATION: Final[tuple[type[models.Model], ...]] = (
    Interface, AddressObject, Service, Schedule, Rule, Provider,
    AlgSettings,
)  # fmt: skip
"""In the order in which rows can be created; backwards they can be deleted."""


def snapshot(node: str, revision: int, *, only: int | None = None) -> policy.Policy:
    """Call it inside a transaction where rows may change meanwhile. `only` leaves out all other rules."""
    rows = firewall.rules() if only is None else firewall.rules().filter(pk=only)
    objects = firewall.addresses_by_key()
    described: dict[int, dict[str, Any]] = {}

    def resolved(key: int | None) -> dict[str, Any] | None:
        if key is not None and key not in described:
            described[key] = _address(objects[key])
        return None if key is None else described[key]

    return policy.load(
        {
            "revision": revision,
            "node": node,
            "interfaces": [
                {"name": row.name, "role": row.role, "addresses": row.addresses, "masquerade": row.masquerade}
                for row in network.interfaces(node)
            ],
            "rules": [
                {
                    "id": row.pk,
                    "position": row.position,
                    "name": row.name,
                    "action": row.action,
                    "source": resolved(row.source_id),
                    "destination": resolved(row.destination_id),
                    "service": row.service and _service(row.service),
                    "from_zone": row.from_zone,
                    "to_zone": row.to_zone,
                    "log": row.log,
                    "enabled": row.enabled,
                    "table": row.table,
                    "section": row.section,
                    "target": resolved(row.target_id),
                    "target_port": row.target_port,
                    "until": row.until and math.ceil(row.until.timestamp()),
                    "expired": row.expired_at is not None,
                    "schedule": row.schedule and _schedule(row.schedule),
                    "prepared": row.prepared,
                }
                for row in rows
            ],
            "providers": [
                {
                    "name": row.name,
                    "signalling": row.signalling.name,
                    "media": resolved(row.media_id),
                    "symmetric_media": row.symmetric_media,
                }
                for row in Provider.objects.select_related("signalling")
            ],
            "settings": _settings(),
        }
    )


def _settings() -> list[dict[str, Any]]:
    rows = AlgSettings.objects.select_related("provider").order_by("pk")
    return [
        {"provider": row.provider.name if row.provider else "", "values": for_engine(row.values)}
        for row in rows
        if row.values
    ]


def activations(node: str) -> tuple[policy.Activation, ...]:
    """What acts on top of the running revision. An exemption's servers are what their object holds now."""
    acting = firewall.acting(node)
    objects = {each.pk: each for each in firewall.addresses().filter(pk__in=[row.address_row for row in acting])}
    return tuple(policy.load_activation(_activation(row, objects.get(row.address_row or 0))) for row in acting)


def _activation(row: Activation, servers: AddressObject | None) -> dict[str, Any]:
    exempt = row.kind == ActivationKind.EXEMPTION
    values = values_of(servers) if servers else row.values
    until = row.ends and math.ceil(row.ends.timestamp())
    return {"id": row.pk, "until": until, "rule": row.rule, "exempt": values if exempt else ()}


def values_of(address: AddressObject) -> list[str]:
    """The addresses that it stands for now; of countries none, they are no servers."""
    made_of = policy.load_address(_address(address) | {"countries": []})
    return list(contents.filled(made_of, firewall.KnownContents()).held.texts()) if made_of.moves else _values(address)


def _address(address: AddressObject) -> dict[str, Any]:
    parts = firewall.parts(address)
    lookups = {each.lookup_key for each in parts if each.kind == AddressKind.DNS}
    countries = {code for each in parts if each.kind == AddressKind.COUNTRY for code in codes(each.value)}
    return {
        "name": address.name, "values": _values(address), "lookups": sorted(lookups), "countries": sorted(countries),
        "negated": address.negated,
    }  # fmt: skip


def _values(address: AddressObject) -> list[str]:
    return sorted({each.value for each in firewall.parts(address) if each.kind in FIXED})


def _service(service: Service) -> dict[str, Any]:
    return {
        "name": service.name,
        "protocol": service.protocol,
        "ports": service.ports,
        "application": service.application,
        "number": service.number,
        "members": [_service(each) for each in service.members.all()] if service.protocol == Protocol.GROUP else [],
    }


def _schedule(schedule: Schedule) -> dict[str, Any]:
    return {
        "name": schedule.name,
        "weekdays": sorted(schedule.weekdays),
        "begin": schedule.begin.isoformat("minutes"),
        "end": schedule.end.isoformat("minutes"),
        "timezone": schedule.timezone,
    }


def dump_rows() -> list[dict[str, Any]]:
    """The whole configuration as plain JSON values."""
    rows = [row for model in CONFIGURATION for row in model._default_manager.order_by("pk")]
    plain: list[dict[str, Any]] = json.loads(serializers.serialize("json", rows))
    return plain


def load_rows(plain: list[dict[str, Any]]) -> None:
    """Replace the configuration; call it inside a transaction. Keys stay, so that a rule's history is one."""
    for model in reversed(CONFIGURATION):
        model._default_manager.all().delete()
    for row in serializers.deserialize("python", plain, ignorenonexistent=True):
        row.save()
