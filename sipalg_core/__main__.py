# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m sipalg_core engine|broker|selftest`: arguments, logging, and the one process asked for."""

from __future__ import annotations

import argparse
import logging
import os
import subprocess
import sys
from pathlib import Path

from sipalg_core import compiled, logs
from sipalg_core.contract import names


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sipalg_core", description="Pinhole's ALG")
    processes = parser.add_subparsers(dest="process", required=True)
    processes.add_parser("engine", help="parse SIP and hold the calls; needs no capability")
    broker = processes.add_parser("broker", help="make sockets and pinholes for the engine; needs CAP_NET_ADMIN")
    broker.add_argument("--engine-uid", type=int, required=True, help="the user that may ask for sockets and pinholes")
    broker.add_argument("--netadmin-uid", type=int, required=True, help="the user that may ask for a reload")
    selftest = processes.add_parser("selftest", help="call oneself through an ALG of one's own; needs no capability")
    selftest.add_argument("--policy", type=Path, default=names.policy_file(), help="whose settings are tried")
    selftest.add_argument("--in-sandbox", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logs.begin(arguments.process, os.environ.get("PINHOLE_LOG", "INFO"))
    match arguments.process:
        case "broker":
            return _broker(arguments)
        case "engine":
            return _engine()
    return _selftest(arguments)


def _engine() -> int:
    form = "compiled" if compiled.take() else "pure Python"
    logging.getLogger(__name__).info("the hot modules are %s", form)
    from sipalg_core.io.runner import run

    return run()


def _broker(arguments: argparse.Namespace) -> int:
    from sipalg_core.broker.server import serve

    files = names.policy_file(), names.trial_file()
    return serve(files, names.broker_socket(), arguments.engine_uid, arguments.netadmin_uid)


def _selftest(arguments: argparse.Namespace) -> int:
    from sipalg_core.selftest.run import run
    from sipalg_core.selftest.sandbox import inside

    if arguments.in_sandbox:
        return run(arguments.policy)
    command = inside("selftest", "--in-sandbox", "--policy", str(arguments.policy.absolute()))
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
