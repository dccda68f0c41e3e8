# SPDX-License-Identifier: GPL-2.0-or-later
"""Icons, times, the navigation and the state of the appliance, for templates."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from django import template
from django.conf import settings
from django.http import HttpRequest
from django.template import Context
from django.templatetags.static import static
from django.urls import resolve, reverse
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from appliance.accounts import queries
from appliance.accounts.models import User
from appliance.advisor.finding import Fix
from appliance.advisor.reading import noted
from appliance.firewall.columns import sentence
from appliance.help.pages import PAGES, Way
from appliance.ruleset.countries import name
from appliance.ruleset.policy import Rule
from appliance.sip import queries as sip
from appliance.system import queries as system
from appliance.system.columns import outcome
from appliance.ui import columns, requests
from appliance.ui.requests import permission_of

register = template.Library()

SESSION_WARNED: Final = 15 * 60.0
"""Seconds before a session ends by itself."""


@dataclass(frozen=True)
class Page:
    view: str
    label: str | Promise
    icon: str


ADVISOR: Final = "system:advisor"
"""In the menu with the number of its open findings."""
NAVIGATION: Final = (
    ("", (Page("ui:overview", _("Overview"), "overview"),)),
    (
        _("Calls"),
        (
            Page("sip:calls", _("Live calls"), "calls"),
            Page("sip:history", _("Call history"), "clock"),
            Page("sip:registrations", _("Registrations"), "registrations"),
            Page("sip:pinholes", _("Pinholes"), "pinholes"),
            Page("sip:quality", _("Quality"), "quality"),
            Page("sip:bans", _("Banned hosts"), "ban"),
        ),
    ),
    (
        _("SIP ALG"),
        (
            Page("alg:providers", _("Providers & PBXs"), "server"),
            Page("alg:settings", _("Timers & limits"), "sliders"),
            Page("firewall:exemptions", _("Exemptions"), "bypass"),
        ),
    ),
    (
        _("Firewall"),
        (
            Page("firewall:rules", _("Rules"), "rules"),
            Page("firewall:activations", _("For a time"), "timer"),
            Page("firewall:recipes", _("Recipes"), "recipes"),
            Page("firewall:objects", _("Objects"), "objects"),
            Page("network:interfaces", _("Zones and interfaces"), "network"),
        ),
    ),
    (
        _("Diagnose"),
        (
            Page(ADVISOR, _("Advisor"), "advisor"),
            Page("firewall:questions", _("Which rule decides"), "decide"),
            Page("system:connections", _("Connections"), "connections"),
            Page("system:log", _("Live log"), "log"),
            Page("system:tests", _("Capture & tests"), "probe"),
            Page("sip:selftests", _("Self-test"), "selftest"),
        ),
    ),
    (
        _("Access"),
        (
            Page("accounts:people", _("Users and passes"), "people"),
            Page("accounts:tokens", _("API tokens"), "key"),
            Page("accounts:maintenance", _("Remote maintenance"), "support"),
            Page("accounts:exposure", _("What could get in"), "eye"),
            Page("audit:log", _("Audit log"), "audit"),
            Page("accounts:account", _("Account"), "account"),
        ),
    ),
    (
        _("System"),
        (
            Page("system:changes", _("Changes"), "changes"),
            Page("system:backup", _("Backup"), "archive"),
            Page("system:notices", _("Notifications"), "bell"),
            Page("system:updates", _("Updates & geo data"), "update"),
            Page("system:device", _("Network, time, certificate"), "device"),
            Page("system:about", _("About & licences"), "hint"),
        ),
    ),
    ("", (Page("ui:help", _("Help"), "help"),)),
)
"""What the rail leads to: at most seven pages a group, and no picture twice."""


@register.filter
def what_it_does(rule: Rule) -> SafeString:
    """The sentence of a rule that a revision keeps."""
    until = datetime.fromtimestamp(rule.until, UTC) if rule.until else None
    return sentence({field.name: getattr(rule, field.name) for field in fields(rule)} | {"until": until})


@register.filter
def word(words: Mapping[str, str | Promise], value: str) -> str:
    """How a value of an enumeration is said."""
    return str(words.get(value, value))


@register.filter
def entry(known: Mapping[str, Any] | None, key: Any) -> Any:
    """What a mapping holds under a key; None where there is nothing."""
    return (known or {}).get(str(key))


@register.simple_tag
def sign_in_command() -> str:
    """What prints a one-time link on the device itself."""
    return settings.SIGN_IN_COMMAND


@register.simple_tag
@cache
def icon(name: str, css: str = "") -> SafeString:
    """A symbol of static/icons.svg; it stands beside a text or inside a labelled control, never alone."""
    href = f"{static('icons.svg')}#{name}"
    return format_html('<svg class="icon {}" aria-hidden="true"><use href="{}"/></svg>', css, href)


register.filter(columns.moment)
register.filter(outcome)


@register.inclusion_tag("ui/_navigation.html")
def navigation(request: HttpRequest) -> dict[str, Any]:
    match = request.resolver_match
    here = ":".join([*match.namespaces, (match.url_name or "").split("_")[0]]) if match else ""
    groups = [
        (
            title,
            [
                (page, reverse(page.view), page.view == here, len(noted()) if page.view == ADVISOR else 0)
                for page in pages
                if may_open(request, page.view)
            ],
        )
        for title, pages in NAVIGATION
    ]
    return {"groups": [(title, pages) for title, pages in groups if pages]}


@register.simple_tag(takes_context=True)
def may(context: Context, permission: str) -> bool:
    """Whether the reader may that: `{% may "rules.change" as may_change %}`. It hides what would be refused."""
    user = context["request"].user
    return isinstance(user, User) and queries.permits(user, permission)


@register.filter
def has_passkey(user: object) -> bool:
    return isinstance(user, User) and queries.has_factor(user, "webauthn")


@register.filter
def has_codes(user: object) -> bool:
    """Of an app, or for recovery."""
    return isinstance(user, User) and queries.has_factor(user, "totp", "recovery_codes")


@register.simple_tag(takes_context=True)
def undo_offer(context: Context) -> dict[str, Any] | None:
    """What the reader's last act would need to be taken back."""
    request = context.get("request")
    return requests.undo_offer(request) if isinstance(request, HttpRequest) and hasattr(request, "session") else None


