# SPDX-License-Identifier: GPL-2.0-or-later
"""The advisor in the running laboratory: what phones, providers and administrators do wrong is found, with evidence."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.lab import topology
from sipalg_core.net import Endpoint
from tests.lab.running import RunningLab, until
from tests.lab.wire.messages import Dialog, answer, sdp
from tests.lab.wire.parties import Party

pytestmark = pytest.mark.lab

PATIENCE = 8.0
DOMAIN = "provider.example"


def finding(lab: RunningLab, ident: str) -> dict[str, Any] | None:
    found: list[dict[str, Any]] = lab.get("advisor")["items"]
    return next((each for each in found if each["id"].startswith(ident)), None)


def found(lab: RunningLab, ident: str) -> dict[str, Any]:
    seen = until(lambda: finding(lab, ident), PATIENCE)
    assert seen, f"{ident} is not among {[each['id'] for each in lab.get('advisor')['items']]}"
    return seen


@pytest.fixture
def ruled(lab: RunningLab) -> Iterator[RunningLab]:
    """What a test drafts and applies is taken back afterwards."""
    rules = {each["id"] for each in lab.get("rules")["items"]}
    objects = {kind: {each["id"] for each in lab.get(kind)["items"]} for kind in ("addresses", "services")}
    yield lab
    for each in lab.get("rules")["items"]:
        if each["id"] not in rules:
            lab.request("DELETE", f"rules/{each['id']}")
    for kind, known in objects.items():
        for each in lab.get(kind)["items"]:
            if each["id"] not in known:
                lab.request("DELETE", f"{kind}/{each['id']}")
    lab.apply("the advisor's tests are over")
    lab.request("POST", "connections/flush", {"old": True})


def allow(lab: RunningLab, name: str, ports: str, protocol: str) -> None:
    service = lab.request("POST", "services", {"name": name, "protocol": protocol, "ports": ports})["id"]
    rule = {"name": name, "action": "accept", "source": "PBX", "service": service, "to_zone": "external"}
    lab.request("POST", "rules", rule)


@pytest.fixture
def parties(ruled: RunningLab) -> Iterator[tuple[Party, Party]]:
    """A phone system with a port of its own, and a third server of the provider, both played by the test."""
    group = next(each for each in ruled.get("addresses")["items"] if each["name"] == "Provider")
    members = [each["id"] if isinstance(each, dict) else each for each in group["members"]]
    server = {"name": "Provider sip3", "kind": "host", "value": topology.STRANGER}
    third = ruled.request("POST", "addresses", server)["id"]
    ruled.request("PATCH", f"addresses/{group['id']}", {"members": [*members, third]})
    ruled.apply("a third server")
    provider = Party(topology.WAN, Endpoint(topology.STRANGER, 5060), "udp")
    phone = Party(topology.LAN, Endpoint(topology.PBX, 5099), "udp", provider.at)
    with contextlib.closing(phone), contextlib.closing(provider):
        yield phone, provider
    ruled.request("PATCH", f"addresses/{group['id']}", {"members": members})


def test_check_a01_a02_a10_a11_a15_forwardings_that_do_harm(ruled: RunningLab) -> None:
    lab = ruled
    numbers = {}
    for name, ports, protocol in (
        ("SIP in", "5060", "udp"),
        ("RTP in", "16384-32767", "udp"),
        ("Web in", "443", "tcp"),
    ):
        service = lab.request("POST", "services", {"name": name, "protocol": protocol, "ports": ports})["id"]
        rule = {
            "name": name, "table": "dnat", "action": "dnat", "service": service, "target": "PBX",
            "from_zone": "external",
        }  # fmt: skip
        numbers[name] = lab.request("POST", "rules", rule)["id"]
    lab.apply("forwardings that do harm")
    for check, name in (("A01", "SIP in"), ("A10", "SIP in"), ("A15", "SIP in"), ("A02", "RTP in"), ("A11", "Web in")):
        seen = found(lab, f"{check}-rule-{numbers[name]}")
        assert name in seen["text"]
    assert found(lab, f"A01-rule-{numbers['SIP in']}")["severity"] == "error"
    lab.request("POST", f"advisor/A01-rule-{numbers['SIP in']}/fix")
    rules = {each["id"]: each for each in lab.get("rules?table=dnat")["items"]}
    assert not rules[numbers["SIP in"]]["enabled"]


def test_check_a03_stun_of_a_phone_system_that_the_alg_handles(ruled: RunningLab) -> None:
    lab = ruled
    allow(lab, "STUN out", "3478", "udp")
    lab.apply("STUN out")
    with lab.socket("lan", topology.PBX) as phone:
        phone.sendto(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), (topology.STRANGER, 3478))
        seen = found(lab, f"A03-{topology.PBX}")
    assert topology.STRANGER in seen["evidence"][0]


def test_check_a04_encrypted_sip_of_a_phone_system(ruled: RunningLab) -> None:
    lab = ruled
    allow(lab, "SIPS out", "5061", "tcp")
    lab.apply("SIPS out")
    with topology.inside(topology.WAN):
        server = socket.create_server((topology.STRANGER, 5061))
    with topology.inside(topology.LAN):
        phone = socket.socket()
    with server, phone:
        phone.bind((topology.PBX, 0))
        phone.settimeout(3)
        phone.connect((topology.STRANGER, 5061))
        assert "cannot help there" in found(lab, f"A04-{topology.PBX}")["text"]


def test_check_a06_phone_system_that_asks_for_more_than_it_is_granted(
    lab: RunningLab, parties: tuple[Party, Party]
) -> None:  # fmt: skip
    phone, provider = parties
    dialog = Dialog(f"sip:777@{DOMAIN}", f"sip:777@{DOMAIN}", f"sip:{DOMAIN}")
    contact = f"Contact: <sip:777@{phone.at}>"
    lines = [*dialog.heads("REGISTER", phone.via), contact, "Expires: 1200", "Content-Length: 0"]
    phone.send("\r\n".join(lines).encode() + b"\r\n\r\n")
    asked = provider.take("REGISTER")
    bound = next(line for line in asked.decode().split("\r\n") if line.startswith("Contact:"))
    provider.send(answer(asked, 200, f"{bound};expires=660", tag="r"))
    phone.take(200)
    seen = found(lab, f"A06-{phone.at}")
    assert "660" in seen["text"]
    assert "1200" in seen["text"]
    assert "540" in seen["why"]  # below what was granted


def test_check_a22_router_in_front_that_changes_sip(lab: RunningLab, parties: tuple[Party, Party]) -> None:
    phone, provider = parties
    dialog = Dialog(f"sip:777@{DOMAIN}", f"sip:300@{DOMAIN}", f"sip:300@{DOMAIN}")
    body = sdp(topology.PBX, 14000)
    lines = [*dialog.heads("INVITE", phone.via), f"Contact: <sip:777@{phone.at}>", "Content-Type: application/sdp"]
    phone.send("\r\n".join([*lines, f"Content-Length: {len(body)}"]).encode() + b"\r\n\r\n" + body)
    invited = provider.take("INVITE")
    assert finding(lab, "A22") is None
    ringing = answer(invited, 180, tag="p").decode()
    via = next(line for line in ringing.split("\r\n") if line.startswith("Via:"))
    provider.send(ringing.replace(via, f"{via};received=198.51.100.7").encode())
    phone.take(180)
    assert "received=198.51.100.7" in found(lab, "A22-198.51.100.7")["evidence"][0]
    provider.send(answer(invited, 486, tag="p"))
    phone.take(486)


def test_check_a21_second_alg_in_the_kernel(lab: RunningLab) -> None:
    rules = """
        add table inet rogue
        add ct helper inet rogue sip { type "sip" protocol udp; }
        add chain inet rogue pre { type filter hook prerouting priority 0; }
        add rule inet rogue pre udp dport 5060 ip saddr 192.0.2.1 ct helper set "sip"
    """
    lab.run("fw", "nft", "\n".join(line.strip() for line in rules.strip().splitlines()))
    try:
        assert "inet rogue, pre" in found(lab, "A21-helper")["text"]
    finally:
        lab.run("fw", "nft", "delete table inet rogue")
    assert until(lambda: finding(lab, "A21") is None, PATIENCE)
