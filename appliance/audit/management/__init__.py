# SPDX-License-Identifier: GPL-2.0-or-later
"""Command line verbs of audit."""
