# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory: three hosts on one machine, real telephony programs, real calls."""
