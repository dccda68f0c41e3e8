# SPDX-License-Identifier: GPL-2.0-or-later
"""The Django project: what the operator wants. Apps share their file names; see ARCHITECTURE.md."""
