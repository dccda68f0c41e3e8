# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command palette finds: pages, acts, help, rules, objects and running calls that the reader may see."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.accounts.models import User
from appliance.accounts.queries import permits
from appliance.firewall.queries import KnownContents, found_addresses, rules
from appliance.help.guides import guides
from appliance.help.pages import PAGES
from appliance.live.control import EngineUnavailable
from appliance.sip.queries import party, snapshot
from appliance.ui.templatetags.ui import NAVIGATION, may_open, may_open_address

OF_A_KIND: Final = 6
"""Lines of one kind; who finds too much types another letter."""


class Act(NamedTuple):
    """Something that people come to do: as it is called here, and how else they may call it."""

    label: str | Promise
    words: str | Promise
    icon: str
    view: str
    query: str = ""
    argument: str = ""

    @property
    def address(self) -> str:
        place = reverse(self.view, args=[self.argument] if self.argument else [])
        return f"{place}?{self.query}" if self.query else place


ACTS: Final = (
    Act(gettext_lazy("Set this firewall up, step by step"),
        gettext_lazy("setup set-up wizard first begin start install"), "sliders", "system:setup"),
    Act(gettext_lazy("Let the telephone system reach a provider"), gettext_lazy("phone PBX SIP trunk VoIP allow open"),
        "recipes", "firewall:recipes_one", argument="pbx"),
    Act(gettext_lazy("Forward a port to a host inside"),
        gettext_lazy("port forwarding DNAT NAT publish web server open outside"), "rules", "firewall:recipes_one",
        argument="server"),
    Act(gettext_lazy("Let the computers inside use the Internet"),
        gettext_lazy("office web browse surf mail DNS allow"), "recipes", "firewall:recipes_one", argument="office"),
    Act(gettext_lazy("Let something pass, or stop it"), gettext_lazy("allow open block drop deny rule access internet"),
        "rules", "firewall:rules", "table=forward"),
    Act(gettext_lazy("Open something for a time"), gettext_lazy("temporary hours until expire end"), "timer",
        "firewall:activations"),
    Act(gettext_lazy("Leave a provider alone: switch the ALG off for it"), gettext_lazy("bypass disable exempt SIP"),
        "bypass", "firewall:exemptions"),
    Act(gettext_lazy("See why something was blocked"), gettext_lazy("dropped denied rejected packet log firewall"),
        "log", "system:log"),
    Act(gettext_lazy("Ask which rule decides"), gettext_lazy("why blocked test simulate reach"), "decide",
        "firewall:questions"),
    Act(gettext_lazy("See why a call has no audio"), gettext_lazy("one-way silent hear cannot sound broken"), "calls",
        "sip:calls"),
    Act(gettext_lazy("Give support a file about a call"), gettext_lazy("support bundle ticket hotline report export"),
        "support", "sip:calls"),
    Act(gettext_lazy("Undo a change"), gettext_lazy("go back revert rollback restore earlier revision history discard"),
        "changes", "system:changes"),
    Act(gettext_lazy("Restore a backup"), gettext_lazy("import export save configuration"), "archive", "system:backup"),
    Act(gettext_lazy("Give a technician access"), gettext_lazy("guest pass user invite role temporary"), "people",
        "accounts:people"),
    Act(gettext_lazy("Let the vendor's support in"), gettext_lazy("remote maintenance help access VPN SSH"), "support",
        "accounts:maintenance"),
    Act(gettext_lazy("Change my password or second factor"), gettext_lazy("2FA passkey authenticator sign in session"),
        "account", "accounts:account"),
    Act(gettext_lazy("Change name servers, clock or certificate"), gettext_lazy("DNS NTP time TLS HTTPS"), "device",
        "system:device"),
)  # fmt: skip
"""Found by any of these words, in the reader's language."""


class Found(NamedTuple):
    kind: str
    icon: str
    label: str | Promise
    detail: str
    address: str


def found(request: HttpRequest, text: str) -> list[Found]:
    """By all words of the text; without a text the pages."""
    words = text.casefold().split()
    user = request.user
    if not isinstance(user, User):
        return []
    hits = list(islice(_pages(request, words), None if not words else OF_A_KIND))
    if words:
        hits += islice(_acts(request, words), OF_A_KIND)
        hits += islice(_help(words), OF_A_KIND)
        for permission, look in (("rules.see", _rules), ("objects.see", _objects), ("calls.see", _calls)):
            if permits(user, permission):
                hits += islice(look(words), OF_A_KIND)
    return hits


def _pages(request: HttpRequest, words: list[str]) -> Iterator[Found]:
    for title, pages in NAVIGATION:
        for page in pages:
            if _has(f"{title} {page.label}", words) and may_open(request, page.view):
                yield Found(_("Pages"), page.icon, page.label, str(title), reverse(page.view))


def _acts(request: HttpRequest, words: list[str]) -> Iterator[Found]:
    for act in ACTS:
        if _has(f"{act.label} {act.words}", words) and may_open_address(request, act.address):
            yield Found(_("To do"), act.icon, act.label, "", act.address)


def _help(words: list[str]) -> Iterator[Found]:
    """By the question, or by a maker whom its guides name."""
    for name, page in PAGES.items():
        made_by = [guide.name for guide in guides().get(page.guides, ()) if _has(guide.name, words)]
        if made_by or _has(str(page.title), words):
            yield Found(_("Help"), "hint", page.title, ", ".join(made_by), reverse("ui:help_page", args=[name]))


def _rules(words: list[str]) -> Iterator[Found]:
    for rule in rules():
        if _has(f"{rule.name} {rule.comment} {' '.join(rule.tags)} {rule.position}", words):
            place = f"{reverse('firewall:rules')}?table={rule.table}#rule-{rule.pk}"
            yield Found(_("Rules"), "rules", rule.name, f"{rule.get_table_display()} {rule.position}", place)


def _objects(words: list[str]) -> Iterator[Found]:
    for address in found_addresses(" ".join(words), KnownContents()):
        place = reverse("firewall:objects_edit_address", args=[address.pk])
        yield Found(_("Objects"), "objects", address.name, address.value or address.get_kind_display(), place)


def _calls(words: list[str]) -> Iterator[Found]:
    try:
        calls = snapshot("calls")["rows"]
    except EngineUnavailable:
        return
    for call in calls:
        ends = f"{party(str(call.get('from_uri', '')))} → {party(str(call.get('to_uri', '')))}"
        if _has(f"{ends} {call.get('call_id', '')}", words):
            yield Found(_("Calls"), "calls", ends, "", reverse("sip:calls_one", args=[call["id"]]))


def _has(text: str, words: list[str]) -> bool:
    folded = text.casefold()
    return all(word in folded for word in words)
