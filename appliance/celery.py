# SPDX-License-Identifier: GPL-2.0-or-later
"""The Celery application: JSON only, results ignored, queues `default`, `dns` and `netadmin.<node>`."""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "appliance.settings")

app = Celery("pinhole")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
