# SPDX-License-Identifier: GPL-2.0-or-later
"""What becomes of each torture message: through the whole engine, both ways, as a datagram and on a stream.

Deviation: in RFC 5118 the three messages with a body carry its real length; the RFC prints 268, 181 and 236.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from sipalg_core.alg.effects import Forward, OpenPinhole
from sipalg_core.net import Datagram, Endpoint, Flow, Side, Transport
from sipalg_core.sdp import session as sdp_session
from sipalg_core.sip import edit
from sipalg_core.sip.edit import Edit
from sipalg_core.sip.framing import Framer, FramingError
from sipalg_core.sip.message import parse
from tests.unit.alg.harness import MEDIA_PROXY, OURS, PHONE, PROVIDER, World, message, sdp

HERE = Path(__file__).parent


class Case(NamedTuple):
    """`verdict`: F forwarded as it came, R answered, D dropped; on a stream also C, the connection is closed."""

    section: str
    verdict: str
    reason: str = ""  # of R and D
    status: int = 400
    stream: str | None = None  # where a stream fares otherwise; "" waits for more
    own: bool = False  # opens pinholes where its c= is made the sender's own


RFC_4475 = {
    "wsinv": Case("3.1.1.1", "F"),
    "intmeth": Case("3.1.1.2", "F"),
    "esc01": Case("3.1.1.3", "F", own=True),
    "escnull": Case("3.1.1.4", "F"),
    "esc02": Case("3.1.1.5", "F"),
    "lwsdisp": Case("3.1.1.6", "F"),
    "longreq": Case("3.1.1.7", "F", own=True),
    "dblreq": Case("3.1.1.8", "F", stream="FFC"),
    "semiuri": Case("3.1.1.9", "F"),
    "transports": Case("3.1.1.10", "F"),
    "mpart01": Case("3.1.1.11", "F"),
    "unreason": Case("3.1.1.12", "F"),
    "noreason": Case("3.1.1.13", "F"),
    "badinv01": Case("3.1.2.1", "R", "via"),
    "clerr": Case("3.1.2.2", "R", "content-length-beyond-end", stream=""),
    "ncl": Case("3.1.2.3", "R", "content-length", stream="RC"),
    "scalar02": Case("3.1.2.4", "R", "cseq"),
    "scalarlg": Case("3.1.2.5", "D", "cseq"),
    "quotbal": Case("3.1.2.6", "R", "open-quote"),
    "ltgtruri": Case("3.1.2.7", "R", "request-uri"),
    "lwsruri": Case("3.1.2.8", "R", "request-line"),
    "lwsstart": Case("3.1.2.9", "R", "request-line"),
    "trws": Case("3.1.2.10", "R", "request-line"),
    "escruri": Case("3.1.2.11", "R", "request-uri"),
    "baddate": Case("3.1.2.12", "F", own=True),
    "regbadct": Case("3.1.2.13", "R", "address"),
    "badaspec": Case("3.1.2.14", "R", "address"),
    "baddn": Case("3.1.2.15", "R", "address"),
    "badvers": Case("3.1.2.16", "R", "sip-version", 505, stream="RC"),
    "mismatch01": Case("3.1.2.17", "R", "cseq-method"),
    "mismatch02": Case("3.1.2.18", "R", "cseq-method"),
    "bigcode": Case("3.1.2.19", "D", "status-code"),
    "badbranch": Case("3.2.1", "F"),
    "insuf": Case("3.3.1", "R", "missing-from"),
    "unkscm": Case("3.3.2", "F"),
    "novelsc": Case("3.3.3", "F"),
    "unksm2": Case("3.3.4", "F"),
    "bext01": Case("3.3.5", "F"),
    "invut": Case("3.3.6", "F"),
    "regaut01": Case("3.3.7", "F"),
    "multi01": Case("3.3.8", "R", "repeated-header"),
    "mcl01": Case("3.3.9", "R", "repeated-header", stream="RC"),
    "bcast": Case("3.3.10", "D", "via-broadcast"),
    "zeromf": Case("3.3.11", "F"),
    "cparam01": Case("3.3.12", "F"),
    "cparam02": Case("3.3.13", "F"),
    "regescrt": Case("3.3.14", "F"),
    "sdp01": Case("3.3.15", "F", own=True),
    "inv2543": Case("3.4.1", "F", own=True, stream="C"),
}
RFC_5118 = {
    "ipv6-good": Case("4.1", "F"),
    "ipv6-bad": Case("4.2", "R", "request-uri"),
    "port-ambiguous": Case("4.3", "F"),
    "port-unambiguous": Case("4.4", "F"),
    "via-received-param-with-delim": Case("4.5", "F"),
    "via-received-param-no-delim": Case("4.5", "F"),
    "ipv6-in-sdp": Case("4.6", "F"),
    "mult-ip-in-header": Case("4.7", "F"),
    "mult-ip-in-sdp": Case("4.8", "F"),
    "ipv4-mapped-ipv6": Case("4.9", "F"),
    "ipv6-bug-abnf-3-colons": Case("4.10", "F"),
    "ipv6-correct-abnf-2-colons": Case("4.10", "F"),
}
FOUND = {
    "cseq-zero": Case("by fuzzing: its call never ended", "F"),
}
CASES = RFC_4475 | RFC_5118 | FOUND
REFUSED_FROM_OUTSIDE = "register-from-outside"


def text(name: str) -> bytes:
    return (HERE / ("valid" if CASES[name].verdict == "F" else "invalid") / f"{name}.sip").read_bytes()


def world() -> World:
    """A phone that has spoken, so that the way in exists."""
    made = World()
    made.out(b"\r\n\r\n")
    return made


def flow(side: Side, transport: Transport) -> Flow:
    if side is Side.INTERNAL:
        return Flow(transport, side, PHONE, PROVIDER)
    return Flow(transport, side, PROVIDER, Endpoint(OURS, PHONE.port))


def fate(world: World, data: bytes, on: Flow, case: Case) -> str:
    """The letter of what the engine does with one message; what leaves it must be right to the octet."""
    effects = world.engine.receive(Datagram(data, on), world.now)
    assert not any(isinstance(effect, OpenPinhole) for effect in effects)
    sent = [effect for effect in effects if isinstance(effect, Forward)]
    if not sent:
        return "D"
    (forward,) = sent
    if forward.side is not on.side:
        assert forward.data == first_of(data)
        return "F"
    assert (forward.source, forward.destination) == (on.destination, on.source)
    assert forward.data.startswith(b"SIP/2.0 %d " % case.status)
    assert forward.data.endswith(b"Content-Length: 0\r\n\r\n")
    return "R"


def first_of(data: bytes) -> bytes:
    """A datagram without what trails its message: only dblreq has such."""
    head, blank, rest = data.partition(b"\r\n\r\n")
    return head + blank if rest.startswith(b"\r\nINVITE") else data


def expected(verdict: str, data: bytes, side: Side) -> str:
    """A REGISTER from outside goes nowhere (A13): its Contact, wherein regbadct's fault lies, is not even read."""
    if side is Side.EXTERNAL and data.startswith(b"REGISTER ") and (verdict[:1] == "F" or b"regbadct" in data):
        return "D" + verdict[1:]
    return verdict


