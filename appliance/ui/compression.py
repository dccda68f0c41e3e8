# SPDX-License-Identifier: GPL-2.0-or-later
"""How pages travel: compressed, as the static files do.

Pages alone. What programs read keeps its strong ETag, which a change has to name (RFC 9110 §13.1.1), and a download
keeps its length. BREACH finds nothing to guess: Django masks the token against forged requests anew in each page and
pads what it compresses, and no foreign site's request carries our cookie (SameSite).
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware


class PageCompression(GZipMiddleware):
    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        page = not response.streaming and response.get("Content-Type", "").startswith("text/html")
        return super().process_response(request, response) if page else response
