# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine tells, on its way to the browsers: control socket, feeds, hub and access."""
