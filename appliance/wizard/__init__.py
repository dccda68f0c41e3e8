# SPDX-License-Identifier: GPL-2.0-or-later
"""The first-run wizard: its steps as one table, their forms, and what each looks up. What it writes, services write."""
