# SPDX-License-Identifier: GPL-2.0-or-later
"""Who is banned, as kernel elements: ban, unban, list. Whether somebody may be is decided elsewhere (`guard`)."""

from __future__ import annotations

from typing import Final

from sipalg_core.broker.layout import FAMILIES, family_of
from sipalg_core.contract.control import Banned
from sipalg_core.contract.names import SIPALG_TABLE
from sipalg_core.nft.elements import Element, ElementTable, Result, pack, unpack

_TOLD: Final = "told"
"""The comment of an element that we put there; those of the rules have none."""


class BanTable:
    """The bans of one `inet sipalg` table."""

    def __init__(self) -> None:
        self._elements = ElementTable(SIPALG_TABLE)

    def ban(self, host: str, seconds: float) -> Result:
        family = family_of(host)
        assert family is not None, host
        return self._elements.change(add=[Element(family.banned.name, pack(host), b"", seconds, _TOLD)])

    def unban(self, host: str) -> Result:
        """Also what was noted of him so far: he begins anew."""
        family = family_of(host)
        assert family is not None, host
        self._elements.change(delete=[Element(family.knocking.name, pack(host))])
        return self._elements.change(delete=[Element(family.banned.name, pack(host))])

    def all(self) -> list[Banned]:
        """Those whose ban lasts longest first."""
        found = [
            Banned(str(unpack(each.key, family.banned.type)[0]), each.expires, each.packets, each.comment == _TOLD)
            for family in FAMILIES
            for each in self._elements.dump(family.banned.name)
        ]
        return sorted(found, key=lambda each: -each.seconds)
