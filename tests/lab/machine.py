# SPDX-License-Identifier: GPL-2.0-or-later
"""A machine of its own for the shipped units: systemd is its first process, in namespaces that nobody else has."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from deploy.lab.processes import PROJECT

_SCRIPT: Final = Path(__file__).with_suffix(".sh")
_NAMESPACES: Final = ("--mount", "--pid", "--net", "--ipc", "--uts", "--cgroup")
PATIENCE: Final = 120.0
"""Seconds for whatever a busy machine does in three."""


class Machine:
    def __init__(self, first: int) -> None:
        self._inside = (
            "nsenter",
            f"--target={first}",
            *_NAMESPACES,
            f"--root=/proc/{first}/root",
            "--wdns=/opt/pinhole",
        )

    def run(self, *command: str, check: bool = True) -> str:
        """What it prints, errors included."""
        done = subprocess.run(
            (*self._inside, *command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)}: {done.stdout}\n{self.journal()}")
        return done.stdout

    def pinhole(self, *words: str) -> str:
        """manage.py, as its administrator runs it."""
        return self.run("deploy/pinhole", *words)

    def journal(self) -> str:
        """Of the last starts; what a failed test shows."""
        return self.run("journalctl", "--no-pager", "--lines=80", "--unit=pinhole*", check=False)

    def active(self, units: Sequence[str]) -> None:
        """Wait until all of them run."""
        deadline = time.monotonic() + PATIENCE
        while set(self.states(units)) != {"active"}:
            if time.monotonic() > deadline:
                raise AssertionError(f"{dict(zip(units, self.states(units), strict=True))}\n{self.journal()}")
            time.sleep(0.3)

    def states(self, units: Sequence[str]) -> list[str]:
        return self.run("systemctl", "is-active", *units, check=False).split()

    def first_process(self, unit: str) -> int:
        """0 where it does not run."""
        return int(self.run("systemctl", "show", "--property=MainPID", "--value", unit))


@contextmanager
def booted(folder: Path, state: Path) -> Iterator[Machine]:
    """A machine whose disk is this one's, with `state` where the appliance keeps what it keeps; gone afterwards."""
    groups = folder / "groups"
    groups.mkdir()
    subprocess.run(("mount", "-t", "cgroup2", "cgroup2", groups), check=True)
    group = groups / f"pinhole-{os.getpid()}"
    group.mkdir()
    command = ("unshare", *_NAMESPACES, "--fork", str(_SCRIPT), str(_made(folder / "disk")), str(PROJECT), str(state))
    enter = f'echo $$ > "{group}/cgroup.procs"; exec "$@"'
    log = (folder / "boot.log").open("w")
    try:
        with subprocess.Popen(
            ("sh", "-c", enter, "sh", *command), stdout=log, stderr=log, start_new_session=True
        ) as it:
            try:
                yield Machine(_first_process(it, folder))
            finally:
                (group / "cgroup.kill").write_text("1")
    finally:
        log.close()
        _empty(group)
        subprocess.run(("umount", groups), check=True)
        groups.rmdir()


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def _first_process(unshare: subprocess.Popen[bytes], folder: Path) -> int:
    """systemd's, as this machine counts, once it answers."""
    deadline = time.monotonic() + PATIENCE
    children = Path(f"/proc/{unshare.pid}/task/{unshare.pid}/children")
    while time.monotonic() < deadline and unshare.poll() is None:
        for child in children.read_text().split():
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                machine = Machine(int(child))
                if "pinhole.target" in machine.run("systemctl", "list-units", "--all", "--no-legend", check=False):
                    return int(child)
        time.sleep(0.2)
    raise AssertionError("nobody boots: " + (folder / "boot.log").read_text())


def _empty(group: Path) -> None:
    """Remove a group and what is in it, once its last process is gone."""
    deadline = time.monotonic() + PATIENCE
    while "populated 1" in (group / "cgroup.events").read_text():
        if time.monotonic() > deadline:
            raise AssertionError(f"processes stay in {group}")
        time.sleep(0.1)
    for each in sorted((path for path in group.rglob("*") if path.is_dir()), reverse=True):
        each.rmdir()
    group.rmdir()
