# SPDX-License-Identifier: GPL-2.0-or-later
"""Media that fits no pinhole, as the kernel noted it: the answer to "where do they send instead?"."""

from __future__ import annotations

from sipalg_core.broker.layout import FAMILIES
from sipalg_core.contract.control import Stray
from sipalg_core.contract.names import SIPALG_TABLE
from sipalg_core.net import Endpoint, Side
from sipalg_core.nft.elements import ElementTable, unpack


class Strays:
    def __init__(self) -> None:
        self._elements = ElementTable(SIPALG_TABLE)

    def seen(self) -> list[Stray]:
        """Of the last seconds; none of a set that keeps changing under the reader."""
        found: dict[tuple[Endpoint, Endpoint], Stray] = {}
        for family in FAMILIES:
            for side, noted in (
                (Side.EXTERNAL, family.strays_in), (Side.EXTERNAL, family.heard), (Side.INTERNAL, family.strays_out)
            ):  # fmt: skip
                for some in self._elements.tallies(noted.name):
                    for key, tally in some.items():
                        shost, sport, dhost, dport = unpack(key, noted.type)
                        source, destination = Endpoint(str(shost), int(sport)), Endpoint(str(dhost), int(dport))
                        found[source, destination] = Stray(side, source, destination, tally.packets)
        return list(found.values())
