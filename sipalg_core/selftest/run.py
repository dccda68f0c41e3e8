# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole self-test: every flow in turn, each told as one JSON line as soon as it is over."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TypedDict

from sipalg_core.contract.policy import PolicyError, read
from sipalg_core.selftest.flows import FLOWS, Flow
from sipalg_core.selftest.parties import Failed
from sipalg_core.selftest.sandbox import Sandbox, SandboxError
from sipalg_core.selftest.stage import Stage


class Result(TypedDict):
    """`detail` says what was seen where it did not go well."""

    flow: str
    title: str
    number: int
    of: int
    ok: bool
    seconds: float
    detail: str


def run(policy_file: Path) -> int:
    """With the operator's timers, limits and handling; 0 where every flow went well."""
    try:
        with Sandbox(read(policy_file)) as sandbox:
            results = [_tell(_result(sandbox, flow, number)) for number, flow in enumerate(FLOWS, 1)]
    except (SandboxError, PolicyError, OSError) as error:
        sys.stdout.write(json.dumps({"error": str(error)}) + "\n")
        return 2
    return 0 if all(result["ok"] for result in results) else 1


def _result(sandbox: Sandbox, flow: Flow, number: int) -> Result:
    began, detail = time.monotonic(), ""
    stage = Stage(sandbox, flow.transport, flow.family)
    try:
        flow.run(stage)
    except Failed as failed:
        detail = str(failed)
    except OSError as error:
        detail = f"{type(error).__name__}: {error}"
    finally:
        stage.close()
    return {
        "flow": flow.name, "title": flow.title, "number": number, "of": len(FLOWS), "ok": not detail,
        "seconds": round(time.monotonic() - began, 3), "detail": detail,
    }  # fmt: skip


def _tell(result: Result) -> Result:
    sys.stdout.write(json.dumps(result) + "\n")
    sys.stdout.flush()
    return result
