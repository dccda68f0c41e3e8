# SPDX-License-Identifier: GPL-2.0-or-later
"""`python -m tests.bench.office`: five hundred rules for a console of the bench, entered as an operator enters them."""

from __future__ import annotations

import os
from typing import Final

import django

RULES: Final = 500
HOSTS: Final = 50
SERVICES: Final = 20
ACTOR: Final = "bench"


def main() -> None:
    from django.db import transaction

    from appliance.firewall import services as firewall
    from appliance.network.services import save_interface

    with transaction.atomic():
        for name, role, address in (("lan0", "internal", "192.168.0.1/24"), ("wan0", "external", "203.0.113.2/24")):
            save_interface(actor=ACTOR, name=name, role=role, addresses=[address], masquerade=role == "external")
        hosts = [
            firewall.create_address(actor=ACTOR, name=f"Host {number}", kind="host", value=f"10.0.{number}.1")
            for number in range(HOSTS)
        ]
        services = [
            firewall.create_service(actor=ACTOR, name=f"Service {number}", protocol="tcp", ports=str(1000 + number))
            for number in range(SERVICES)
        ]
        for number in range(RULES):
            source, destination = hosts[number % HOSTS], hosts[(number * 7 + 3) % HOSTS]
            firewall.create_rule(
                actor=ACTOR, name=f"Rule {number}", source=source, destination=destination,
                service=services[number % SERVICES], action="accept",
            )  # fmt: skip


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "appliance.settings")
    django.setup()
    main()
