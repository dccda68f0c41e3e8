# SPDX-License-Identifier: GPL-2.0-or-later
"""The advisor on what the kernel tracks: STUN, encrypted SIP, speech of exempt servers, bans, old connections."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from deploy.lab import topology
from sipalg_core.net import Endpoint
from tests.lab.advisor.reading import PATIENCE, allow, change, exempt, finding, fixed, found, gone, member
from tests.lab.kernel_rig import tcp, udp
from tests.lab.running import RunningLab, until

pytestmark = pytest.mark.lab

SERVER = topology.PROVIDER_SECOND
KNOCKS = 100
TIMEOUT = "/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream"
OPTIONS = b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP x;branch=z9hG4bK1\r\nContent-Length: 0\r\n\r\n"


def test_check_a03_stun_of_a_phone_system_that_the_alg_handles(ruled: RunningLab) -> None:
    lab = ruled
    allow(lab, "STUN out", "3478")
    lab.apply("STUN out")
    with lab.socket("lan", topology.PBX) as phone:
        phone.sendto(b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12), (topology.STRANGER, 3478))
        seen = found(lab, f"A03-{topology.PBX}")
    assert f"{topology.STRANGER}:3478" in seen["evidence"][0]
    lab.request("POST", "connections/flush", {"host": topology.STRANGER})  # it is switched off
    gone(lab, "A03")


def test_check_a04_a05_encrypted_sip_with_speech_beside_it(ruled: RunningLab) -> None:
    lab = ruled
    allow(lab, "SIPS out", "5061", "tcp")
    allow(lab, "Speech out", "7000-7010")
    lab.apply("SIPS out")
    at = Endpoint(topology.STRANGER, 5061)
    with tcp(topology.WAN, at, listening=True), tcp(topology.LAN, Endpoint(topology.PBX, 0)) as phone:
        phone.connect(at)
        seen = found(lab, f"A04-{topology.PBX}-{topology.STRANGER}")
        assert "cannot help there" in seen["text"]
        assert finding(lab, "A05") is None
        with speech(1, topology.STRANGER) as speaks:
            seen = until(lambda: speaks() and finding(lab, f"A05-{topology.PBX}"), PATIENCE)
            assert seen
            assert f"{topology.STRANGER}:7000" in seen["evidence"][0]
    lab.request("POST", "connections/flush", {"host": topology.STRANGER})
    gone(lab, "A04", "A05")


def test_check_a07_connection_that_outlives_a_change(ruled: RunningLab) -> None:
    lab = ruled
    rule = allow(lab, "Web out", "8443", "tcp")
    lab.apply("allowed")
    at = Endpoint(topology.STRANGER, 8443)
    with tcp(topology.WAN, at, listening=True), tcp(topology.LAN, Endpoint(topology.PBX, 0)) as host:
        host.connect(at)
        change(lab, rule, enabled=False)
        lab.apply("not allowed any more")
        seen = found(lab, "A07-connections")
        assert any(f"→ {at}" in line and "not allow" in line for line in seen["evidence"])
        assert lab.request("POST", "connections/flush", {"old": True})["closed"] >= 1
        gone(lab, "A07")


def test_check_a08_a09_a23_exempt_server_with_and_without_symmetric_speech(ruled: RunningLab) -> None:
    """Speech that never comes back needs a forwarding; speech that does, does not. And its path must be remembered."""
    lab = ruled
    allow(lab, "Speech out", "7000-7099")
    lab.apply("speech out")
    with exempt(lab, SERVER):
        with udp(topology.LAN, Endpoint(topology.PBX, 16400)) as phone:
            phone.sendto(b"speech", (SERVER, 7000))
            seen = found(lab, f"A09-{topology.PBX}-{SERVER}")
        assert seen["severity"] == "error"
        answers = {"pbx": topology.PBX, "ports": "16384-16500", "source": SERVER}
        (rule,) = lab.request("POST", "recipes/rtp", {"answers": answers})["rules"]
        assert finding(lab, "A09"), "a draft changes nothing"
        lab.apply("as the advisor says")
        gone(lab, "A09")

        lab.request("POST", "connections/flush", {"host": SERVER})
        with speech(5, SERVER) as speaks:
            seen = until(lambda: speaks() and finding(lab, f"A08-rule-{rule}"), PATIENCE)
            assert seen
            assert len(seen["evidence"]) == 5
            fixed(lab, f"A08-rule-{rule}")

        with remembered(lab, 3):
            assert SERVER in found(lab, "A23-udp")["evidence"][1]
            try:
                fixed(lab, "A23-udp")
                with udp(topology.LAN, Endpoint(topology.PBX, 5071)) as phone:
                    path = (SERVER, 5060)  # a connection has its time from its second packet on, else half a minute
                    assert until(lambda: phone.sendto(b"?", path) and remembered_for(lab, 5071) > 31, PATIENCE)
            finally:
                lab.request("PATCH", "alg/settings", {"reset": ["handling.idle_path"]})


def test_check_a14_provider_that_our_own_defence_bans(ruled: RunningLab) -> None:
    """In a provider's network anybody may be banned: this one knocked before a rule was for him, too."""
    lab, host = ruled, topology.STRANGER
    with udp(topology.WAN, Endpoint(host, 5060)) as server:
        for _ in range(KNOCKS):
            server.sendto(OPTIONS, (topology.APPLIANCE_OUTSIDE, 5060))
    assert until(lambda: host in {each["host"] for each in lab.get("bans")["items"]}, PATIENCE)
    try:
        assert finding(lab, "A14") is None
        with member(lab, "network", "203.0.113.64/28"):
            seen = found(lab, f"A14-{host}")
            assert "Provider" in seen["text"]
            lab.request("DELETE", f"bans/{host}")
            gone(lab, "A14")
    finally:
        with contextlib.suppress(AssertionError):
            lab.request("DELETE", f"bans/{host}")


