# SPDX-License-Identifier: GPL-2.0-or-later
"""`signin_link` prints an address that signs in the owner once, and can open the way to it."""

from __future__ import annotations

import os
import socket
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from appliance.accounts.services import console_port, create_owner_link
from appliance.firewall.models import ActivationState
from appliance.firewall.services import let_in
from appliance.ruleset.policy import Policy
from appliance.system.queries import running_revision

OPEN: Final = timedelta(hours=1)
CLOSED: Final = """\
No rules run yet, so nobody but this machine reaches the console. To open it for an hour, SSH with it:
  signin_link --from %s
"""


class Command(BaseCommand):
    help = "Print a one-time address that signs in the owner of this appliance."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=int, default=30, help="how long the address works (default: 30)")
        parser.add_argument(
            "--from", dest="source", metavar="ADDRESS",
            help="let this address or network reach the console and SSH for an hour, whatever the rules say",
        )  # fmt: skip

    def handle(self, *_args: Any, **options: Any) -> None:
        source = options["source"]
        if source:
            self._open(source)
        elif running_revision() is None:
            self.stderr.write(CLOSED % (os.environ.get("SSH_CLIENT", "").partition(" ")[0] or "ADDRESS"))
        token = create_owner_link(lifetime=timedelta(minutes=options["minutes"]))
        self.stdout.write(f"{_console_for(source)}/accounts/link/{token}/")

    def _open(self, source: str) -> None:
        ports = (*Policy(0, "").console_ports, console_port())
        try:
            opened = let_in(actor="command line", source=source, ports=ports, until=timezone.now() + OPEN)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        if opened.state == ActivationState.FAILED:
            raise CommandError(opened.error)


def _console_for(source: str | None) -> str:
    """The console's address in the direction of who will ask, where it answers to that one."""
    origins: list[str] = settings.CONSOLE_ORIGINS
    host = (source or "").partition("/")[0].partition("-")[0]
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as towards:
            towards.connect((host or "127.0.0.1", 9))  # sends nothing: the kernel says from which of ours it would
            ours = towards.getsockname()[0]
    except OSError:
        return origins[0]
    return next((each for each in origins if urlsplit(each).hostname == ours), origins[0])
