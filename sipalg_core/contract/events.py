# SPDX-License-Identifier: GPL-2.0-or-later
"""What the engine tells the world: rows of the live topics, and the deltas that keep a copy of them current.

A copy is a snapshot plus the deltas after its `seq`; a gap in `seq` asks for a new snapshot.
All times are Unix seconds (UTC); rows are JSON objects with a unique `id`.
"""

from __future__ import annotations

from typing import Final, Literal, NotRequired

from typing_extensions import TypedDict  # pydantic (REST) takes typing's own only from Python 3.12

Topic = Literal["calls", "pinholes", "registrations", "health"]
TOPICS: tuple[Topic, ...] = ("calls", "pinholes", "registrations", "health")

CallState = Literal["setup", "in_call", "cancelled", "rejected", "diverted", "busy", "completed"]


CALL_TOPIC: Final = "call:"
"""`call:<id>` is the topic of one call: its rows are CallPart. It exists while somebody looks (appliance.live)."""


class Said(TypedDict):
    """A sentence for people: `text` is English; other languages make theirs from `code` and `params`."""

    code: str
    params: dict[str, str]
    text: str


class Audio(TypedDict):
    """Packets since the call began and whether any came in the last counting interval."""

    packets: int
    active: bool


class CallRow(TypedDict):
    id: str  # ours, stable for the call's life
    call_id: str  # Call-ID header, for display
    direction: Literal["inbound", "outbound"]  # seen from the internal side
    from_uri: str
    to_uri: str
    internal: str  # "192.168.0.10:5060"
    provider: str  # name of the peering
    rule: str
    state: CallState
    since: float  # when the INVITE was seen
    answered: float | None
    ended: float | None
    reason: str  # why it ended, in words; "" while it lasts
    ending: Said | None  # the same, for other languages
    verdict: Said | None  # what is wrong with it, or that its audio flows; None before there is something to say
    warning: str  # what is wrong while it lasts, in words: "the ACK is missing"; "" where nothing is
    shadow: bool  # followed only: nothing of it was changed or opened
    spiral: bool  # it came back to the host that it began at (RFC 3261 §6)
    codec: str  # of the agreed audio, "" before the answer
    audio_in: Audio  # external → internal ("down")
    audio_out: Audio  # internal → external ("up")
    pinholes: int


class PinholeRow(TypedDict):
    id: str
    call: str  # CallRow.id
    shadow: bool  # it would be open if the ALG did more than look on
    kind: Literal["gate", "exact", "learnt", "held", "draining", "shadow"]  # learnt: no description names its peer
    component: Literal["rtp", "rtcp"]
    media: str  # "audio"
    internal: str
    mapped: str  # our external endpoint, as announced in the SDP
    external: str  # "203.0.113.99:7000"; port "*" where any port may send
    instead_of: str  # where the description said that media comes from, of one that is learnt; else ""
    opened: float
    expires: float | None  # when the kernel closes it if nothing passes
    packets_in: int
    packets_out: int


class RegistrationRow(TypedDict):
    id: str
    aor: str
    contact: str  # as the phone sent it
    mapped: str  # as the registrar sees it
    internal: str
    registrar: str
    provider: str
    state: Literal["registered", "overdue", "failed", "expired"]  # overdue: not refreshed in the time granted
    registered: float
    asked: int  # seconds the phone asked for
    granted: int  # seconds the 2xx granted
    expires: float
    status: str  # last answer, "200 OK"
    warning: str  # in words, where the phone keeps to a longer time than granted; else ""
    advice: Said | None  # the same, for other languages


class PeerRow(TypedDict):
    """One SIP rule's traffic since the engine started: "0 of 18223 messages altered"."""

    rule: str
    name: str  # of the provider
    translate: str  # contract.policy.Translate
    shadow: bool
    messages: int  # that went on, refused ones not counted
    altered: int  # of them, with another octet than they came with


class HealthRow(TypedDict):
    id: str  # "engine"
    since: float
    revision: int
    enabled: bool
    calls: int
    registrations: int
    pinholes: int
    counters: dict[
        str, int
    ]  # "received", "forwarded", "dropped:<reason>", "answered:<reason>", "error:<reason>", "shadow:<…>"
    peers: list[PeerRow]


SideName = Literal["internal", "external"]


class TraceEdit(TypedDict):
    """One change that we made. `start` and `end` count characters of `TraceRow.before`, `at` of `TraceRow.after`."""

    start: int
    end: int
    at: int
    before: str
    after: str
    where: str  # header field or line of the description: "Contact", "m="
    reason: str


