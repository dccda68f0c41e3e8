# SPDX-License-Identifier: GPL-2.0-or-later
"""What sets the appliance up on a machine, runs it, and tests it."""
