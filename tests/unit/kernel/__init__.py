# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests of what netadmin reads in the kernel."""
