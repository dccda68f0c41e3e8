# SPDX-License-Identifier: GPL-2.0-or-later
"""Samples of media for the quality page: of a stream a run of packets' headers, then nothing for a while.

A stream has a place in a set for some seconds and in it a bucket of so many packets, which go to a netlink group with
their first octets: no audio. The set has few places, so that thousands of calls cost no more than some dozens; who
finds none is asked again with its next packet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from sipalg_core.contract import names
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm

# --- Implementation constants ---

_EVERY: Final = 10.0  # s between two beginnings of a stream's samples
_RUN: Final = stm.Limit(1, "hour", burst=100)
_STREAMS: Final = 64  # of a family, at once
_SNAPLEN: Final = 60  # octets: an IPv6 header, UDP's and RTP's

_TABLE: Final = nft.Table(names.APPLIANCE_TABLE)
_FAMILIES: Final[tuple[tuple[str, Literal["ip", "ip6"], str], ...]] = (
    ("4", "ip", "ipv4_addr"), ("6", "ip6", "ipv6_addr"),
)  # fmt: skip
_SETS: Final = {
    word: nft.Set(
        _TABLE, f"media_samples_{family}", (kind, "inet_service", kind, "inet_service"), flags=("dynamic", "timeout"),
        size=_STREAMS,
    )
    for family, word, kind in _FAMILIES
}  # fmt: skip
SETS: Final = tuple(_SETS.values())


def rules(chain: nft.Chain, vouched: stm.Match) -> Iterator[nft.Rule]:
    """`vouched` is what the ALG's packets match; they must not have been accepted yet."""
    for word, streams in _SETS.items():
        key = stm.selector(f"{word} saddr", "udp sport", f"{word} daddr", "udp dport")
        sample = stm.Update(streams.name, key, _EVERY, _RUN, renews=False)
        line = stm.Log("media", names.MEDIA_GROUP, _SNAPLEN)
        yield nft.Rule(chain, (vouched, sample, line), "auto:samples")
