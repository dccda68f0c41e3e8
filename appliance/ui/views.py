# SPDX-License-Identifier: GPL-2.0-or-later
"""The overview, help, and the state that every page keeps current."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from appliance.accounts import queries as people
from appliance.advisor.reading import noted
from appliance.firewall import queries as firewall
from appliance.firewall.columns import age_of
from appliance.help.guides import guides
from appliance.help.pages import PAGES
from appliance.network import queries as network
from appliance.network.models import Role
from appliance.sip import queries as sip
from appliance.sip.columns import CALLS_IN_BRIEF
from appliance.system import queries as system
from appliance.ui import queries
from appliance.ui.requests import OperatorRequest, may
from appliance.ui.templatetags.ui import address_of, may_open_address, status_context
from sipalg_core.contract import names

FINDINGS_SHOWN: Final = 3
ENDS_SOON: Final = timedelta(hours=48)


@may("overview.see")
def overview(request: OperatorRequest) -> HttpResponse:
    countries = firewall.active_country_data()
    context = {
        "telephony": sip.telephony(),
        "external": _external_address(),
        "running": system.running_revision(),
        "latest": system.latest_revision(),
        "findings": noted()[:FINDINGS_SHOWN],
        "ending": firewall.ending(names.NODE, timezone.now() + ENDS_SOON),
        "countries": countries,
        "age": age_of(countries),
        "table": CALLS_IN_BRIEF,
        "remind": people.should_have_second_factor(request.user),
    }
    return render(request, "ui/_verdict.html" if request.htmx else "ui/overview.html", context)


def _external_address() -> dict[str, str] | None:
    """The first address of the first external interface, as the ALG announces it."""
    found = network.found(names.NODE)
    for interface in network.interfaces(names.NODE):
        addresses = found.get(interface.name, interface.addresses)
        if interface.role == Role.EXTERNAL and addresses:
            return {"address": addresses[0].partition("/")[0], "interface": interface.name}
    return None


@may("overview.see")
def help_pages(request: OperatorRequest) -> HttpResponse:
    return render(request, "help/pages.html", {"pages": PAGES})


@may("overview.see")
def help_page(request: OperatorRequest, name: str) -> HttpResponse:
    """In the side panel of the page where the question arose, or by its permanent link."""
    page = PAGES.get(name)
    if page is None:
        raise Http404
    ways = [(way, address_of(way)) for way in page.ways if may_open_address(request, address_of(way))]
    context = {
        "page": page,
        "ways": ways,
        "further": [(other, PAGES[other]) for other in page.further],
        "guides": guides().get(page.guides, ()),
    }
    return render(request, "help/_page.html" if request.htmx else "help/page.html", context)


@may("overview.see")
def palette(request: OperatorRequest) -> HttpResponse:
    """What the command palette finds for what is typed so far."""
    return render(request, "ui/_palette.html", {"found": queries.found(request, request.GET.get("q", "")[:100])})


@may("overview.see")
def status(request: OperatorRequest) -> HttpResponse:
    """And the banner of remote maintenance and the bell, which replace themselves wherever they stand."""
    return render(request, "ui/_status_and_banner.html", status_context())
