# SPDX-License-Identifier: GPL-2.0-or-later
"""The advisor as REST tells it, and what a test of it drafts: rules, exemptions, parties with a port of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from deploy.lab import topology
from sipalg_core.net import Endpoint
from tests.lab.running import RunningLab, until
from tests.lab.wire.messages import Dialog, answer, header, message, tag_of
from tests.lab.wire.parties import Party

PATIENCE = 20.0
"""Seconds; a busy machine is no fault of the advisor."""
DOMAIN = "provider.example"
PHONE_AT = Endpoint(topology.PBX, 5099)
"""Of the test's own phone; 5060 is the laboratory's."""


def finding(lab: RunningLab, ident: str) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = lab.get("advisor")["items"]
    return next((each for each in found if each["id"].startswith(ident)), None)


def found(lab: RunningLab, ident: str) -> dict[str, Any]:
    """The finding, complete as every one is."""
    seen = until(lambda: finding(lab, ident), PATIENCE)
    assert seen, f"{ident} is not among {[each['id'] for each in lab.get('advisor')['items']]}"
    assert seen["text"]
    assert seen["why"]
    assert seen["evidence"], f"{ident} has no evidence"
    return seen


def gone(lab: RunningLab, *idents: str) -> None:
    for ident in idents:
        assert until(lambda ident=ident: finding(lab, ident) is None, PATIENCE), finding(lab, ident)


def fixed(lab: RunningLab, *idents: str) -> None:
    """The changes that these findings propose, drafted, applied, and worth it."""
    for ident in idents:
        lab.request("POST", f"advisor/{ident}/fix")
        assert finding(lab, ident), "a draft changes nothing"
    lab.apply("as the advisor says")
    gone(lab, *idents)


def allow(lab: RunningLab, name: str, ports: str, protocol: str = "udp", **fields: Any) -> int:
    """A rule that lets the phone system out to these ports."""
    service = lab.request("POST", "services", {"name": name, "protocol": protocol, "ports": ports})["id"]
    rule = {"name": name, "action": "accept", "source": "PBX", "service": service, "to_zone": "external"}
    ident: int = lab.request("POST", "rules", rule | fields)["id"]
    return ident


def forward(lab: RunningLab, name: str, ports: str, protocol: str = "udp", **fields: Any) -> int:
    """A rule that leads these ports of our address to the phone system."""
    return allow(
        lab, name, ports, protocol, table="dnat", action="dnat", source=None, target="PBX", from_zone="external",
        to_zone="", **fields,
    )  # fmt: skip


def change(lab: RunningLab, rule: int, **fields: Any) -> None:
    """As a draft."""
    version = lab.get(f"rules/{rule}")["version"]
    lab.request("PATCH", f"rules/{rule}", {"version": version} | fields)


@contextmanager
def exempt(lab: RunningLab, server: str) -> Iterator[None]:
    """The ALG leaves this server alone while the context lasts."""
    row = lab.request("POST", "exemptions", {"reason": "test", "values": [server]})["id"]
    assert until(lambda: lab.get(f"activations/{row}")["state"] == "active", PATIENCE), lab.get(f"activations/{row}")
    try:
        yield
    finally:
        lab.request("POST", f"activations/{row}/stop")
        assert until(lambda: lab.get(f"activations/{row}")["state"] == "ended", PATIENCE)


@contextmanager
def member(lab: RunningLab, kind: str, value: str) -> Iterator[None]:
    """An address more in the provider's group, applied, while the context lasts."""
    known = {each["name"]: each for each in lab.get("addresses")["items"]}
    group, name = known["Provider"], f"Provider {value}"
    members = [each["id"] if isinstance(each, dict) else each for each in group["members"]]
    one_more = {"name": name, "kind": kind, "value": value}
    ident = (known.get(name) or lab.request("POST", "addresses", one_more))["id"]
    lab.request("PATCH", f"addresses/{group['id']}", {"members": [*members, ident]})
    lab.apply("one more server")
    try:
        yield
    finally:
        lab.request("PATCH", f"addresses/{group['id']}", {"members": [each for each in members if each != ident]})
        lab.request("DELETE", f"addresses/{ident}")
        lab.apply("one server less")


class Talk:
    """A call of the test's own phone to the test's own provider, in as many words as a test needs."""

    def __init__(self, phone: Party, provider: Party) -> None:
        self.phone, self.provider = phone, provider
        self.dialog = Dialog(f"sip:777@{DOMAIN}", f"sip:300@{DOMAIN}", f"sip:300@{DOMAIN}")

    @property
    def contact(self) -> str:
        return f"Contact: <sip:777@{self.phone.at}>"

    def invite(self, body: bytes, *heads: str) -> None:
        self.phone.send(message(*self.dialog.heads("INVITE", self.phone.via), self.contact, *heads, body=body))

    def arrived(self, method: str = "INVITE") -> bytes:
        """At the provider."""
        self.request = self.provider.take(method, PATIENCE)
        return self.request

    def answer(self, status: int, *heads: str, body: bytes = b"", received: str = "") -> bytes:
        """As the phone gets it."""
        if 100 < status < 300:
            heads = (f"Contact: <sip:300@{self.provider.at}>", *heads)
        text = answer(self.request, status, *heads, tag="p", body=body)
        if received:
            via = next(line for line in text.split(b"\r\n") if line.startswith(b"Via:"))
            text = text.replace(via, via + b";received=" + received.encode())
        self.provider.send(text)
        taken = self.phone.take(status, PATIENCE)
        self.dialog.remote_tag = tag_of(header(taken, "to"))
        return taken

    def confirm(self) -> None:
        self.phone.send(message(*self.dialog.heads("ACK", self.phone.via, self.dialog.cseq)))
        self.provider.take("ACK", PATIENCE)

    def refuse(self) -> None:
        self.answer(486)
        self.take_refusal()
        self.provider.take("ACK", PATIENCE)

    def take_refusal(self) -> None:
        """The ACK to a refusal; it ends where that came from."""
        heads = self.dialog.heads("ACK", self.phone.via, self.dialog.cseq, self.dialog.branch)
        self.phone.send(message(*heads))

    def hang_up(self) -> None:
        self.phone.send(message(*self.dialog.heads("BYE", self.phone.via)))
        self.arrived("BYE")
        self.answer(200)

    def register(self, expires: int, granted: int) -> None:
        """Asks for so long, is granted so long."""
        dialog = Dialog(f"sip:777@{DOMAIN}", f"sip:777@{DOMAIN}", f"sip:{DOMAIN}")
        heads = dialog.heads("REGISTER", self.phone.via)
        self.phone.send(message(*heads, self.contact, f"Expires: {expires}"))
        asked = self.provider.take("REGISTER", PATIENCE)
        bound = header(asked, "contact")
        kept = (f"Contact: {bound};expires={granted}",) if granted else ()
        self.provider.send(answer(asked, 200, *kept, tag="r"))
        self.phone.take(200, PATIENCE)


@contextmanager
def parties() -> Iterator[Talk]:
    """A phone system with a port of its own, and a server of the provider, both played by the test."""
    provider = Party(topology.WAN, Endpoint(topology.STRANGER, 5060), "udp")
    phone = Party(topology.LAN, PHONE_AT, "udp", provider.at)
    with closing(phone), closing(provider):
        yield Talk(phone, provider)
