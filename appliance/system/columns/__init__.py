# SPDX-License-Identifier: GPL-2.0-or-later
"""How connections, lines of the live log, results of tests and what became of a revision are said in the console."""

from appliance.system.columns.outcomes import AGAIN, UNCHANGED, UNCONFIRMED, UNDONE, UNFINISHED, outcome
from appliance.system.columns.rows import (
    VERDICTS,
    connection,
    decider_words,
    line_sentence,
    log_table,
    test_sentence,
)

__all__ = [
    "AGAIN", "UNCHANGED", "UNCONFIRMED", "UNDONE", "UNFINISHED", "VERDICTS", "connection", "decider_words",
    "line_sentence", "log_table", "outcome", "test_sentence",
]  # fmt: skip
