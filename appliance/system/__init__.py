# SPDX-License-Identifier: GPL-2.0-or-later
"""Revisions: how a change gets from the rows into the kernel."""
