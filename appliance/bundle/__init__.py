# SPDX-License-Identifier: GPL-2.0-or-later
"""The support bundle: what of one call and of the appliance goes to a support in one file, shown before it goes."""
