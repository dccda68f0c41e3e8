# SPDX-License-Identifier: GPL-2.0-or-later
"""One test from its question to its last result: `python -m appliance.probes JOB QUESTION` (JSON)."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from typing import Any, Final, cast

from appliance import redis_socket
from appliance.probes import hosts, reach, sip, stun
from appliance.probes.results import ENDED, KEPT, LONGEST, Kind, Question, Said, job_key, said
from sipalg_core.contract import names

PROBES: Final[dict[Kind, Callable[[Question], Iterator[Said]]]] = {
    "options": sip.options,
    "dns": hosts.lookups,
    "ping": reach.ping,
    "trace": reach.trace,
    "stun": stun.binding,
}
_TIMEOUT: Final = 1.0  # s; Redis is on this machine


class OutOfTime(Exception):
    pass


def main(job: str, question: Question) -> None:
    client = redis_socket.client(_TIMEOUT)
    key = job_key(job, names.NODE)

    def tell(result: Said) -> None:
        client.rpush(key, json.dumps(result))
        client.expire(key, KEPT)

    signal.signal(signal.SIGALRM, _out_of_time)
    signal.alarm(LONGEST)
    try:
        for result in PROBES[question["kind"]](question):
            tell(result)
    except OutOfTime:
        tell(said("out-of-time", "warning", seconds=LONGEST))
    except OSError as error:
        tell(said("failed", "error", error=error.strerror or type(error).__name__))
    signal.alarm(0)
    tell(said(ENDED))


def _out_of_time(_number: int, _frame: Any) -> None:
    raise OutOfTime


if __name__ == "__main__":
    main(sys.argv[1], cast(Question, json.loads(sys.argv[2])))
