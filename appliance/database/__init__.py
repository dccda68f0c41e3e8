# SPDX-License-Identifier: GPL-2.0-or-later
"""SQLite as Django knows it, and one thing more: no commit of a configuration change without its audit entry."""
