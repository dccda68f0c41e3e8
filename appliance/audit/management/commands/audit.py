# SPDX-License-Identifier: GPL-2.0-or-later
"""`audit verify` proves that nobody rewrote the audit log, or says from where on it does not hold."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from appliance.audit.models import Entry
from appliance.audit.services import verify, verify_copy


class Command(BaseCommand):
    help = "Check the audit log: every hash, the order, and the copy on disk."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("verb", choices=["verify"])

    def handle(self, *_args: Any, **_options: Any) -> None:
        broken = verify() or verify_copy()
        if broken is not None:
            raise CommandError(f"The audit log does not hold: entry {broken.sequence} {broken.why}.")
        self.stdout.write(f"The audit log holds: {Entry.objects.count()} entries.")
