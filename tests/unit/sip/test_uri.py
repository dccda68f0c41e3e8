# SPDX-License-Identifier: GPL-2.0-or-later
"""URIs and address lists: where the host stands, and what is left alone."""

from __future__ import annotations

import pytest

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import Span
from sipalg_core.sip.uri import is_request_uri, name_addrs, parameter, tag_of, uri_hostport


@pytest.mark.parametrize(
    ("uri", "hostport", "host", "port"),
    [
        (b"sip:alice@192.0.2.1", b"192.0.2.1", "192.0.2.1", 5060),
        (b"sip:alice@192.0.2.1:5070;transport=udp", b"192.0.2.1:5070", "192.0.2.1", 5070),
        (b"SIPS:192.0.2.1?Route=x", b"192.0.2.1", "192.0.2.1", 5061),
        (b"sip:user;par=u%40example.net@192.0.2.1", b"192.0.2.1", "192.0.2.1", 5060),
        (b"sip:[2001:DB8::1]:5070", b"[2001:DB8::1]:5070", "2001:db8::1", 5070),
        (b"sip:[2001:db8::1]", b"[2001:db8::1]", "2001:db8::1", 5060),
        (b"sip:alice@example.com", b"example.com", None, 5060),
        (b"sip:alice@010.0.0.1", b"010.0.0.1", None, 5060),
        (b"sip:alice@10.1", b"10.1", None, 5060),
    ],
)
def test_hostport(uri: bytes, hostport: bytes, host: str | None, port: int):
    found = uri_hostport(b"<" + uri + b">", 1, 1 + len(uri))
    assert found is not None
    assert (b"<" + uri)[slice(*found.span)] == hostport
    assert (found.host, found.effective_port) == (host, port)


@pytest.mark.parametrize(
    "uri", [b"tel:+4930", b"soap.beep://192.0.2.103:3002", b"sip:a@192.0.2.1:99999", b"sip:a@192.0.2.1:x", b"sip:[::1"]
)
def test_no_hostport(uri: bytes):
    assert uri_hostport(uri, 0, len(uri)) is None


@pytest.mark.parametrize(
    ("value", "uris"),
    [
        (b"<sip:a@b>, <sip:c@d>;q=1", [b"sip:a@b", b"sip:c@d"]),
        (b'"a, <x>" <sip:a@b;lr>,sip:c@d;expires=5', [b"sip:a@b;lr", b"sip:c@d"]),
        (b'"quo\\"te,"<sip:a@b,c>', [b"sip:a@b,c"]),
        (b"Anna Maria<sip:a@b>", [b"sip:a@b"]),
        (b"*", [b"*"]),
        (b"", []),
    ],
)
def test_name_addrs(value: bytes, uris: list[bytes]):
    assert [value[slice(*found.uri)] for found in name_addrs(value, 0, len(value))] == uris


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b'"open <sip:a@b>', "open-quote"),
        (b"<sip:a@b", "open-bracket"),
        (b"Anna < sip:a@b >", "address"),
        (b"Bell, Alexander <sip:a@b>", "address"),
        (b'Anna "<" <sip:a@b>', "address"),
        (b"sip:a@b?Route=x", "address"),
        (b"sip:a b@c", "address"),
        (b"<sip:a@b>,,<sip:c@d>", "address"),
        (b"<>", "address"),
        (b";;", "address"),
        (b'<sip:a@b>;x="', "open-quote"),
    ],
)
def test_what_is_no_address_is_refused(value: bytes, reason: str):
    with pytest.raises(ParseError, match=reason):
        list(name_addrs(value, 0, len(value)))


@pytest.mark.parametrize("value", [b"<sip:a@b>;tag=1, <sip:c@d>;tag=2", b"", b"Anna"])
def test_from_and_to_are_one_address(value: bytes):
    with pytest.raises(ParseError, match="address"):
        tag_of(value, 0, len(value))


@pytest.mark.parametrize(
    ("uri", "good"),
    [
        (b"sip:bob@example.com", True),
        (b"sips:[2001:db8::1]:5061;transport=tcp", True),
        (b"sip:a?b,c;d@192.0.2.1", True),
        (b"tel:+4930;phone-context=x", True),
        (b"sip:2001:db8::1", False),
        (b"sip:bob@", False),
        (b"sip:bob@192.0.2.1:0x50", False),
        (b"sip:bob@192.0.2.1?Route=x", False),
        (b"<sip:bob@192.0.2.1>", False),
        (b"*", False),
    ],
)
def test_request_uri(uri: bytes, good: bool):
    assert is_request_uri(uri) is good


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        (b"<sip:a@b>;tag=1", b"1"),
        (b"<sip:a@b;tag=no>;x=y;TAG = 2 ;z", b"2"),
        (b"sip:a@b;tag=3", b"3"),
        (b'"x;tag=no" <sip:a@b>', b""),
        (b'"x>;tag=no" <sip:a@b>;tag=4', b"4"),
    ],
)
def test_tag(value: bytes, tag: bytes):
    assert tag_of(value, 0, len(value)) == tag


def test_parameter_without_a_value():
    value = b";rport;branch=x"
    assert parameter(value, Span(0, len(value)), b"rport") == Span(6, 6)
    assert parameter(value, Span(0, len(value)), b"lr") is None
