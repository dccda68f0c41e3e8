# SPDX-License-Identifier: GPL-2.0-or-later
"""What the wizard finds by itself: a role for each interface, hosts that may be the phone system, the way to the
Internet, a provider's addresses. Reads only; what cannot be had is said and stops nobody.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from django.core.cache import cache
from django.utils.translation import gettext as _

from appliance.firewall import queries as firewall
from appliance.firewall.services import server_parts
from appliance.firewall.tasks.resolver import resolve
from appliance.kernel.clock import clock
from appliance.kernel.inquiry import NetadminUnavailable, ask
from appliance.live.control import EngineUnavailable
from appliance.network import queries as network
from appliance.network.models import Role
from appliance.ruleset.resolution import Answer, canonical_name
from appliance.sip import queries as sip
from sipalg_core.contract.events import CallRow

TEST_NAME: Final = "address:example.com"
"""Looked up to see whether name servers answer; IANA keeps it for such uses (RFC 2606)."""
REMEMBERED: Final = 120
"""Seconds for which an answer is good enough for the next click."""
_OUTSIDE: Final = ("wan", "ppp", "dsl", "inet", "isp")
_ALIVE: Final = {"reachable", "stale", "delay", "probe", "permanent"}

Level = Literal["ok", "hint", "warning", "error"]


class Fact(NamedTuple):
    """One line of a check: `key` is its permanent name, `text` what it means and what to do."""

    key: str
    level: Level
    label: str
    text: str


def links() -> list[dict[str, Any]]:
    """What the kernel has; [] where netadmin is away."""
    try:
        return network.live_links()
    except NetadminUnavailable:
        return []


def proposed(found: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """A role by interface: outside is where the default route goes, or what is called so; the other cables are inside.

    "" for what has neither cable nor address.
    """
    leading = {link["name"] for link in found if link["gateway"]}
    outside = leading or {link["name"] for link in found if link["name"].lower().startswith(_OUTSIDE)}
    return {
        link["name"]: Role.EXTERNAL if link["name"] in outside
        else Role.INTERNAL if link["carrier"] and _addresses(link)
        else ""
        for link in found
    }  # fmt: skip


def _addresses(link: Mapping[str, Any]) -> list[str]:
    return [held["address"] for held in link["held"] if held["usable"]]


# --- Hosts inside ---


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A host behind us. `registers` are the accounts that it has registered through the ALG."""

    address: str
    mac: str
    interface: str
    registers: tuple[str, ...] = ()


def neighbours() -> list[Neighbour]:
    """Behind the internal interfaces, as ARP and ND know them; who has registered already stands first."""
    inside = {row.name for row in network.interfaces() if row.role != Role.EXTERNAL}
    try:
        known = [each for each in ask("neighbours") if each["interface"] in inside and each["state"] in _ALIVE]
    except NetadminUnavailable:
        known = []
    registered = _registered()
    found = {each["address"]: each for each in known if not ipaddress.ip_address(each["address"]).is_link_local}
    hosts = [
        Neighbour(
            address,
            found[address]["mac"] if address in found else "",
            found[address]["interface"] if address in found else "",
            tuple(registered.get(address, ())),
        )
        for address in {**dict.fromkeys(registered), **found}
    ]
    return sorted(hosts, key=lambda each: (-len(each.registers), *_order(each.address)))


def _order(address: str) -> tuple[int, int]:
    parsed = ipaddress.ip_address(address)
    return parsed.version, int(parsed)


def _registered() -> dict[str, list[str]]:
    """Accounts by the internal host that registered them."""
    found: dict[str, list[str]] = {}
    for row in _rows("registrations"):
        found.setdefault(host_of(str(row["internal"])), []).append(str(row["aor"]))
    return found


def _rows(topic: Literal["registrations", "calls"]) -> list[Mapping[str, Any]]:
    try:
        return list(sip.snapshot(topic)["rows"])
    except EngineUnavailable:
        return []


def host_of(endpoint: str) -> str:
    """`192.168.0.2:5060` and `[2001:db8::2]:5060` without the port."""
    host = endpoint.rpartition(":")[0] if endpoint.count(":") == 1 or endpoint.startswith("[") else endpoint
    return host.strip("[]")


# --- The way out ---


def internet() -> list[Fact]:
    """Address, gateway, name servers and time; each takes a moment, together at most some seconds."""
    found = links()
    if not found:
        text = _("The process that knows the interfaces does not answer. Go on, or wait a little and look again.")
        return [Fact("links", "warning", _("Interfaces"), text), _names(), _time()]
    outside = {row.name for row in network.interfaces() if row.role == Role.EXTERNAL}
    mine = [link for link in found if link["name"] in outside]
    return [_address(mine), _gateway(mine), _names(), _time()]


