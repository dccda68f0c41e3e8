# SPDX-License-Identifier: GPL-2.0-or-later
"""A24: what an orderly administrator would look at: rules that do nothing, ends that come, objects that went stale."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext as _

from appliance.advisor.evidence import Evidence
from appliance.advisor.finding import Finding, Fix, moment
from appliance.ruleset.findings import text
from appliance.ruleset.policy import Rule
from appliance.ruleset.verify import verify
from appliance.ui.columns import unresolved

DAY: Final = 24 * 3600.0
NEVER_HIT_AFTER: Final = 90 * DAY
EXPIRES_WITHIN: Final = 2 * DAY
COUNTRIES_OLD_AFTER: Final = 180 * DAY


def upkeep(evidence: Evidence) -> Iterator[Finding]:
    yield from _never_hit(evidence)
    yield from _shadowed(evidence)
    yield from _ending(evidence)
    yield from _objects(evidence)


def _never_hit(evidence: Evidence) -> Iterator[Finding]:
    for rule in evidence.rules():
        use = evidence.uses.get(rule.id)
        if use is None:
            continue
        unused = not rule.opens_alg and (use.counted if use.last is None else use.last) > NEVER_HIT_AFTER
        if unused:
            yield _hint(
                f"unused-{rule.id}", _("Rule “%s” was not hit in 90 days.") % rule.name,
                _("A rule that nobody needs is an opening that nobody watches."), rule,
                _("Counted for %d days.") % (use.counted // DAY) if use.last is None
                else _("Last hit %d days ago.") % (use.last // DAY),
            )  # fmt: skip


def _shadowed(evidence: Evidence) -> Iterator[Finding]:
    shadowed = {found.rule: text(found) for found in verify(evidence.policy) if found.code == "shadowed"}
    for rule in evidence.policy.rules:
        if rule.id in shadowed:
            why = _("It decides about nothing, whatever it says.")
            yield _hint(f"shadowed-{rule.id}", shadowed[rule.id], why, rule)


def _ending(evidence: Evidence) -> Iterator[Finding]:
    for rule in evidence.rules():
        if rule.until is not None and 0 < rule.until - evidence.at < EXPIRES_WITHIN:
            yield _hint(
                f"ends-{rule.id}", _("Rule “%s” ends within 48 hours.") % rule.name,
                _("Its connections are cut at that moment, too."), rule,
                _("It ends %s.") % moment(rule.until),
            )  # fmt: skip


def _objects(evidence: Evidence) -> Iterator[Finding]:
    for each in evidence.moving:
        if each.error:
            yield Finding(
                "A24", f"object-{each.ident}",
                unresolved(each.name, each.age and evidence.at - each.age),
                _("It is asked again by itself, and rules go by the answer at once."),
                (f"{each.error}"
                 if each.age is None else _("%(error)s; last answer %(moment)s.")
                 % {"error": each.error, "moment": moment(evidence.at - each.age)},),
                (Fix(_("Show the object"), page="firewall:objects_edit_address", argument=each.ident),),
                "warning",
            )  # fmt: skip
    age = evidence.country_data_age
    if age is not None and age > COUNTRIES_OLD_AFTER:
        yield Finding(
            "A24", "countries",
            _("Country data is %d days old. Rules work; places may be wrong.") % (age // DAY),
            _("Addresses move between countries all the time."),
            (_("Published %s.") % moment(evidence.at - age),),
            (Fix(_("Upload newer data"), page="firewall:objects_countries"),),
        )  # fmt: skip


def _hint(subject: str, text: str, why: str, rule: Rule, *evidence: str) -> Finding:
    fixes = [Fix(_("Edit the rule"), page="firewall:rules_edit", argument=rule.id)]
    if not subject.startswith("ends-"):
        fixes.append(Fix(_("Disable the rule (as a draft)"), "disable_rule", argument=rule.id))
    named = _("Rule %(number)d “%(rule)s”.") % {"number": rule.position, "rule": rule.name}
    return Finding("A24", subject, text, why, (named, *evidence), tuple(fixes))
