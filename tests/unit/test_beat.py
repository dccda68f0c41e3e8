# SPDX-License-Identifier: GPL-2.0-or-later
"""The clock knows every task by its name, and loads none of what they need."""

from __future__ import annotations

import json
import subprocess
import sys

from django.conf import settings

from appliance.celery import app

ASKED = """
import json, sys
from appliance.beat import app
due = [each["task"] for each in app.conf.beat_schedule.values()]
print(json.dumps([due, sorted({"django.db", "allauth", "ninja", "pyroute2"} & set(sys.modules))]))
"""


def test_clock_is_small_and_names_tasks_that_exist():
    said = subprocess.run(
        (sys.executable, "-c", ASKED), cwd=settings.BASE_DIR, capture_output=True, text=True, check=True
    )
    due, loaded = json.loads(said.stdout)
    app.loader.import_default_modules()
    assert len(due) > 8
    assert set(due) <= set(app.tasks)
    assert loaded == []