def test_all_of_both_rfcs_are_here():
    assert (len(RFC_4475), len(RFC_5118)) == (49, 12)
    files = {path.stem: path.parent.name for path in HERE.glob("*/*.sip")}
    assert {name: "valid" if CASES[name].verdict == "F" else "invalid" for name in CASES} == files
    assert (len(text("longreq")), max(map(len, text("longreq").split(b"\r\n")))) == (3515, 593)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("name", CASES)
def test_datagram(name: str, side: Side):
    case, data, around = CASES[name], text(name), world()
    verdict = expected(case.verdict, data, side)
    assert fate(around, data, flow(side, Transport.UDP), case) == verdict
    reason = case.reason if case.verdict == verdict else REFUSED_FROM_OUTSIDE
    counted = {"F": "forwarded", "R": f"answered:{reason}", "D": f"dropped:{reason}"}[verdict]
    assert around.engine.counts[counted] == 1 + (verdict == "F")  # one was the phone's keep-alive


@pytest.mark.parametrize("size", [1, 7, 65536])
@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("name", CASES)
def test_stream(name: str, side: Side, size: int):
    case, data, around = CASES[name], text(name), world()
    framer, letters, closed = Framer(), "", ""
    for at in range(0, len(data), size):
        try:
            framed = framer.feed(data[at : at + size])
        except FramingError as error:
            framed, closed = error.framed, "C"
        on = flow(side, Transport.TCP)
        letters += "".join(fate(around, piece, on, case) for piece in framed if piece.strip()) + closed
        if closed:
            break
    verdict = case.verdict if case.stream is None else case.stream
    assert letters == expected(verdict, data, side)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("name", CASES)
def test_nothing_is_left_in_the_end(name: str, side: Side):
    """A11, A12: whatever it began is over after the longest duration of a call."""
    around = world()
    around.engine.receive(Datagram(text(name), flow(side, Transport.UDP)), around.now)
    for _ in range(3):
        around.now += 50_000
        around.wait(0)
    assert around.engine.rows("calls", around.now) == []
    assert around.engine.rows("registrations", around.now) == []
    assert around.engine.rows("pinholes", around.now) == []


def with_own_media(data: bytes) -> bytes:
    """The message with the address of its c= made the phone's own."""
    original = parse(data)
    described = sdp_session.parse(original.data, *original.body)
    assert described.connection is not None
    return edit.apply(original, [Edit(described.connection.span, PHONE.host.encode(), "ours")])


def accepted(request: bytes) -> bytes:
    """A 200 with media, whatever spelling the request's header fields have."""
    asked = parse(request)
    fields = [
        f"{field.name.decode()}: {request[field.value : field.end].decode()}"
        for field in asked.fields
        if field.name in (b"via", b"from", b"to", b"call-id", b"cseq")
    ]
    fields = [line + (";tag=b" if line.startswith("to:") and "tag" not in line else "") for line in fields]
    return message("SIP/2.0 200 OK", *fields, body=sdp(*MEDIA_PROXY))


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.own])
def test_only_its_own_media_opens_pinholes(name: str):
    for data, opens in ((text(name), False), (with_own_media(text(name)), True)):
        around = World()
        (sent,) = around.out(data)
        around.into(accepted(sent.data))
        assert bool(around.open) == opens
        assert all(hole.internal.host == PHONE.host for hole in around.open.values())


@pytest.mark.parametrize("name", ["esc02", "unksm2"])
def test_no_binding(name: str):
    """A method that only looks like REGISTER once unescaped; a contact that is no SIP URI."""
    around = World()
    (sent,) = around.out(text(name))
    around.into(message("SIP/2.0 200 OK", *sent.data.decode().split("\r\n")[1:-3]))
    assert around.engine.rows("registrations", around.now) == []


def test_binding_is_not_cut_at_an_escaped_null():
    around = World()
    (sent,) = around.out(text("escnull"))
    around.into(message("SIP/2.0 200 OK", *sent.data.decode().split("\r\n")[1:-3]))
    contacts = [row["contact"] for row in around.engine.rows("registrations", around.now)]
    assert contacts == ["sip:%00@host5.example.com", "sip:%00%00@host5.example.com"]
