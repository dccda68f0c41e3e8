# SPDX-License-Identifier: GPL-2.0-or-later
"""What one may take away of calls: captures, texts and tables; with pseudonyms where that is wished.

Nothing here reads the database or asks the engine. Secrets are masked before they come here.
"""
