# SPDX-License-Identifier: GPL-2.0-or-later
"""The support bundle of a call: what would go out is shown, then goes as one file."""

from __future__ import annotations

from typing import Final

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance.audit.services import record_download, record_view
from appliance.bundle.packing import packed
from appliance.bundle.parts import pieces
from appliance.ui.requests import OperatorRequest, may

SHOWN: Final = 20_000
"""Characters of a part on the page; the file has all of it."""


@may("bundle.make")
def bundle(request: OperatorRequest, call_id: str) -> HttpResponse:
    asked = request.POST if request.method == "POST" else request.GET
    real = "real" in asked
    found = pieces(call_id, real=real)
    if found is None:
        raise Http404
    chosen = [each for each in found if each.content and each.part.word in asked.getlist("parts")]
    if request.method == "POST" and chosen:
        words = ", ".join(each.part.word for each in chosen)
        record_download(
            actor=request.user, what=f"support bundle of call {call_id}: {words}{' (real)' if real else ''}"
        )
        content = packed([(each.part.file, each.content) for each in chosen], timezone.now())
        name = f"pinhole-support-{call_id}.zip"
        return HttpResponse(
            content, content_type="application/zip", headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )
    record_view(actor=request.user, what=f"call {call_id}")
    ticked = set(asked.getlist("parts")) if "parts" in asked else {each.part.word for each in found}
    rows = [(each, each.part.word in ticked, each.shown[:SHOWN], len(each.shown) > SHOWN) for each in found]
    error = _("Tick what shall go into the bundle.") if request.method == "POST" else ""
    context = {"call_id": call_id, "rows": rows, "real": real, "error": error}
    return render(request, "sip/_bundle.html" if request.htmx else "sip/bundle.html", context)
