# SPDX-License-Identifier: GPL-2.0-or-later
"""Replacing the certificate that the console shows."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance import tls
from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.system.models import Restoration


@transaction.atomic
def replace_certificate(*, actor: User | str, certificate: bytes, key: bytes, anyway: bool = False) -> tls.Pair:
    """The one before goes on until this one is whole on the disk. Raise ValidationError at `certificate` or `key`.

    `anyway`: even where it does not name a host by which the console is reached.
    """
    pair = tls.read(certificate, key)
    uncovered = pair.uncovered(settings.CONSOLE_ORIGINS)
    if uncovered and not anyway:
        values = {"names": ", ".join(pair.names), "hosts": ", ".join(uncovered)}
        words = _("It is for %(names)s. Who asks for %(hosts)s would be warned by the browser.") % values
        raise ValidationError({"certificate": [words]})
    after = {
        "subject": tls.common_name(pair.leaf.subject), "issuer": tls.common_name(pair.leaf.issuer),
        "names": list(pair.names), "until": pair.leaf.not_valid_after_utc.isoformat(),
    }  # fmt: skip
    target = actor if isinstance(actor, User) else Restoration()
    record(actor=actor, verb="replace certificate", target=target, after=after)
    transaction.on_commit(lambda: tls.keep(pair.pem))
    return pair
