# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may ask the broker for what; and that its sockets work in a process that has no capability."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sipalg_core.contract.control import wildcard
from tests.lab.kernel_rig import (
    ENGINE_UID,
    FW,
    LAN,
    NETADMIN_UID,
    NETS,
    ROOT,
    STRANGER_UID,
    WAN,
    as_user,
    hears,
    udp,
)

pytestmark = [pytest.mark.lab, pytest.mark.usefixtures("wires")]


# Runs as the engine's user without any capability: takes one datagram, answers it from where it was sent to.
ENGINE = """
import socket, sys
from pathlib import Path
from sipalg_core.contract.policy import read
from sipalg_core.io import tproxy
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.net import Endpoint
assert "CapEff:\\t0000000000000000" in Path("/proc/self/status").read_text()
sides = tproxy.sides(read(Path(sys.argv[2])))
reply, sock = BrokerClient(Path(sys.argv[1])).transparent_socket(Endpoint(sys.argv[3], int(sys.argv[4])))
print("ready", flush=True)
sock.settimeout(3)
datagram = tproxy.receive(sock, tproxy.Flows(sides))
flow = datagram.flow
print(flow.side, flow.source, flow.destination, flush=True)
tproxy.send(sock, b"answer", flow.destination.host, flow.source)
"""


@pytest.mark.parametrize(
    ("namespace", "source", "destination", "side"),
    [
        pytest.param(*case, id=f"{net.word}-{case[3]}-{case[2].port}")
        for net in NETS
        for case in (
            (LAN, net.phone_sip, net.provider_sip, "internal"),
            (LAN, net.phone_sip, net.provider_sip._replace(port=5070), "internal"),
            (WAN, net.provider_sip, net.own_sip, "external"),
            (WAN, net.provider_sip, net.own_sip._replace(port=30500), "external"),
        )
    ],
)
def test_signalling_reaches_a_process_without_capabilities(engine_rig, namespace, source, destination, side):
    command = (
        "ip", "netns", "exec", FW, *as_user(ENGINE_UID), sys.executable, "-c", ENGINE, str(engine_rig.socket),
        str(engine_rig.policy_file), *map(str, wildcard(destination)),
    )  # fmt: skip
    with (
        udp(namespace, source) as peer,
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as engine,
    ):
        assert engine.stdout
        assert engine.stdout.readline() == "ready\n"
        peer.sendto(b"REGISTER", destination)
        assert engine.stdout.readline() == f"{side} {source} {destination}\n"
        assert hears(peer) == [(b"answer", destination)]


@pytest.mark.parametrize(
    ("uid", "asked", "answered"),
    [
        (STRANGER_UID, "count()[0]", "FAILED"),
        (0, "count()[0]", "FAILED"),
        (NETADMIN_UID, "count()[0]", "REFUSED"),
        (NETADMIN_UID, "reload()", "OK"),
        (ENGINE_UID, "count()[0]", "OK"),
        (ENGINE_UID, "reload()", "OK"),
    ],
)
def test_only_the_engine_and_netadmin_are_answered(engine_rig, uid, asked, answered):
    code = (
        "import sys; from pathlib import Path; from sipalg_core.io.pinholes import BrokerClient; "
        f"print(BrokerClient(Path(sys.argv[1]), timeout=5).{asked}.status.name)"
    )
    ran = subprocess.run(
        (*as_user(uid), sys.executable, "-c", code, str(engine_rig.socket)),
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == f"{answered}\n"
    if answered == "FAILED":
        assert f"refused a connection of uid {uid}" in engine_rig.log.read_text()
