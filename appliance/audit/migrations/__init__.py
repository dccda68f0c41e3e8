# SPDX-License-Identifier: GPL-2.0-or-later
"""Schema history of audit."""
