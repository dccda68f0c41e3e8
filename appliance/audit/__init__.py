# SPDX-License-Identifier: GPL-2.0-or-later
"""The append-only record of who changed what."""
