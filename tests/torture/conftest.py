# SPDX-License-Identifier: GPL-2.0-or-later
"""Two depths of fuzzing: the ordinary run is short and always the same; `--hypothesis-profile=fuzz` takes minutes."""

from hypothesis import HealthCheck, settings

# A busy machine is no reason to fail: Hypothesis would take a second without examples for a bad strategy.
settings.register_profile("short", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("fuzz", max_examples=20_000, deadline=None)
settings.load_profile("short")
