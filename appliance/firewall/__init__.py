# SPDX-License-Identifier: GPL-2.0-or-later
"""Address objects, services and the ordered rules between them."""
