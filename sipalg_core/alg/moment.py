# SPDX-License-Identifier: GPL-2.0-or-later
"""The type of a point in time: monotonic seconds. No state outlives the clock that its times were read from."""

from __future__ import annotations

Moment = float
