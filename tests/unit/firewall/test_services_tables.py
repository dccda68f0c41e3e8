# SPDX-License-Identifier: GPL-2.0-or-later
"""What the tables of rules have of their own: sections, translations, ends and schedules."""

from datetime import time, timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from appliance.audit.models import Entry
from appliance.firewall.models import Rule
from appliance.firewall.queries import hits, rules
from appliance.firewall.services import (
    clone_rule,
    count_connections,
    count_hits,
    create_address,
    create_schedule,
    delete_address,
    delete_schedule,
    expire_rules,
    move_rule,
    replace_everywhere,
    update_rule,
)


def order(table="forward"):
    return " ".join(f"{rule.position}{rule.name}{rule.section}" for rule in rules(table))


def test_each_table_counts_its_own_rules(make_rule):
    make_rule("a")
    make_rule("b", table="input")
    make_rule("c", action="masquerade", table="snat")
    make_rule("d", table="input", position=1)
    assert [order(table) for table in ("forward", "input", "snat", "dnat")] == ["1a", "1d 2b", "1c", ""]


def test_section_is_one_piece_of_the_order(owner, make_rule):
    for name, section in [("a", "X"), ("b", "Y"), ("c", "X"), ("d", ""), ("e", "Y")]:
        make_rule(name, section=section)
    assert order() == "1aX 2cX 3bY 4eY 5d"
    a, b, _, d, e = (Rule.objects.get(name=name) for name in "abcde")
    move_rule(actor=owner, rule=d, after=a)
    assert order() == "1aX 2dX 3cX 4bY 5eY"
    move_rule(actor=owner, rule=Rule.objects.get(pk=e.pk), position=2)
    assert order() == "1aX 2eX 3dX 4cX 5bY"
    update_rule(actor=owner, rule=a, version=a.version, section="Y")
    assert order() == "1eX 2dX 3cX 4bY 5aY"
    update_rule(actor=owner, rule=b, version=b.version, section="Z")
    assert order() == "1eX 2dX 3cX 4aY 5bZ"


def test_clone_stands_below_its_source_and_is_off(owner, make_rule, pbx):
    source = make_rule("a", source=pbx, section="X", tags=["voip"])
    make_rule("b", section="X")
    copy = clone_rule(actor=owner, rule=source)
    assert order() == "1aX 2Copy of aX 3bX"
    assert (copy.enabled, copy.source, copy.tags) == (False, pbx, ["voip"])


@pytest.fixture
def lan(owner):
    return create_address(actor=owner, name="LAN", kind="network", value="192.168.0.0/24")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"table": "dnat", "action": "dnat"}, "target"),
        ({"table": "dnat", "action": "drop"}, "action"),
        ({"table": "forward", "action": "dnat"}, "action"),
        ({"table": "mangle"}, "table"),
        ({"table": "dnat", "action": "dnat", "target": "pbx", "target_port": 80}, "target_port"),
        ({"table": "dnat", "action": "dnat", "target": "pbx", "service": "web", "target_port": 80}, "target_port"),
        ({"table": "dnat", "action": "dnat", "target": "lan"}, "target"),
        ({"table": "dnat", "action": "dnat", "target": "pbx", "to_zone": "internal"}, "to_zone"),
        ({"table": "snat", "action": "masquerade", "target": "pbx"}, "target"),
        ({"table": "snat", "action": "masquerade", "from_zone": "internal"}, "from_zone"),
        ({"table": "snat", "action": "masquerade", "log": True}, "log"),
        ({"target": "pbx"}, "target"),
        ({"table": "input", "to_zone": "internal"}, "to_zone"),
        ({"tags": [""]}, "tags"),
        ({"colour": "red"}, "colour"),
        ({"until": "past"}, "until"),
    ],
)
def test_what_makes_no_sense_is_said_at_its_field(make_rule, pbx, lan, web, fields, field):
    named = {"pbx": pbx, "lan": lan, "web": web, "past": timezone.now() - timedelta(seconds=1)}
    fields = {key: named.get(value, value) if isinstance(value, str) else value for key, value in fields.items()}
    with pytest.raises(ValidationError) as error:
        make_rule("x", **fields)
    assert list(error.value.message_dict) == [field]
    assert not Rule.objects.exists()


