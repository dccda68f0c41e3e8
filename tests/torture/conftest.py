# SPDX-License-Identifier: GPL-2.0-or-later
"""Two depths of fuzzing: the ordinary run is short; `--hypothesis-profile=fuzz` goes on for minutes."""

from hypothesis import settings

settings.register_profile("fuzz", max_examples=20_000, deadline=None)
