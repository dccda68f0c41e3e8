# SPDX-License-Identifier: GPL-2.0-or-later
"""Three namespaces, an operator's default-deny table and a real broker: what the tests of the media path stand on.

rig-lan 192.168.0.10, .66 ── lan0 192.168.0.1 [rig-fw] 203.0.113.2 wan0 ── rig-wan 203.0.113.1, .99, .66
       fd00:a::10, ::66  ──      fd00:a::1           2001:db8:a::2      ──        2001:db8:a::1, ::99, ::66
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from sipalg_core.contract import names
from sipalg_core.contract.control import KERNEL_REASONS, Pinhole
from sipalg_core.contract.policy import AlgPolicy, Interface, Peering, Timers, dump
from sipalg_core.io.pinholes import BrokerClient
from sipalg_core.net import Endpoint, Side

LAN, FW, WAN = (f"rig-{part}-{os.getpid()}" for part in ("lan", "fw", "wan"))  # two runs do not meet
ROOT: Final = Path(__file__).resolve().parents[2]
BROKER_UID, ENGINE_UID, NETADMIN_UID, STRANGER_UID, SHARED_GID = 64001, 64002, 64003, 64004, 64000


class Net(NamedTuple):
    """The rig's endpoints in one address family."""

    word: str  # nft's
    phone: Endpoint
    mapped: Endpoint
    rtp_proxy: Endpoint
    stranger: Endpoint
    phone_sip: Endpoint
    provider_sip: Endpoint
    own_sip: Endpoint
    pc: Endpoint  # an internal host without a SIP rule
    gateway: Endpoint  # our internal address

    def pinhole(self, ident: int = 1, lifetime: float = 60, **changed: Endpoint) -> Pinhole:
        return Pinhole(ident, self.phone, self.mapped, self.rtp_proxy, lifetime)._replace(**changed)


def _net(word: str, internal: str, external: str) -> Net:
    return Net(
        word,
        phone=Endpoint(f"{internal}10", 4000), mapped=Endpoint(f"{external}2", 20000),
        rtp_proxy=Endpoint(f"{external}99", 7000), stranger=Endpoint(f"{external}66", 7000),
        phone_sip=Endpoint(f"{internal}10", 5060), provider_sip=Endpoint(f"{external}1", 5060),
        own_sip=Endpoint(f"{external}2", 5060), pc=Endpoint(f"{internal}66", 5060),
        gateway=Endpoint(f"{internal}1", 0),
    )  # fmt: skip


V4: Final = _net("ip", "192.168.0.", "203.0.113.")
V6: Final = _net("ip6", "fd00:a::", "2001:db8:a::")
NETS: Final = (V4, V6)


def _networks(*texts: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(text) for text in texts)


POLICY: Final = AlgPolicy(
    revision=1,
    interfaces=(
        Interface("lan0", Side.INTERNAL, ("192.168.0.1", "fd00:a::1"), _networks("192.168.0.0/24", "fd00:a::/64")),
        Interface(
            "wan0", Side.EXTERNAL, ("203.0.113.2", "2001:db8:a::2"), _networks("203.0.113.0/24", "2001:db8:a::/64")
        ),
    ),
    peerings=(
        Peering(
            "rule:1", "provider", _networks("192.168.0.2", "192.168.0.10", "fd00:a::10"),
            _networks("203.0.113.1", "203.0.113.3", "2001:db8:a::1"), ports=(5060, 5070),
        ),
    ),
    timers=Timers(inactive_media=10),
)  # fmt: skip

# An operator's table of the usual kind: it accepts what is established, and what the ALG vouches for.
APPLIANCE: Final = f"""
table inet {names.APPLIANCE_TABLE} {{
  chain input_base {{ type filter hook input priority 0; policy drop;
    iifname lo accept
    meta l4proto ipv6-icmp accept
    meta mark & {names.MARK_ACCEPT:#x} != 0 accept
  }}
  chain forward_base {{ type filter hook forward priority 0; policy drop;
    ct state established,related accept
    meta mark & {names.MARK_ACCEPT:#x} != 0 accept
  }}
  chain postrouting_base {{ type nat hook postrouting priority 100; policy accept; oifname wan0 masquerade; }}
}}
"""

T = TypeVar("T")


def run(*command: str, namespace: str = "", stdin: str | None = None) -> str:
    inside = ("ip", "netns", "exec", namespace) if namespace else ()
    return subprocess.run((*inside, *command), input=stdin, capture_output=True, text=True, check=True).stdout


def within(namespace: str, action: Callable[[], T]) -> T:
    """Run `action` in a thread that has entered the namespace: a socket made there stays there."""

    def entered() -> T:
        with open(f"/run/netns/{namespace}") as handle:
            if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), 0x40000000):  # CLONE_NEWNET
                raise OSError(ctypes.get_errno(), f"setns {namespace}")
        return action()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(entered).result()


def udp(namespace: str, local: Endpoint) -> socket.socket:
    def make() -> socket.socket:
        made = socket.socket(_family(local), socket.SOCK_DGRAM)
        made.bind(local)
        made.settimeout(1)
        return made

    return within(namespace, make)


