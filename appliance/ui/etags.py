# SPDX-License-Identifier: GPL-2.0-or-later
"""ETags of what has no version of its own: a digest of all that is said about it, against lost updates."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja.errors import HttpError


def etag(described: Mapping[str, Any]) -> str:
    text = json.dumps(described, cls=DjangoJSONEncoder, sort_keys=True)
    return f'"{sha256(text.encode()).hexdigest()[:20]}"'


def tag(response: HttpResponse, described: Mapping[str, Any]) -> None:
    response["ETag"] = etag(described)


def check(request: HttpRequest, described: Mapping[str, Any]) -> None:
    """412 where it is no longer what If-Match says. Inside of the change's transaction."""
    if request.headers.get("If-Match", "*") not in ("*", etag(described)):
        raise HttpError(412, _("This is no longer what you have seen. Read it again."))
