# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of questions: which rule decides, and who can reach a host."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from appliance.firewall import columns
from appliance.firewall.forms import PacketForm, ReachForm
from appliance.ruleset.decide import decide, reaching
from appliance.system import queries as system
from appliance.ui.requests import OperatorRequest, may


@may("questions.ask")
def questions(request: OperatorRequest) -> HttpResponse:
    """Both ask by GET, so that an answer has an address."""
    packet_form = PacketForm(request.GET if "saddr" in request.GET else None)
    reach_form = ReachForm(request.GET if "host" in request.GET else None)
    context: dict[str, object] = {"packet_form": packet_form, "reach_form": reach_form}
    if packet_form.is_valid():
        policy = system.policy_asked(draft=packet_form.cleaned_data["draft"])
        decision = decide(policy, packet_form.packet(policy))
        context |= {"decision": decision, "decision_words": columns.decision_sentence(policy, decision)}
    if reach_form.is_valid():
        policy = system.policy_asked(draft=reach_form.cleaned_data["draft"])
        context["reaching"] = reaching(policy, reach_form.cleaned_data["host"])
    return render(request, "firewall/questions.html", context)
