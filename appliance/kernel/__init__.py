# SPDX-License-Identifier: GPL-2.0-or-later
"""What netadmin reads in the firewall's kernel beyond the ruleset, and how the other processes ask it for that."""
