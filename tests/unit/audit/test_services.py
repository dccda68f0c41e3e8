# SPDX-License-Identifier: GPL-2.0-or-later
"""The chain holds, cannot be rewritten through the models, and tells where somebody rewrote it underneath."""

import pytest
from django.db import connection, transaction

from appliance.audit.models import AppendOnly, Entry
from appliance.audit.services import record, verify


@pytest.fixture
def entries(owner):
    for number in range(3):
        record(
            actor=owner, verb="test", target=owner, after={"number": number}, reason="because", source="192.168.0.20"
        )
    return Entry.objects.order_by("sequence")


def test_untouched_chain_holds(entries):
    assert verify() is None
    assert [entry.sequence for entry in entries] == [1, 2, 3]


@pytest.mark.parametrize("column", ["actor", "reason", "after", "time", "previous_hash"])
def test_changed_field_is_found(entries, column):
    with connection.cursor() as cursor:
        value = "2020-01-01 00:00:00" if column == "time" else '"forged"'
        cursor.execute(f"UPDATE audit_entry SET {column} = %s WHERE sequence = 2", [value])
    assert verify().sequence == 2


def test_missing_entry_is_found(entries):
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit_entry WHERE sequence = 2")
    assert verify() == (2, "is missing")


def test_models_refuse_to_rewrite_history(entries):
    entry = entries[0]
    entry.reason = "forged"
    for attempt in (entry.save, entry.delete, Entry.objects.all().delete, lambda: Entry.objects.update(reason="x")):
        with pytest.raises(AppendOnly):
            attempt()
    assert verify() is None


@pytest.mark.django_db(transaction=True)
def test_entry_needs_the_transaction_of_its_change(owner):
    with pytest.raises(transaction.TransactionManagementError):
        record(actor=owner, verb="test", target=owner)
