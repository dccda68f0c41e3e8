# SPDX-License-Identifier: GPL-2.0-or-later
"""Celery's side of accounts: writing down that remote maintenance has ended by itself."""

from __future__ import annotations

from appliance.accounts import services
from appliance.celery import app


@app.task(name="appliance.accounts.tasks.close_windows")
def close_windows() -> None:
    """Nobody waits for this: a window that is over lets nobody in, whether or not that is written down."""
    services.close_overdue()
