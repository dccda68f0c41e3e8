# SPDX-License-Identifier: GPL-2.0-or-later
"""Celery's side of rules: netadmin reads what the kernel counted for each."""

from __future__ import annotations

from appliance.celery import app
from appliance.firewall import services
from sipalg_core.contract import names
from sipalg_core.nft.client import Client


@app.task(name="appliance.firewall.tasks.count_hits")
def count_hits() -> None:
    counters = Client().counters(names.APPLIANCE_TABLE)
    services.count_hits(
        counted={
            int(key.removeprefix("rule:")): (count.packets, count.bytes)
            for key, count in counters.items()
            if key.startswith("rule:")
        }
    )