class MessageRow(TypedDict):
    """One message of a call: one line of its ladder."""

    part: Literal["message"]
    id: str  # "m7": in the order in which the engine took them, whatever the clock says
    t: float
    side: SideName  # where it came from
    transport: str
    source: str  # on the wire that it came on
    destination: str
    sent_from: str  # on the wire that it left by; "" where it did not go on
    sent_to: str
    method: str  # for a response, of its request
    status: int  # 0 for a request
    phrase: str
    cseq: int
    start_line: str
    sdp: bool
    changes: int
    repeats: str  # id of the message that this one is a retransmission of; "" for a new one
    answered: int  # the status with which we answered in our own name; 0 where we did not
    applied: bool  # False in shadow mode: it went on as it came; the changes are what would have been
    verdict: str  # "forwarded", or why it did not go on


class TraceRow(MessageRow):
    """With its text, as it came and as it went on. Secrets are masked, undecodable octets replaced."""

    before: str
    after: str
    edits: list[TraceEdit]


ClosedBecause = Literal[
    "",  # it is open
    "call-ended",
    "replaced",  # a new description named other endpoints
    "answered",  # a gate: the other side has named its own endpoint
    "other-branch",  # another callee of a forked call answered, or this one hung up
    "challenged",  # the INVITE must come again with a password
    "silent",  # no packets for as long as the kernel waits
    "operator",
    "refused",  # the firewall had lost it, and does not allow it any more
    "unlearnt",  # the provider's media is learnt no longer, or from other networks
]


class BanRow(TypedDict):
    """A host whose new signalling the kernel drops (`contract.control.Banned`)."""

    host: str
    seconds: float
    packets: int
    told: bool


class SilenceRow(TypedDict):
    """No packet of one direction came in between."""

    since: float
    until: float | None  # None while it lasts


class OpeningRow(TypedDict):
    """A line of the ledger: an opening, who asked for it, and how it ended."""

    id: str
    call: str  # CallRow.id
    call_id: str
    party: str  # internal signalling endpoint
    provider: str
    rule: str
    kind: Literal["gate", "exact", "learnt"]
    instead_of: str  # where the description said that media comes from, of one that is learnt; else ""
    media: str
    component: Literal["rtp", "rtcp"]
    line: int  # which m= line of the description, from 1
    internal: str
    mapped: str
    external: str
    opened: float
    opened_by: str  # the message: "200 INVITE"
    opened_from: SideName
    closed: float | None
    why: ClosedBecause
    packets_in: int
    packets_out: int
    active_in: bool
    active_out: bool
    silent_in: list[SilenceRow]  # since the answer, in their order: of very many the longest (sipalg_core.alg.silences)
    silent_out: list[SilenceRow]
    held: bool


class StreamRow(OpeningRow):
    """An opening of the call that is looked at."""

    part: Literal["stream"]


class CallTimers(TypedDict):
    silence: int  # seconds without packets after which its media closes; 0 where none is open
    session: int  # seconds of its session timer (RFC 4028); 0 where it has none
    session_due: float | None  # when that must be refreshed
    next_step: float | None  # when it is ended, drained or forgotten; None: no limit


class LegRow(TypedDict):
    """Another call with the same Call-ID: the other half of one that a proxy sent back."""

    id: str  # CallRow.id
    from_uri: str
    to_uri: str
    internal: str


class LookedAtRow(CallRow):
    part: Literal["call"]
    timers: CallTimers
    legs: list[LegRow]


CallPart = LookedAtRow | MessageRow | StreamRow


class TransactionRow(TypedDict):
    id: str
    branch: str
    method: str
    side: SideName  # where the request came from
    peer: str  # the external host
    cseq: int
    ends: float  # when it is forgotten
    refused: str  # why we answered it ourselves; "" where we did not


class MessageCount(TypedDict):
    id: str
    side: SideName  # where they came from
    method: str
    status: int  # 0: requests
    messages: int


class MediaRow(TypedDict):
    """An audio stream of a call that is over."""

    external: str
    opened: float
    closed: float  # at the latest when the call ended
    packets_in: int
    packets_out: int
    silent_in: list[SilenceRow]
    silent_out: list[SilenceRow]


class EndedRow(TypedDict):
    noted: float  # Unix seconds; ask for what was noted later than the last one
    call: CallRow
    media: list[MediaRow]


Row = CallRow | PinholeRow | RegistrationRow | HealthRow


class Put(TypedDict):
    op: Literal["put"]
    row: Row


class Delete(TypedDict):
    op: Literal["del"]
    id: str


class Snapshot(TypedDict):
    topic: Topic
    seq: int
    kind: Literal["snapshot"]
    t: float
    rows: list[Row]
    node: NotRequired[str]


class Delta(TypedDict):
    """`seq` is one more than the previous message of the topic."""

    topic: Topic
    seq: int
    kind: Literal["delta"]
    t: float
    ops: list[Put | Delete]
    node: NotRequired[str]
