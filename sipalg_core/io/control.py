# SPDX-License-Identifier: GPL-2.0-or-later
"""The engine's control socket: one JSON object a line each way (contract.control). Errors are answered in words."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from sipalg_core.io.faults import Faults

Answer = dict[str, Any]
Operation = Callable[[dict[str, Any]], Awaitable[Answer]]

LONGEST_LINE: Final = 4096  # bytes; the longest request has 60
_IDLE: Final = 60.0  # seconds until a silent peer is hung up on


class BadRequest(Exception):
    """The request cannot be answered; the message says why."""


class ControlServer:
    """Answers `operations` by their name."""

    def __init__(self, operations: Mapping[str, Operation], faults: Faults) -> None:
        self._operations = operations
        self._faults = faults
        self._server: asyncio.Server | None = None
        self._peers: set[asyncio.StreamWriter] = set()

    async def start(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        before = os.umask(0o117)  # mode 0660 from the first moment
        try:
            self._server = await asyncio.start_unix_server(self._serve, path, limit=LONGEST_LINE)
        finally:
            os.umask(before)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            for peer in self._peers:
                peer.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._peers.add(writer)
        try:
            with suppress(ConnectionError, TimeoutError):
                while line := await asyncio.wait_for(_line(reader), _IDLE):
                    writer.write(json.dumps(await self.answer(line), separators=(",", ":")).encode() + b"\n")
                    await writer.drain()
                    if not line.endswith(b"\n"):
                        break  # where the next request begins is not known
        finally:
            self._peers.discard(writer)
            writer.close()

    async def answer(self, line: bytes) -> Answer:
        with self._faults.caught("control request"):
            try:
                request = _request(line)
                operation = self._operations.get(str(request.get("op")))
                if operation is None:
                    raise BadRequest(f'"op" must be one of {", ".join(self._operations)}')
                return await operation(request)
            except BadRequest as error:
                return {"error": str(error)}
        return {"error": "the engine could not answer; its log says why"}


def _request(line: bytes) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise BadRequest(f"no line of at most {LONGEST_LINE} bytes")
    try:
        request = json.loads(line)
    except ValueError as error:
        raise BadRequest("no JSON") from error
    if not isinstance(request, dict):
        raise BadRequest("no JSON object")
    return request


async def _line(reader: asyncio.StreamReader) -> bytes:
    """A line with its end; b"" at the end of the stream; without its end, if it is too long (then the rest is lost)."""
    try:
        return await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError as error:
        return error.partial
    except asyncio.LimitOverrunError as error:
        return await reader.read(max(error.consumed, LONGEST_LINE))
