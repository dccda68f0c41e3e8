# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages and template tags that no single app owns."""
