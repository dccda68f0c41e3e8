# SPDX-License-Identifier: GPL-2.0-or-later
"""The kernel's own SIP helper on the same wire: tests/README.md records which complaints it leaves, and cannot rot."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest

from tests.lab.wire import (
    test_complaints_calls,
    test_complaints_media,
    test_complaints_offers,
    test_complaints_signalling,
    test_complaints_state,
    test_complaints_streams,
)
from tests.lab.wire.control import TRANSPORTS, Outcome, helpers, outcomes

pytestmark = pytest.mark.lab

README = Path(__file__).parents[1] / "README.md"
MODULES = (
    test_complaints_calls, test_complaints_media, test_complaints_offers, test_complaints_signalling,
    test_complaints_state, test_complaints_streams,
)  # fmt: skip


def recorded() -> dict[str, tuple[str, ...]]:
    """Row → outcome over UDP and over TCP, of the table under "Control"."""
    section = README.read_text().partition("## Control")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (C\d\d) \|[^|]*\| ([^|]*) \| ([^|]*) \|", section, re.MULTILINE)
    return {row: (udp.strip(), tcp.strip()) for row, udp, tcp in rows}


def worst(cases: list[Outcome]) -> Outcome:
    """One failed case fails its row; what cannot be asked of the helper says nothing."""
    return "fails" if "fails" in cases else "works" if "works" in cases else "—"


def test_the_record_of_the_kernels_helper_is_true():
    found: defaultdict[tuple[str, str], list[Outcome]] = defaultdict(list)
    reasons: list[str] = []
    with helpers() as helper:
        for module in MODULES:
            for row, transport, outcome, why in outcomes(helper, module):
                found[row, transport].append(outcome)
                if outcome == "fails":
                    reasons.append(f"{row} {transport} {why}")
    rows = sorted({row for row, _ in found})
    measured = {row: tuple(worst(found[row, each]) for each in TRANSPORTS) for row in rows}
    assert rows == [f"C{number:02d}" for number in range(1, 63)]
    assert recorded() == measured, "\n".join(reasons)
