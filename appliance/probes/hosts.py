# SPDX-License-Identifier: GPL-2.0-or-later
"""Names to addresses by the name servers that a question gives, and the look-ups of a telephony name, one by one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Final

import dns.exception
import dns.resolver
from dns.nameserver import Do53Nameserver

from appliance.probes.results import Question, Said, said

# --- Implementation constants ---

_PATIENCE: Final = 2.0  # s for a look-up
_MOST_ANSWERS: Final = 12  # of a look-up, shown
_SRV: Final = ("_sip._udp", "_sip._tcp", "_sips._tcp")


def lookups(question: Question) -> Iterator[Said]:
    """A, AAAA, NAPTR and SIP's SRV of a name; a name that begins with "_" is only asked for its SRV."""
    name = question["host"]
    kinds = [(name, "SRV")] if name.startswith("_") else [(name, "A"), (name, "AAAA"), (name, "NAPTR")]
    kinds += [] if name.startswith("_") else [(f"{service}.{name}", "SRV") for service in _SRV]
    resolver = _resolver(question["servers"])
    if resolver is None:
        yield said("dns-no-servers", "error")
        return
    found = False
    for asked, kind in kinds:
        began = time.monotonic()
        try:
            answer = resolver.resolve(asked, kind, lifetime=_PATIENCE)
        except dns.resolver.NXDOMAIN:
            yield said("dns-no-name", "hint", _ms(began), name=asked, kind=kind)
            continue
        except dns.resolver.NoAnswer:
            yield said("dns-nothing", "hint", _ms(began), name=asked, kind=kind)
            continue
        except dns.exception.DNSException as error:
            yield said("dns-failed", "error", _ms(began), name=asked, kind=kind, error=type(error).__name__)
            continue
        found = True
        values = sorted(each.to_text() for each in answer)[:_MOST_ANSWERS]
        lifetime = answer.rrset.ttl if answer.rrset is not None else 0
        for value in values:
            yield said("dns-found", "ok", _ms(began), name=asked, kind=kind, value=value, ttl=lifetime)
    if not found:
        yield said("dns-none", "error", name=name)


def address_of(question: Question) -> str | None:
    """The first address of the host; an address is its own."""
    host = question["host"].strip("[]")
    try:
        return str(ip_address(host))
    except ValueError:
        pass
    resolver = _resolver(question["servers"])
    if resolver is None:
        return None
    for kind in ("A", "AAAA"):
        try:
            return str(resolver.resolve(host, kind, lifetime=_PATIENCE)[0])
        except dns.exception.DNSException:
            continue
    return None


def _resolver(servers: list[str]) -> dns.resolver.Resolver | None:
    try:
        resolver = dns.resolver.Resolver(configure=not servers)
    except dns.resolver.NoResolverConfiguration:
        return None
    if servers:
        resolver.nameservers = [_server(each) for each in servers]
    return resolver


def _server(text: str) -> Do53Nameserver:
    """`192.0.2.53`, `192.0.2.53:5353`, `[2001:db8::53]:5353` or `2001:db8::53`."""
    host, colon, port = text.rpartition(":")
    with_port = bool(colon) and (host.endswith("]") or ":" not in host)
    return Do53Nameserver(host.strip("[]"), int(port)) if with_port else Do53Nameserver(text.strip("[]"))


def _ms(began: float) -> float:
    return (time.monotonic() - began) * 1000
