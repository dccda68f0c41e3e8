# SPDX-License-Identifier: GPL-2.0-or-later
"""Rows to policy to nft, always in the order snapshot, verify, compile, apply."""