@register.simple_tag(takes_context=True)
def fix_address(context: Context, fix: Fix) -> str:
    """Of the page that a finding's fix leads to; "" where the reader would be refused."""
    address = address_of(fix)
    return address if may_open_address(context["request"], address) else ""


def address_of(way: Fix | Way) -> str:
    """Of the page that a finding's fix, or an answer of the help, leads to."""
    place = reverse(way.page, args=[] if way.argument is None else [way.argument])
    return f"{place}?{way.query}" if way.query else place


@register.inclusion_tag("help/_link.html")
def help_link(name: str) -> dict[str, Any]:
    """To the answer of a question, where it arises: `{% help_link "symmetric-rtp" %}`."""
    return {"name": name, "title": PAGES[name].title}


def may_open(request: HttpRequest, view: str) -> bool:
    """Whether the reader may look at the page."""
    return may_open_address(request, reverse(view))


def may_open_address(request: HttpRequest, address: str) -> bool:
    permission = permission_of(resolve(address.partition("?")[0]).func, "GET")
    return permission is not None and isinstance(request.user, User) and queries.permits(request.user, permission)


@register.inclusion_tag("ui/_status.html", takes_context=True)
def status(context: Context) -> dict[str, Any]:
    """A page that says itself what waits to be applied (`pending`) has read it already."""
    told = status_context(context.get("pending"))
    return told | {"request": context["request"], "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("ui/_bell.html", takes_context=True)
def bell(context: Context, again: bool = False) -> dict[str, Any]:
    """How many notices have come since this session looked at them; nothing for who may not see them. `again` takes
    the place of the one that stands on the page."""
    request = context["request"]
    if not may_open(request, "system:notices"):
        return {"shown": False}
    return {"shown": True, "again": again, "new": system.new_notices(request.session.get(requests.NOTICES_SEEN))}


@register.inclusion_tag("accounts/_banner.html", takes_context=True)
def maintenance_banner(context: Context) -> dict[str, Any]:
    """On every page while vendor support may come in."""
    return {"window": queries.open_window(), "request": context["request"], "csrf_token": context.get("csrf_token")}


@register.inclusion_tag("ui/_session_end.html", takes_context=True)
def session_end(context: Context, again: bool = False) -> dict[str, Any]:
    """Before a session ends its user is told, and how he can stay (WCAG 2.2.1). `again` replaces what stands there."""
    request = context["request"]
    ends, user = queries.ends(request.session), request.user
    if not isinstance(user, User) or ends - time.time() > SESSION_WARNED:
        return {"again": again}
    return {"again": again, "ends": datetime.fromtimestamp(ends, UTC), "missing": queries.lacks_proof(user)}


@register.inclusion_tag("setup/_invitation.html", takes_context=True)
def setup_invitation(context: Context) -> dict[str, Any]:
    """On every page of a new appliance but the wizard's own, for who may set it up."""
    request = context["request"]
    here = request.resolver_match and (request.resolver_match.url_name or "").startswith("setup")
    invited = not here and isinstance(request.user, User) and queries.permits(request.user, "setup.run")
    return {
        "invited": invited and system.is_new(), "begun": system.setup_now().pk, "csrf_token": context.get("csrf_token"),
    }  # fmt: skip


@register.simple_tag
def set_up_ended() -> bool:
    """Whether nobody is on the way through the first run."""
    return not (system.is_new() and system.setup_now().pk)


def status_context(pending: object = None) -> dict[str, Any]:
    """Health, pending changes and the revision on trial: what the top bar shows on every page."""
    waiting = system.waiting_revision()
    changes = len(pending.changes if isinstance(pending, system.Pending) else system.pending_changes())
    return {"telephony": sip.telephony(changes), "changes": changes, "waiting": waiting}


@register.inclusion_tag("ui/_keys.html", takes_context=True)
def keys(context: Context) -> dict[str, Any]:
    """The list of keys, for people and for the script; what leads to a page only for who may see it."""
    shown = [key for key in columns.KEYS if not key.view or may_open(context["request"], key.view)]
    rows = [{"keys": key.keys, "address": key.view and reverse(key.view), "row": key.row} for key in shown]
    return {"keys": [(key.keys.split(), key.label) for key in shown], "table": rows}


@register.filter
def country(code: str) -> str:
    """Its name, in the reader's language."""
    return name(code, get_language())


@register.simple_tag
def languages() -> list[tuple[str, str]]:
    """Each in its own words."""
    own_names = {"en": "English", "de": "Deutsch", "tr": "Türkçe"}
    return [(code, own_names[code]) for code, _name in settings.LANGUAGES]
