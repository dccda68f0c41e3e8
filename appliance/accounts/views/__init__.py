# SPDX-License-Identifier: GPL-2.0-or-later
"""Coming in, the own account, and people."""
