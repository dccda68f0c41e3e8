# SPDX-License-Identifier: GPL-2.0-or-later
"""The torture messages of RFC 4475 and RFC 5118, one file each: `valid` ones we forward, `invalid` ones we do not."""
