# SPDX-License-Identifier: GPL-2.0-or-later
"""What of `inet appliance` no revision changes: its base chains, which revision decides, and for how long on trial.

Base chains are immortal and only hand over: `goto input_r43`. While revision 43 is on trial they say `meta nfproto
@confirm_window goto input_r43` and then `goto input_r42`: when the window's elements time out, the kernel is back at
42 with no process alive. The timeout runs on jiffies, so a clock that is set does not move it, and an element that has
expired cannot be deleted, so a confirmation that comes too late fails as a whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Final

from appliance.ruleset.compile import sampling, verdicts
from sipalg_core.contract import names
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

TABLE: Final = verdicts.TABLE
INPUT: Final = nft.Chain(TABLE, "input_policy", nft.Hook("filter", "input", 0, "drop"))
FORWARD: Final = nft.Chain(TABLE, "forward_policy", nft.Hook("filter", "forward", 0, "drop"))
OUTPUT: Final = nft.Chain(TABLE, "output_policy", nft.Hook("filter", "output", 0))
"""What this device sends is its own affair; only nothing may go on that has ended."""
PREROUTING: Final = nft.Chain(TABLE, "prerouting_policy", nft.Hook("nat", "prerouting", -100))
POSTROUTING: Final = nft.Chain(TABLE, "postrouting_policy", nft.Hook("nat", "postrouting", 100))
ENDED: Final = nft.Chain(TABLE, "ended_policy")
"""Before known flows are accepted: drops those whose rule's time is over."""
HANDOVER: Final = (INPUT, FORWARD, PREROUTING, POSTROUTING, ENDED)
"""Every chain here has its counterpart in each revision."""
ACTIVATIONS: Final = {
    base: nft.Chain(TABLE, f"{base.name.removesuffix('_policy')}_activations")
    for base in (INPUT, FORWARD, PREROUTING, ENDED)
}
"""What acts on top of any revision; asked before it."""
LIVE_ACTIVATIONS: Final = nft.Set(TABLE, "live_activations", ("mark",), flags=("timeout",))
"""Ct marks of the activations that act now; the kernel ends them, by jiffies, whatever the clock says."""
LIVE_LIMITS: Final = nft.Set(TABLE, "live_limits", ("mark",), flags=("timeout",))
"""A number for each rule of a revision whose end has not come; the kernel ends them, by jiffies, too."""
CONFIRM_WINDOW: Final = nft.Set(TABLE, "confirm_window", ("nf_proto",), flags=("timeout",))

LIMIT_BITS: Final = 0xFFFFFFFF & ~(names.MARK_ACCEPT | names.MARK_DIVERT)
"""Of the ct mark: which rules, limited in time, let this connection in (filter.Limit)."""

_WINDOW_KEYS: Final = (("ipv4",), ("ipv6",))
_VOUCHED: Final = stm.Match(stm.Masked(stm.Field("meta mark"), names.MARK_ACCEPT), names.MARK_ACCEPT)
_LIMITED: Final = stm.Match(stm.Masked(stm.Field("ct mark"), LIMIT_BITS), 0, "!=")
_KNOWN_FLOW: Final = stm.Match(stm.Field("ct state"), ("established", "related"))
_INVALID: Final = stm.Match(stm.Field("ct state"), "invalid")
_MIDSTREAM: Final = (
    stm.Match(stm.Field("ct state"), "new"), stm.Match(stm.Masked(stm.Field("tcp flags"), 0x02), 0),
)  # fmt: skip
"""TCP that does not begin with SYN. The kernel would take it for the begin of a connection (`nf_conntrack_tcp_loose`):
one that was closed here would go on as soon as its server sends something, as a connection that the server began."""
_AUTHENTICATED: Final = (
    stm.Match(stm.Field("meta nfproto"), "ipv6"), stm.Match(stm.Field("meta l4proto"), 51),
    stm.Assign(stm.Field("ct label"), names.LABEL_AUTHENTICATED),
)  # fmt: skip
"""For who reads connections (appliance.kernel.conntrack): this one is AH to the rules, whatever conntrack calls it."""
_NEIGHBOUR_DISCOVERY: Final = (
    "nd-neighbor-solicit", "nd-neighbor-advert", "nd-router-solicit", "nd-router-advert",
    "mld-listener-query", "packet-too-big", "time-exceeded", "parameter-problem", "destination-unreachable",
)  # fmt: skip
"""RFC 4890 §4.4: without these IPv6 does not work on the link."""
_DHCPV6: Final = (
    stm.Match(stm.Field("ip6 saddr"), ip_network("fe80::/10")), stm.Match(stm.Field("udp sport"), 547),
    stm.Match(stm.Field("udp dport"), 546),
)  # fmt: skip
"""RFC 8415 §7.2: answers to what was asked of a group, so that conntrack knows of no question. (DHCP for IPv4 is heard
by packet sockets, before any rule.)"""


@dataclass(frozen=True, slots=True)
class Trial:
    """A revision decides for `window` seconds unless it is confirmed; then `fallback` decides again."""

    fallback: int
    window: float


def revision_chain(base: nft.Chain, revision: int) -> nft.Chain:
    return nft.Chain(TABLE, f"{base.name.removesuffix('_policy')}_r{revision}")


