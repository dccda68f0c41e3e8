# SPDX-License-Identifier: GPL-2.0-or-later
"""A console of its own for measurements: Redis, a switchboard in the engine's place, the web server, an owner.

Its sockets and its database lie in a directory that goes with it; static files are those that set-up has made.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from tests.lab.kernel_rig import ROOT

PATIENCE: Final = 60.0  # s, for a start on a busy machine


class Console:
    """`address` is where browsers go; `link` signs in once."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._state = place / "state"
        self._state.mkdir()
        (self._state / "static").symlink_to(ROOT / "var/static")
        port = _free_port()
        self.address = f"http://127.0.0.1:{port}"
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "appliance.settings",
            "PINHOLE_RUN": str(place),
            "PINHOLE_STATE": str(self._state),
            "PINHOLE_CONSOLE_ORIGINS": self.address,
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._port = port

    def start(self, calls: int) -> None:
        place, port = self._place, self._port
        self._start("redis", _redis(place / "redis.sock"))
        self._start("engine", (sys.executable, "-m", "tests.bench.switchboard", str(calls)))
        self.manage("migrate", "--no-input", "--verbosity", "0")
        serve = ("uvicorn", "appliance.asgi:application", "--lifespan", "off", "--no-access-log")
        at = ("--host", "127.0.0.1", "--port", str(port), "--log-level", "warning")
        self._start("web", (sys.executable, "-m", *serve, *at))
        self._wait("redis", (place / "redis.sock").is_socket)
        self._wait("engine", lambda: bool(self.ask(op="ping")["ok"]))
        self._wait("web", lambda: socket.create_connection(("127.0.0.1", port), 1).close() is None)

    def ask(self, **question: str) -> Any:
        """The engine's answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(PATIENCE)
            connection.connect(str(self._place / "engine.sock"))
            connection.sendall(json.dumps(question).encode() + b"\n")
            with connection.makefile() as answers:
                return json.loads(answers.readline())

    def tell(self, command: str) -> None:
        """A command to the switchboard."""
        told = self.processes["engine"].stdin
        assert told is not None
        told.write(f"{command}\n".encode())
        told.flush()

    def manage(self, *arguments: str) -> str:
        command = (sys.executable, str(ROOT / "manage.py"), *arguments)
        done = subprocess.run(command, env=self.environment, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def link(self) -> str:
        return self.manage("signin_link").split()[-1]

    def end(self) -> None:
        for process in reversed(self.processes.values()):
            process.terminate()
            process.communicate()

    def _start(self, name: str, command: Sequence[str]) -> None:
        with (self._place / f"{name}.log").open("wb") as log:
            self.processes[name] = subprocess.Popen(
                command, env=self.environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=log, stderr=log
            )

    def _wait(self, name: str, answers: Callable[[], bool]) -> None:
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self.processes[name].poll() is None, (self._place / f"{name}.log").read_text()
            try:
                if answers():
                    return
            except OSError:
                pass
            assert time.monotonic() < deadline, (self._place / f"{name}.log").read_text()
            time.sleep(0.05)


@contextmanager
def console(calls: int) -> Iterator[Console]:
    with tempfile.TemporaryDirectory(prefix="pinhole-bench-") as place:
        made = Console(Path(place))
        try:
            made.start(calls)
            yield made
        finally:
            made.end()


def _redis(path: Path) -> tuple[str, ...]:
    program = shutil.which("redis-server") or shutil.which("valkey-server") or "redis-server"
    keeping_nothing = ("--save", "", "--appendonly", "no", "--dir", str(path.parent))
    return (program, "--port", "0", "--unixsocket", str(path), *keeping_nothing)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
