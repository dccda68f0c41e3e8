# SPDX-License-Identifier: GPL-2.0-or-later
"""Which call a message is of, and what a call is when its first INVITE comes."""

from __future__ import annotations

from collections import Counter as Counts
from random import Random

from sipalg_core.alg.admission import Admission, attempt_of
from sipalg_core.alg.call_table import CallTable
from sipalg_core.alg.calls import Call
from sipalg_core.alg.passage import Passage
from sipalg_core.alg.screening import Screening
from sipalg_core.sip.message import Message
from sipalg_core.sip.uri import name_addrs


class Matching:
    def __init__(
        self, screening: Screening, table: CallTable, admission: Admission, counts: Counts[str], random: Random
    ) -> None:
        self.screening = screening
        self._table, self._admission, self._counts = table, admission, counts
        self._serial = 0
        self._run = random.getrandbits(32)

    def find(self, passage: Passage) -> Call | None:
        """The call of a message, by Call-ID, internal host and tags, from the provider that it is with."""
        known = self._table.with_id(passage.call_id, passage.mapping.internal.host)
        for call in known:
            if call.is_party_to(passage.message.from_tag, passage.requester):
                known_as = self.screening.peering(call.internal.host, call.peer) or call.peering
                if known_as.rule == passage.peering.rule:
                    return call
                self._counts["ignored:other-provider"] += 1
                return None
        if known and passage.message.method != b"ACK":
            self._counts["ignored:no-dialog"] += 1
        return None

    def new_call(self, passage: Passage) -> Call:
        message, host = passage.message, passage.mapping.internal.host
        self._serial += 1
        call = Call(
            id=f"c{self._run:x}-{self._serial}",
            call_id=passage.call_id,
            initiator=passage.side,
            from_uri=_uri(message, b"from"),
            to_uri=_uri(message, b"to"),
            internal=passage.mapping.internal,
            peer=passage.peer,
            peering=passage.peering,
            caller_tag=message.from_tag,
            since=passage.now,
            outside=passage.mapping.external.host,
            shadow=passage.peering.shadow,
            spiral=bool(self._table.with_id(passage.call_id, host)),
        )
        self._admission.new_call(host, attempt_of(call), passage, self._table)
        if call.spiral:
            self._counts["spiral"] += 1
        self._table.add(call)
        return call


def _uri(message: Message, name: bytes) -> str:
    found = message.index[name]
    value = next(name_addrs(message.data, found.value, found.end), None)
    return message.data[value.uri.start : value.uri.end].decode("utf-8", "replace") if value else ""
