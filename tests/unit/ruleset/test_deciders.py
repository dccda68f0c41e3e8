# SPDX-License-Identifier: GPL-2.0-or-later
"""A packet's mark names who decided, and leaves the ALG's bits alone."""

from __future__ import annotations

import pytest

from appliance.ruleset.compile.layout import revision_of
from appliance.ruleset.deciders import KEPT, key_of, mark_of
from sipalg_core.contract import names


@pytest.mark.parametrize(
    "key",
    [
        "auto:default_deny",
        "auto:invalid",
        "auto:spoofed",
        "ended:activation",
        "rule:1",
        "rule:70000",
        "ended:1",
        "ended:9999999",
    ],
)
def test_key_comes_back_from_the_mark(key: str):
    mark = mark_of(key)
    assert key_of(mark) == key
    assert key_of(mark | KEPT) == key
    assert mark & (names.MARK_ACCEPT | names.MARK_DIVERT) == 0
    assert 0 < mark < 1 << 32


@pytest.mark.parametrize("key", ["", "rule:", "rule:x", "auto:console", f"rule:{1 << 40}"])
def test_who_has_no_number_has_no_mark(key: str):
    assert mark_of(key) == 0
    assert key_of(0) == ""


def test_mark_of_nobody_we_know_names_nobody():
    assert key_of(200) == ""


@pytest.mark.parametrize(
    ("chain", "revision"), [("forward_r42", 42), ("verdict_drop", None), ("verdict_reject", None), ("forward_r", None)]
)
def test_chains_of_verdicts_belong_to_no_revision(chain: str, revision: int | None):
    assert revision_of(chain) == revision
