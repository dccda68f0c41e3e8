# SPDX-License-Identifier: GPL-2.0-or-later
"""Three hosts in namespaces of our own, with a real broker and a real engine in the middle one.

    phone 192.168.0.10 ── lan0 192.168.0.1 [ we ] 203.0.113.2 wan0 ── provider 203.0.113.1, media .99, stranger .66
            fd00:a::10 ──      fd00:a::1            2001:db8:a::2      ── 2001:db8:a::1, ::99, ::66

A user namespace gives its root the right to do all of that inside, and to nothing outside; everything ends with us.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from ipaddress import ip_network
from pathlib import Path
from typing import Final, Self, TypeVar

from sipalg_core.contract.names import APPLIANCE_TABLE, MARK_ACCEPT
from sipalg_core.contract.policy import AlgPolicy, Interface, Peering, dump
from sipalg_core.net import Side

T = TypeVar("T")

LAN, WAN = "lan", "wan"
INSIDE: Final = {4: "192.168.0.10", 6: "fd00:a::10"}
OURS: Final = {4: "203.0.113.2", 6: "2001:db8:a::2"}
PROVIDER: Final = {4: "203.0.113.1", 6: "2001:db8:a::1"}
MEDIA: Final = {4: "203.0.113.99", 6: "2001:db8:a::99"}
STRANGER: Final = {4: "203.0.113.66", 6: "2001:db8:a::66"}

_ADDRESSES: Final = {
    ("", "lan0"): ("192.168.0.1/24", "fd00:a::1/64"),
    ("", "wan0"): (f"{OURS[4]}/24", f"{OURS[6]}/64"),
    (LAN, "uplink"): (f"{INSIDE[4]}/24", f"{INSIDE[6]}/64"),
    (WAN, "uplink"): tuple(f"{host[4]}/24" for host in (PROVIDER, MEDIA, STRANGER))
    + tuple(f"{host[6]}/64" for host in (PROVIDER, MEDIA, STRANGER)),
}
_EVERY_USER: Final = "4294967295"  # as many as the machine's own user namespace maps (user_namespaces(7))
_START_SECONDS: Final = 10.0
_CLONE_NEWNET: Final = 0x40000000

# What every firewall does that lets nothing in and knows of us only the mark.
_OPERATOR: Final = f"""
table inet {APPLIANCE_TABLE} {{
  chain input_base {{ type filter hook input priority 0; policy drop;
    iifname lo accept
    meta l4proto ipv6-icmp accept
    meta mark & {MARK_ACCEPT:#x} != 0 accept
  }}
  chain forward_base {{ type filter hook forward priority 0; policy drop;
    ct state established,related accept
    meta mark & {MARK_ACCEPT:#x} != 0 accept
  }}
  chain postrouting_base {{ type nat hook postrouting priority 100; policy accept; oifname wan0 masquerade; }}
}}
"""


class SandboxError(Exception):
    """The sandbox cannot be made on this machine; the message says what is missing."""


def inside(*arguments: str) -> tuple[str, ...]:
    """The command that runs `python -m sipalg_core` with these arguments as root of namespaces of its own."""
    spaces = ("unshare", "--user", "--map-root-user", "--net", "--fork", "--kill-child", "--")
    return (*spaces, sys.executable, "-m", "sipalg_core", *arguments)


class Sandbox:
    """Made by whoever is root of namespaces of his own (`inside`); `policy` gives timers, limits and handling."""

    def __init__(self, policy: AlgPolicy) -> None:
        self._closing = ExitStack()
        self._folder = Path()
        self._spaces: dict[str, int] = {}  # a process in each of the other hosts
        self._policy = _sandboxed(policy)

    def __enter__(self) -> Self:
        try:
            self._build()
            self._start("broker", "--engine-uid=0", "--netadmin-uid=0")
            self._engine = self._start("engine")
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(self, *_outcome: object) -> None:
        self._closing.close()

    def _build(self) -> None:
        if os.getuid() or Path("/proc/self/uid_map").read_text().split()[2] == _EVERY_USER:
            raise SandboxError("This is no sandbox: the self-test must be started in namespaces of its own.")
        for space in (LAN, WAN):
            self._spaces[space] = self._space()
        for link, space in (("lan0", LAN), ("wan0", WAN)):
            self._ip("", "link", "add", link, "type", "veth", "peer", "name", "uplink")
            self._ip("", "link", "set", "uplink", "netns", str(self._spaces[space]))
        for space in ("", LAN, WAN):
            self._ip(space, "link", "set", "lo", "up")
        for (space, link), addresses in _ADDRESSES.items():
            for address in addresses:
                self._ip(space, "addr", "add", address, "dev", link, *(("nodad",) if ":" in address else ()))
            self._ip(space, "link", "set", link, "up")
        for gateway in ("192.168.0.1", "fd00:a::1"):
            self._ip(LAN, "route", "add", "default", "via", gateway)
        for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
            _run("sysctl", "-qw", setting)
        _run("nft", "-f", "-", stdin=_OPERATOR)
        self._folder = Path(self._closing.enter_context(tempfile.TemporaryDirectory(prefix="pinhole-")))
        (self._folder / "policy.json").write_bytes(dump(self._policy))

    def _space(self) -> int:
        """A network namespace that lives as long as a process in it, whose id is returned."""
        sleeper = subprocess.Popen(("unshare", "--net", "--", "sleep", "infinity"))
        self._closing.callback(_end, sleeper)
        deadline = time.monotonic() + _START_SECONDS
        while _namespace(sleeper.pid) == _namespace(os.getpid()):
            if sleeper.poll() is not None or time.monotonic() > deadline:
                raise SandboxError("A network namespace for the self-test could not be made.")
            time.sleep(0.005)
        return sleeper.pid

    def _ip(self, space: str, *words: str) -> None:
        entered = ("nsenter", f"--net=/proc/{self._spaces[space]}/ns/net") if space else ()
        _run(*entered, "ip", *words)

    def within(self, space: str, make: Callable[[], T]) -> T:
        """Run it in a thread that has entered the host: a socket made there stays there."""

        def entered() -> T:
            with open(f"/proc/{self._spaces[space]}/ns/net") as handle:
                if ctypes.CDLL(None, use_errno=True).setns(handle.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {space}")
            return make()

        with ThreadPoolExecutor(1) as pool:
            return pool.submit(entered).result()

    def restart_engine(self) -> None:
        """Kill it as a fault would, and start another."""
        _end(self._engine)
        self._engine = self._start("engine")

    def _start(self, process: str, *arguments: str) -> subprocess.Popen[bytes]:
        """A process of the ALG; returns when it answers at its socket."""
        folder = str(self._folder)
        environment = {**os.environ, "PINHOLE_RUN": folder, "PINHOLE_STATE": folder, "PINHOLE_LOG": "ERROR"}
        ready = self._folder / f"{process}.sock"
        ready.unlink(missing_ok=True)
        started = subprocess.Popen((sys.executable, "-m", "sipalg_core", process, *arguments), env=environment)
        self._closing.callback(_end, started)
        deadline = time.monotonic() + _START_SECONDS
        while not ready.exists():
            if started.poll() is not None or time.monotonic() > deadline:
                raise SandboxError(f"The {process} of the self-test did not start.")
            time.sleep(0.02)
        return started


def _namespace(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/net")


def made(kind: socket.SocketKind, host: str, port: int) -> socket.socket:
    """A bound socket in the namespace where it is called."""
    result = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    result.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    result.bind((host, port))
    return result


def _sandboxed(policy: AlgPolicy) -> AlgPolicy:
    """The operator's settings, between our own two parties."""
    peering = Peering(
        "rule:selftest", "self-test",
        tuple(ip_network(host) for host in INSIDE.values()), tuple(ip_network(host) for host in PROVIDER.values()),
        media=tuple(ip_network(host) for host in MEDIA.values()), symmetric_media=True,
    )  # fmt: skip
    interfaces = (
        Interface("lan0", Side.INTERNAL, ("192.168.0.1", "fd00:a::1"),
                  (ip_network("192.168.0.0/24"), ip_network("fd00:a::/64"))),
        Interface("wan0", Side.EXTERNAL, tuple(OURS.values()),
                  (ip_network("203.0.113.0/24"), ip_network("2001:db8:a::/64"))),
    )  # fmt: skip
    timers = replace(policy.timers, teardown=min(policy.timers.teardown, 1))  # so that nobody waits for the end
    return AlgPolicy(
        1, True, interfaces, (peering,), policy.media_ports, policy.signalling_ports, timers, policy.limits,
        policy.handling,
    )  # fmt: skip


def _run(*command: str, stdin: str | None = None) -> None:
    try:
        subprocess.run(command, input=stdin, capture_output=True, text=True, check=True)
    except FileNotFoundError as error:
        raise SandboxError(f"{command[0]} is not installed.") from error
    except subprocess.CalledProcessError as error:
        raise SandboxError(f"{' '.join(command[:6])}: {error.stderr.strip()}") from error


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
