# SPDX-License-Identifier: GPL-2.0-or-later
"""The oracle of the wire: what it lets change, and that nothing else escapes it."""

from __future__ import annotations

import pytest

from tests.lab.wire.crossing import assert_only_owned_changed
from tests.lab.wire.messages import message, sdp

INSIDE, OURS = ["192.168.0.10"], ["203.0.113.2"]
SENT = message(
    "INVITE sip:200@provider.example SIP/2.0",
    "Via: SIP/2.0/UDP 192.168.0.10:5060;branch=z9hG4bK1;rport",
    "Contact: <sip:101@192.168.0.10>",
    "X-Other: 192.168.0.100 and 10.0.0.1",
    body=sdp("192.168.0.10", 14000, lines=("a=rtcp:14001 IN IP4 192.168.0.10",)),
)


def arrived(*changes: tuple[bytes, bytes]) -> bytes:
    data = SENT
    for old, new in changes:
        assert old in data
        data = data.replace(old, new)
    head, _, body = data.partition(b"\r\n\r\n")
    start = head[: head.rindex(b"Content-Length: ")]
    return start + b"Content-Length: %d\r\n\r\n" % len(body) + body


OWNED = (
    (b"192.168.0.10:5060", b"203.0.113.2:30001"), (b"@192.168.0.10>", b"@203.0.113.2:30001>"),
    (b"IP4 192.168.0.10\r", b"IP4 203.0.113.2\r"), (b"audio 14000", b"audio 20002"), (b"rtcp:14001", b"rtcp:20003"),
)  # fmt: skip


@pytest.mark.parametrize("number", range(len(OWNED) + 1))
def test_what_is_owned_may_change(number):
    assert_only_owned_changed(SENT, arrived(*OWNED[:number]), INSIDE, OURS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"192.168.0.100", b"203.0.113.2"),
        (b"10.0.0.1", b"203.0.113.2"),
        (b"@192.168.0.10>", b"@203.0.113.3>"),
        (b"branch=z9hG4bK1", b"branch=z9hG4bK2"),
        (b"o=- 1 1", b"o=- 1 2"),
        (b"provider.example", b"203.0.113.2"),
        (b"RTP/AVP 8 0", b"RTP/AVP 0 8"),
        (b"Via: ", b"v: "),
        (b"a=rtcp:", b"a=x-rtcp:"),
    ],
)
def test_what_nobody_owns_may_not(old, new):
    with pytest.raises(AssertionError, match="beyond what is owned"):
        assert_only_owned_changed(SENT, arrived((old, new)), INSIDE, OURS)


def test_a_wrong_length_is_seen():
    with pytest.raises(AssertionError, match="Content-Length"):
        assert_only_owned_changed(SENT, arrived(*OWNED) + b"x", INSIDE, OURS)
