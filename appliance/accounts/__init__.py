# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may use the console: users, API tokens and one-time sign-in links."""
