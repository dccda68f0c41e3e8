# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory's wires: network namespaces, links, addresses and routes; nothing of the machine's own network.

      ph-lan                               ph-fw                                  ph-wan
    the inside                         the appliance                           the outside
  ┌────────────────┐      ┌──────────────────────────────────────┐      ┌──────────────────────────┐
  │ .2   PBX       │      │                                      │      │ .1   provider (SIP)      │
  │ .10  phone 101 │      │   lan0                       wan0    │      │ .3   its second server   │
  │ .11  phone 102 ├──────┤ 192.168.0.1            203.0.113.2   ├──────┤ .99  its RTP proxy       │
  │ .12  phone 103 │uplink│ fd00:a::1            2001:db8:a::2   │uplink│ .20 .21  its subscribers │
  │ .66  a PC      │      │                                      │      │ .66  a stranger          │
  │ 192.168.0.0/24 │      │        forwarding, IPv4 and IPv6     │      │ .80  support company     │
  └────────────────┘      └──────────────────────────────────────┘      └──────────────────────────┘
                                                                                203.0.113.0/24

The outside has no route to 192.168.0.0/24: an answer comes back only if the appliance translated the question.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pyroute2 import netns  # type: ignore[import-untyped]  # has no annotations

_PREFIX: Final = os.environ.get("PINHOLE_LAB", "ph")
"""Two laboratories on one machine need another prefix, PINHOLE_RUN and PINHOLE_PORT each."""
LAN: Final = f"{_PREFIX}-lan"
FW: Final = f"{_PREFIX}-fw"
WAN: Final = f"{_PREFIX}-wan"
NAMESPACES: Final = {"lan": LAN, "fw": FW, "wan": WAN}

PBX: Final = "192.168.0.2"
PHONES: Final = ("192.168.0.10", "192.168.0.11", "192.168.0.12")
PC: Final = "192.168.0.66"
APPLIANCE_INSIDE: Final = "192.168.0.1"
APPLIANCE_OUTSIDE: Final = "203.0.113.2"
PROVIDER: Final = "203.0.113.1"
PROVIDER_SECOND: Final = "203.0.113.3"
PROVIDER_MEDIA: Final = "203.0.113.99"
SUBSCRIBERS: Final = ("203.0.113.20", "203.0.113.21")
STRANGER: Final = "203.0.113.66"
SUPPORT: Final = "203.0.113.80"

LINKS: Final = {LAN: "lan0", WAN: "wan0"}
"""The name of the appliance's end; the other end is `uplink`."""

ADDRESSES: Final = {
    (FW, "lan0"): (f"{APPLIANCE_INSIDE}/24", "fd00:a::1/64"),
    (FW, "wan0"): (f"{APPLIANCE_OUTSIDE}/24", "2001:db8:a::2/64"),
    (LAN, "uplink"): (*(f"{host}/24" for host in (PBX, *PHONES, PC)), "fd00:a::2/64"),
    (WAN, "uplink"): (
        *(f"{host}/24" for host in (PROVIDER, PROVIDER_SECOND, PROVIDER_MEDIA, *SUBSCRIBERS, STRANGER, SUPPORT)),
        "2001:db8:a::1/64",
    ),
}

OWNERS: Final = {host: 59100 + int(host.rpartition(".")[2]) for host in (PBX, *PHONES)}
"""Which user a phone's program is. It sends RTP from a socket bound to no address, for which the kernel would take the
interface's first; a route for each user gives each phone its own."""

DEFAULT_ROUTES: Final = {LAN: (APPLIANCE_INSIDE, "fd00:a::1")}

_NAMESPACE_FILES: Final = Path("/run/netns")


class TopologyError(Exception):
    """The kernel refused a link, an address or a namespace; the message holds its words."""


def exists() -> bool:
    return all((_NAMESPACE_FILES / name).exists() for name in NAMESPACES.values())


def create() -> None:
    """Build what is missing; a half-built laboratory is torn down first."""
    if exists():
        return
    remove()
    for name in NAMESPACES.values():
        _ip("netns", "add", name)
        _ip("-n", name, "link", "set", "lo", "up")
    for name, link in LINKS.items():
        _ip("-n", FW, "link", "add", link, "type", "veth", "peer", "name", "uplink", "netns", name)
    for (name, link), addresses in ADDRESSES.items():
        for address in addresses:
            # nodad: an IPv6 address is usable at once, nobody else can have it here.
            _ip("-n", name, "address", "add", address, "dev", link, *(("nodad",) if ":" in address else ()))
        _ip("-n", name, "link", "set", link, "up")
    for name, gateways in DEFAULT_ROUTES.items():
        for gateway in gateways:
            _ip("-n", name, "route", "add", "default", "via", gateway)
    for host, user in OWNERS.items():
        _ip("-n", LAN, "rule", "add", "uidrange", f"{user}-{user}", "lookup", str(user))
        _ip("-n", LAN, "route", "add", "default", "via", APPLIANCE_INSIDE, "src", host, "table", str(user))
    for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"):
        _run("ip", "netns", "exec", FW, "sysctl", "-q", "-w", setting)


def remove() -> None:
    """End what still runs in the namespaces and remove them; links, rules and sets go with them."""
    for name in NAMESPACES.values():
        if (_NAMESPACE_FILES / name).exists():
            _end_processes(name)
            _ip("netns", "delete", name)


@contextmanager
def inside(namespace: str) -> Iterator[None]:
    """Work in a namespace (this thread only): a socket made here stays there."""
    netns.pushns(namespace)
    try:
        yield
    finally:
        netns.popns()


def connect(namespace: str, address: tuple[str, int], timeout: float = 3.0) -> socket.socket:
    with inside(namespace):
        return socket.create_connection(address, timeout)


def command_in(namespace: str, *argv: str) -> list[str]:
    """The command line that runs `argv` in a namespace."""
    return ["nsenter", f"--net={_NAMESPACE_FILES / namespace}", "--", *argv]


def _end_processes(namespace: str) -> None:
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for pid in _processes(namespace):
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                continue  # ended by itself meanwhile
        deadline = time.monotonic() + 3
        while _processes(namespace):
            if time.monotonic() > deadline:
                break
            time.sleep(0.05)


def _processes(namespace: str) -> list[int]:
    return [int(pid) for pid in _run("ip", "netns", "pids", namespace).split()]


def _ip(*arguments: str) -> str:
    return _run("ip", *arguments)


def _run(*argv: str) -> str:
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TopologyError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout
