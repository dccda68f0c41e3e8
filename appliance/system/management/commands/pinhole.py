# SPDX-License-Identifier: GPL-2.0-or-later
"""`pinhole VERB …`: the console on the command line; the verbs stand in appliance.cli."""

from __future__ import annotations

from argparse import ArgumentParser, Namespace
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from appliance.cli import acting, alg, configuration, objects, people, running, telephony, telling
from appliance.cli.asking import Verb, printed, refused
from appliance.kernel.inquiry import NetadminUnavailable
from appliance.live.control import EngineUnavailable

VERBS: Final[dict[str, Verb]] = {
    verb.name: verb
    for part in (telephony, configuration, alg, objects, acting, running, telling, people)
    for verb in part.VERBS
}


class Command(BaseCommand):
    help = (
        "See what telephony does; list, change and apply the configuration. Changes are drafts until `pinhole apply`."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        for verb in VERBS.values():
            each = verbs.add_parser(verb.name, help=verb.about, description=verb.about)
            each.add_argument("--json", action="store_true", help="print the answer as JSON")
            verb.arguments(each)

    def handle(self, *_args: Any, **options: Any) -> None:
        asked = Namespace(**options)
        try:
            answer = VERBS[asked.verb].ask(asked)
        except ValidationError as error:
            raise CommandError(refused(error)) from error
        except (NetadminUnavailable, EngineUnavailable) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(printed(answer, as_json=asked.json))
