# SPDX-License-Identifier: GPL-2.0-or-later
"""Concatenated keys, byte by byte."""

import pytest

from sipalg_core.nft.elements import pack, unpack


@pytest.mark.parametrize(
    ("parts", "layout", "key"),
    [
        (["1.2.3.4", 5060], ["ipv4_addr", "inet_service"], "01020304 13c40000"),
        (["fd00::1", 1], ["ipv6_addr", "inet_service"], "fd000000000000000000000000000001 00010000"),
        (["1.2.3.4", "5.6.7.8", 65535], ["ipv4_addr", "ipv4_addr", "inet_service"], "01020304 05060708 ffff0000"),
    ],
)
def test_each_part_is_padded_to_four_bytes(parts, layout, key):
    assert pack(*parts) == bytes.fromhex(key)
    assert unpack(bytes.fromhex(key), layout) == parts
