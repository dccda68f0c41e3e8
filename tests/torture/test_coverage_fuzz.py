# SPDX-License-Identifier: GPL-2.0-or-later
"""Each target of `coverage_fuzz` in a process of its own: the same short run each time, with `make fuzz` a long one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings

from tests.torture.coverage_fuzz_seeds import SEEDS

ROOT = Path(__file__).resolve().parents[2]
RUNS = {"framing": 3_000, "message": 6_000, "headers": 6_000, "sdp": 6_000, "engine": 500}
SHORT = ["-seed=1"]
LONG = ["-max_total_time=180"]


@pytest.mark.parametrize("target", RUNS)
def test_nothing_is_found(target: str, tmp_path: Path):
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, seed in enumerate(SEEDS[target]):
        (corpus / f"{number:03d}").write_bytes(seed)
    thorough = settings.default.max_examples > 1000  # type: ignore[union-attr]  # the profile, hypothesis' own
    options = LONG if thorough else [*SHORT, f"-runs={RUNS[target]}"]
    done = subprocess.run(
        [sys.executable, "-m", "tests.torture.coverage_fuzz", target, *options, "-max_len=6000",
         f"-artifact_prefix={tmp_path}/", str(corpus)],
        cwd=ROOT, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    found = [path.read_bytes() for path in tmp_path.glob("*-*")]
    assert done.returncode == 0, f"{found}\n{done.stderr[-3000:]}"
    assert "Done " in done.stderr
