# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands between a phone and its provider: nothing, plain forwarding, the kernel's SIP helper, or our ALG.

bn-NAME-lan 192.168.0.10 ── lan0 192.168.0.1 [bn-NAME-fw] 203.0.113.2 wan0 ── bn-NAME-wan 203.0.113.1
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from sipalg_core.compiled import SWITCH
from sipalg_core.contract.names import MARK_ACCEPT
from sipalg_core.contract.policy import PortRange, dump
from sipalg_core.io.pinholes import BrokerClient
from tests.bench import messages
from tests.bench.load import Cost, burst
from tests.lab.kernel_rig import BROKER_UID, ROOT, SHARED_GID, as_user, run, within
from tests.unit.alg.harness import OURS, PHONE, PROVIDER, policy

WIRES: Final = ("direct", "plain", "helper", "alg", "compiled")
"""`direct` is a cable: what the others cost beyond it is what they do."""
APPLIANCES: Final = {"alg": "no", "compiled": "required"}
"""Pinhole in both forms of the engine's hot modules (sipalg_core.compiled)."""
WINDOW: Final = 128
"""Messages under way at a time: fewer than any socket buffer on the way holds."""

_SO_RCVBUFFORCE: Final = 33
_BUFFER: Final = 8 * 1024 * 1024

POLICY: Final = policy(
    media_ports=PortRange(10000, 59999),
    peerings=(  # one gate a call, at the provider's own address; a phone with a name, whom no meter holds up
        replace(policy().peerings[0], media=(), internal=(ip_network(PHONE.host),)),
    ),
)

# One operator's default-deny table for all three; they differ in why a SIP message may pass, and in who changes it.
_OPERATOR: Final = """
table inet appliance {{
  {helper}
  chain input_base {{ type filter hook input priority 0; policy drop;
    iifname lo accept
    meta mark & {mark:#x} != 0 accept
  }}
  chain forward_base {{ type filter hook forward priority 0; policy drop;
    ct state established,related accept
    meta mark & {mark:#x} != 0 accept
    {forward}
  }}
  chain postrouting_base {{ type nat hook postrouting priority 100; policy accept; oifname wan0 masquerade; }}
}}
"""
_HELPER: Final = """
  ct helper sip_udp { type "sip" protocol udp; l3proto ip; }
  chain prerouting_helper { type filter hook prerouting priority 0; policy accept;
    ct state new udp dport 5060 ct helper set "sip_udp"
  }
"""
_SIP: Final = f"iifname lan0 ip daddr {PROVIDER.host} udp dport {PROVIDER.port} accept"
_MEDIA: Final = f"iifname lan0 ip daddr {PROVIDER.host} udp dport 7000 accept"
RULES: Final = {
    "plain": _OPERATOR.format(helper="", mark=MARK_ACCEPT, forward=f"{_SIP}\n    {_MEDIA}"),
    "helper": _OPERATOR.format(helper=_HELPER, mark=MARK_ACCEPT, forward=_SIP),
    "alg": _OPERATOR.format(helper="", mark=MARK_ACCEPT, forward=""),
}


PRIORITY: Final = 10
"""CPUSchedulingPriority of deploy/units."""


@dataclass
class Wire:
    name: str
    phone: socket.socket
    provider: socket.socket
    broker_socket: Path | None = None
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)  # those whose work is part of the cost

    def cpu(self) -> float:
        """CPU seconds of the processes, all threads, to the nanosecond: clock_getcpuclockid(3)."""
        return sum(time.clock_gettime((~process.pid << 3) | 2) for process in self.processes)

    def hurry(self) -> None:
        """Engine and broker get a processor when they want one, as deploy/units has them."""
        for process in self.processes:
            for thread in Path(f"/proc/{process.pid}/task").iterdir():
                os.sched_setscheduler(int(thread.name), os.SCHED_RR, os.sched_param(PRIORITY))

    @contextlib.contextmanager
    def broker(self) -> Iterator[BrokerClient]:
        """For the bench alone: the engine, which closes what it does not know, stands still meanwhile."""
        assert self.broker_socket is not None
        *_, engine = self.processes
        engine.send_signal(signal.SIGSTOP)
        client = BrokerClient(self.broker_socket, timeout=2)
        try:
            yield client
        finally:
            client.disconnect()
            engine.send_signal(signal.SIGCONT)

    def out(self, sent: list[bytes]) -> tuple[Cost, list[bytes]]:
        return burst(self.phone, self.provider, sent, self.cpu)

    def into(self, sent: list[bytes]) -> tuple[Cost, list[bytes]]:
        return burst(self.provider, self.phone, sent, self.cpu)

    def establish(self, call: str, port: int = messages.PHONE_PORT) -> list[bytes]:
        """A whole new call up to its ACK; returns the INVITE and the 200 as they arrived."""
        invited = self.out([messages.invite(call, port=port)])[1]
        answered = self.into([messages.answer(invited[0])])[1]
        self.out([messages.request("ACK", call, 1, to_tag=messages.CALLEE_TAG)])
        return [*invited, *answered]


