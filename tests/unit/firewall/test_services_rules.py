# SPDX-License-Identifier: GPL-2.0-or-later
"""Rules: their order, who changed them first, and what every change leaves in the audit trail."""

import pytest
from django.core.exceptions import ValidationError

from appliance.audit.models import Entry
from appliance.audit.services import verify
from appliance.firewall.queries import rule_uses, rules
from appliance.firewall.services import delete_rule, move_rule, set_rule_enabled, update_rule


def order():
    return [(rule.position, rule.name) for rule in rules()]


def test_rules_stand_where_they_are_put(make_rule):
    first = make_rule("a")
    make_rule("c")
    make_rule("b", after=first)
    make_rule("z", before=first)
    make_rule("y", position=2)
    assert order() == [(1, "z"), (2, "y"), (3, "a"), (4, "b"), (5, "c")]


def test_moving_and_deleting_leaves_no_gap(owner, make_rule):
    a, b, c = (make_rule(name) for name in "abc")
    move_rule(actor=owner, rule=c, before=a)
    assert order() == [(1, "c"), (2, "a"), (3, "b")]
    delete_rule(actor=owner, rule=a)
    assert order() == [(1, "c"), (2, "b")]
    with pytest.raises(ValidationError):
        move_rule(actor=owner, rule=b, before=b)
    with pytest.raises(ValidationError):
        move_rule(actor=owner, rule=b)


def test_second_writer_is_told_who_was_first(owner, make_rule):
    rule = make_rule("a")
    changed = update_rule(actor=owner, rule=rule, version=rule.version, name="b")
    assert (changed.version, changed.name) == (2, "b")
    with pytest.raises(ValidationError) as error:
        update_rule(actor=owner, rule=rule, version=rule.version, name="c")
    assert error.value.message_dict["version"][0].startswith("anna changed this rule at ")
    assert order() == [(1, "b")]


def test_switching_needs_no_version(owner, make_rule):
    rule = make_rule("a")
    assert not set_rule_enabled(actor=owner, rule=rule, enabled=False).enabled
    assert set_rule_enabled(actor=owner, rule=rule, enabled=True).enabled


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"action": "allow"}, "action"), ({"from_zone": "inside"}, "from_zone"), ({"name": " "}, "name")],
)
def test_bad_field_is_named(make_rule, fields, field):
    with pytest.raises(ValidationError) as error:
        make_rule(**{"name": "x"} | fields)
    assert list(error.value.message_dict) == [field]


def test_sip_rule_names_both_ends(make_rule, sip, pbx):
    with pytest.raises(ValidationError) as error:
        make_rule("x", service=sip, source=pbx)
    assert list(error.value.message_dict) == ["destination"]


def test_unknown_field_cannot_be_changed(owner, make_rule):
    with pytest.raises(ValidationError):
        update_rule(actor=owner, rule=make_rule("a"), version=1, position=7)


def test_every_change_is_audited_in_words(owner, make_rule, pbx):
    rule = make_rule("a", source=pbx)
    update_rule(actor=owner, rule=rule, version=1, source=None)
    move = Entry.objects.filter(verb="update").get()
    assert (move.before["source"], move.after["source"]) == ("PBX", None)
    assert verify() is None
    assert not rule_uses(pbx).exists()
