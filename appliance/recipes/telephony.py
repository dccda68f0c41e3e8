# SPDX-License-Identifier: GPL-2.0-or-later
"""The recipes themselves: answers in, a plan out. What would be unsafe is refused at its question, with the reason."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from appliance.recipes.answers import is_scanned, limited, ports_of
from appliance.recipes.plans import Draft, Impossible, Plan, Ports, Provider, host, place

SIP: Final = Ports("SIP", "udp", "5060", "sip")
PLAIN_SIP: Final = Ports("SIP without ALG", "both", "5060")
SIPS: Final = Ports("SIPS", "tcp", "5061")
STUN: Final = Ports("STUN", "udp", "3478")
SPEECH_OUT: Final = Ports("Speech outwards", "udp", "1024-65535")


@dataclass(frozen=True, slots=True)
class WithAlg:
    """A telephone system and its provider; the ALG does the rest."""

    pbx: str
    server: str
    media_from: str = ""
    symmetric: bool = True


def with_alg(asked: WithAlg) -> Plan:
    pbx = host("Telephone system", asked.pbx, "pbx")
    server = place("Provider", asked.server, "server")
    if server.kind == "country":
        raise Impossible("server", "country_for_sip")
    media = place("Provider media", asked.media_from, "media_from") if asked.media_from.strip() else None
    rule = Draft("Telephone system to provider", "forward", SIP, pbx, server)
    return Plan((rule,), Provider("Provider", server, media, asked.symmetric))


@dataclass(frozen=True, slots=True)
class WithoutAlg:
    """Plain SIP that nobody on the way changes: the telephone system finds out its outside address by itself."""

    pbx: str
    server: str
    speech: str = "1024-65535"


def without_alg(asked: WithoutAlg) -> Plan:
    pbx = host("Telephone system", asked.pbx, "pbx")
    server = place("Provider", asked.server, "server")
    if server.kind == "country":
        raise Impossible("server", "country_for_sip")
    rules = (
        Draft("SIP to provider, without ALG", "forward", PLAIN_SIP, pbx, server),
        Draft("Speech to provider", "forward", _speech(asked.speech, "speech"), pbx, to_zone="external"),
    )
    return Plan(rules, advice=("stun_without_alg",))


@dataclass(frozen=True, slots=True)
class Encrypted:
    """SIPS: nobody on the way can read it, and so the ALG cannot help. `server` may be a name, else a country."""

    pbx: str
    server: str
    stun: str = ""
    speech: str = "1024-65535"


def encrypted(asked: Encrypted) -> Plan:
    pbx = host("Telephone system", asked.pbx, "pbx")
    server = place("SIPS server", asked.server, "server")
    rules = [
        Draft("Encrypted SIP to provider", "forward", SIPS, pbx, server),
        Draft("Speech to provider", "forward", _speech(asked.speech, "speech"), pbx, server, to_zone="external"),
    ]
    if asked.stun.strip():
        stun = place("STUN server", asked.stun, "stun")
        rules.append(Draft("STUN of the telephone system", "forward", STUN, pbx, stun))
    return Plan(tuple(rules), advice=("sips_no_alg", *(("country_is_rough",) if server.kind == "country" else ())))


@dataclass(frozen=True, slots=True)
class Asymmetric:
    """The provider sends speech from another port than it receives at, and the ALG is not in the way."""

    pbx: str
    ports: str
    source: str


def asymmetric(asked: Asymmetric) -> Plan:
    pbx = host("Telephone system", asked.pbx, "pbx")
    source = place("Provider media", asked.source, "source")
    ports = ports_of(asked.ports, "ports", lowest=1024)
    service = Ports(f"RTP {ports}", "udp", ports)
    rule = Draft("Speech of the provider", "dnat", service, source, target=pbx, from_zone="external")
    return Plan((rule,), advice=("alg_opens_by_itself",))


@dataclass(frozen=True, slots=True)
class External:
    """Telephones outside. `how`: a VPN needs no rule here."""

    how: Literal["vpn", "sips"]
    pbx: str = ""
    port: int = 5061
    speech: str = ""
    source: str = ""
    anybody: bool = False


def external(asked: External) -> Plan:
    if asked.how == "vpn":
        return Plan(advice=("vpn_is_best",))
    if is_scanned(str(asked.port)):
        raise Impossible("port", "scanned")
    pbx = host("Telephone system", asked.pbx, "pbx")
    source = limited(asked.source, "External telephones", anybody=asked.anybody)
    speech = ports_of(asked.speech, "speech", lowest=1024)
    signalling = SIPS if asked.port == 5061 else Ports(f"SIPS at {asked.port}", "tcp", str(asked.port))
    rules = (
        Draft("External telephones: SIPS", "dnat", signalling, source, target=pbx, from_zone="external"),
        Draft(
            "External telephones: SRTP", "dnat", Ports(f"SRTP {speech}", "udp", speech), source, target=pbx,
            from_zone="external",
        ),
    )  # fmt: skip
    return Plan(rules, advice=("vpn_is_best", "srtp_only", *(("open_to_all",) if source is None else ())))


@dataclass(frozen=True, slots=True)
class Maintenance:
    """Somebody from outside works at the telephone system, and it ends by itself."""

    pbx: str
    port: int
    until: datetime | None
    source: str = ""
    anybody: bool = False


def maintenance(asked: Maintenance) -> Plan:
    if asked.until is None:
        raise Impossible("until", "no_end")
    if is_scanned(str(asked.port)):
        raise Impossible("port", "scanned")
    pbx = host("Telephone system", asked.pbx, "pbx")
    source = limited(asked.source, "Maintenance from", anybody=asked.anybody)
    service = Ports(f"Maintenance at {asked.port}", "tcp", str(asked.port))
    rule = Draft(
        "Maintenance of the telephone system", "dnat", service, source, target=pbx, from_zone="external",
        until=asked.until,
    )  # fmt: skip
    return Plan((rule,), advice=("ends_by_itself", *(("open_to_all",) if source is None else ())))


@dataclass(frozen=True, slots=True)
class Vendor:
    """Ports that a maker's app asks for."""

    pbx: str
    app: str
    protocol: Literal["udp", "tcp", "both"]
    ports: str
    source: str = ""
    anybody: bool = False


def vendor(asked: Vendor) -> Plan:
    pbx = host("Telephone system", asked.pbx, "pbx")
    app = asked.app.strip()
    if not app:
        raise Impossible("app", "missing")
    source = limited(asked.source, f"{app} from", anybody=asked.anybody)
    ports = ports_of(asked.ports, "ports", lowest=1)
    if asked.protocol != "tcp" and is_scanned(ports):
        raise Impossible("ports", "scanned")
    service = Ports(f"{app} {ports}", asked.protocol, ports)
    rule = Draft(f"{app}", "dnat", service, source, target=pbx, from_zone="external")
    return Plan((rule,), advice=("open_to_all",) if source is None else ())


def _speech(text: str, question: str) -> Ports:
    ports = ports_of(text, question, lowest=1024)
    return SPEECH_OUT if ports == SPEECH_OUT.ports else Ports(f"Speech {ports}", "udp", ports)
