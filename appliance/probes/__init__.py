# SPDX-License-Identifier: GPL-2.0-or-later
"""Tests that an operator starts: packets of our own to a host that he names, and what comes back. Bounded in all.

netadmin starts each as a process of its own that has no capability (`kernel.probing`), because only there the way of
the firewall's packets is; it writes its results into Redis and is gone. No Django here: it must begin at once.
"""
