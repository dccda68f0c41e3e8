# SPDX-License-Identifier: GPL-2.0-or-later
"""Help where the question arises: short answers with permanent links, which pages, findings and recipes lead to."""
