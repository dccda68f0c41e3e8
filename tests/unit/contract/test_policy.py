# SPDX-License-Identifier: GPL-2.0-or-later
"""The policy file: exact inverses, and an error names the field."""

from ipaddress import ip_network

import pytest

from sipalg_core.contract.policy import (
    EMPTY,
    AlgPolicy,
    Interface,
    Peering,
    PolicyError,
    PortRange,
    Timers,
    dump,
    load,
    read,
)
from sipalg_core.net import Side

POLICY = AlgPolicy(
    revision=7,
    interfaces=(
        Interface("lan0", Side.INTERNAL, ("192.168.0.1", "fd00::1"), (ip_network("192.168.0.0/24"),)),
        Interface("wan0", Side.EXTERNAL, ("2001:db8::2", "203.0.113.2", "203.0.113.3")),
    ),
    peerings=(
        Peering("rule:1", "provider", (ip_network("192.168.0.0/24"),), (ip_network("2001:db8::/64"),), ports=(5070,)),
    ),
    media_ports=PortRange(10000, 10099),
    timers=Timers(inactive_media=30),
)


def test_dump_and_load_are_inverses():
    assert load(dump(POLICY)) == POLICY


def test_we_announce_the_first_external_address_of_a_family():
    assert POLICY.external_address() == "203.0.113.2"
    assert POLICY.external_address(6) == "2001:db8::2"
    assert EMPTY.external_address() is None


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (b"", "(whole)"),
        (b"{}", "revision"),
        (b'{"revision": 1, "nonsense": 1}', "nonsense"),
        (b'{"revision": 1, "media_ports": {"first": 0, "last": 9}}', "media_ports.first"),
        (b'{"revision": 1, "timers": {"inactive_media": 1}}', "timers.inactive_media"),
    ],
)
def test_an_error_names_the_field(text, field):
    with pytest.raises(PolicyError, match=r"^" + field.replace("(", r"\(").replace(")", r"\)")):
        load(text)


def test_without_a_file_nothing_is_intercepted(tmp_path):
    assert read(tmp_path / "policy.json") == EMPTY
