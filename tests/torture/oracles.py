# SPDX-License-Identifier: GPL-2.0-or-later
"""What must hold whatever is sent: time, the pinhole contract, untouched octets, the way back, an end of everything.

Written against the contract (hardening P1-P12) and RFC 3261, not against the engine: addresses are looked at here anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from ipaddress import ip_address

from sipalg_core.alg.effects import Effect, Forward, OpenPinhole
from sipalg_core.contract.control import Pinhole
from sipalg_core.net import Side
from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.message import Message, parse
from tests import pace
from tests.unit.alg.harness import MEDIA_PROXY, OTHER_PHONE, OURS, PHONE, PROVIDER, World

PATIENCE = 0.005 * pace.of_processor()  # seconds of CPU for one message
FOREVER = 50_000  # seconds; longer than any call
INSIDE = {PHONE.host, OTHER_PHONE.host}
MAY_BE_GATES = {PROVIDER.host, "203.0.113.3", MEDIA_PROXY.host}
NEVER_MEDIA = {1900, 3389, 5060, 5061, 5353, 11211}
HELD = ("call", "registration", "asked", "pair")
ECHOED = (b"via", b"from", b"to", b"call-id", b"cseq")


def prompt(work: Callable[[], object]) -> bool:
    """Whether it takes no longer than it may; a collection of garbage may cost it two tries."""
    return any(cost(work) <= PATIENCE for _ in range(3))


def cost(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def parsed(data: bytes) -> Message | None:
    try:
        return parse(data)
    except ParseError:
        return None


def assert_contract(hole: Pinhole) -> None:
    """P2 to P8, of a world whose phones have no media hosts."""
    assert hole.internal.host in INSIDE, hole
    external = ip_address(hole.external.host)
    assert not any((external.is_loopback, external.is_link_local, external.is_multicast, external.is_reserved)), hole
    assert external.version == 4, hole
    assert external.packed[0] != 0, hole
    assert hole.external.host not in (OURS, "192.168.0.1"), hole
    assert not hole.external.host.startswith("192.168.0."), hole
    if pinned(hole):  # of a phone that asked a STUN server; the broker asks the kernel for the port behind it
        assert hole.mapped.host == OURS, hole
        assert 1024 <= hole.mapped.port <= 65535, hole
        assert hole.mapped.port not in NEVER_MEDIA, hole
        assert hole.mapped.port not in range(20000, 20100), hole
        assert hole.mapped.port not in range(30000, 30010), hole
        return
    assert hole.internal.port >= 1024, hole
    assert hole.internal.port not in NEVER_MEDIA, hole
    assert hole.external.port <= 65535, hole
    if not hole.external.port:
        assert hole.external.host in MAY_BE_GATES, hole
    assert hole.mapped.host == OURS, hole
    assert 20000 <= hole.mapped.port <= 20099, hole
    assert 0 < hole.lifetime <= 432_000, hole


def pinned(hole: Pinhole) -> bool:
    return hole.internal.port == 0


def assert_effects(effects: Iterable[Effect]) -> None:
    """What is opened is allowed, and stands before the message that announces it."""
    sent = False
    for effect in effects:
        if isinstance(effect, OpenPinhole):
            assert not sent or pinned(effect.pinhole), "announced before it was opened"
            assert_contract(effect.pinhole)
        sent = sent or (isinstance(effect, Forward) and effect.side is Side.EXTERNAL)


def assert_untouched(data: bytes, side: Side, sent: Iterable[Forward]) -> None:
    """What leaves can be read again; what has nothing of ours in it leaves as it came."""
    original, own = parsed(data), (b"192.168.0." if side is Side.INTERNAL else OURS.encode())
    for forward in sent if original is not None else ():
        assert parse(forward.data).body.end == len(forward.data)
        if forward.side is not side and own not in data:
            assert forward.data == original.original()


def assert_way_back(world: World, data: bytes, left: Forward) -> None:
    """An answer gives the phone its own header fields back, to the octet (RFC 3261 §8.2.6.2)."""
    request = parsed(data)
    if request is None or not request.is_request or request.method == b"ACK" or OURS.encode() in data:
        return
    outside = parse(left.data)
    reply = b"SIP/2.0 100 Trying\r\n" + b"".join(
        b"%s: %s\r\n" % (field.name, left.data[field.value : field.end])
        for field in outside.fields
        if field.name in ECHOED
    )
    for forward in world.into(reply + b"Content-Length: 0\r\n\r\n", to=left.source):
        came = parse(forward.data)
        for name in ECHOED:
            assert values(came, name) == values(request, name)


def values(message: Message, name: bytes) -> list[bytes]:
    return [message.data[field.value : field.end] for field in message.all(name)]


def assert_over(world: World) -> None:
    """A11, A12: nothing is held once the longest call is over."""
    for _ in range(3):
        world.now += FOREVER
        world.wait(0)
    assert world.open == {}
    for topic in ("pinholes", "calls", "registrations"):
        assert world.engine.rows(topic, world.now) == []
    assert [name for name in world.engine.state.names() if name[0] in HELD] == []
    assert len(world.engine._transactions) == 0
