# SPDX-License-Identifier: GPL-2.0-or-later
"""A live table asks for nothing that a row does not have, and has a word for every state there is."""

import json
import re
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from django.core.serializers.json import DjangoJSONEncoder

from appliance.sip.columns import CALLS, CALLS_IN_BRIEF, PINHOLES, REGISTRATIONS
from sipalg_core.contract.events import CallRow, PinholeRow, RegistrationRow

CELLS = Path(__file__).resolve().parents[3] / "static/js/cells.js"
TABLES = [(CALLS, CallRow), (CALLS_IN_BRIEF, CallRow), (PINHOLES, PinholeRow), (REGISTRATIONS, RegistrationRow)]


@pytest.mark.parametrize(("table", "row"), TABLES)
def test_columns_are_fields_of_the_row(table, row):
    keys = {column.key for column in table.columns} | {column.below for column in table.columns if column.below}
    assert keys | {table.order, table.state} <= set(get_type_hints(row))


@pytest.mark.parametrize(("table", "row"), TABLES)
def test_every_value_has_a_word(table, row):
    fields = get_type_hints(row)
    for column in table.columns:
        values = [value for value in get_args(fields[column.key]) if isinstance(value, str)]
        assert set(values) <= set(column.words), column.key


@pytest.mark.parametrize(("table", "row"), TABLES)
def test_script_knows_every_kind(table, row):
    kinds = set(re.findall(r"^  (\w+)\(cell", CELLS.read_text(), re.MULTILINE))
    assert {column.kind for column in table.columns} <= kinds


def test_configuration_is_plain_json_with_the_ended_states():
    plain = json.loads(json.dumps(CALLS.config(), cls=DjangoJSONEncoder))
    assert plain["topic"] == "calls"
    assert set(plain["ended"]) == {"completed", "cancelled", "busy", "rejected", "diverted"}
    assert plain["columns"][0]["words"]["inbound"]["label"] == "In"