def test_rule_that_has_ended_stays_as_expired_until_it_gets_another_end(owner, make_rule):
    until = timezone.now() + timedelta(hours=1)
    rule, other = make_rule("a", until=until), make_rule("b")
    assert expire_rules(now=until - timedelta(seconds=1)) == []
    assert expire_rules(now=until) == [rule]
    assert expire_rules(now=until) == []
    rule.refresh_from_db()
    assert rule.expired_at == until
    assert Entry.objects.get(verb="expired").actor == "time"
    renamed = update_rule(actor=owner, rule=rule, version=1, name="c")
    assert renamed.expired_at is not None
    assert clone_rule(actor=owner, rule=renamed).until is None
    extended = update_rule(actor=owner, rule=rule, version=2, until=until + timedelta(hours=1))
    assert extended.expired_at is None
    assert other.expired_at is None


@pytest.mark.parametrize(
    ("fields", "field"),
    [({"weekdays": []}, "weekdays"), ({"weekdays": [7]}, "weekdays"), ({"timezone": "Berlin"}, "timezone"),
     ({"name": ""}, "name")],
)  # fmt: skip
def test_bad_schedule_is_said_at_its_field(owner, fields, field):
    good = {"name": "Office", "weekdays": [0, 1], "begin": time(8), "end": time(18)}
    with pytest.raises(ValidationError) as error:
        create_schedule(actor=owner, **good | fields)
    assert list(error.value.message_dict) == [field]


def test_schedule_in_use_stays(owner, make_rule):
    office = create_schedule(actor=owner, name="Office", weekdays=[4, 0, 0], begin=time(8), end=time(18))
    assert office.weekdays == [0, 4]
    rule = make_rule("a", schedule=office)
    with pytest.raises(ValidationError, match="used in 1 rule"):
        delete_schedule(actor=owner, schedule=office)
    rule.delete()
    delete_schedule(actor=owner, schedule=office)


def test_object_is_replaced_everywhere(owner, make_rule, pbx, provider):
    make_rule("a", source=pbx, destination=pbx)
    make_rule("b", table="dnat", action="dnat", target=pbx)
    group = create_address(actor=owner, name="Phones", kind="group", members=[pbx])
    assert replace_everywhere(actor=owner, thing=pbx, by=provider) == 4
    assert {rule.source or rule.target for rule in Rule.objects.all()} == {provider}
    assert list(group.members.all()) == [provider]
    delete_address(actor=owner, address=pbx)
    with pytest.raises(ValidationError, match="cannot be in itself"):
        replace_everywhere(actor=owner, thing=provider, by=group)


def test_hits_add_up_over_chains_that_begin_anew(owner, make_rule):
    rule = make_rule("a")
    readings = [(0, 0), (5, 500), (5, 500), (2, 200), (3, 300)]
    seen = []
    for reading in readings:
        count_hits(counted={rule.pk: reading})
        hit = hits()[rule.pk]
        seen.append((hit.packets, hit.octets, hit.last))
    assert [each[:2] for each in seen] == [(0, 0), (5, 500), (5, 500), (7, 700), (8, 800)]
    assert seen[0][2] is None
    assert seen[1][2] == seen[2][2] < seen[3][2] < seen[4][2]


def test_hits_are_kept_by_day_for_a_week(owner, make_rule, monkeypatch):
    rule, begin = make_rule("a"), timezone.now().replace(year=2026, month=11, day=1)
    for day in range(1, 11):
        monkeypatch.setattr("appliance.firewall.services.rules.timezone.now", lambda day=day: begin.replace(day=day))
        count_hits(counted={rule.pk: (day * 10, 0)})
        count_hits(counted={rule.pk: (day * 10 + day, 0)})
    kept = hits()[rule.pk].days
    assert list(kept) == [f"2026-11-{day:02}" for day in range(3, 11)]
    assert sum(kept.values()) == hits()[rule.pk].packets - 11 - 11
    assert hits()[rule.pk].packets == 110


def test_connections_of_rules_are_counted_anew_each_time(owner, make_rule):
    counted, new, idle = (make_rule(name) for name in "abc")
    count_hits(counted={counted.pk: (0, 0), idle.pk: (5, 5)})
    count_connections(counted={counted.pk: 3, new.pk: 1})
    assert {pk: each.connections for pk, each in hits().items()} == {counted.pk: 3, new.pk: 1, idle.pk: 0}
    count_connections(counted={idle.pk: 2})
    assert {pk: each.connections for pk, each in hits().items()} == {counted.pk: 0, new.pk: 0, idle.pk: 2}
    assert all(each.connections_at for each in hits().values())
    assert hits()[idle.pk].packets == 5


def test_sip_rule_has_no_schedule_because_the_alg_knows_none(owner, make_rule, pbx, provider, sip):
    office = create_schedule(actor=owner, name="Office", weekdays=[0], begin=time(8), end=time(18))
    with pytest.raises(ValidationError) as error:
        make_rule("x", source=pbx, destination=provider, service=sip, schedule=office)
    assert list(error.value.message_dict) == ["schedule"]
