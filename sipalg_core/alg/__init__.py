# SPDX-License-Identifier: GPL-2.0-or-later
"""The decisions, pure: datagrams and time in, effects out."""
