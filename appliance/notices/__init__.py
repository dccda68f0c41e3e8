# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices on their way out of the appliance: e-mail, webhook, syslog. Nothing here reads or writes a row."""
