# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of the device: the certificate that the console shows, and putting another in its place."""

# ruff: noqa: ARG001  (ninja passes `request` by name to every operation)

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, cast

from django.http import HttpRequest
from ninja import Router, Schema
from pydantic import Field

from appliance import device, tls
from appliance.accounts.models import User
from appliance.system import services
from appliance.ui.requests import may

router = Router(tags=["system"])
Pem = Annotated[str, Field(max_length=tls.LARGEST)]


class CertificateIn(Schema):
    """PEM: the console's own and then its issuers; the key without a passphrase. `anyway`: for other names, too."""

    certificate: Pem
    key: Pem
    anyway: bool = False


class CertificateOut(Schema):
    subject: str
    issuer: str
    names: list[str]
    until: datetime | None
    fingerprint: str


class Shown(Schema):
    """`own`: the console ends TLS itself and shows the one that is `kept` here."""

    own: bool
    origins: list[str]
    kept: CertificateOut | None


@router.get("/certificate", response=Shown)
@may("system.see")
def get_certificate(request: HttpRequest) -> dict[str, Any]:
    return device.shown()


@router.put("/certificate", response=Shown)
@may("system.change")
def replace_certificate(request: HttpRequest, payload: CertificateIn) -> dict[str, Any]:
    """Whole or not at all; who connects from now on sees it, without a restart."""
    services.replace_certificate(
        actor=cast(User, request.user), certificate=payload.certificate.encode(), key=payload.key.encode(),
        anyway=payload.anyway,
    )  # fmt: skip
    return device.shown()
