# SPDX-License-Identifier: GPL-2.0-or-later
"""How connections, lines of the log, results of tests, notices and what became of a revision are said."""

from appliance.system.columns.notices import notice_row
from appliance.system.columns.outcomes import AGAIN, NOT_APPLIED, UNCONFIRMED, UNDONE, UNFINISHED, outcome
from appliance.system.columns.rows import (
    VERDICTS,
    connection,
    decider_words,
    line_sentence,
    log_table,
    test_sentence,
)

__all__ = [
    "AGAIN", "NOT_APPLIED", "UNCONFIRMED", "UNDONE", "UNFINISHED", "VERDICTS", "connection", "decider_words",
    "line_sentence", "log_table", "notice_row", "outcome", "test_sentence",
]  # fmt: skip
