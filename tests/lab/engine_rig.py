# SPDX-License-Identifier: GPL-2.0-or-later
"""A real engine without any capability beside the broker of a kernel rig."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time

from tests.lab.kernel_rig import ENGINE_UID, FW, Rig, as_user


class Engine:
    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self._socket = rig.run_dir / "engine.sock"
        self.command = ("ip", "netns", "exec", FW, *as_user(ENGINE_UID), sys.executable, "-m", "sipalg_core", "engine")
        self.log = rig.log.with_name("engine.log")
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=rig.environment, stderr=log)
        deadline = time.monotonic() + 10
        while not self._answers():
            assert self.process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)

    def _answers(self) -> bool:
        """The socket is there a moment before anybody listens at it."""
        try:
            return "revision" in self.ask(op="ping")
        except (FileNotFoundError, ConnectionRefusedError):
            return False

    def ask(self, **request: object) -> dict:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(2)
            connection.connect(str(self._socket))
            connection.send(json.dumps(request).encode() + b"\n")
            with connection.makefile() as answers:
                return json.loads(answers.readline())

    def counters(self) -> dict[str, int]:
        found: dict[str, int] = self.ask(op="snapshot", topic="health")["rows"][0]["counters"]
        return found

    def stop(self) -> None:
        self.process.kill()
        self.process.wait()
