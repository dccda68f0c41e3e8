# SPDX-License-Identifier: GPL-2.0-or-later
"""Loss and jitter of a call's media as last measured, by direction: in Redis, as long as the engine keeps a call."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import redis
from typing_extensions import TypedDict

from appliance import redis_socket
from appliance.kernel.media_runs import MediaRun
from sipalg_core.contract import names
from sipalg_core.contract.events import OpeningRow

log = logging.getLogger(__name__)

Direction = Literal["in", "out"]
KEPT: Final = 900  # s; a call that has ended is kept by the engine so long


class Figures(TypedDict):
    """Of the last sample; `jitter` in ms, None where the clock of the stream is not known."""

    packets: int
    lost: int
    jitter: float | None


def measured(runs: Iterable[MediaRun], openings: Iterable[OpeningRow]) -> dict[tuple[str, Direction], Figures]:
    """By call and direction; of several runs the last one counts."""
    calls = {row["internal"]: row["call"] for row in reversed(list(openings)) if row["component"] == "rtp"}
    found: dict[tuple[str, Direction], Figures] = {}
    for run in runs:
        ends: tuple[tuple[str, Direction], ...] = ((run["source"], "out"), (run["destination"], "in"))
        for host, direction in ends:
            if host in calls:
                found[calls[host], direction] = {
                    "packets": run["expected"], "lost": run["expected"] - run["received"], "jitter": run["jitter"],
                }  # fmt: skip
                break
    return found


def keep(figures: dict[tuple[str, Direction], Figures]) -> None:
    """Nobody waits for it: where Redis is away they are not shown."""
    client = redis_socket.client()
    try:
        with client.pipeline() as pipeline:
            for (call, direction), each in figures.items():
                pipeline.hset(names.call_figures(call), direction, json.dumps(each))
                pipeline.expire(names.call_figures(call), KEPT)
            pipeline.execute()
    except (redis.RedisError, OSError) as error:
        log.warning("figures of calls were not kept: %s", error)
    finally:
        client.close()


def of(call: str) -> dict[str, Figures]:
    """By direction; {} as well where Redis is away."""
    return of_several([call]).get(call, {})


def of_several(calls: Sequence[str]) -> dict[str, dict[str, Figures]]:
    """Of those that have any, by call and direction."""
    client = redis_socket.client()
    try:
        with client.pipeline(transaction=False) as pipeline:
            for call in calls:
                pipeline.hgetall(names.call_figures(call))
            told: Any = pipeline.execute()
    except (redis.RedisError, OSError) as error:
        log.warning("figures of calls were not read: %s", error)
        return {}
    finally:
        client.close()
    return {
        call: {direction.decode(): json.loads(each) for direction, each in by_direction.items()}
        for call, by_direction in zip(calls, told, strict=True)
        if by_direction
    }
