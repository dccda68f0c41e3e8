# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory as found, before and after each test of the advisor; and two parties to talk through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.lab import topology
from tests.lab.advisor.reading import Talk, member, parties
from tests.lab.running import RunningLab


@pytest.fixture
def ruled(lab: RunningLab) -> Iterator[RunningLab]:
    """What a test drafts and applies is taken back afterwards."""
    rules = {each["id"] for each in lab.get("rules")["items"]}
    objects = {kind: {each["id"] for each in lab.get(kind)["items"]} for kind in ("addresses", "services")}
    yield lab
    for each in lab.get("rules")["items"]:
        if each["id"] not in rules:
            lab.request("DELETE", f"rules/{each['id']}")
    for kind, known in objects.items():
        for each in lab.get(kind)["items"]:
            if each["id"] not in known:
                lab.request("DELETE", f"{kind}/{each['id']}")
    lab.apply("the advisor's tests are over")
    lab.request("POST", "connections/flush", {"old": True})


@pytest.fixture
def talk(ruled: RunningLab) -> Iterator[Talk]:
    """With a third server of the provider."""
    with member(ruled, "host", topology.STRANGER), parties() as made:
        yield made
