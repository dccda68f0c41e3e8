# SPDX-License-Identifier: GPL-2.0-or-later
"""Pending changes in words."""

import pytest

from appliance.firewall.services import create_address, create_rule, delete_rule, move_rule, update_address, update_rule
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.snapshot import snapshot
from appliance.system.models import Revision, State
from appliance.system.queries import findings, pending_changes, policy_asked, rule_asked, running_revision


@pytest.fixture
def pbx(owner):
    return create_address(actor=owner, name="PBX", kind="host", value="192.168.0.2")


@pytest.fixture
def rules(owner, pbx):
    def make(name):
        return create_rule(actor=owner, name=name, source=pbx, destination=None, service=None, action="drop")

    return [make("a"), make("b")]


def apply():
    Revision.objects.update(state=State.SUPERSEDED)
    number = Revision.objects.count() + 1
    return Revision.objects.create(
        number=number, author="anna", state=State.APPLIED, policy=policy.dump(snapshot("local", number))
    )


def words():
    return [change.text for change in pending_changes()]


def test_everything_is_new_before_the_first_revision(rules):
    assert running_revision() is None
    assert words() == ["Rule “a” is new.", "Rule “b” is new."]


def test_nothing_is_pending_after_an_apply(rules):
    revision = apply()
    assert (running_revision(), words()) == (revision, [])


def test_change_of_an_object_is_told_of_its_rules(owner, rules, pbx):
    apply()
    update_address(actor=owner, address=pbx, value="192.168.0.3")
    change = "source PBX (192.168.0.2) → PBX (192.168.0.3)"
    assert words() == [f"Rule “a”: {change}.", f"Rule “b”: {change}."]


def test_rules_that_moved_changed_or_went(owner, rules):
    apply()
    move_rule(actor=owner, rule=rules[1], before=rules[0])
    assert words() == ["The order of the rules is different."]
    update_rule(actor=owner, rule=rules[0], version=1, enabled=False, source=None)
    assert "Rule “a”: source PBX (192.168.0.2) → any, enabled on → off." in words()
    delete_rule(actor=owner, rule=rules[1])
    assert [change.kind for change in pending_changes()] == ["changed", "removed"]


def test_findings_are_those_of_the_rows(owner, rules):
    assert [finding.code for finding in findings()] == ["locked_out", "shadowed"]
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    assert [finding.code for finding in findings()] == ["shadowed"]


@pytest.mark.parametrize("draft", [True, False])
def test_one_rule_asked_for_is_the_one_among_all(owner, rules, pbx, draft):
    name = create_address(actor=owner, name="Name", kind="dns", value="sip.example.net")
    group = create_address(actor=owner, name="Both", kind="group", members=[pbx, name])
    made = create_rule(actor=owner, name="c", source=group, action="accept")
    assert rule_asked(made.pk, draft=draft).source.name == "Both"  # the rows where nothing runs
    revision = apply()
    Revision.objects.filter(pk=revision.pk).update(expired=[rules[1].pk])
    update_rule(actor=owner, rule=rules[0], version=rules[0].version, name="other")
    among = {rule.id: rule for rule in policy_asked(draft=draft).rules}
    for pk in (made.pk, *(rule.pk for rule in rules)):
        alone = rule_asked(pk, draft=draft)
        assert policy.dump_rule(alone) == policy.dump_rule(among[pk])
        assert (alone.source.empty, alone.expired) == (among[pk].source.empty, among[pk].expired)
    assert rule_asked(0, draft=draft) is None
