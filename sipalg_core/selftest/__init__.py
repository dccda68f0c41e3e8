# SPDX-License-Identifier: GPL-2.0-or-later
"""The ALG tests itself: phone, provider and media peer of its own, in a sandbox that needs no privilege."""
