# SPDX-License-Identifier: GPL-2.0-or-later
"""What systemd is on a machine of its own (deploy/units/pinhole-start.socket): netadmin knocks, the engine is started.

Beside the supervisor, as root, no process of the appliance: it reads nothing of who knocks, and starts only that one.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys

from deploy.lab.processes import GROUP, PROJECT, SUPERVISOR_FILE, User
from sipalg_core.contract import names


def main() -> None:
    door = names.start_socket()
    door.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        before = os.umask(0o177)
        listener.bind(str(door))
        os.umask(before)
        os.chown(door, int(User.NETADMIN), GROUP)
        listener.listen()
        while True:
            listener.accept()[0].close()
            _supervisor("start", "broker")
            _supervisor("restart", "engine")


def _supervisor(verb: str, process: str) -> None:
    """What runs already it does not start."""
    command = (sys.executable, "-m", "supervisor.supervisorctl", "-c", str(SUPERVISOR_FILE), verb, process)
    subprocess.run(command, cwd=PROJECT, stdin=subprocess.DEVNULL, check=False)


if __name__ == "__main__":
    main()
