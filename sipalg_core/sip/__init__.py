# SPDX-License-Identifier: GPL-2.0-or-later
"""RFC 3261 messages as bytes with structure. A message is its original bytes plus spans; a change is an edit."""
