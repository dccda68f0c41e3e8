# SPDX-License-Identifier: GPL-2.0-or-later
"""The console's own door: `python -m appliance.door --host ADDRESS --port PORT`.

With PINHOLE_TLS=own it ends TLS itself, by the certificate of appliance.tls, which may be replaced while it runs: who
connects from then on sees the new one. Otherwise it speaks plain HTTP, for the device itself or what ends TLS in front.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import ssl
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import uvicorn
from django.conf import settings

from appliance import tls

log = logging.getLogger(__name__)

LOOK_INTERVAL: Final = 1.0
"""Seconds between two looks at the certificate's file."""
_OPTIONS: Final[dict[str, Any]] = {
    "server_header": False, "access_log": False, "lifespan": "off", "ws_max_size": 16_384, "proxy_headers": False,
    "timeout_graceful_shutdown": 2,
}  # fmt: skip


def main() -> None:
    words = argparse.ArgumentParser(description="The console's web server.")
    words.add_argument("--host", default="127.0.0.1")
    words.add_argument("--port", type=int, default=8000)
    given = words.parse_args()
    certificate = _certificate() if settings.TLS_OWN else None
    asyncio.run(serve(server("appliance.asgi:application", given.host, given.port, certificate), certificate))


def server(application: Any, host: str, port: int, certificate: Path | None) -> uvicorn.Server:
    config = uvicorn.Config(application, host=host, port=port, ssl_certfile=certificate, **_OPTIONS)
    config.load()
    return uvicorn.Server(config)


async def serve(door: uvicorn.Server, certificate: Path | None) -> None:
    """Until a signal ends it, or `should_exit`."""
    shown = door.config.ssl
    watching = asyncio.create_task(_watch(certificate, shown)) if certificate and shown else None
    try:
        await door.serve()
    finally:
        if watching:
            watching.cancel()


async def _watch(certificate: Path, shown: ssl.SSLContext) -> None:
    seen = _version(certificate)
    while True:
        await asyncio.sleep(LOOK_INTERVAL)
        now = _version(certificate)
        if now is None or now == seen:
            continue
        seen = now
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(certificate)  # first where it can do no harm
            shown.load_cert_chain(certificate)
        except (OSError, ssl.SSLError) as error:
            log.error("%s cannot be used, the certificate before goes on: %s", certificate, error)
        else:
            log.info("the console shows another certificate from now on")


def _version(file: Path) -> tuple[int, int] | None:
    with suppress(OSError):
        state = file.stat()
        return state.st_mtime_ns, state.st_ino
    return None


def _certificate() -> Path:
    """Where there is none yet, one that signs itself."""
    path = tls.kept_at()
    if not path.exists():
        tls.keep(tls.made_here(settings.CONSOLE_ORIGINS).pem)
    return path


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "appliance.settings")
    main()
