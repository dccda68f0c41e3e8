# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock's own Celery application: it says when which task is due, and needs neither Django nor the tasks for it."""

from __future__ import annotations

import logging.config

from celery import Celery

from appliance import settings

app = Celery("pinhole", fixups=[])
app.config_from_object(settings, namespace="CELERY")
logging.config.dictConfig(settings.LOGGING)
