# SPDX-License-Identifier: GPL-2.0-or-later
"""How a rule decides where people shall see it: it says who it is, and one chain for each verdict logs and decides.

What is dropped or rejected always goes this way, what is accepted where the rule says so. The lines go to a netlink
group (NFLOG) and not to the kernel's log; a rule has its own limit, so that a flood at one does not hide the others,
and all together have one. What exceeds them is only counted: `log_asked` less the lines that came.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from appliance.ruleset.deciders import KEPT, mark_of
from sipalg_core.contract import names
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

TABLE: Final = nft.Table(names.APPLIANCE_TABLE)
CHAINS: Final = {each: nft.Chain(TABLE, f"verdict_{each}") for each in ("accept", "drop", "reject")}
LOG_METER: Final = nft.Set(TABLE, "log_meter", ("mark",), flags=("dynamic", "timeout"), size=1024)
"""Who has had how many lines; one that finds no place has none."""
LOG_ASKED: Final = nft.NamedCounter(TABLE, names.LOG_ASKED)

# --- Implementation constants ---

_OF_ONE: Final = stm.Limit(10, burst=20)
_OF_ALL: Final = stm.Limit(50, burst=100)
_FORGOTTEN: Final = 10.0  # s after which a rule has its whole burst again
_SNAPLEN: Final = 96  # octets: an IPv6 header and TCP's with some options

_MARK: Final = stm.Field("meta mark")
_DECIDES: Final[dict[str, stm.Statement]] = {"accept": stm.ACCEPT, "drop": stm.DROP, "reject": stm.Reject()}


def decide(verdict: str, key: str, *, logged: bool = True) -> tuple[stm.Statement, ...]:
    """Count and decide; `key` is the rule's in the kernel."""
    if not logged:
        return (stm.Counter(), _DECIDES[verdict])
    says_who = stm.Assign(_MARK, stm.Masked(stm.Masked(_MARK, KEPT), mark_of(key), "|"))
    return (stm.Counter(), says_who, stm.goto(CHAINS[verdict].name))


def chains() -> nft.Transaction:
    """The verdicts' own chains, filled anew."""
    every = tuple(CHAINS.values())
    return (*map(nft.Add, every), *map(nft.Flush, every), *map(nft.Add, _rules()))


def _rules() -> Iterator[nft.Rule]:
    for verdict, chain in CHAINS.items():
        of_one = stm.Update(LOG_METER.name, _MARK, _FORGOTTEN, _OF_ONE)
        line = stm.Log(verdict, names.LOG_GROUP, _SNAPLEN)
        yield nft.Rule(chain, (stm.Counter(LOG_ASKED.name), of_one, _OF_ALL, line))
        yield nft.Rule(chain, (_DECIDES[verdict],))
