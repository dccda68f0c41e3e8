# SPDX-License-Identifier: GPL-2.0-or-later
"""Scenarios that are of one transport only: what the other one cannot do is no test of it."""

from __future__ import annotations

from typing import Final

import pytest

from tests.lab.wire.between import VARIANTS


def _only(transport: str) -> pytest.MarkDecorator:
    chosen = [each for each in VARIANTS if each.transport == transport]
    return pytest.mark.parametrize("wire", chosen, indirect=True, ids=str)


udp_only: Final = _only("udp")
tcp_only: Final = _only("tcp")
