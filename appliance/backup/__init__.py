# SPDX-License-Identifier: GPL-2.0-or-later
"""The configuration outside of the appliance: as readable JSON, and as one encrypted file. Writes no row by itself."""
