# SPDX-License-Identifier: GPL-2.0-or-later
"""By which addresses the console is reached where nobody names any: those of this machine, private ones first.

Read from /proc: the console's unit has no netlink. No Django here: the settings ask.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final

_IPV4: Final = Path("/proc/net/fib_trie")
_IPV6: Final = Path("/proc/net/if_inet6")
_OWN: Final = "/32 host LOCAL"
"""What the kernel writes below an address of its own."""


def origins(port: int) -> list[str]:
    """The first is what one-time links begin with."""
    found = sorted(set(_own()), key=lambda host: (host.is_loopback, not host.is_private, host.version, int(host)))
    hosts = [f"[{host}]" if host.version == 6 else str(host) for host in found if not host.is_link_local]
    return [f"https://{host}:{port}" for host in (*hosts, socket.gethostname().lower(), "localhost") if host]


def _own() -> Iterator[IPv4Address | IPv6Address]:
    yield from ipv4(_IPV4.read_text() if _IPV4.exists() else "")
    yield from ipv6(_IPV6.read_text() if _IPV6.exists() else "")


def ipv4(trie: str) -> Iterator[IPv4Address | IPv6Address]:
    """A leaf is `|-- 192.168.0.1`, what it is stands in the lines below."""
    leaf = ""
    for line in trie.splitlines():
        if "|--" in line:
            leaf = line.partition("|--")[2].strip()
        elif leaf and line.strip() == _OWN:
            yield ip_address(leaf)


def ipv6(table: str) -> Iterator[IPv4Address | IPv6Address]:
    for line in table.splitlines():
        yield IPv6Address(int(line.split()[0], 16))
