# SPDX-License-Identifier: GPL-2.0-or-later
"""What the command palette finds: pages, rules, objects and running calls that the reader may see."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.accounts.queries import permits
from appliance.firewall.queries import KnownContents, found_addresses, rules
from appliance.help.pages import PAGES
from appliance.live.control import EngineUnavailable
from appliance.sip.queries import party, snapshot
from appliance.ui.templatetags.ui import NAVIGATION, may_open

OF_A_KIND: Final = 6
"""Lines of one kind; who finds too much types another letter."""


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


def _help(words: list[str]) -> Iterator[Found]:
    for name, page in PAGES.items():
        if _has(str(page.title), words):
            yield Found(_("Help"), "hint", page.title, "", reverse("ui:help_page", args=[name]))


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
