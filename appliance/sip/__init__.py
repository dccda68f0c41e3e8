# SPDX-License-Identifier: GPL-2.0-or-later
"""Telephony: providers, and what the engine tells of calls, pinholes and registrations."""
