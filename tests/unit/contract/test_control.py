# SPDX-License-Identifier: GPL-2.0-or-later
"""The records between engine and broker: exact inverses, and no record of a wrong size or operation is read."""

import pytest

from sipalg_core.contract.control import (
    NO_PINHOLE,
    REPLY,
    REQUEST,
    AlreadyRunning,
    Banned,
    Counter,
    Op,
    Pinhole,
    Reply,
    Request,
    Status,
    Stray,
    claim,
    pack_bans,
    pack_counters,
    pack_reply,
    pack_request,
    pack_strays,
    unpack_bans,
    unpack_counters,
    unpack_reply,
    unpack_request,
    unpack_strays,
)
from sipalg_core.net import Endpoint, Side

V4 = Pinhole(2**63, Endpoint("192.168.0.10", 4000), Endpoint("203.0.113.2", 1), Endpoint("203.0.113.99", 0), 60.5)
V6 = Pinhole(1, Endpoint("fd00::1", 4000), Endpoint("2001:db8::2", 65535), Endpoint("2001:db8::1", 7000), 0.001)


@pytest.mark.parametrize("op", Op)
@pytest.mark.parametrize("pinhole", [V4, V6, NO_PINHOLE, V4._replace(learnt=True)])
def test_a_request_survives(op, pinhole):
    record = pack_request(Request(op, 2**32 - 1, pinhole))
    assert len(record) == REQUEST.size
    assert unpack_request(record) == Request(op, 2**32 - 1, pinhole)


@pytest.mark.parametrize(
    "reply", [Reply(1, Status.OK), Reply(2, Status.REFUSED, 3), Reply(3, Status.FAILED, 13, 2**64 - 1)]
)
def test_a_reply_survives(reply):
    assert unpack_reply(pack_reply(reply)) == reply


def test_counters_survive():
    counters = [Counter(1, 2, 3), Counter(2**64 - 1, 0, 2**64 - 1)]
    assert unpack_counters(pack_counters(counters)) == counters


def test_strays_survive():
    strays = [
        Stray(Side.EXTERNAL, V4.external, V4.mapped, 7),
        Stray(Side.INTERNAL, V6.internal, V6.external, 2**64 - 1),
    ]
    assert unpack_strays(pack_strays(strays)) == strays
    with pytest.raises(ValueError, match="not a multiple"):
        unpack_strays(b"\0" * 25)


@pytest.mark.parametrize("cut", [0, 1, REQUEST.size - 1, REQUEST.size + 1])
def test_a_request_of_another_size_is_refused(cut):
    record = (pack_request(Request(Op.OPEN, 1, V4)) + b"\0")[:cut]
    with pytest.raises(ValueError, match="bytes, not"):
        unpack_request(record)


def test_an_unknown_operation_is_refused():
    with pytest.raises(ValueError, match="99 is not a valid Op"):
        unpack_request(b"\x63" + pack_request(Request(Op.OPEN, 1, V4))[1:])


def test_replies_and_counters_of_another_size_are_refused():
    with pytest.raises(ValueError, match="bytes, not"):
        unpack_reply(b"\0" * (REPLY.size - 1))
    with pytest.raises(ValueError, match="not a multiple"):
        unpack_counters(b"\0" * 25)


def test_a_socket_is_claimed_by_one_process_until_its_end(tmp_path):
    path = tmp_path / "run" / "engine.sock"
    with claim(path), pytest.raises(AlreadyRunning, match=r"engine\.sock"):
        claim(path)
    claim(path).close()


def test_bans_survive_and_none_of_a_wrong_size_is_read():
    bans = [Banned("192.0.2.1", 3600, 2**64 - 1, True), Banned("2001:db8::1", 0, 0, False)]
    assert unpack_bans(pack_bans(bans)) == bans
    with pytest.raises(ValueError, match="not a multiple"):
        unpack_bans(pack_bans(bans)[1:])
