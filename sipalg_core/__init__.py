# SPDX-License-Identifier: GPL-2.0-or-later
"""The SIP application layer gateway: a sans-IO core in a thin shell. No Django in it."""
