# SPDX-License-Identifier: GPL-2.0-or-later
"""nftables: typed values (`statements`, `ruleset`), loaded as a whole (`client`) or by single elements (`elements`)."""
