# SPDX-License-Identifier: GPL-2.0-or-later
"""Torture messages, of RFC 4475, RFC 5118 and what fuzzing found: `valid` ones we forward, `invalid` ones we do not."""
