# SPDX-License-Identifier: GPL-2.0-or-later
"""What may be asked over the control socket of calls, openings and messages; nothing here changes anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sipalg_core.alg.engine import Engine
from sipalg_core.io.control import Answer, BadRequest, Operation


def questions(engine: Engine) -> dict[str, Operation]:
    """By the name of the operation (contract.control); each is answered by rows."""
    return {
        "call": _answered(lambda request: engine.looks.call(text(request, "call"))),
        "trace": _answered(lambda request: engine.trace(text(request, "call"))),
        "ledger": _answered(lambda request: engine.looks.ledger(text(request, "call", ""))),
        "closed": _answered(lambda _: engine.looks.closed()),
        "transactions": _answered(lambda _: engine.looks.transactions()),
        "counters": _answered(lambda _: engine.looks.counters()),
        "ended": _answered(lambda request: engine.looks.ended(number(request, "after"))),
    }


def _answered(rows: Callable[[dict[str, Any]], Sequence[Any]]) -> Operation:
    async def operation(request: dict[str, Any]) -> Answer:
        return {"items": rows(request)}

    return operation


def text(request: dict[str, Any], name: str, default: str | None = None) -> str:
    value = request.get(name, default)
    if not isinstance(value, str):
        raise BadRequest(f'"{name}" must be text')
    return value


def number(request: dict[str, Any], name: str) -> float:
    value = request.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadRequest(f'"{name}" must be a number')
    return float(value)


def ident(request: dict[str, Any], name: str) -> int:
    """Ids of pinholes are too large for a JSON number of a browser, so they are text."""
    value = text(request, name)
    if not value.isascii() or not value.isdecimal() or len(value) > 20:
        raise BadRequest(f'"{name}" must be the id of an opening')
    return int(value)
