# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy to nftables transactions for `inet appliance`, and to the ALG's policy. Pure, total and deterministic."""

from __future__ import annotations

from collections.abc import Iterable

from appliance.ruleset.compile.activations import compile_activations
from appliance.ruleset.compile.alg import compile_alg
from appliance.ruleset.compile.chains import rules
from appliance.ruleset.compile.layout import TABLE, Trial, frame, hand_over, revision_chains
from appliance.ruleset.compile.limits import compile_limits
from appliance.ruleset.compile.moving import sets
from appliance.ruleset.policy import Policy
from sipalg_core.nft import ruleset as nft

__all__ = ["TABLE", "Trial", "compile_activations", "compile_alg", "compile_chains", "compile_limits", "compile_nft"]


def compile_chains(policy: Policy) -> nft.Transaction:
    """The revision's own chains, filled anew, and the sets they ask; whether they decide is hand_over's business.

    They ask `live_limits`, too, which compile_limits fills.
    """
    chains = revision_chains(policy.revision)
    return (
        *map(nft.Add, sets(policy)),
        *map(nft.Add, chains.values()),
        *map(nft.Flush, chains.values()),
        *map(nft.Add, rules(policy, chains)),
    )


def compile_nft(policy: Policy, present: Iterable[str] = (), trial: Trial | None = None) -> nft.Transaction:
    """`present` are the names of all chains that the table holds now."""
    return (*frame(), *compile_chains(policy), *hand_over(policy.revision, present, trial))
