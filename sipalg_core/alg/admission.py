# SPDX-License-Identifier: GPL-2.0-or-later
"""What is turned away although its form and its parties are right: methods, sizes, rates, repetitions, numbers.

Nothing here ends a call that is up: what is in a dialog is only held to size and rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, TypeVar

from sipalg_core.alg.call_table import CallTable
from sipalg_core.alg.calls import Call
from sipalg_core.alg.passage import Passage, Refused
from sipalg_core.contract.policy import AlgPolicy, Handling, Limits
from sipalg_core.net import Side
from sipalg_core.sip.fields import MAX_LINE

# --- Specification constants ---
METHODS: Final = frozenset(
    b"ACK BYE CANCEL INFO INVITE MESSAGE NOTIFY OPTIONS PRACK PUBLISH REFER REGISTER SUBSCRIBE UPDATE".split()
)
"""RFC 3261, 2976, 3262, 3265, 3311, 3428, 3515, 3903."""
RETRY_INVITED: Final = frozenset({401, 407, 413, 415, 416, 420, 421, 422, 484, 485, 488, 491, 494})
"""Refusals that ask for another attempt, with something changed."""

# --- Implementation constants ---
MAX_CALLS: Final = 20_000
RETRY_AFTER: Final = 30
MAX_REMEMBERED: Final = 10_000
"""Buckets and denials; the oldest go first."""


@dataclass(slots=True)
class _Bucket:
    """A token bucket of one second's depth."""

    tokens: float
    filled: float


Key = TypeVar("Key")
Value = TypeVar("Value")

Attempt = tuple[str, str, str]
"""Who calls whom behind which host: From and To without their parameters."""


def attempt_of(call: Call) -> Attempt:
    return call.internal.host, call.from_uri, call.to_uri


class Admission:
    def __init__(self, policy: AlgPolicy) -> None:
        self.policy = policy
        self._buckets: dict[tuple[str, bytes], _Bucket] = {}
        self._denied: dict[Attempt, float] = {}

    def message(self, passage: Passage) -> None:
        """Raise Refused where nobody, or the policy, wants this message."""
        if passage.message.method == b"REGISTER" and passage.requester is Side.EXTERNAL:
            raise Refused("register-from-outside", 0)  # P11, A13
        self._size(passage, self.policy.limits_of(passage.peering))
        if passage.message.is_request:
            self._method(passage.message.method, self.policy.handling_of(passage.peering))
            self._rate(passage, self.policy.limits_of(passage.peering))

    def new_call(self, host: str, attempt: Attempt, passage: Passage, table: CallTable) -> None:
        """Raise Refused where there must not be another call."""
        limits = self.policy.limits_of(passage.peering)
        if len(table) >= MAX_CALLS:
            raise Refused("call-limit", retry_after=RETRY_AFTER)
        if limits.calls_per_host and table.of_host[host] >= limits.calls_per_host:
            raise Refused("calls-of-host", retry_after=RETRY_AFTER)
        if limits.half_open_per_host and table.half_open_of_host[host] >= limits.half_open_per_host:
            raise Refused("half-open-calls-of-host", retry_after=RETRY_AFTER)
        until = self._denied.get(attempt, 0.0)
        if passage.side is Side.EXTERNAL and passage.now < until:
            raise Refused("retry-denied", 480, retry_after=int(until - passage.now) + 1)

    def refused(self, attempt: Attempt, passage: Passage) -> None:
        """A phone refused this call: who repeats it at once does not get through (Juniper: protect deny)."""
        denial = self.policy.timers_of(passage.peering).retry_denial
        if denial and passage.message.status_code not in RETRY_INVITED and passage.message.status_code >= 400:
            _make_room(self._denied)
            self._denied[attempt] = passage.now + denial

    @staticmethod
    def _size(passage: Passage, limits: Limits) -> None:
        message = passage.message
        if message.body.end > limits.message:
            raise Refused("message-too-large", 513)
        if limits.line < MAX_LINE and any(field.end - field.start > limits.line for field in message.fields):
            raise Refused("line-too-long", 413)

    @staticmethod
    def _method(method: bytes, handling: Handling) -> None:
        if handling.blocked_methods and method.decode("ascii", "replace") in handling.blocked_methods:
            raise Refused("method-blocked", 405)
        if handling.unknown_methods == "drop" and method not in METHODS:
            raise Refused("unknown-method", 0)

    def _rate(self, passage: Passage, limits: Limits) -> None:
        for rate in limits.rates:
            if rate.method.encode() != passage.message.method:
                continue
            key = (passage.flow.source.host, passage.message.method)
            bucket = self._buckets.get(key)
            if bucket is None:
                _make_room(self._buckets)
                bucket = self._buckets[key] = _Bucket(max(1.0, rate.per_second), passage.now)
            earned = (passage.now - bucket.filled) * rate.per_second
            bucket.tokens = min(max(1.0, rate.per_second), bucket.tokens + earned)
            bucket.filled = passage.now
            if bucket.tokens < 1:
                raise Refused("method-rate", retry_after=1)
            bucket.tokens -= 1


def _make_room(known: dict[Key, Value]) -> None:
    if len(known) >= MAX_REMEMBERED:
        del known[next(iter(known))]
