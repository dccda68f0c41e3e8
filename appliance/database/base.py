# SPDX-License-Identifier: GPL-2.0-or-later
"""Django's SQLite connection, which refuses to commit a change of the configuration that no audit entry tells of.

Triggers on the configuration's tables (audit.triggers) call `configuration_changes`, a function that only these
connections have: another program that writes there fails, and one of ours is watched until it commits.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from django.db.backends.sqlite3 import base
from django.db.utils import IntegrityError

FUNCTION = "configuration_changes"


class Unrecorded(IntegrityError):
    """The configuration would change without an audit entry; nothing was written."""


class DatabaseWrapper(base.DatabaseWrapper):  # its private `_commit` is the one place that every way to commit passes
    refuses_unrecorded = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._changed: set[str] = set()
        self.recorded: list[int] = []  # sequence numbers of the entries of this transaction (audit.services.record)

    def get_new_connection(self, conn_params: dict[str, Any]) -> sqlite3.Connection:
        connection: sqlite3.Connection = super().get_new_connection(conn_params)
        connection.create_function(FUNCTION, 1, self._note)
        return connection

    def _note(self, table: str) -> int:
        """Called for each changed row. Outside of a transaction a statement commits itself: then it is too late."""
        if self.refuses_unrecorded and not self.in_atomic_block:
            raise Unrecorded(table)
        self._changed.add(table)
        return 1

    def _commit(self) -> None:
        changed, recorded = self._changed, self.recorded
        self._changed, self.recorded = set(), []
        if changed and self.refuses_unrecorded and not self._stands(recorded):
            super()._rollback()  # type: ignore[misc]  # the stubs leave it out
            raise Unrecorded(f"{', '.join(sorted(changed))} changed without an audit entry; nothing was written")
        super()._commit()  # type: ignore[misc]  # the same

    def _rollback(self) -> None:
        self._changed, self.recorded = set(), []
        super()._rollback()  # type: ignore[misc]  # the same

    def _stands(self, recorded: list[int]) -> bool:
        """Whether one of the entries was not rolled back with a savepoint."""
        if self.connection is None:
            return False
        marks = ",".join("?" * len(recorded))
        found = self.connection.execute(f"SELECT 1 FROM audit_entry WHERE sequence IN ({marks})", recorded)  # noqa: S608
        return found.fetchone() is not None
