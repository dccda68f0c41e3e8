# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's network interfaces as values: name, state, addresses as found. Reads only; runs in netadmin."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

from pyroute2 import IPRoute  # type: ignore[import-untyped]  # has no annotations
from pyroute2.ethtool.ethtool import Ethtool  # type: ignore[import-untyped]

# --- Specification: linux/if.h, linux/if_addr.h, linux/rtnetlink.h ---

_IFF_UP: Final = 0x1
_LINK_SCOPE: Final = 253
_SECONDARY, _DAD_FAILED, _DEPRECATED, _TENTATIVE, _PERMANENT = 0x01, 0x08, 0x20, 0x40, 0x80
_FOREVER: Final = 0xFFFFFFFF
_NUD: Final = {0x02: "reachable", 0x04: "stale", 0x08: "delay", 0x10: "probe", 0x20: "failed", 0x80: "permanent"}
"""linux/neighbour.h; what is incomplete, or needs no address (NUD_NOARP), says nothing of a host."""


@dataclass(frozen=True, slots=True)
class Held:
    """An address of an interface. `static` as found: whoever set it gave it no end; DHCP does."""

    address: str  # "203.0.113.2/24"
    static: bool
    left: int | None = None  # seconds; None without end
    usable: bool = True  # not merely for the link, not deprecated, not being checked (RFC 4862)


@dataclass(frozen=True, slots=True)
class Link:
    name: str
    kind: str  # "veth", "bridge", … "" for hardware
    mac: str
    mtu: int
    up: bool  # somebody switched it on
    carrier: bool  # a cable is plugged in, and somebody is at its other end
    state: str  # RFC 2863: "up", "down", "dormant" …
    speed: int | None  # Mbit/s
    changes: int  # how often the carrier came and went
    gateway: str  # the default route's, "" where it has none
    held: tuple[Held, ...] = ()

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(each.address for each in self.held if each.usable)

    def plain(self) -> dict[str, Any]:
        """JSON values."""
        return asdict(self)


def read() -> list[Link]:
    """All but the loopback, by name."""
    with IPRoute() as kernel:
        links, addresses, routes = kernel.get_links(), kernel.get_addr(), _default_routes(kernel)
    speeds = _speeds([each.get_attr("IFLA_IFNAME") for each in links])
    found = [_link(each, addresses, routes, speeds) for each in links if each.get_attr("IFLA_IFNAME") != "lo"]
    return sorted(found, key=lambda link: link.name)


def neighbours() -> list[dict[str, str]]:
    """Hosts that the kernel spoke with or tried to (ARP, RFC 4861): address, MAC, interface, how sure it is."""
    with IPRoute() as kernel:
        names = {each["index"]: each.get_attr("IFLA_IFNAME") for each in kernel.get_links()}
        known = kernel.get_neighbours()
    return [
        {
            "address": each.get_attr("NDA_DST"), "mac": each.get_attr("NDA_LLADDR") or "",
            "interface": names.get(each["ifindex"], ""), "state": _NUD.get(each["state"], "none"),
        }
        for each in known
        if each.get_attr("NDA_DST") and each["state"] in _NUD
    ]  # fmt: skip


def preferred(found: Sequence[str], configured: Sequence[str]) -> tuple[str, ...]:
    """What is there, those first that the configuration names, in its order: the first of a family is announced."""
    named = [each for each in configured if each in found]
    return (*named, *(each for each in found if each not in named))


def _link(link: Any, addresses: Iterable[Any], routes: dict[int, str], speeds: dict[str, int]) -> Link:
    name, index = link.get_attr("IFLA_IFNAME"), link["index"]
    info = link.get_attr("IFLA_LINKINFO")
    return Link(
        name=name,
        kind=(info and info.get_attr("IFLA_INFO_KIND")) or "",
        mac=link.get_attr("IFLA_ADDRESS") or "",
        mtu=link.get_attr("IFLA_MTU") or 0,
        up=bool(link["flags"] & _IFF_UP),
        carrier=bool(link.get_attr("IFLA_CARRIER")),
        state=str(link.get_attr("IFLA_OPERSTATE") or "unknown").lower(),
        speed=speeds.get(name),
        changes=link.get_attr("IFLA_CARRIER_CHANGES") or 0,
        gateway=routes.get(index, ""),
        held=tuple(_held(each) for each in addresses if each["index"] == index),
    )


def _held(address: Any) -> Held:
    host = address.get_attr("IFA_LOCAL") or address.get_attr("IFA_ADDRESS")
    flags = address.get_attr("IFA_FLAGS") or 0
    times = address.get_attr("IFA_CACHEINFO") or {"ifa_valid": _FOREVER}
    temporary = ":" in host and flags & _SECONDARY  # RFC 8981
    unusable = temporary or flags & (_DAD_FAILED | _DEPRECATED | _TENTATIVE) or address["scope"] >= _LINK_SCOPE
    return Held(
        address=str(ipaddress.ip_interface(f"{host}/{address['prefixlen']}")),
        static=bool(flags & _PERMANENT),
        left=None if times["ifa_valid"] == _FOREVER else int(times["ifa_valid"]),
        usable=not unusable,
    )


def _default_routes(kernel: Any) -> dict[int, str]:
    return {
        route.get_attr("RTA_OIF"): route.get_attr("RTA_GATEWAY") or ""
        for route in kernel.get_default_routes()
        if route.get_attr("RTA_OIF")
    }


def _speeds(names: Iterable[str]) -> dict[str, int]:
    """Of those that know theirs; a link without carrier, or a virtual one, may not."""
    found: dict[str, int] = {}
    with Ethtool() as tool:
        for name in names:
            try:
                speed = tool.get_link_mode(name).speed
            except Exception:  # noqa: BLE001, S112  # pyroute2 has no one class for "this link has none"
                continue
            if isinstance(speed, int) and 0 < speed < 0xFFFFFFFF:
                found[name] = speed
    return found
