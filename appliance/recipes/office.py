# SPDX-License-Identifier: GPL-2.0-or-later
"""Recipes for what an office needs beside telephones: its way into the Internet, and a server reached from there."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from appliance.recipes.answers import is_scanned, limited, ports_of
from appliance.recipes.plans import Draft, Impossible, Plan, Ports, host, place

SECTION: Final = "Office"
USUAL: Final = (
    ("Web", Ports("Web", "both", "80,443")),
    ("Mail", Ports("Mail", "tcp", "143,465,587,993,995")),
    ("Names", Ports("DNS", "both", "53")),
    ("Time", Ports("NTP", "udp", "123")),
)
"""What computers and telephones ask the Internet for. Port 25 is not among them: an office's computers hand their mail
to a server by 465 or 587, and 25 is what a machine that sends spam uses."""


@dataclass(frozen=True, slots=True)
class Outwards:
    """What may be reached in the Internet, by whom. No source is every internal network."""

    what: Literal["usual", "all"]
    source: str = ""


def outwards(asked: Outwards) -> Plan:
    source = place("Office", asked.source, "source") if asked.source.strip() else None
    services = USUAL if asked.what == "usual" else (("Everything", None),)
    rules = tuple(
        Draft(f"{name} from the office", "forward", service, source, from_zone="internal", to_zone="external",
              section=SECTION)
        for name, service in services
    )  # fmt: skip
    return Plan(rules, advice=("all_goes_out",) if asked.what == "all" else ())


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the office that somebody outside reaches at this firewall's address."""

    server: str
    protocol: Literal["udp", "tcp", "both"]
    ports: str
    source: str = ""
    anybody: bool = False
    until: datetime | None = None


def server(asked: Server) -> Plan:
    inside = host("Server", asked.server, "server")
    source = limited(asked.source, "Allowed from outside", anybody=asked.anybody)
    ports = ports_of(asked.ports, "ports", lowest=1)
    if asked.protocol != "tcp" and is_scanned(ports):
        raise Impossible("ports", "scanned")
    protocol = "TCP and UDP" if asked.protocol == "both" else asked.protocol.upper()
    rule = Draft(
        f"{protocol} {ports} to {inside.value}", "dnat", Ports(f"{protocol} {ports}", asked.protocol, ports), source,
        target=inside, from_zone="external", until=asked.until, section=SECTION,
    )  # fmt: skip
    return Plan((rule,), advice=("open_to_all",) if source is None else ())
