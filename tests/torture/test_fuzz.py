# SPDX-License-Identifier: GPL-2.0-or-later
"""Messages that nobody would write. Whatever comes: declared errors only, at most 5 ms, and no octet changed unasked.

What this finds becomes a file beside those of the RFCs.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from sipalg_core.alg.effects import Ban, ClosePinhole, OpenPinhole
from sipalg_core.contract.policy import Handling, Limits
from sipalg_core.net import Side
from sipalg_core.sdp import session
from sipalg_core.sip import edit, multipart
from sipalg_core.sip.edit import Edit
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.framing import Framer, FramingError
from sipalg_core.sip.grammar import Span
from sipalg_core.sip.message import parse
from sipalg_core.sip.uri import is_request_uri, name_addrs, parameter, tag_of, uri_hostport
from sipalg_core.sip.via import branch_of, vias
from tests.torture.oracles import assert_over, assert_way_back, parsed, prompt
from tests.torture.witness import Witness
from tests.unit.alg.harness import MEDIA_PROXY, OURS, PHONE, PROVIDER, World, incoming, invite, respond, sdp
from tests.unit.alg.test_shadow import shadowed

SEEDS = [path.read_bytes() for path in sorted(Path(__file__).parent.glob("*/*.sip"))]
OFFER = sdp(PHONE.host, 14000, "a=rtcp:14003", "a=sendonly", "m=video 14002/1 RTP/AVP 31", "c=IN IP6 ::1",
            "a=altc:1 IP4 192.168.0.10 14002")  # fmt: skip
PARTS = b"--x\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n%s\r\n--x--\r\n" % (len(OFFER), OFFER)
MULTIPART = invite().replace(b"Content-Length: 0", b"c: multipart/mixed;boundary=x\r\nl: %d" % len(PARTS)) + PARTS
SEEDS += [invite(body=OFFER), incoming(body=sdp(*MEDIA_PROXY)), MULTIPART]
SEEDS += [respond(invite(), 200, "OK", tag="b", body=sdp(*MEDIA_PROXY)), b"\r\n\r\n"]
SCRAPS = [
    b'"', b"\\", b"<", b">", b",", b";", b":", b"@", b"?", b"%00", b"\x00", b"\xff", b" ", b"\r", b"\n", b"\r\n",
    b"\r\n ", b"\r\n\r\n", b"=", b"[", b"]", b"/", b"--x", b"--x--\r\n", b"99999999999", b"-1", b"l: 3\r\n",
    b"Via: SIP/2.0/UDP x\r\n", b"c=IN IP4 ", b"m=audio 9 RTP/AVP 0\r\n", b"tag=", b"branch=z9hG4bK", b"SIP/2.0",
    b"REGISTER ", PHONE.host.encode(),
    OURS.encode(), b"<sip:a@192.168.0.10:5060>", b"sips:", b"::1", b";maddr=192.168.0.10", b";maddr=",
]  # fmt: skip

scraps = st.one_of(st.sampled_from(SCRAPS), st.binary(max_size=6))
lines = st.lists(scraps, max_size=24).map(b"".join)


@st.composite
def messages(draw: st.DrawFn) -> bytes:
    """A good or a torture message with some places cut out, doubled or overwritten."""
    data = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        size = draw(st.integers(0, 40))
        what = draw(st.one_of(scraps, st.just(data[at : at + size] * 2)))
        data = data[:at] + what + data[at + size :]
    return data


@given(messages())
def test_message(data: bytes):
    assert prompt(lambda: parsed(data))
    message = parsed(data)
    if message is None:
        return
    assert edit.apply(message, []) == data[: message.body.end]
    spans = [message.request_uri, message.body, *(Span(field.value, field.end) for field in message.fields)]
    spans += [via.parameters for via in message.vias]
    assert all(0 <= span.start <= span.end <= len(data) for span in spans)
    assert all(b"\n" not in data[field.start : field.value].strip() for field in message.fields)


@given(messages())
def test_body(data: bytes):
    message = parsed(data)
    if message is None:
        return

    def described() -> multipart.Part | None:
        try:
            return multipart.part_of(message, session.CONTENT_TYPE)
        except ParseError:
            return None

    assert prompt(described)
    part = described()
    if part is not None:
        assert message.body.start <= part.body.start <= part.body.end <= message.body.end
        longer = [Edit(Span(part.body.start, part.body.start), b"x" * 1000, "test")]
        changed = edit.apply(message, [*longer, *multipart.length_edits(message, part, longer)])
        again = parse(changed)
        assert changed[again.body.start : again.body.end].count(b"x" * 1000)


@given(st.lists(st.one_of(st.sampled_from(OFFER.splitlines(keepends=True)), lines), max_size=12).map(b"".join))
def test_description(data: bytes):
    def read() -> None:
        with suppress(session.SdpError):
            found = session.parse(data, 0, len(data))
            assert all(data[slice(*media.port_span)].isdigit() for media in found.media)

    assert prompt(read)


@given(lines)
def test_values(data: bytes):
    size = len(data)

    def read() -> None:
        with suppress(ParseError):
            for value in name_addrs(data, 0, size):
                assert 0 <= value.uri.start <= value.uri.end <= value.parameters.start <= value.parameters.end <= size
                uri_hostport(data, *value.uri)
                parameter(data, value.parameters, b"tag")
        with suppress(ParseError):
            tag_of(data, 0, size)
        with suppress(ParseError):
            for via in vias(data, 0, size):
                assert 0 <= via.parameters.start <= via.parameters.end <= size
                branch_of(data, via)
        is_request_uri(data)

    assert prompt(read)


@given(st.lists(messages(), max_size=3).map(b"".join), st.data())
def test_stream(stream: bytes, data: st.DataObject):
    """However it is cut, the same comes out; and framer and parser agree on where a message ends."""
    assert prompt(lambda: framed(stream, len(stream)))
    pieces, reason = framed(stream, len(stream))
    at = 0
    for piece in pieces:
        at = stream.index(piece, at) + len(piece)
    assert framed(stream, data.draw(st.integers(1, 50))) == (pieces, reason)
    for piece in pieces:
        message = parsed(piece)
        assert message is None or message.body.end == len(piece)


def framed(stream: bytes, size: int) -> tuple[list[bytes], str]:
    """Messages, and the reason where the stream is refused. Line ends between them may come in any portions."""
    framer, pieces = Framer(), []
    for at in range(0, len(stream), size or 1):
        try:
            pieces += framer.feed(stream[at : at + size])
        except FramingError as error:
            return [piece for piece in pieces + error.framed if piece.strip()], error.reason
    return [piece for piece in pieces if piece.strip()], ""


@given(st.lists(st.tuples(messages(), st.sampled_from(Side)), min_size=1, max_size=4))
def test_engine(datagrams: list[tuple[bytes, Side]]):
    """Whatever both sides say: untouched octets, the way back, the contract, and an end of everything."""
    witness = Witness()
    world = witness.world
    world.out(b"\r\n\r\n")
    for data, side in datagrams:
        sent = witness.hears(data, side, PHONE if side is Side.INTERNAL else PROVIDER)
        if side is Side.INTERNAL and sent and sent[0].side is Side.EXTERNAL:
            assert_way_back(world, data, sent[0])
    assert_over(world)


@given(st.lists(st.tuples(messages(), st.sampled_from(Side)), min_size=1, max_size=4))
def test_shadow(datagrams: list[tuple[bytes, Side]]):
    """Whatever both sides say arrives as it was said, whatever would be refused of it; nothing opens or is banned."""
    world = World(
        shadowed(handling=Handling(blocked_methods=("BYE", "INFO")), limits=Limits(media_lines=1, message=1000))
    )
    world.out(b"\r\n\r\n")
    for data, side in datagrams:
        sent = world.out(data) if side is Side.INTERNAL else world.into(data)
        assert [each.data for each in sent] == [data]
        assert sent[0].side is side.other
    assert_over(world)
    assert not any(isinstance(each, OpenPinhole | ClosePinhole | Ban) for each in world.done)