def _address(outside: Iterable[Mapping[str, Any]]) -> Fact:
    held = [ipaddress.ip_interface(each) for link in outside for each in _addresses(link)]
    label = _("Internet address")
    if not held:
        text = _("The external interface has no address. Calls need one: check the cable, and DHCP of the router.")
        return Fact("address", "error", label, text)
    address = next((each.ip for each in held if each.version == 4), held[0].ip)
    shared = ipaddress.ip_network("100.64.0.0/10")
    behind = [ipaddress.ip_network(each) for each in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    if address.version == 4 and any(address in network for network in (*behind, shared)):
        text = _("%s is private: another router stands in front of this firewall. Switch SIP ALG off there.") % address
        return Fact("address", "hint", label, text)
    return Fact("address", "ok", label, str(address))


def _gateway(outside: Sequence[Mapping[str, Any]]) -> Fact:
    label = _("Way to the Internet")
    gateway = next((link["gateway"] for link in outside if link["gateway"]), "")
    if not gateway:
        text = _("There is no default route. Only hosts of the network outside can be reached.")
        return Fact("gateway", "warning", label, text)
    try:
        state = next((each["state"] for each in ask("neighbours") if each["address"] == gateway), "unknown")
    except NetadminUnavailable:
        state = "unknown"
    if state in _ALIVE:
        return Fact("gateway", "ok", label, _("by %s, which answers") % gateway)
    if state == "failed":
        text = _("by %s, which does not answer: check the cable and the address outside.") % gateway
        return Fact("gateway", "error", label, text)
    return Fact("gateway", "hint", label, _("by %s, with which nobody has spoken yet") % gateway)


def _names() -> Fact:
    servers = firewall.name_servers()
    outcome = resolve([TEST_NAME], [server_parts(each) for each in servers])[TEST_NAME]
    label = _("Name servers")
    if isinstance(outcome, Answer) and outcome.addresses:
        return Fact("names", "ok", label, _("They answer."))
    text = _("They do not answer. Names of providers cannot be resolved; addresses work. Name other servers below.")
    return Fact("names", "warning", label, text)


def _time() -> Fact:
    told = clock()
    label, hour = _("Time"), f"{told.now:%H:%M:%S}"
    if told.synchronised is None:
        return Fact("time", "hint", label, _("It is %s UTC. Whether it is kept in step cannot be told.") % hour)
    if told.synchronised:
        return Fact("time", "ok", label, _("It is %s UTC, kept in step with a time server.") % hour)
    text = _("It is %s UTC, kept in step with nothing. Rules with an end go by it: switch a time service on.")
    return Fact("time", "warning", label, text % hour)


# --- A provider's servers ---


@dataclass(frozen=True, slots=True)
class Servers:
    """What stands behind a name that was typed. `value` is what an object would hold: its SRV name where it has one."""

    value: str
    kind: Literal["address", "srv", "name", "unknown", "none"]
    addresses: tuple[str, ...] = ()


def servers(text: str) -> Servers:
    """SRV first, then the address itself (RFC 3263 §4); an address or network is what it is."""
    text = text.strip()
    if not text:
        return Servers("", "none")
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        pass
    else:
        return Servers(text, "address", (text,))
    try:
        kind: Literal["srv", "address"] = "srv" if text.startswith("_") else "address"
        name = canonical_name(kind, text)
    except ValueError:
        return Servers(text, "none")
    key = f"wizard-servers-{name}"
    known: Servers | None = cache.get(key)
    if known is None:
        known = _resolved(name)
        if known.addresses:
            cache.set(key, known, REMEMBERED)
    return known


def _resolved(name: str) -> Servers:
    service = name if name.startswith("_") else f"_sip._udp.{name}"
    questions = [f"srv:{service}"] + ([] if service == name else [f"address:{name}"])
    outcomes = resolve(questions, [server_parts(each) for each in firewall.name_servers()])
    for question in questions:
        outcome = outcomes[question]
        if isinstance(outcome, Answer) and outcome.addresses:
            srv = question.startswith("srv:")
            return Servers(service if srv else name, "srv" if srv else "name", outcome.addresses)
    return Servers(name, "unknown")


# --- Do calls work? ---


@dataclass(frozen=True, slots=True)
class Heard:
    """What the engine has seen of one phone system ("" is anybody's): registrations, and the best call so far."""

    registered: tuple[str, ...]
    call: CallRow | None

    @property
    def up(self) -> bool:
        return self.call is not None and self.call["audio_out"]["packets"] > 0

    @property
    def down(self) -> bool:
        return self.call is not None and self.call["audio_in"]["packets"] > 0


def heard(pbx: str) -> Heard:
    registered = tuple(
        str(row["aor"])
        for row in _rows("registrations")
        if row["state"] == "registered" and pbx in ("", host_of(str(row["internal"])))
    )
    calls = [row for row in _rows("calls") if pbx in ("", host_of(str(row["internal"])))]
    best: Any = max(calls, key=_how_good, default=None)
    return Heard(registered, best)


def _how_good(call: Mapping[str, Any]) -> tuple[int, bool, float]:
    heard_both = sum(call[way]["packets"] > 0 for way in ("audio_out", "audio_in"))
    return heard_both, call["answered"] is not None, call["since"]
