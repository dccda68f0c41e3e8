# SPDX-License-Identifier: GPL-2.0-or-later
"""A phone, a provider and an engine in one process: datagrams are handed across, time is a variable."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_network
from random import Random

from sipalg_core.alg.effects import Changed, ClosePinhole, Effect, Forward, OpenPinhole
from sipalg_core.alg.engine import Engine
from sipalg_core.contract.control import Counter, Pinhole, Status, Stray
from sipalg_core.contract.policy import AlgPolicy, Interface, Peering, PortRange
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport

PHONE = Endpoint("192.168.0.10", 5060)
OTHER_PHONE = Endpoint("192.168.0.11", 5060)
PROVIDER = Endpoint("203.0.113.1", 5060)
OURS = "203.0.113.2"
MEDIA_PROXY = Endpoint("203.0.113.99", 7000)
STRANGER = Endpoint("203.0.113.66", 5060)


def policy(**changes: object) -> AlgPolicy:
    values: dict[str, object] = {
        "revision": 1,
        "interfaces": (
            Interface("lan0", Side.INTERNAL, ("192.168.0.1",), (ip_network("192.168.0.0/24"),)),
            Interface("wan0", Side.EXTERNAL, (OURS,), (ip_network("203.0.113.0/24"),)),
        ),
        "peerings": (
            Peering(
                rule="rule:1",
                name="Provider",
                internal=(ip_network("192.168.0.0/24"),),
                external=(ip_network("203.0.113.1/32"), ip_network("203.0.113.3/32")),
                media=(ip_network("203.0.113.99/32"),),
                symmetric_media=True,
            ),
        ),
        "media_ports": PortRange(20000, 20099),
        "signalling_ports": PortRange(30000, 30009),
    }
    return AlgPolicy(**(values | changes))  # type: ignore[arg-type]  # the tests name the fields


def sdp(host: str, port: int, *more: str, session_c: bool = True) -> bytes:
    lines = ["v=0", f"o=- 1 1 IN IP4 {host}", "s=-"]
    lines += [f"c=IN IP4 {host}"] if session_c else []
    lines += ["t=0 0", f"m=audio {port} RTP/AVP 8 0", "a=rtpmap:8 PCMA/8000", *more]
    return ("\r\n".join(lines) + "\r\n").encode()


def message(start: str, *headers: str, body: bytes = b"") -> bytes:
    lines = [start, *headers]
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


class World:
    """The engine between a phone and its provider. Every pinhole that it asks for is granted unless `refuse` is set."""

    def __init__(self, engine_policy: AlgPolicy | None = None) -> None:
        self.now = 1000.0
        self.engine = Engine(engine_policy or policy(), random=Random(7), wall=1_700_000_000.0)
        self.refuse = False
        self.refusal = Status.REFUSED
        self.counting = True
        self.open: dict[int, Pinhole] = {}
        self.effects: list[Effect] = []  # of the last input
        self.done: list[Effect] = []  # of all

    # --- the shell ---

    def _do(self, effects: Iterable[Effect], *, together: bool = False) -> list[Forward]:
        """As `io.runner` does them: where a pinhole of a message is refused nothing more is opened or sent, but closed
        what is not to make room for it."""
        doing, failed, sent = list(effects), False, []
        self.effects = doing
        self.done += doing
        for effect in doing:
            match effect:
                case OpenPinhole(pinhole) if not failed and self.refuse:
                    failed = together
                    sent += self._do(self.engine.pinhole_failed(pinhole, self.refusal, 3, self.now))
                case OpenPinhole(pinhole) if not failed:
                    self.open[pinhole.id] = pinhole
                case ClosePinhole(pinhole, makes_room) if not (failed and makes_room):
                    self.open.pop(pinhole.id, None)  # what the broker never opened it closes in silence
                case Forward() if not failed:
                    sent.append(effect)
                case Changed(topic, ident):
                    self.engine.row(topic, ident, self.now)
        return sent

    def out(self, data: bytes, source: Endpoint = PHONE, to: Endpoint = PROVIDER) -> list[Forward]:
        """The phone sends; returns what leaves the engine."""
        flow = Flow(Transport.UDP, Side.INTERNAL, source, to)
        return self._do(self.engine.receive(Datagram(data, flow), self.now), together=True)

    def into(self, data: bytes, to: Endpoint | None = None, source: Endpoint = PROVIDER) -> list[Forward]:
        """The provider sends to our external endpoint."""
        flow = Flow(Transport.UDP, Side.EXTERNAL, source, to or Endpoint(OURS, 5060))
        return self._do(self.engine.receive(Datagram(data, flow), self.now), together=True)

    def policy(self, changed: AlgPolicy) -> None:
        self._do(self.engine.set_policy(changed, self.now))

    def count(self, *counters: Counter, strays: Iterable[Stray] = ()) -> None:
        self._do(self.engine.count(list(counters), list(strays), self.now))

    def reconcile(self, *counters: Counter) -> None:
        """Once after the state was restored: this is what the kernel has."""
        self._do(self.engine.reconcile(list(counters), self.now))

    def wait(self, seconds: float) -> None:
        """Let time pass in the steps that the engine asks for; the kernel is asked for its counts, and saw nothing."""
        end = self.now + seconds
        while (deadline := self.engine.next_deadline()) is not None and deadline <= end:
            self.now = max(self.now, deadline)
            if self.counting:
                self.count()
            self._do(self.engine.tick(self.now))
        self.now = end

    # --- what one asks ---

    def call(self) -> dict[str, object]:
        rows = self.engine.rows("calls", self.now)
        assert len(rows) == 1, rows
        return dict(rows[0])

    def holes(self) -> set[tuple[str, str, str]]:
        return {(str(hole.internal), str(hole.mapped), str(hole.external)) for hole in self.open.values()}

    # --- parties ---

    def register(self, source: Endpoint = PHONE, expires: int = 600, user: str = "101") -> Forward:
        (sent,) = self.out(registering(source, expires, user), source=source)
        return sent

    def registered(self, source: Endpoint = PHONE, granted: int = 600, user: str = "101") -> Forward:
        """Register and have it accepted; returns the 200 as the phone gets it."""
        sent = self.register(source, user=user)
        (back,) = self.into(
            respond(sent.data, 200, "OK", contact=header(sent.data, "Contact"), expires=granted), to=sent.source
        )
        return back


def header(data: bytes, name: str) -> str:
    for line in data.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]:
        key, _, value = line.partition(b":")
        if key.strip().lower() == name.lower().encode():
            return value.strip().decode()
    raise AssertionError(f"no {name} in {data!r}")


def body_of(data: bytes) -> bytes:
    return data.partition(b"\r\n\r\n")[2]


def respond(
    request: bytes, status: int, phrase: str, *, tag: str = "", contact: str = "", expires: int = -1, body: bytes = b""
) -> bytes:
    """The response that a correct party gives to this request."""
    lines = [f"SIP/2.0 {status} {phrase}"]
    for line in request.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]:
        name = line.partition(":")[0].lower()
        if name in ("via", "from", "call-id", "cseq", "record-route"):
            lines.append(line)
        elif name == "to":
            lines.append(line + (f";tag={tag}" if tag and "tag=" not in line else ""))
    if contact:
        lines.append(f"Contact: {contact}")
    if expires >= 0:
        lines.append(f"Expires: {expires}")
    return message(lines[0], *lines[1:], body=body)


def invite(
    call_id: str = "call-1",
    cseq: int = 1,
    body: bytes = b"",
    *,
    to_tag: str = "",
    method: str = "INVITE",
    branch: str = "",
) -> bytes:
    """A request of the internal phone in its (coming) dialog."""
    return message(
        f"{method} sip:200@provider.example SIP/2.0",
        f"Via: SIP/2.0/UDP {PHONE};branch=z9hG4bK{branch or f'{call_id}-{cseq}-{method}'};rport",
        "Max-Forwards: 70",
        "From: <sip:101@provider.example>;tag=a",
        "To: <sip:200@provider.example>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:101@{PHONE}>",
        body=body,
    )


def incoming(
    call_id: str = "in-1",
    cseq: int = 1,
    body: bytes = b"",
    *,
    to_tag: str = "",
    method: str = "INVITE",
    branch: str = "",
) -> bytes:
    """A request of the provider to our registered contact."""
    return message(
        f"{method} sip:101@{OURS}:5060 SIP/2.0",
        f"Via: SIP/2.0/UDP {PROVIDER};branch=z9hG4bK{branch or f'{call_id}-{cseq}-{method}'}",
        f"Record-Route: <sip:{PROVIDER.host};lr>",
        "Max-Forwards: 70",
        "From: <sip:200@provider.example>;tag=b",
        "To: <sip:101@provider.example>" + (f";tag={to_tag}" if to_tag else ""),
        f"Call-ID: {call_id}",
        f"CSeq: {cseq} {method}",
        f"Contact: <sip:200@{PROVIDER}>",
        body=body,
    )


def announced(data: bytes, kind: str = "audio") -> int:
    """The port of the first m= line of that kind."""
    return int(body_of(data).partition(b"m=%s " % kind.encode())[2].split(b" ")[0])


def established(world: World, call_id: str = "call-1", body: bytes = b"", answer: bytes = b"") -> tuple[bytes, bytes]:
    """A call that is up: the INVITE as the provider saw it and the 200 as the phone saw it."""
    (sent,) = world.out(invite(call_id, body=body or sdp(PHONE.host, 14000)))
    reply = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=answer or sdp(*MEDIA_PROXY))
    (back,) = world.into(reply)
    world.out(invite(call_id, method="ACK", to_tag="b", branch=f"{call_id}-ack"))
    return sent.data, back.data


def registering(source: Endpoint = PHONE, expires: int = 600, user: str = "101") -> bytes:
    return message(
        "REGISTER sip:provider.example SIP/2.0",
        f"Via: SIP/2.0/UDP {source};branch=z9hG4bKreg{source.port}{user};rport",
        f"From: <sip:{user}@provider.example>;tag=r1",
        f"To: <sip:{user}@provider.example>",
        f"Call-ID: reg-{source.host}-{user}",
        "CSeq: 1 REGISTER",
        "Max-Forwards: 70",
        f"Contact: <sip:{user}@{source}>;expires={expires}",
    )


def ringing(world: World, body: bytes = b"") -> bytes:
    """The INVITE that reaches a registered phone."""
    world.registered()
    (sent,) = world.into(incoming(body=body or sdp(*MEDIA_PROXY)))
    return sent.data


def changed_lines(before: bytes, after: bytes) -> list[tuple[bytes, bytes]]:
    """The lines that differ; as many lines on both sides, in the same order."""
    old, new = before.split(b"\r\n"), after.split(b"\r\n")
    assert len(old) == len(new)
    return [(one, other) for one, other in zip(old, new, strict=True) if one != other]
