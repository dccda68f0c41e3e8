# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy routing: packets with MARK_DIVERT are delivered locally, whatever their destination address."""

from __future__ import annotations

import errno
import os
import socket
from typing import Any, Final

from pyroute2 import IPRoute  # type: ignore[import-untyped]  # has no stubs
from pyroute2.netlink.exceptions import NetlinkError  # type: ignore[import-untyped]  # has no stubs

from sipalg_core.contract.names import DIVERT_ROUTING_TABLE, MARK_DIVERT

_PRIORITY: Final = 100  # before `main` (32766)


def divert() -> None:
    """Idempotent. A kernel without IPv6 is no error: then nothing is diverted there. OSError for anything else."""
    with IPRoute() as routes:
        loopback = routes.link_lookup(ifname="lo")[0]
        routes.link("set", index=loopback, state="up")
        for family, everything in ((socket.AF_INET, "0.0.0.0/0"), (socket.AF_INET6, "::/0")):
            rule: dict[str, Any] = {
                "family": family, "priority": _PRIORITY, "table": DIVERT_ROUTING_TABLE,
                "fwmark": MARK_DIVERT, "fwmask": MARK_DIVERT,
            }  # fmt: skip
            try:
                routes.route(
                    "replace", family=family, dst=everything, oif=loopback, table=DIVERT_ROUTING_TABLE,
                    type="local", scope="host",
                )  # fmt: skip
                routes.rule("add", **rule)
            except NetlinkError as error:
                if error.code == errno.EEXIST:
                    continue
                if family == socket.AF_INET6 and error.code in (errno.EAFNOSUPPORT, errno.EOPNOTSUPP, errno.EACCES):
                    continue
                raise OSError(error.code, f"policy routing: {os.strerror(error.code)}") from error
