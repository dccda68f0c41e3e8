# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m sipalg_core engine|broker`: arguments, logging, and the one process asked for."""

from __future__ import annotations

import argparse
import logging
import os
import sys

from sipalg_core import compiled
from sipalg_core.contract import names


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sipalg_core", description="Pinhole's ALG")
    processes = parser.add_subparsers(dest="process", required=True)
    processes.add_parser("engine", help="parse SIP and hold the calls; needs no capability")
    broker = processes.add_parser("broker", help="make sockets and pinholes for the engine; needs CAP_NET_ADMIN")
    broker.add_argument("--engine-uid", type=int, required=True, help="the user that may ask for sockets and pinholes")
    broker.add_argument("--netadmin-uid", type=int, required=True, help="the user that may ask for a reload")
    arguments = parser.parse_args()
    logging.basicConfig(
        level=os.environ.get("PINHOLE_LOG", "INFO"),
        format=f"%(asctime)s {arguments.process} %(levelname)s %(message)s",
    )
    return _broker(arguments) if arguments.process == "broker" else _engine()


def _engine() -> int:
    form = "compiled" if compiled.take() else "pure Python"
    from sipalg_core.io.runner import run

    logging.getLogger(__name__).info("the hot modules are %s", form)
    return run()


def _broker(arguments: argparse.Namespace) -> int:
    from sipalg_core.broker.server import serve

    files = names.policy_file(), names.trial_file()
    return serve(files, names.broker_socket(), arguments.engine_uid, arguments.netadmin_uid)


if __name__ == "__main__":
    sys.exit(main())
