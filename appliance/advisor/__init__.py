# SPDX-License-Identifier: GPL-2.0-or-later
"""The advisor: checks that read evidence and say what is broken, what will be, and what helps. It changes nothing."""
