# SPDX-License-Identifier: GPL-2.0-or-later
"""The pages of system: changes, and connections."""
