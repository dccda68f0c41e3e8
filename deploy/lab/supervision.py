# SPDX-License-Identifier: GPL-2.0-or-later
"""The supervisor: start it, start and end processes by stage, and say which one failed, with the end of its log."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, cast
from xmlrpc.client import Fault, ServerProxy

from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]  # has no annotations

from deploy.lab import processes
from deploy.lab.processes import Stage

_LOG_LINES: Final = 15
_RUNNING: Final = "RUNNING"
_GIVEN_UP: Final = {"FATAL", "EXITED", "UNKNOWN"}
_ENDED: Final = {"STOPPED", "EXITED", "FATAL"}


class ProcessFailed(Exception):
    """A process does not run as it should; the message names it and shows the end of its log."""


def running() -> bool:
    try:
        with _supervisor() as supervisor:
            return bool(supervisor.getState()["statename"] == _RUNNING)
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
    start_processes(*(process.name for process in processes.table() if process.stage is stage))


def stop(stage: Stage) -> None:
    stop_processes(*(process.name for process in processes.table() if process.stage is stage))


def start_processes(*names: str) -> None:
    """Start those that do not run, and wait until all of them do; raise ProcessFailed for one that gives up."""
    logs = {process.name: process.log for process in processes.table()}
    for name in names:
        if states()[name] != _RUNNING:
            _ask("startProcess", name)
    deadline = time.monotonic() + 20
    while True:
        now = states()
        missing = [name for name in names if now[name] != _RUNNING]
        if not missing:
            return
        gone = [name for name in missing if now[name] in _GIVEN_UP]
        if gone or time.monotonic() > deadline:
            name = (gone or missing)[0]
            raise ProcessFailed(failure(name, "did not start", (logs[name],)))
        time.sleep(0.1)


def stop_processes(*names: str) -> None:
    """End them; they stay ended until somebody starts them."""
    for name in names:
        _ask("stopProcess", name)
    deadline = time.monotonic() + 8
    while time.monotonic() < deadline:
        now = states()
        if all(now[name] in _ENDED for name in names):
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
    with _supervisor() as supervisor:
        return cast(list[dict[str, Any]], supervisor.getAllProcessInfo())


@contextmanager
def _supervisor() -> Iterator[Any]:
    transport = SupervisorTransport(None, None, f"unix://{processes.SUPERVISOR_SOCKET}")
    with ServerProxy("http://localhost", transport=transport) as server:
        yield server.supervisor


def _ask(verb: str, name: str) -> None:
    """Start what runs, stop what does not: the supervisor calls that a fault, we look at the state afterwards."""
    try:
        with _supervisor() as supervisor:
            getattr(supervisor, verb)(name, False)
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
