# SPDX-License-Identifier: GPL-2.0-or-later
"""Whose datagram it is: the rule that allows a flow, on which side of it each host is, and whose mapping."""

from __future__ import annotations

from typing import Final

from sipalg_core.alg.mappings import Mapping, Mappings, NoPort
from sipalg_core.alg.passage import Refused
from sipalg_core.alg.screening import Screening
from sipalg_core.contract.policy import AlgPolicy, Peering
from sipalg_core.net import Endpoint, Flow, Side

# --- Implementation constants ---
RETRY_AFTER: Final = 10
_ANY_HOST: Final = ("192.0.2.1", "2001:db8::1")  # RFC 5737, RFC 3849: of a family, standing for all of it


class Parties:
    def __init__(self, policy: AlgPolicy, screening: Screening, mappings: Mappings) -> None:
        self.moved = False
        """A policy gave a peering another address of ours: calls that are up keep theirs."""
        self._policy, self._screening, self._mappings = policy, screening, mappings

    def set_policy(self, policy: AlgPolicy, screening: Screening) -> None:
        self.moved |= _outside(policy) != _outside(self._policy)
        self._policy, self._screening = policy, screening

    def of(self, flow: Flow, now: float) -> tuple[Flow, Peering, Mapping]:
        """The flow as its rule sees its sides, the rule, and the internal party's mapping. Raises Refused."""
        if flow.side is Side.INTERNAL:
            found = self._screening.between(flow.source.host, flow.destination.host)
            if found is None:
                raise Refused("no-rule", 0)
            peering, side = found
            if side is Side.INTERNAL:
                return flow, peering, self._claimed(flow.source, peering, now)
            flow = flow._replace(side=side)
        mapping = self._mappings.of_external(flow.destination) or self._routed(flow, now)
        allowed_by = self._screening.peering(mapping.internal.host, flow.source.host)
        if allowed_by is None:
            raise Refused("no-rule", 0)
        mapping.touched = now
        return flow, allowed_by, mapping

    def _routed(self, flow: Flow, now: float) -> Mapping:
        """What is for a host that keeps its own address needs no mapping that was made before. Raises Refused."""
        internal, provider = flow.destination, flow.source.host
        peering = self._screening.peering(internal.host, provider)
        if peering is None or peering.translates(internal.host):
            raise Refused("no-mapping", 480 if self._screening.is_provider(provider) else 0)
        return self._claimed(internal, peering, now)

    def _claimed(self, internal: Endpoint, peering: Peering, now: float) -> Mapping:
        try:
            return self._mappings.claim(internal, self._policy.outside_of(peering, internal.host), now)
        except NoPort as error:
            raise Refused(str(error), retry_after=RETRY_AFTER) from error


def _outside(policy: AlgPolicy) -> dict[str, tuple[str | None, ...]]:
    """By which address each rule's hosts are known outside."""
    return {each.rule: tuple(policy.outside_of(each, host) for host in _ANY_HOST) for each in policy.peerings}
