# SPDX-License-Identifier: GPL-2.0-or-later
"""All that another process may know of the engine and the broker: names, policy, events, control."""
