# SPDX-License-Identifier: GPL-2.0-or-later
"""How long an idle path of SIP is remembered that the ALG has no part in: an exempt server's, or a plain rule's.

What the ALG handles never comes here: it is not forwarded. Without the ALG a call comes in by the connection that the
registration has opened, and the kernel forgets one that was idle for half a minute, or two (nf_conntrack_udp_timeout).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from sipalg_core.broker.layout import FAMILIES, TABLE, Family
from sipalg_core.contract.control import peer_ports
from sipalg_core.contract.policy import AlgPolicy
from sipalg_core.nft.ruleset import Chain, CtTimeout, Rule
from sipalg_core.nft.statements import Field, Match, SetCtTimeout

# --- Implementation constants ---
_PREFIX: Final = "idle_path"


def timeouts(policy: AlgPolicy) -> Iterator[CtTimeout]:
    """One a family, named by its value: a connection keeps the one that it began with."""
    if policy.handling.idle_path:
        yield from (_timeout(family, policy) for family in FAMILIES)


def left_over(listed: list[dict[str, Any]], policy: AlgPolicy) -> list[CtTimeout]:
    """Of the table's objects as nft lists them, those of another policy: no rule gives them any more."""
    names = {each["ct timeout"]["name"] for each in listed if "ct timeout" in each}
    wanted = {each.name for each in timeouts(policy)}
    return [CtTimeout(TABLE, name, "ip", 0) for name in sorted(names - wanted) if name.startswith(_PREFIX)]


def rules(chain: Chain, policy: AlgPolicy) -> Iterator[Rule]:
    """For new connections only; whether they may pass is said by others."""
    ports = tuple(sorted(peer_ports(policy)))
    for family, timeout in zip(FAMILIES, timeouts(policy), strict=False):
        protocol = Match(Field("meta nfproto"), "ipv4" if family.version == 4 else "ipv6")
        new = Match(Field("ct state"), "new")
        sip = Match(Field("udp dport"), ports)
        yield Rule(chain, (protocol, sip, new, SetCtTimeout(timeout.name)), "idle-path")


def _timeout(family: Family, policy: AlgPolicy) -> CtTimeout:
    seconds = policy.handling.idle_path
    return CtTimeout(TABLE, f"{_PREFIX}{family.version}_{seconds}", family.word, seconds)
