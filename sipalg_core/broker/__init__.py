# SPDX-License-Identifier: GPL-2.0-or-later
"""The holder of CAP_NET_ADMIN: transparent sockets, the table `inet sipalg`, the contract check. Never parses SIP."""
