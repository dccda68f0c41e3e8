# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine asks its shell to do. Values only; the order of a list of effects is its meaning.

An `OpenPinhole` stands before the `Forward` whose SDP announces it, and the shell does not go on before the broker has
confirmed. Where the broker refuses, the shell calls `Engine.pinhole_failed`, and drops the rest of a message's list; of
what no message asked for the rest is done.
"""

from __future__ import annotations

from dataclasses import dataclass

from sipalg_core.contract.control import Pinhole
from sipalg_core.contract.events import Topic
from sipalg_core.net import Endpoint, Side, Transport


@dataclass(frozen=True, slots=True)
class Forward:
    """Send `data` from `source` (an address of ours or the peer's) to `destination`, out of the given side."""

    data: bytes
    transport: Transport
    side: Side
    source: Endpoint
    destination: Endpoint


@dataclass(frozen=True, slots=True)
class OpenPinhole:
    """Open it, or renew one with the same id."""

    pinhole: Pinhole


@dataclass(frozen=True, slots=True)
class ClosePinhole:
    """`makes_room`: for what was opened before it in the list; where that failed it stays open."""

    pinhole: Pinhole
    makes_room: bool = False


@dataclass(frozen=True, slots=True)
class Changed:
    """A row of a live topic is new, different or gone: the publisher asks `Engine.row` when it flushes."""

    topic: Topic
    id: str


@dataclass(frozen=True, slots=True)
class Ban:
    """Let the kernel drop what is new from this external host, for so many seconds."""

    host: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Listen:
    """Take signalling at this endpoint of ours from now on: a message that follows announces it."""

    at: Endpoint
    transport: Transport


Effect = Forward | OpenPinhole | ClosePinhole | Changed | Ban | Listen
