# SPDX-License-Identifier: GPL-2.0-or-later
"""The encoding of netlink attributes."""

import pytest

from sipalg_core.nft.netlink import attribute, attributes, nested


def test_an_attribute_is_padded_but_says_its_own_length():
    assert attribute(5, b"abc") == b"\x07\x00\x05\x00abc\x00"


def test_attributes_come_back_as_they_were_written():
    payload = attribute(1, b"x") + nested(2, attribute(3, b""), attribute(4, b"12345"))
    first, second = attributes(payload)
    assert first == (1, b"x")
    assert second[0] == 2
    assert list(attributes(second[1])) == [(3, b""), (4, b"12345")]


def test_an_impossible_length_is_no_endless_loop():
    with pytest.raises(ValueError, match="0 bytes"):
        list(attributes(b"\0\0\0\0\0\0\0\0"))
