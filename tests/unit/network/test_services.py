# SPDX-License-Identifier: GPL-2.0-or-later
"""Saving interfaces."""

import pytest
from django.core.exceptions import ValidationError

from appliance.audit.models import Entry
from appliance.network.queries import interfaces
from appliance.network.services import delete_interface, save_interface


def test_saving_twice_changes_the_same_interface(owner):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24", "FD00:A::1/64"])
    changed = save_interface(actor=owner, name="lan0", role="dmz", addresses=["192.168.0.1/24"], masquerade=True)
    assert list(interfaces()) == [changed]
    assert changed.role == "dmz"
    assert Entry.objects.first().before["addresses"] == ["192.168.0.1/24", "fd00:a::1/64"]


def test_saving_the_same_again_leaves_no_audit_entry(owner):
    for _ in range(2):
        save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    assert Entry.objects.filter(verb="update").count() == 0


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": "lan0; drop"}, "name"),
        ({"role": "inside"}, "role"),
        ({"addresses": ["192.168.0.300/24"]}, "addresses"),
    ],
)
def test_bad_value_names_its_field(owner, change, field):
    values = {"name": "lan0", "role": "internal", "addresses": ["192.168.0.1/24"]}
    with pytest.raises(ValidationError) as error:
        save_interface(actor=owner, **values | change)
    assert list(error.value.message_dict) == [field]


def test_deleted_interface_is_gone(owner):
    interface = save_interface(actor=owner, name="lan0", role="internal", addresses=[])
    delete_interface(actor=owner, interface=interface)
    assert not interfaces().exists()
