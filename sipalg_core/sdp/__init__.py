# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 8866 session descriptions, read the way messages are: original bytes plus spans."""
