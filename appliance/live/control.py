# SPDX-License-Identifier: GPL-2.0-or-later
"""Questions to the engine and the broker over their sockets (contract.control). Every question has a time limit.

What the engine says of people's numbers is hidden here from those who may not see them (`appliance.veil`).
"""

from __future__ import annotations

import json
import socket
from typing import Any, Final

from appliance import veil
from sipalg_core.contract import names
from sipalg_core.contract.control import NO_PINHOLE, REPLY, Op, Request, Status, pack_request, unpack_reply
from sipalg_core.contract.events import Snapshot, Topic

# --- Implementation constants ---

ENGINE_TIMEOUT: Final = 0.5  # s; the engine answers from memory, a page must not wait longer for it
BROKER_TIMEOUT: Final = 2.0  # s; a reload writes the kernel's tables
LONGEST_ANSWER: Final = 64 * 1024 * 1024


class EngineUnavailable(Exception):
    """The engine does not answer, or answers with an error; the message says what it means."""


class EngineRefused(EngineUnavailable):
    """It answers, and will not; the message says why."""


class BrokerUnavailable(Exception):
    """The broker does not answer or refused; the message says why."""


def ask_engine(request: dict[str, Any], timeout: float = ENGINE_TIMEOUT) -> dict[str, Any]:
    """Send one line, return the answer; raise EngineUnavailable for silence, nonsense and `{"error": …}`."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(timeout)
            connection.connect(str(names.engine_socket()))
            connection.sendall(json.dumps(request).encode() + b"\n")
            with connection.makefile("rb") as file:
                line = file.readline(LONGEST_ANSWER)
        answer = json.loads(line)
    except (OSError, ValueError) as error:
        raise EngineUnavailable(
            f"The SIP engine does not answer ({type(error).__name__}). "
            "Running calls continue; new calls get no openings."
        ) from error
    if not isinstance(answer, dict) or "error" in answer:
        raise EngineRefused(f"The SIP engine refused {request.get('op')}: {answer}")
    return answer


def broker_answers() -> bool:
    """What the engine, which asks the broker twice a second, says of it; raise EngineUnavailable."""
    return ask_engine({"op": "ping"}).get("broker") is not False


def engine_snapshot(topic: Topic, timeout: float = ENGINE_TIMEOUT) -> Snapshot:
    answer: Any = ask_engine({"op": "snapshot", "topic": topic}, timeout)
    snapshot: Snapshot = veil.rows(answer) if veil.hides() else answer
    return snapshot


def engine_items(op: str, **values: Any) -> list[dict[str, Any]]:
    """The rows with which the engine answers a question about calls (contract.control); raise EngineUnavailable."""
    items: list[dict[str, Any]] = ask_engine({"op": op} | values).get("items", [])
    return veil.rows(items) if veil.hides() else items


def reload_broker() -> None:
    """For netadmin only (the broker knows it by its uid); raise BrokerUnavailable for silence and for a refusal."""
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.settimeout(BROKER_TIMEOUT)
            connection.connect(str(names.broker_socket()))
            connection.send(pack_request(Request(Op.RELOAD, 1, NO_PINHOLE)))
            reply = unpack_reply(connection.recv(REPLY.size))
    except (OSError, ValueError) as error:
        raise BrokerUnavailable(f"The pinhole broker does not answer ({type(error).__name__}).") from error
    if reply.status is not Status.OK:
        raise BrokerUnavailable(f"The pinhole broker said {reply.status.name} ({reply.detail}).")
