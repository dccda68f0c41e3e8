# SPDX-License-Identifier: GPL-2.0-or-later
"""Recipes: from a few answers to the rules that a telephone system needs, and their words. Nothing writes here."""