def tcp(namespace: str, local: Endpoint, *, listening: bool = False) -> socket.socket:
    def make() -> socket.socket:
        made = socket.socket(_family(local), socket.SOCK_STREAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind(local)
        if listening:
            made.listen()
        made.settimeout(2)
        return made

    return within(namespace, make)


def _family(local: Endpoint) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in local.host else socket.AF_INET


def hears(listener: socket.socket, wait: float = 0.3) -> list[tuple[bytes, Endpoint]]:
    """All that arrives until nothing has for `wait` seconds."""
    heard = []
    listener.settimeout(wait)
    with contextlib.suppress(TimeoutError):
        while True:
            data, source = listener.recvfrom(2048)
            heard.append((data, Endpoint(*source[:2])))
    return heard


def as_user(uid: int, *capabilities: str) -> tuple[str, ...]:
    held = [f"+{each}" for each in capabilities]
    return (
        "setpriv", f"--reuid={uid}", f"--regid={SHARED_GID}", "--clear-groups", "--no-new-privs",
        "--inh-caps=" + ",".join(["-all", *held]), "--ambient-caps=" + ",".join(["-all", *held]),
        "--bounding-set=" + ",".join(["-all", *held]),
    )  # fmt: skip


def _clean() -> None:
    for namespace in (LAN, FW, WAN):
        subprocess.run(("ip", "netns", "del", namespace), capture_output=True, check=False)


def _address(namespace: str, device: str, hosts: list[Endpoint]) -> None:
    run("ip", "link", "set", device, "up", namespace=namespace)
    for host, _ in hosts:
        options = ("/64", "nodad") if ":" in host else ("/24",)  # no waiting for duplicates (RFC 4862 §5.4)
        run("ip", "addr", "add", host + options[0], "dev", device, *options[1:], namespace=namespace)


@contextlib.contextmanager
def namespaces() -> Iterator[None]:
    _clean()
    try:
        for namespace in (LAN, FW, WAN):
            run("ip", "netns", "add", namespace)
            run("ip", "link", "set", "lo", "up", namespace=namespace)
        for peer, name, gateways, hosts in (
            (LAN, "lan0", [net.gateway for net in NETS], [at for net in NETS for at in (net.phone, net.pc)]),
            (WAN, "wan0", [net.mapped for net in NETS],
             [at for net in NETS for at in (net.provider_sip, net.rtp_proxy, net.stranger)]),
        ):  # fmt: skip
            run("ip", "link", "add", name, "netns", FW, "type", "veth", "peer", "name", "eth0", "netns", peer)
            _address(FW, name, gateways)
            _address(peer, "eth0", hosts)
        for net in NETS:
            run("ip", "route", "add", "default", "via", net.gateway.host, namespace=LAN)
        run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", namespace=FW)
        run("nft", "-f", "-", namespace=FW, stdin=APPLIANCE)
        yield
    finally:
        _clean()


class Rig:
    """The broker of one test, and who speaks with it. The test process plays the engine unless told otherwise."""

    def __init__(self, engine_uid: int = 0) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sh-")  # pytest's own is closed to other users
        folder = Path(self._folder.name)
        folder.chmod(0o755)
        self.state, self.run_dir, self.engine_uid = folder / "state", folder / "run", engine_uid
        for each, mode in ((self.state, 0o755), (self.run_dir, 0o2770)):
            each.mkdir(parents=True)
            each.chmod(mode)
            os.chown(each, BROKER_UID, SHARED_GID)
        self.socket = self.run_dir / "broker.sock"
        self.policy_file = self.state / "policy.json"
        self.log = folder / "broker.log"
        self.environment = {
            **os.environ, "PINHOLE_RUN": str(self.run_dir), "PINHOLE_STATE": str(self.state), "PYTHONPATH": str(ROOT)
        }  # fmt: skip
        self.write_policy(POLICY)
        self.broker_command = (
            "ip", "netns", "exec", FW, *as_user(BROKER_UID, "net_admin"), sys.executable, "-m", "sipalg_core",
            "broker", f"--engine-uid={self.engine_uid}", f"--netadmin-uid={NETADMIN_UID}",
        )  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self._clients: list[BrokerClient] = []

    def write_policy(self, policy: AlgPolicy) -> None:
        self.policy_file.write_bytes(dump(policy))
        self.policy_file.chmod(0o644)

    def start(self) -> None:
        self.socket.unlink(missing_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(self.broker_command, env=self.environment, stderr=log)
        deadline = time.monotonic() + 10
        while not self._listens():
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.02)

    def _listens(self) -> bool:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as knock:
            return not knock.connect_ex(str(self.socket))

    def stop(self, *, kill: bool = False) -> None:
        if self._process is not None:
            self._process.kill() if kill else self._process.terminate()
            self._process.wait(20)
            self._process = None

    def close(self) -> None:
        for client in self._clients:
            client.disconnect()
        self.stop()
        subprocess.run(("ip", "netns", "exec", FW, "nft", "delete", "table", "inet", "sipalg"), check=False)
        subprocess.run(("ip", "netns", "exec", FW, "conntrack", "-F"), capture_output=True, check=False)
        self._folder.cleanup()

    def client(self) -> BrokerClient:
        self._clients.append(BrokerClient(self.socket, timeout=2))  # how fast it is is measured elsewhere
        return self._clients[-1]

    def listed(self, kind: str, name: str) -> str:
        return run("nft", "list", kind, "inet", names.SIPALG_TABLE, name, namespace=FW)

    def drops(self) -> dict[str, int]:
        """Packets that the kernel dropped, by reason."""
        return {reason: int(re.findall(r"packets (\d+)", self.listed("counter", reason.replace("-", "_")))[0])
                for reason in KERNEL_REASONS}  # fmt: skip
