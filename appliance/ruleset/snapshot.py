# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows to Policy, and nothing else: the only place where the ruleset meets Django."""

from __future__ import annotations

from typing import Any

from appliance.firewall import queries as firewall
from appliance.firewall.models import AddressKind, AddressObject
from appliance.network import queries as network
from appliance.ruleset import policy
from appliance.sip.models import Provider


def snapshot(node: str, revision: int) -> policy.Policy:
    """Call it inside a transaction where rows may change meanwhile."""
    addresses = {address.pk: _address(address) for address in firewall.addresses()}

    def resolved(key: int | None) -> dict[str, Any] | None:
        return None if key is None else addresses[key]

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
                    "service": row.service
                    and {
                        "name": row.service.name,
                        "protocol": row.service.protocol,
                        "ports": row.service.ports,
                        "application": row.service.application,
                    },
                    "from_zone": row.from_zone,
                    "to_zone": row.to_zone,
                    "log": row.log,
                    "enabled": row.enabled,
                }
                for row in firewall.rules()
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
        }
    )


def _address(address: AddressObject) -> dict[str, Any]:
    held = address.members.all() if address.kind == AddressKind.GROUP else [address]
    return {"name": address.name, "values": sorted({each.value for each in held if each.value})}
