# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the web server enters: HTTP goes to Django, /ws/live/ to the live consumer."""

from __future__ import annotations

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "appliance.settings")
django_application = get_asgi_application()

from appliance.live.access import LiveAccess  # noqa: E402  (models exist only from here on)
from appliance.sip.consumers import LiveConsumer  # noqa: E402

live: Any = path("ws/live/", LiveConsumer.as_asgi())  # type: ignore[arg-type]  # typed for views only
application = ProtocolTypeRouter(
    {
        "http": django_application,
        "websocket": LiveAccess(URLRouter([live])),
    }
)
