# SPDX-License-Identifier: GPL-2.0-or-later
"""What users complain of in the audio (sip-alg reference, section 3), on the wire: C02, C03, C08–C12, C20–C28."""

from __future__ import annotations

import pytest

from tests.lab.wire.messages import sdp
from tests.lab.wire.parties import both_ways, nothing_passes
from tests.lab.wire.rig import Wire

pytestmark = pytest.mark.lab


def test_c02_private_address_in_the_description_becomes_ours_and_both_ways_open(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    phone_rtcp, far_rtcp = wire.media("a", 14001), wire.media("m", 7001)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    assert wire.at("a").host.encode() not in call.invite
    assert len(wire.opened()) == 4  # RTP and RTCP, in and out
    both_ways(phone, far, call.mapped)
    both_ways(phone_rtcp, far_rtcp, call.mapped._replace(port=call.mapped.port + 1))
    call.hang_up()


def test_c03_media_of_anybody_but_the_announced_relay_is_dropped(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    for name, port in (("b", 7000), ("x", 7000), ("m2", 7000), ("m", 7002)):
        wire.media(name, port).play(call.mapped)
    assert phone.silent()
    both_ways(phone, far, call.mapped)
    call.hang_up()


def test_c02_nothing_passes_once_the_call_is_over(wire: Wire):
    phone, far = wire.media("a", 14000), wire.media("m", 7000)
    call = wire.establish(sdp(phone.at.host, 14000), sdp(far.at.host, 7000))
    both_ways(phone, far, call.mapped)
    call.hang_up(back=True)
    wire.settle()
    nothing_passes(phone, far, call.mapped)