def revision_of(chain: str) -> int | None:
    """The revision to which a chain of this name belongs; None for all others."""
    number = chain.rpartition("_r")[2] if "_r" in chain else ""
    return int(number) if number.isdecimal() else None


def revision_chains(revision: int) -> dict[nft.Chain, nft.Chain]:
    return {base: revision_chain(base, revision) for base in HANDOVER}


def holds(present: Iterable[str], revision: int) -> bool:
    """Whether the table that holds these chains has the revision in full: its chains come in one transaction."""
    return {chain.name for chain in revision_chains(revision).values()} <= set(present)


# --- Transactions, or their ends ---


def frame() -> nft.Transaction:
    """The table without a rule that asks anything; what is there already stays."""
    sets = (CONFIRM_WINDOW, LIVE_ACTIVATIONS, LIVE_LIMITS, verdicts.LOG_METER, *sampling.SETS)
    chains = (*HANDOVER, OUTPUT, *ACTIVATIONS.values())
    return (
        nft.Add(TABLE), *map(nft.Add, sets), nft.Add(verdicts.LOG_ASKED), *map(nft.Add, chains), *verdicts.chains()
    )  # fmt: skip


def hand_over(revision: int, present: Iterable[str], trial: Trial | None = None) -> nft.Transaction:
    """Let `revision` decide, on trial or for good, and delete the chains (of those `present`) that nobody needs."""
    frame = (*HANDOVER, OUTPUT, *ACTIVATIONS.values(), *verdicts.CHAINS.values())
    kept = {chain.name for chain in (*frame, *revision_chains(revision).values())}
    if trial:
        kept |= {chain.name for chain in revision_chains(trial.fallback).values()}
    stale = [nft.Chain(TABLE, name) for name in sorted(set(present) - kept)]
    window = (nft.Add(nft.Elements(CONFIRM_WINDOW, _WINDOW_KEYS, trial.window)),) if trial else ()
    return (
        nft.Flush(CONFIRM_WINDOW),
        *window,
        *map(nft.Flush, (*HANDOVER, OUTPUT, *stale)),
        *map(nft.Add, _base_rules(revision, trial)),
        *map(nft.Delete, stale),
    )


def confirm(revision: int, present: Iterable[str]) -> nft.Transaction:
    """Refused as a whole where the window has ended."""
    return (nft.Delete(nft.Elements(CONFIRM_WINDOW, _WINDOW_KEYS)), *hand_over(revision, present))


def extend(window: float) -> nft.Transaction:
    """The window ends in `window` seconds from now; refused as a whole where it has ended."""
    return (
        nft.Delete(nft.Elements(CONFIRM_WINDOW, _WINDOW_KEYS)),
        nft.Add(nft.Elements(CONFIRM_WINDOW, _WINDOW_KEYS, window)),
    )


def _base_rules(revision: int, trial: Trial | None) -> Iterator[nft.Rule]:
    """The ALG's word, known flows and IPv6's own needs, what has been activated, then the revision."""
    yield nft.Rule(INPUT, (stm.Match(stm.Field("iifname"), stm.Interface("lo")), stm.ACCEPT))
    yield from sampling.rules(FORWARD, _VOUCHED)
    for base in (INPUT, FORWARD):
        yield nft.Rule(base, (_VOUCHED, stm.ACCEPT), "auto:alg")
        yield nft.Rule(base, (_LIMITED, stm.jump(ENDED.name)))
        yield nft.Rule(base, (_KNOWN_FLOW, stm.ACCEPT), "auto:known_flow")
        yield nft.Rule(base, _AUTHENTICATED)
        yield nft.Rule(base, (_INVALID, *verdicts.decide("drop", "auto:invalid")), "auto:invalid")
    yield nft.Rule(FORWARD, (*_MIDSTREAM, *verdicts.decide("drop", "auto:invalid")), "auto:invalid")
    elsewhere = stm.Match(stm.Field("oifname"), stm.Interface("lo"), "!=")
    yield nft.Rule(OUTPUT, (elsewhere, *_MIDSTREAM, *verdicts.decide("drop", "auto:invalid", logged=False)))
    discovery = stm.Match(stm.Field("icmpv6 type"), _NEIGHBOUR_DISCOVERY)
    yield nft.Rule(INPUT, (discovery, stm.ACCEPT), "auto:neighbour_discovery")
    yield nft.Rule(INPUT, (*_DHCPV6, stm.ACCEPT), "auto:dhcpv6")
    yield nft.Rule(PREROUTING, (_VOUCHED, stm.ACCEPT), "auto:alg")
    on_trial = stm.Match(stm.Field("meta nfproto"), stm.Named(CONFIRM_WINDOW.name))
    for base in HANDOVER:
        if base in ACTIVATIONS:
            yield nft.Rule(base, (stm.jump(ACTIVATIONS[base].name),))
        if trial:
            yield nft.Rule(base, (on_trial, stm.goto(revision_chain(base, revision).name)), "auto:on_trial")
        deciding = trial.fallback if trial else revision
        yield nft.Rule(base, (stm.goto(revision_chain(base, deciding).name),))
