# SPDX-License-Identifier: GPL-2.0-or-later
"""All pages of the console, out of the table of addresses: a page that is added is looked at, or has no sample here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from django.urls import URLPattern, URLResolver, get_resolver
from playwright.sync_api import APIResponse, BrowserContext

from tests.lab.running import RunningLab, until

Sample = Callable[[RunningLab], str]
MACHINES: Final = ("api/", "metrics", "csp-report/")
NOBODY: Final = "999999"
"""Fits every kind of argument and names nothing: what only takes a POST says so before it looks."""


def _first(path: str, key: str = "id") -> Sample:
    return lambda lab: str(lab.get(path)["items"][0][key])


def _call(lab: RunningLab) -> str:
    """One that runs: of one that has just ended the row goes while one looks at its pages."""

    def running() -> str | None:
        return next((str(row["id"]) for row in lab.get("calls")["items"] if row["state"] == "in_call"), None)

    found = until(running, 20)
    assert found
    return found


def _message(lab: RunningLab) -> str:
    call = _call(lab)
    return f"{call}/{lab.get(f'calls/{call}/messages')['items'][0]['id']}"


SAMPLES: Final[dict[str, Sample]] = {
    "firewall:rules_edit": _first("rules"),
    "firewall:rules_menu": _first("rules"),
    "firewall:rules_place": _first("rules"),
    "firewall:rules_call": _first("rules"),
    "firewall:rules_history": _first("rules"),
    "firewall:recipes_one": _first("recipes", "name"),
    "firewall:objects_replace": lambda lab: f"address/{_first('addresses')(lab)}",
    "firewall:objects_edit_address": _first("addresses"),
    "firewall:objects_edit_service": _first("services"),
    "network:interfaces_edit": _first("interfaces", "name"),
    "sip:selftests_one": _first("selftests"),
    "sip:selftests_report": _first("selftests"),
    "sip:calls_one": _call,
    "sip:calls_export": _call,
    "sip:calls_message": _message,
    "sip:calls_bundle": _call,
    "sip:calls_figures": _call,
    "alg:settings_change": lambda lab: "timers-inactive_media",
    "alg:providers_one": _first("providers"),
    "alg:providers_change": _first("providers"),
    "alg:providers_setting": lambda lab: f"{_first('providers')(lab)}/timers-inactive_media",
    "system:changes_revision": _first("revisions", "number"),
    "system:changes_progress": _first("revisions", "number"),
    "system:setup_step": lambda lab: "look",
    "system:about_licence_of": lambda lab: "django",
    "system:log_line": lambda lab: next((each["id"] for each in lab.get("log")["items"]), NOBODY),
    "system:tests_results": lambda lab: "none",
    "system:tests_capture": lambda lab: "none",
    "system:advisor_ignore": lambda lab: "none",
    "system:advisor_fix": lambda lab: "none",
    "accounts:link": lambda lab: "used-up",
    "ui:help_page": lambda lab: "symmetric-rtp",
}
"""What stands for the arguments of a page's address, several with a stroke between."""

CLOSED: Final = {"account_reauthenticate", "mfa_deactivate_totp", "system:tests_capture", "system:backup_made"}
"""For who has no password, no app with codes, has captured nothing, or has no backup made by itself."""


def routes(resolver: URLResolver | None = None, prefix: str = "", app: str = "") -> Iterator[tuple[str, str]]:
    """Name and address of every route for people; arguments are still in their brackets."""
    for each in (resolver or get_resolver()).url_patterns:
        address = prefix + str(each.pattern)
        if address.startswith(MACHINES):
            continue
        if isinstance(each, URLResolver):
            yield from routes(each, address, each.app_name or app)
        elif isinstance(each, URLPattern):
            yield f"{app}:{each.name}" if app else str(each.name), address


def addresses(lab: RunningLab, context: BrowserContext, samples: dict[str, Sample]) -> list[str]:
    """Every page that the context's person can look at; what needs a POST, leads on or is no page is left out."""
    found = []
    for name, address in routes():
        sample = samples.get(name)
        given = sample(lab) if sample else NOBODY
        path = filled(address, given)
        answer = context.request.get(path, max_redirects=0)
        if is_page(answer):
            found.append(path)
        elif "<" in address:
            known = sample or name in CLOSED or answer.status == 405
            assert known, f"{name}: no sample in tests/browser/pages.py ({answer.status})"
        none_there = name in CLOSED or (sample and given == NOBODY)
        assert answer.status < 400 or answer.status == 405 or none_there, f"{path}: {answer.status}"
        assert "/prove/" in path or "/prove/" not in answer.headers.get("location", ""), path
    return found


def is_page(answer: APIResponse) -> bool:
    return answer.ok and "text/html" in answer.headers.get("content-type", "") and "<html" in answer.text()


def filled(address: str, values: str) -> str:
    """The address with the values for its arguments, or one for all."""
    parts, given = address.split("/"), values.split("/")
    for at, part in enumerate(parts):
        if part.startswith("<"):
            parts[at] = given.pop(0) if len(given) > 1 else given[0]
    return "/" + "/".join(parts)
