# SPDX-License-Identifier: GPL-2.0-or-later
"""Where a notice may be sent. A name is resolved once, each address judged, and exactly the judged one connected to.

So nobody who may write a webhook's address can make the appliance speak with itself, or with what lies behind it.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from typing import Final

TIMEOUT: Final = 5.0  # seconds, of each step
_NAT64: Final = ipaddress.ip_network("64:ff9b::/96")


class NotAllowed(OSError):
    """The address is none that a notice may go to."""


def address_of(host: str, port: int, *, inside: bool, own: Iterable[str] = ()) -> str:
    """The first address of the host that may be spoken with. Raise NotAllowed, or OSError where it has none."""
    found = [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    ours = {ipaddress.ip_address(each) for each in own}
    for each in found:
        if allowed(each.partition("%")[0], inside=inside, own=ours):
            return each
    raise NotAllowed(f"{host} is {', '.join(dict.fromkeys(found))}, where no notice may be sent")


def allowed(text: str, *, inside: bool, own: Iterable[ipaddress.IPv4Address | ipaddress.IPv6Address] = ()) -> bool:
    """`inside`: private networks are allowed as well; loopback, link-local, multicast and ourselves never are."""
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address) and (address.ipv4_mapped or address in _NAT64):
        return False
    if address in set(own) or (address.version == 4 and address.packed[0] == 0):
        return False
    if (
        address.is_loopback or address.is_link_local or address.is_multicast or address.is_unspecified
        or address.is_reserved
    ):  # fmt: skip
        return False
    return inside or address.is_global


def connected(host: str, port: int, *, inside: bool, own: Iterable[str] = ()) -> socket.socket:
    """Raise OSError."""
    return socket.create_connection((address_of(host, port, inside=inside, own=own), port), TIMEOUT)
