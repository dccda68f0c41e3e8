# SPDX-License-Identifier: GPL-2.0-or-later
"""Pages of the device itself: what it is made of, its network, time and certificate, and the age of its data."""

from __future__ import annotations

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from appliance import device as seen
from appliance import shipped
from appliance.firewall import columns
from appliance.firewall import queries as firewall
from appliance.system import queries, services
from appliance.system.forms import CertificateForm
from appliance.ui.requests import OperatorRequest, may


@may("overview.see")
def about(request: OperatorRequest) -> HttpResponse:
    context = {
        "version": shipped.version(), "packages": shipped.packages(), "programs": shipped.programs(),
        "files": shipped.browser_files(), "data": shipped.data(), "setup": queries.setup_now(),
    }  # fmt: skip
    return render(request, "system/about.html", context)


@may("overview.see")
def licence(request: OperatorRequest, name: str = "") -> HttpResponse:
    """Our own, or that of a package that came along."""
    text = shipped.licence_text(name) if name else (shipped.ROOT / "LICENSE").read_text()
    if not text:
        raise Http404
    return render(request, "system/licence.html", {"name": name or "Pinhole", "text": text})


@may("overview.see")
def source(_request: OperatorRequest) -> HttpResponse:
    name = f"pinhole-{shipped.version()}.tar.gz"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(shipped.source(), content_type="application/gzip", headers=headers)


@may("system.see")
def device(request: OperatorRequest) -> HttpResponse:
    return _device(request, CertificateForm())


@require_POST
@may("system.change")
def certificate(request: OperatorRequest) -> HttpResponse:
    form = CertificateForm(request.POST, request.FILES)
    if not form.accepted(lambda values: services.replace_certificate(actor=request.user, **values)):
        return _device(request, form)
    if settings.TLS_OWN:
        messages.success(request, _("The certificate is replaced: who connects from now on sees the new one."))
    else:
        messages.success(request, _("The certificate is kept. It is shown once the console ends TLS itself."))
    return redirect("system:device")


def _device(request: OperatorRequest, form: CertificateForm) -> HttpResponse:
    context = {
        "form": form, "tls_own": settings.TLS_OWN, "kept": seen.kept(),
        "origins": seen.origins(request.get_host(), secure=request.is_secure()), "certificates": seen.certificates(),
        "clock": seen.clock(), "servers": firewall.name_servers(), "machine_servers": seen.machine_name_servers(),
        "links": seen.links(),
    }  # fmt: skip
    return render(request, "system/device.html", context)


@may("system.see")
def updates(request: OperatorRequest) -> HttpResponse:
    active = firewall.active_country_data()
    context = {
        "machine": shipped.machine(), "active": active, "age": columns.age_of(active),
        "waiting": firewall.waiting_country_data(), "data": shipped.data(), "backup": queries.last_backup(),
    }  # fmt: skip
    return render(request, "system/updates.html", context)
