# SPDX-License-Identifier: GPL-2.0-or-later
"""`lab up|down|status|call`: the laboratory from the command line; deploy.lab does the work."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from deploy.lab import calls, lifecycle
from deploy.lab.calls import CallFailed
from deploy.lab.lifecycle import LabError
from deploy.lab.supervision import ProcessFailed
from deploy.lab.topology import TopologyError


class Command(BaseCommand):
    help = "Build, remove or look at the laboratory, and place calls in it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        up = verbs.add_parser("up", help="start it; returns when calls can be placed")
        up.add_argument("--no-traffic", action="store_true", help="place no calls")
        up.add_argument("--json", action="store_true", help="the last line is one JSON object")
        verbs.add_parser("down", help="end it; nothing stays but var/")
        status = verbs.add_parser("status", help="say what runs and whether calls can be placed")
        status.add_argument("--json", action="store_true", help="print one JSON object")
        call = verbs.add_parser("call", help="place one real call between two baresips")
        direction = call.add_mutually_exclusive_group()
        direction.add_argument("--inbound", action="store_const", dest="direction", const="inbound", default="outbound")
        direction.add_argument("--outbound", action="store_const", dest="direction", const="outbound")
        call.add_argument("--seconds", type=float, default=5.0, help="how long it lasts (default: 5)")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            match options["verb"]:
                case "up":
                    self._up(traffic=not options["no_traffic"], as_json=options["json"])
                case "down":
                    lifecycle.down()
                    self.stdout.write("The laboratory is down.")
                case "status":
                    self._status(as_json=options["json"])
                case "call":
                    self._call(options["direction"], options["seconds"])
        except (LabError, ProcessFailed, TopologyError, CallFailed) as error:
            raise CommandError(str(error)) from error

    def _up(self, *, traffic: bool, as_json: bool) -> None:
        lab = lifecycle.up(traffic=traffic, say=self._say)
        if as_json:
            self.stdout.write(json.dumps(asdict(lab)))
        else:
            self.stdout.write(f"The laboratory is up: calls can be placed. Console: {lab.console}")

    def _status(self, *, as_json: bool) -> None:
        status = lifecycle.status()
        if as_json:
            self.stdout.write(json.dumps({**asdict(status), "callable": status.callable}))
            return
        for name, pid in status.running.items():
            self.stdout.write(f"{name:20} runs, process {pid}")
        for name in status.stopped:
            self.stdout.write(f"{name:20} does not run")
        self.stdout.write("\n".join(status.obstacles) or "Calls can be placed.")

    def _call(self, direction: str, seconds: float) -> None:
        with calls.place(direction) as call:
            self._say(f"{call.control.phone.user} → {call.peer}: in call after {call.setup_seconds:.3f} s")
            time.sleep(seconds)
        self._say(f"hung up after {seconds:g} s")

    def _say(self, text: str) -> None:
        self.stdout.write(f"  {text}")
        self.stdout.flush()
