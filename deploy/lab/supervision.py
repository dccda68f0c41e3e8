# SPDX-License-Identifier: GPL-2.0-or-later
"""The supervisor: start it, start and end processes by stage, and say which one failed, with the end of its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final, cast
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]  # has no annotations

from deploy.lab import processes
from deploy.lab.processes import Stage

_LOG_LINES: Final = 15
_RUNNING: Final = "RUNNING"
_GIVEN_UP: Final = {"FATAL", "EXITED", "UNKNOWN"}


class ProcessFailed(Exception):
    """A process does not run as it should; the message names it and shows the end of its log."""


def running() -> bool:
    try:
        return bool(_supervisor().getState()["statename"] == _RUNNING)
    except OSError:
        return False


def start_supervisor() -> None:
    if running():
        return
    subprocess.run(
        [sys.executable, "-m", "supervisor.supervisord", "-c", str(processes.SUPERVISOR_FILE)],
        env=processes.environment(), stdin=subprocess.DEVNULL, check=True, capture_output=True, cwd="/",
    )  # fmt: skip
    wait_until(running, 10, "the supervisor", (processes.LOGS / "supervisor.log",))


def start(stage: Stage) -> None:
    """Start a stage's processes and wait until all of them run."""
    wanted = [process for process in processes.table() if process.stage is stage]
    for process in wanted:
        if states()[process.name] != _RUNNING:
            _ask("startProcess", process.name)
    deadline = time.monotonic() + 20
    while True:
        now = states()
        missing = [process for process in wanted if now[process.name] != _RUNNING]
        if not missing:
            return
        gone = [process for process in missing if now[process.name] in _GIVEN_UP]
        if gone or time.monotonic() > deadline:
            raise ProcessFailed(failure((gone or missing)[0].name, "did not start", ((gone or missing)[0].log,)))
        time.sleep(0.1)


def stop(stage: Stage) -> None:
    for process in processes.table():
        if process.stage is stage:
            _ask("stopProcess", process.name)
    deadline = time.monotonic() + 8
    ended = {"STOPPED", "EXITED", "FATAL"}
    while time.monotonic() < deadline:
        if all(states()[p.name] in ended for p in processes.table() if p.stage is stage):
            return
        time.sleep(0.05)


def stop_supervisor() -> None:
    """End every process, the last stage first, then the supervisor itself."""
    pid = _supervisor_pid()
    if running():
        for stage in reversed(Stage):
            stop(stage)
    if pid is None:
        return
    for sign, patience in ((signal.SIGTERM, 10.0), (signal.SIGKILL, 2.0)):
        try:
            os.kill(pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if _supervisor_pid() is None:
                return
            time.sleep(0.05)


def states() -> dict[str, str]:
    return {str(row["name"]): str(row["statename"]) for row in _rows()}


def pids() -> dict[str, int]:
    """Only of what runs."""
    return {str(row["name"]): int(row["pid"]) for row in _rows() if row["pid"]}


def wait_until(holds: Callable[[], bool], seconds: float, what: str, logs: Iterable[Path]) -> None:
    """Return when `holds`; raise ProcessFailed after `seconds`, with the ends of the logs that may say why."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise ProcessFailed(failure(what, f"was not ready within {seconds:.0f} s", logs))
        time.sleep(0.1)


def failure(what: str, how: str, logs: Iterable[Path]) -> str:
    ends = (f"--- {log}\n{_end_of(log)}" for log in logs)
    return "\n".join((f"{what} {how}.", *ends))


def _end_of(log: Path) -> str:
    try:
        with log.open(errors="replace") as lines:
            return "".join(deque(lines, _LOG_LINES)).rstrip() or "(empty)"
    except FileNotFoundError:
        return "(no such file)"


def _rows() -> list[dict[str, Any]]:
    return cast(list[dict[str, Any]], _supervisor().getAllProcessInfo())


def _supervisor() -> Any:
    transport = SupervisorTransport(None, None, f"unix://{processes.SUPERVISOR_SOCKET}")
    return ServerProxy("http://localhost", transport=transport).supervisor


def _ask(verb: str, name: str) -> None:
    """Start what runs, stop what does not: the supervisor calls that a fault, we look at the state afterwards."""
    try:
        getattr(_supervisor(), verb)(name, False)
    except Fault:
        return


def _supervisor_pid() -> int | None:
    """Of the live supervisor of this laboratory; a stale file or a recycled number is not one."""
    try:
        pid = int(processes.SUPERVISOR_PID.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError, ValueError):
        return None
    return pid if b"supervisor" in command else None
