# SPDX-License-Identifier: GPL-2.0-or-later
"""The firewall's pages: rules, objects, questions."""