@contextlib.contextmanager
def wire(name: str) -> Iterator[Wire]:
    with contextlib.ExitStack() as stack:
        lan, wan = _namespaces(name, stack)
        phone, provider = (stack.enter_context(_socket(space, at)) for space, at in ((lan, PHONE), (wan, PROVIDER)))
        phone.connect(PROVIDER)
        made = Wire(name, phone, provider)
        if name in APPLIANCES:
            _appliance(made, stack)
        phone.send(messages.options("first", 1))
        provider.settimeout(5)
        provider.connect(provider.recvfrom(4096)[1])
        provider.settimeout(None)
        yield made


def _namespaces(name: str, stack: contextlib.ExitStack) -> tuple[str, str]:
    lan, fw, wan = (f"bn-{name}-{part}" for part in ("lan", "fw", "wan"))
    for space in (lan, wan) if name == "direct" else (lan, fw, wan):
        _remove(space)  # what a killed run left
        run("ip", "netns", "add", space)
        stack.callback(_remove, space)
        run("ip", "link", "set", "lo", "up", namespace=space)
    if name == "direct":
        _cable((lan, "eth0", f"{PHONE.host}/24"), (wan, "eth0", f"{PROVIDER.host}/24"))
        run("ip", "route", "add", "default", "dev", "eth0", namespace=lan)
        run("ip", "route", "add", "default", "dev", "eth0", namespace=wan)
        return lan, wan
    _cable((fw, "lan0", "192.168.0.1/24"), (lan, "eth0", f"{PHONE.host}/24"))
    _cable((fw, "wan0", f"{OURS}/24"), (wan, "eth0", f"{PROVIDER.host}/24"))
    run("ip", "route", "add", "default", "via", "192.168.0.1", namespace=lan)
    run("sysctl", "-qw", "net.ipv4.ip_forward=1", namespace=fw)
    run("nft", "-f", "-", namespace=fw, stdin=RULES["alg" if name in APPLIANCES else name])
    return lan, wan


def _remove(space: str) -> None:
    subprocess.run(("ip", "netns", "del", space), capture_output=True, check=False)


def _cable(*ends: tuple[str, str, str]) -> None:
    (one, one_name, _), (two, two_name, _) = ends
    run("ip", "link", "add", one_name, "netns", one, "type", "veth", "peer", "name", two_name, "netns", two)
    for space, name, address in ends:
        run("ip", "addr", "add", address, "dev", name, namespace=space)
        run("ip", "link", "set", name, "up", namespace=space)


def _socket(space: str, at: tuple[str, int]) -> socket.socket:
    def make() -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _BUFFER)
        made.bind(at)
        return made

    return within(space, make)


@contextlib.contextmanager
def media_ends(name: str, dscp: int) -> Iterator[tuple[socket.socket, socket.socket]]:
    """A phone's and a provider's RTP socket at the ends of this wire; how the phone marks what it sends (RFC 2474)."""
    phone = _socket(f"bn-{name}-lan", (PHONE.host, 4000))
    phone.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, dscp << 2)
    provider = _socket(f"bn-{name}-wan", (PROVIDER.host, 7000))
    with phone, provider:
        phone.connect((PROVIDER.host, 7000))
        yield phone, provider


def _appliance(made: Wire, stack: contextlib.ExitStack) -> None:
    """Broker and engine as they run in service, with a Redis to publish to. The bench itself may ask the broker, too:
    the engine has its user id, and no capability."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bn-")))
    folder.chmod(0o755)
    state, sockets = folder / "state", folder / "run"
    for each in (state, sockets):
        each.mkdir()
        each.chmod(0o2770)
        os.chown(each, BROKER_UID, SHARED_GID)
    (state / "policy.json").write_bytes(dump(POLICY))
    (state / "policy.json").chmod(0o644)
    environment = {
        **os.environ, "PINHOLE_RUN": str(sockets), "PINHOLE_STATE": str(state), "PYTHONPATH": str(ROOT),
        "PINHOLE_LOG": "WARNING", SWITCH: APPLIANCES[made.name],
    }  # fmt: skip
    redis = shutil.which("redis-server") or shutil.which("valkey-server")
    assert redis, "deploy/setup installs a Redis"
    python = (sys.executable, "-m", "sipalg_core")
    redis_socket = sockets / "redis.sock"
    start(stack, environment, redis_socket, (redis, "--port", "0", "--unixsocket", str(redis_socket), "--save", ""))
    inside = ("ip", "netns", "exec", f"bn-{made.name}-fw")
    broker = (*inside, *as_user(BROKER_UID, "net_admin"), *python, "broker", "--engine-uid=0", "--netadmin-uid=0")
    engine = (*inside, *as_user(0), *python, "engine")
    made.broker_socket = sockets / "broker.sock"
    made.processes.append(start(stack, environment, made.broker_socket, broker))
    made.processes.append(start(stack, environment, sockets / "engine.sock", engine))


def start(
    stack: contextlib.ExitStack, environment: dict[str, str], ready: Path, command: tuple[str, ...]
) -> subprocess.Popen[bytes]:
    """Run it until the stack ends; returns when the socket `ready` is there."""
    process = stack.enter_context(subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL))
    stack.callback(process.terminate)
    deadline = time.monotonic() + 10
    while not ready.exists():
        assert process.poll() is None, f"{command} ended"
        assert time.monotonic() < deadline, f"{command} did not start"
        time.sleep(0.02)
    return process
