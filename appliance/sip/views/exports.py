# SPDX-License-Identifier: GPL-2.0-or-later
"""Downloads of one call: capture and text, with pseudonyms where that is wished."""

from __future__ import annotations

from django.http import Http404, HttpResponse
from django.utils.http import content_disposition_header

from appliance.audit.services import record_download
from appliance.sip import queries
from appliance.sip.exports.pcap import capture
from appliance.sip.exports.pseudonyms import Pseudonyms
from appliance.sip.exports.text import summary, transcript
from appliance.ui.requests import OperatorRequest, may


@may("calls.export")
def export(request: OperatorRequest, call_id: str) -> HttpResponse:
    """`form`: pcap or text; `pseudonyms`: numbers, names, hosts and addresses are replaced."""
    messages = queries.messages(call_id)
    if not messages:
        raise Http404
    record_download(actor=request.user, what=f"messages of call {call_id}")
    seen = queries.call_seen(call_id)
    head = summary(seen.call if seen else None)
    if request.GET.get("pseudonyms"):
        pseudonyms = Pseudonyms()
        messages = pseudonyms.messages(messages)
        head = [pseudonyms.text(line) for line in head]
    if request.GET.get("form") == "pcap":
        return _download(capture(messages), "application/vnd.tcpdump.pcap", f"call-{call_id}.pcap")
    return _download(transcript(messages, head).encode(), "text/plain; charset=utf-8", f"call-{call_id}.txt")


def _download(content: bytes, kind: str, name: str) -> HttpResponse:
    header = content_disposition_header(as_attachment=True, filename=name)  # quoted, whatever the name holds
    return HttpResponse(content, content_type=kind, headers={"Content-Disposition": header})
