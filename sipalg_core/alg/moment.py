# SPDX-License-Identifier: GPL-2.0-or-later
"""The type of a point in time that is kept: monotonic seconds here, Unix seconds where the state is written down."""

from __future__ import annotations

from typing import Annotated, Final

MOMENT: Final = "moment"
Moment = Annotated[float, MOMENT]
