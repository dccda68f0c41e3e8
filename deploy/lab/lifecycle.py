# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory's life: up until calls can be placed, down until nothing is left, and what runs in between."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from appliance.system.models import State
from deploy.lab import configuration, peers, processes, registrar, supervision, topology
from deploy.lab.processes import Stage
from deploy.lab.supervision import ProcessFailed
from sipalg_core.contract import names

Say = Callable[[str], None]

_CONTROL_SECONDS: Final = 30.0
_APPLY_SECONDS: Final = 30.0
_REGISTER_SECONDS: Final = 30.0


class LabError(Exception):
    """The laboratory cannot be as asked; the message says why and what to do."""


@dataclass(frozen=True)
class Status:
    """`running` and `stopped` are names of processes; `obstacles` say why no call can be placed, in words."""

    running: dict[str, int]
    stopped: tuple[str, ...]
    obstacles: tuple[str, ...]

    @property
    def callable(self) -> bool:
        return not self.obstacles


@dataclass(frozen=True)
class Lab:
    console: str
    token: str
    namespaces: dict[str, str]
    pids: dict[str, int]


def up(*, traffic: bool, say: Say) -> Lab:
    """Bring up what is missing; returns when calls can be placed. `traffic` decides whether calls are placed."""
    _need_root()
    if not _is_up():
        _clear()
        _need_port()
        try:
            _start(say)
        except BaseException:
            _clear()  # all or nothing; the logs stay
            raise
    for stage in (Stage.APPLIANCE, Stage.MEDIA, Stage.PROVIDER, Stage.PHONES):
        supervision.start(stage)  # what somebody ended meanwhile
    _wait_for_phones()
    if traffic:
        say("traffic: a call every few seconds")
        supervision.start(Stage.TRAFFIC)
    else:
        supervision.stop(Stage.TRAFFIC)
    return Lab(processes.console_url(), configuration.api_token(), dict(topology.NAMESPACES), supervision.pids())


def down() -> None:
    """Leave no namespace, process, rule or socket; the state below var/ stays."""
    _need_root()
    _clear()
    configuration.revoke_tokens()


def status() -> Status:
    """Look, change nothing."""
    _need_root()
    if not (topology.exists() and supervision.running()):
        every = tuple(process.name for process in processes.table())
        return Status({}, every, ("The laboratory is down; deploy/manage lab up starts it.",))
    pids = supervision.pids()
    stopped = tuple(process.name for process in processes.table() if process.name not in pids)
    obstacles = [
        f"{process.name} does not run; its log is {process.log}."
        for process in processes.table()
        if process.name in stopped and process.stage is not Stage.TRAFFIC
    ]
    missing = registrar.missing_users()
    if missing:
        obstacles.append(f"Not registered at the provider: {', '.join(sorted(missing))}.")
    return Status(pids, stopped, tuple(obstacles))


def _is_up() -> bool:
    return topology.exists() and supervision.running() and configuration.has_token()


def _start(say: Say) -> None:
    say(f"network: {' — '.join(topology.NAMESPACES.values())}")
    topology.create()
    processes.prepare()
    supervision.start_supervisor()
    say("appliance: redis, broker, engine, netadmin, worker, beat, web")
    supervision.start(Stage.APPLIANCE)
    _wait_for_appliance()
    say("rules: applying the laboratory's configuration")
    configuration.enter()
    _apply()
    say("provider and phones: registering")
    supervision.start(Stage.MEDIA)
    supervision.wait_until(peers.rtpengine_answers, _CONTROL_SECONDS, "rtpengine", _logs("rtpengine"))
    supervision.start(Stage.PROVIDER)
    supervision.start(Stage.PHONES)
    _wait_for_phones()
    configuration.api_token()


def _clear() -> None:
    supervision.stop_supervisor()
    topology.remove()
    shutil.rmtree(names.run_dir(), ignore_errors=True)


def _wait_for_appliance() -> None:
    for socket_path, who in (
        (names.redis_socket(), "redis"),
        (names.broker_socket(), "broker"),
        (names.engine_socket(), "engine"),
    ):
        supervision.wait_until(socket_path.is_socket, _CONTROL_SECONDS, who, _logs(who))
    supervision.wait_until(_console_answers, _CONTROL_SECONDS, "web", _logs("web"))


def _wait_for_phones() -> None:
    supervision.wait_until(
        lambda: not registrar.missing_users(),
        _REGISTER_SECONDS,
        "the registration of every phone",
        _logs("phone-101", "kamailio", "engine", "broker"),
    )


def _console_answers() -> bool:
    try:
        socket.create_connection(("127.0.0.1", processes.console_port()), 1).close()
    except OSError:
        return False
    return True


def _apply() -> None:
    revision = configuration.apply()
    deadline = time.monotonic() + _APPLY_SECONDS
    while revision.state in {State.PENDING, State.APPLYING}:
        if time.monotonic() > deadline:
            raise ProcessFailed(
                supervision.failure("netadmin", f"did not apply revision {revision.number}", _logs("netadmin"))
            )
        time.sleep(0.1)
        revision.refresh_from_db()
    if revision.state != State.APPLIED:
        raise LabError(f"Revision {revision.number} was refused: {revision.error}")


def _logs(*wanted: str) -> tuple[Path, ...]:
    return tuple(process.log for process in processes.table() if process.name in wanted)


def _need_root() -> None:
    if os.geteuid() != 0:
        raise LabError("The laboratory makes network namespaces, which only root may. Run it as root.")


def _need_port() -> None:
    port = processes.console_port()
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise LabError(
                f"Port {port}, where the console should be, is taken{_by_whom(port)}. "
                f"End that program, or choose another port: PINHOLE_PORT=8080 deploy/run"
            ) from error


def _by_whom(port: int) -> str:
    listening = subprocess.run(
        ["ss", "-Hltnp", f"sport = :{port}"], capture_output=True, text=True, check=False
    ).stdout  # fmt: skip
    _, found, rest = listening.partition('users:(("')
    program, _, pid = rest.partition('"')
    return f" by {program} (process {pid.removeprefix(',pid=').partition(',')[0]})" if found else ""
