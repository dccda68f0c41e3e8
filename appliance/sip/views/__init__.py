# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of telephony: live tables, one call, the history."""
