# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's shell: sockets, the clock, the broker, the publisher. It decides nothing and needs no capability."""
