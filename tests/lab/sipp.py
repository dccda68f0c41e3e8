# SPDX-License-Identifier: GPL-2.0-or-later
"""sipp as a party: one run of a scenario in a namespace, and how it ended."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Final

from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import within

SCENARIOS: Final = Path(__file__).parent / "scenarios"
PATIENCE: Final = 40  # seconds


class Sipp:
    """`scenario` is one of sipp's own ("uac", "uas") or a file of `scenarios`. Its domain is a name or a provider."""

    def __init__(
        self, namespace: str, scenario: str, at: Endpoint, *, to: Endpoint | None = None, transport: str = "udp",
        user: str = "sipp", service: str = "service", domain: str = "provider.example", media: int = 6000,
        calls: int = 1, more: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        self._folder = tempfile.TemporaryDirectory(prefix="sipp-")
        self.errors = Path(self._folder.name) / "errors"
        self.output = Path(self._folder.name) / "output"
        own = SCENARIOS / f"{scenario}.xml"
        host = f"[{at.host}]" if ":" in at.host else at.host
        command = [
            "sipp", *(("-sf", str(own)) if own.exists() else ("-sn", scenario)), "-i", host, "-p", str(at.port),
            "-mi", host, "-mp", str(media), "-t", "t1" if transport == "tcp" else "u1", "-m", str(calls), "-nostdin",
            "-timeout", str(PATIENCE), "-timeout_error", "-trace_err", "-error_file", str(self.errors),
            "-reconnect_close", "false",  # who has heard the answer to its BYE may leave
            "-key", "me", user, "-key", "domain", domain, "-s", service, *more,
        ]  # fmt: skip
        if to is not None:
            command.append(str(to))

        def start() -> subprocess.Popen[bytes]:
            with self.output.open("wb") as output:
                return subprocess.Popen(
                    command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd=self._folder.name
                )

        self._process = within(namespace, start)

    def ends_well(self) -> None:
        """Wait for its end: every call went as the scenario says."""
        try:
            code = self._process.wait(PATIENCE + 5)
        finally:
            self.kill()
        assert code == 0, f"sipp ended with {code}: {self.said()}"
        self._folder.cleanup()

    @property
    def pid(self) -> int:
        """It stands in the Call-IDs of its calls."""
        return self._process.pid

    def said(self) -> str:
        """Of its errors the last ones; where there are none, of its screen."""
        errors = self.errors.read_text(errors="replace") if self.errors.exists() else ""
        return errors[-1500:] or self.output.read_text(errors="replace")[-1500:]

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
