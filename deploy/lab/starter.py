# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemd is on a machine of its own (deploy/units/pinhole-*.socket): who knocks has something started.

Beside the supervisor, as root, no process of the appliance. It reads nothing of who knocks: at netadmin's door the
engine is started, at the worker's a self-test, whose results go back to who knocked.
"""

from __future__ import annotations

import os
import selectors
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from deploy.lab.processes import GROUP, PROJECT, SUPERVISOR_FILE, User
from sipalg_core.contract import names


def main() -> None:
    with selectors.DefaultSelector() as doors:
        for path, user, knocked in _DOORS:
            doors.register(_door(path(), user), selectors.EVENT_READ, knocked)
        while True:
            for door, _event in doors.select():
                with door.fileobj.accept()[0] as connection:  # type: ignore[union-attr]  # all are sockets
                    door.data(connection)


def _door(path: Path, user: User) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    listener.bind(str(path))
    os.umask(before)
    os.chown(path, int(user), GROUP)
    listener.listen()
    return listener


def _start_engine(_connection: socket.socket) -> None:
    """What runs already is not started."""
    for verb, process in (("start", "broker"), ("restart", "engine")):
        command = (sys.executable, "-m", "supervisor.supervisorctl", "-c", str(SUPERVISOR_FILE), verb, process)
        subprocess.run(command, cwd=PROJECT, stdin=subprocess.DEVNULL, check=False)


def _test(connection: socket.socket) -> None:
    """It goes on by itself, as a user who may nothing."""
    command = (sys.executable, "-m", "sipalg_core", "selftest")
    subprocess.Popen(
        command,
        cwd=PROJECT,
        stdin=subprocess.DEVNULL,
        stdout=connection.fileno(),
        user=int(User.APP),
        group=GROUP,
        extra_groups=(),
    )


_DOORS: Final[tuple[tuple[Callable[[], Path], User, Callable[[socket.socket], None]], ...]] = (
    (names.start_socket, User.NETADMIN, _start_engine),
    (names.selftest_socket, User.APP, _test),
)


if __name__ == "__main__":
    main()
