# SPDX-License-Identifier: GPL-2.0-or-later
"""`signin_link` prints an address that signs in the owner once."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from appliance.accounts.services import create_owner_link


class Command(BaseCommand):
    help = "Print a one-time address that signs in the owner of this appliance."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--minutes", type=int, default=30, help="how long the address works (default: 30)")

    def handle(self, *_args: Any, **options: Any) -> None:
        token = create_owner_link(lifetime=timedelta(minutes=options["minutes"]))
        self.stdout.write(f"{settings.CONSOLE_ORIGINS[0]}/accounts/link/{token}/")
