#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Django's door: runs a management command with the appliance's settings."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "appliance.settings")
    execute_from_command_line(sys.argv)
