# SPDX-License-Identifier: GPL-2.0-or-later
"""Three namespaces and a real nft client: what the tests of the operator's ruleset stand on.

fw-lan 192.168.0.10, fd00:a::10 ── lan0 .1 [fw-box] 203.0.113.2, 2001:db8:a::2 wan0 ── fw-wan .1, .66, 2001:db8:a::1
"""

from __future__ import annotations

import os
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any, Final

from pyroute2 import netns

from appliance.ruleset.policy import Interface
from sipalg_core.nft.client import Client
from tests.lab.kernel_rig import run, within

LAN, BOX, WAN = (f"fw-{part}-{os.getpid()}" for part in ("lan", "box", "wan"))  # two runs do not meet
HOST, HOST6 = "192.168.0.10", "fd00:a::10"
PEER, STRANGER, PEER6 = "203.0.113.1", "203.0.113.66", "2001:db8:a::1"
OUTSIDE, OUTSIDE6, INSIDE = "203.0.113.2", "2001:db8:a::2", "192.168.0.1"
WHERE: Final = {HOST: LAN, HOST6: LAN, PEER: WAN, STRANGER: WAN, PEER6: WAN, OUTSIDE: BOX, OUTSIDE6: BOX, INSIDE: BOX}

INTERFACES: Final = (
    Interface("lan0", "internal", ("192.168.0.1/24", "fd00:a::1/64")),
    Interface("wan0", "external", ("203.0.113.2/24", "2001:db8:a::2/64")),
)
_PATIENCE: Final = 0.25  # s; everything is on this machine


def _clean() -> None:
    for namespace in (LAN, BOX, WAN):
        subprocess.run(("ip", "netns", "del", namespace), capture_output=True, check=False)


@contextmanager
def namespaces() -> Iterator[Wire]:
    _clean()
    try:
        for namespace in (LAN, BOX, WAN):
            run("ip", "netns", "add", namespace)
            run("ip", "link", "set", "lo", "up", namespace=namespace)
            dad = [f"net.ipv6.conf.{each}.accept_dad=0" for each in ("all", "default")]
            run("sysctl", "-qw", *dad, namespace=namespace)  # a second in which IPv6 would not answer yet
        for peer, name, gateways, hosts in (
            (LAN, "lan0", ("192.168.0.1/24", "fd00:a::1/64"), (f"{HOST}/24", f"{HOST6}/64")),
            (WAN, "wan0", (f"{OUTSIDE}/24", f"{OUTSIDE6}/64"), (f"{PEER}/24", f"{STRANGER}/24", f"{PEER6}/64")),
        ):
            run("ip", "link", "add", name, "netns", BOX, "type", "veth", "peer", "name", "eth0", "netns", peer)
            for namespace, device, addresses in ((BOX, name, gateways), (peer, "eth0", hosts)):
                for address in addresses:
                    nodad = ("nodad",) if ":" in address else ()
                    run("ip", "addr", "add", address, "dev", device, *nodad, namespace=namespace)
                run("ip", "link", "set", device, "up", namespace=namespace)
            for gateway in gateways:
                host = gateway.partition("/")[0]
                run("ip", "-6" if ":" in host else "-4", "route", "add", "default", "via", host, namespace=peer)
        run("sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1", namespace=BOX)
        with ThreadPoolExecutor(1, initializer=netns.setns, initargs=(BOX,)) as thread:
            yield Wire(thread)
    finally:
        _clean()


class Wire:
    """Packets from anywhere to anywhere, and functions inside the box."""

    def __init__(self, thread: ThreadPoolExecutor) -> None:
        self._thread = thread
        self.kernel: Client = self.inside(Client)

    def inside(self, function: Any, *arguments: Any) -> Any:
        return self._thread.submit(function, *arguments).result()

    def ruleset(self) -> str:
        return run("nft", "list", "ruleset", namespace=BOX)

    def forget(self) -> None:
        """Every connection, so that the next packet is a new one."""
        run("conntrack", "-F", namespace=BOX)

    def reach(self, source: str, target: str, port: int, *, at: str | None = None, kind: str = "udp",
              at_port: int | None = None) -> str | None:  # fmt: skip
        """One new connection from `source` to `target`; the source address that arrives `at` it, or None."""
        at = at or target
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        how = socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM
        listener = _socket(WHERE[at], family, how, at, at_port or port)
        sender = _socket(WHERE[source], family, how, source, 0)
        with listener, sender:
            if kind == "udp":
                with suppress(OSError):  # a reject is one
                    sender.sendto(b"?", (target, port))
                with suppress(TimeoutError):
                    return str(listener.recvfrom(16)[1][0])
                return None
            listener.listen()
            with suppress(OSError):
                sender.connect((target, port))
                connection, peer = listener.accept()
                connection.close()
                return str(peer[0])
            return None

    @contextmanager
    def connection(
        self, source: str, target: str, port: int, *, at: str | None = None
    ) -> Iterator[tuple[socket.socket, socket.socket]]:
        """Both ends of an open TCP connection; `at` is where a DNAT sends it."""
        at = at or target
        family = socket.AF_INET6 if ":" in source else socket.AF_INET
        near = _socket(WHERE[source], family, socket.SOCK_STREAM, source, 0)
        with near, _socket(WHERE[at], family, socket.SOCK_STREAM, at, port) as listener:
            listener.listen()
            near.connect((target, port))
            far, _ = listener.accept()
            with far:
                far.settimeout(_PATIENCE)
                yield near, far


def passes(near: socket.socket, far: socket.socket) -> bool:
    """Whether the connection still carries anything."""
    with suppress(OSError):
        near.sendall(b"!")
        return bool(far.recv(64))
    return False


def _socket(namespace: str, family: int, kind: int, host: str, port: int) -> socket.socket:
    def make() -> socket.socket:
        made = socket.socket(family, kind)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.settimeout(_PATIENCE)
        made.bind((host, port))
        return made

    return within(namespace, make)