def test_check_a21_second_alg_in_the_kernel(ruled: RunningLab) -> None:
    """The finding's own command deletes the rule; what the helper has by then is gone with its connection."""
    lab = ruled
    allow(lab, "Odd SIP", "5099")
    lab.apply("odd SIP")
    rules = """
        add table inet rogue
        add ct helper inet rogue sip { type "sip" protocol udp; }
        add chain inet rogue pre { type filter hook prerouting priority 0; }
        add rule inet rogue pre udp dport 5099 ct helper set "sip"
    """
    lab.run("fw", "nft", "\n".join(line.strip() for line in rules.strip().splitlines()))
    try:
        seen = found(lab, "A21-helper")
        assert "inet rogue, pre" in seen["text"]
        with udp(topology.LAN, Endpoint(topology.PBX, 5098)) as phone:
            phone.sendto(OPTIONS, (topology.STRANGER, 5099))
        (command,) = seen["commands"]
        lab.run("fw", *command.split(" ", 1))
        assert until(lambda: f"{topology.STRANGER}:5099" in found(lab, "A21-helper")["text"], PATIENCE)
        lab.request("POST", "connections/flush", {"host": topology.STRANGER})
        gone(lab, "A21")
    finally:
        lab.run("fw", "nft", "delete table inet rogue")


@contextmanager
def speech(streams: int, server: str) -> Iterator[Callable[[], bool]]:
    """Streams of the phone system that the server answers; what is given plays a packet of each, both ways.

    The kernel takes a stream for one that goes on when it has lasted for two seconds (nf_conntrack_proto_udp.c).
    """
    with contextlib.ExitStack() as stack:
        pairs = [
            (stack.enter_context(udp(topology.LAN, Endpoint(topology.PBX, 16400 + 2 * i))),
             stack.enter_context(udp(topology.WAN, Endpoint(server, 7000 + 2 * i))))
            for i in range(streams)
        ]  # fmt: skip

        def play() -> bool:
            for inside, outside in pairs:
                inside.sendto(b"speech", outside.getsockname())
                with contextlib.suppress(TimeoutError):
                    _heard, source = outside.recvfrom(100)
                    outside.sendto(b"speech", source)
                    inside.recv(100)
            return True

        yield play


def remembered_for(lab: RunningLab, sport: int) -> int:
    """Seconds that the kernel has left for the connection of this port; 0 where there is none."""
    lines = lab.run("fw", "cat", "/proc/net/nf_conntrack").splitlines()
    return next((int(line.split()[4]) for line in lines if f"sport={sport} " in line and "udp" in line), 0)


@contextmanager
def remembered(lab: RunningLab, seconds: int) -> Iterator[None]:
    """For how long the kernel remembers an idle UDP path."""
    before = lab.run("fw", "cat", TIMEOUT).strip()
    lab.run("fw", "sh", "-c", f"echo {seconds} > {TIMEOUT}")
    try:
        yield
    finally:
        lab.run("fw", "sh", "-c", f"echo {before} > {TIMEOUT}")
