# SPDX-License-Identifier: GPL-2.0-or-later
"""What could get in: every way there is, read from the running system; and what support did while it was in."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from appliance.accounts import queries
from appliance.accounts.models import ApiToken, MaintenanceWindow, SignInLink, User
from appliance.audit.models import Entry
from appliance.firewall import queries as firewall
from appliance.kernel.inquiry import NetadminUnavailable, ask
from appliance.kernel.logins import logins
from appliance.ruleset import policy as ruleset
from appliance.ruleset.activations import deciding_rules
from appliance.ruleset.snapshot import snapshot
from appliance.system import queries as system
from appliance.system.queries import Change
from sipalg_core.contract import names


def support_acts(window: MaintenanceWindow) -> list[Entry]:
    """What the support accounts did in it, newest first."""
    people = list(queries.support_accounts().values_list("username", flat=True))
    done = Entry.objects.filter(sequence__gte=window.first_entry, actor__in=people).order_by("-sequence")
    return list(done.filter(sequence__lte=window.last_entry) if window.ended else done)


def window_changes(window: MaintenanceWindow) -> list[Change]:
    """How the configuration differs from what it was when the window was opened."""
    before = ruleset.load(window.rows["policy"])
    after = ruleset.load(window.rows_after["policy"]) if window.rows_after else snapshot(names.NODE, 0)
    return system.compare(before, after)


def look() -> dict[str, Any]:
    """For the page; `unavailable` says why the kernel was not asked."""
    now = timezone.now()
    people = [
        (user, queries.has_second_factor(user), queries.signed_in(user).count())
        for user in User.objects.order_by("role", "username")
        if user.works
    ]
    live = Q(expires=None) | Q(expires__gt=now)
    return _ports() | {
        "ways": [rule for rule in deciding_rules(system.policy_asked(draft=False)) if _lets_in(rule)],
        "window": queries.open_window(),
        "acting": firewall.acting(names.NODE),
        "people": people,
        "logins": logins(),
        "tokens": ApiToken.objects.filter(live, user__is_active=True).select_related("user"),
        "links": SignInLink.objects.filter(used=None, expires__gt=now).select_related("user"),
        "keys": sorted(each.name for each in names.state_dir().glob("*key*") if each.is_file()),
        "origins": settings.CONSOLE_ORIGINS,
    }


def _lets_in(rule: ruleset.Rule) -> bool:
    """From outside, to this device or through it."""
    works = rule.enabled and not rule.expired and rule.activity != ()
    opens = rule.action == "dnat" or (rule.action == "accept" and rule.table in ("input", "forward"))
    return works and opens and (rule.from_zone in ("", "external")) and (rule.table != "forward" or not rule.opens_alg)


def _ports() -> dict[str, Any]:
    """Sockets that listen inside of the firewall, as its kernel has them."""
    try:
        return {"listening": ask("listening"), "unavailable": ""}
    except NetadminUnavailable as error:
        return {"listening": [], "unavailable": str(error)}
