# SPDX-License-Identifier: GPL-2.0-or-later
"""Triggers in the database: audit entries stay as they are, and each changed row of the configuration is noticed.

Only SQLite has them; elsewhere the services alone record (and the database's own roles must guard the table).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.db import connections, models

from appliance.database.base import FUNCTION

PREFIX: Final = "guard_"
_ALL: Final = ("INSERT", "UPDATE", "DELETE")
_POWERS: Final = ("role", "is_active", "is_superuser", "ends", "source", "username")
_RECEIVERS: Final = ("inside", "email_to", "smtp_host", "webhook_url", "syslog_host", "syslog_port", "syslog_protocol")
_SECRETS: Final = ("secret", "seed", "credential")
_ANOTHER_FACTOR: Final = " OR ".join(
    ("OLD.user_id IS NOT NEW.user_id", "OLD.type IS NOT NEW.type",
     *(f"json_extract(OLD.data, '$.{each}') IS NOT json_extract(NEW.data, '$.{each}')" for each in _SECRETS))
)  # fmt: skip
OF_PEOPLE: Final = {
    "accounts_grant": _ALL,
    "accounts_user": ("INSERT", "DELETE", f"UPDATE OF {', '.join(_POWERS)}"),
    "accounts_apitoken": ("INSERT", "DELETE", "UPDATE OF hash, role, user_id, expires"),
    "accounts_factordemand": _ALL,
    "accounts_maintenancewindow": _ALL,
    "firewall_activation": ("INSERT",),
    "mfa_authenticator": ("INSERT", "DELETE", f"UPDATE WHEN {_ANOTHER_FACTOR}"),
    "sip_historysettings": _ALL,
    "system_reasondemand": _ALL,
    "system_noticesettings": ("INSERT", "DELETE", f"UPDATE OF {', '.join(_RECEIVERS)}"),
}
"""Beside what a revision holds: who may do what, what acts for a time, who is told. Being seen is no change, nor is a
code that was used or a passkey's other name.
"""


def install_guards(using: str = "default") -> None:
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    remove_guards(using)
    present = set(connection.introspection.table_names())
    with connection.cursor() as cursor:
        for table, statement in (*_append_only(), *_watched()):
            if table in present:
                cursor.execute(statement)


def remove_guards(using: str = "default") -> None:
    connection = connections[using]
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        for (name,) in cursor.fetchall():
            if name.startswith(PREFIX):
                cursor.execute(f'DROP TRIGGER "{name}"')


def watched_tables() -> list[str]:
    """Of the configuration, as a revision holds it, and the tables between its rows."""
    from appliance.ruleset.snapshot import CONFIGURATION

    tables = []
    for model in CONFIGURATION:
        tables.append(model._meta.db_table)
        between = (field for field in model._meta.many_to_many if isinstance(field, models.ManyToManyField))
        tables += [field.m2m_db_table() for field in between]
    return tables


def _append_only() -> Iterator[tuple[str, str]]:
    for verb in ("UPDATE", "DELETE"):
        yield (
            "audit_entry",
            f"CREATE TRIGGER {PREFIX}audit_{verb.lower()} BEFORE {verb} ON audit_entry "
            "BEGIN SELECT RAISE(ABORT, 'audit entries cannot be changed or deleted'); END",
        )


def _watched() -> Iterator[tuple[str, str]]:
    for table, verbs in (dict.fromkeys(watched_tables(), _ALL) | OF_PEOPLE).items():
        for each in verbs:
            verb, when, condition = each.partition(" WHEN ")
            yield (
                table,
                f"CREATE TRIGGER {PREFIX}{table}_{verb.split()[0].lower()} AFTER {verb} ON {table}{when}{condition} "
                f"BEGIN SELECT {FUNCTION}('{table}'); END",
            )
