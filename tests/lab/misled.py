# SPDX-License-Identifier: GPL-2.0-or-later
"""Media that goes astray: real audio of a real call, rewritten on its way out of a namespace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tests.lab.running import RunningLab

ELSEWHERE = "203.0.113.98"
"""An address of the provider that no description names."""


@contextmanager
def misled(lab: RunningLab, namespace: str, rule: str) -> Iterator[None]:
    """While the context lasts, the packets that leave are what this nft rule makes of them, without any memory.

    nat would not do: it lets the answer to a flow go back as the flow came.
    """
    chain = "add chain ip misled astray { type filter hook postrouting priority 300; }"
    lab.run(namespace, "nft", "; ".join(["add table ip misled", chain, f"add rule ip misled astray {rule}"]))
    try:
        yield
    finally:
        lab.run(namespace, "nft", "delete table ip misled")
