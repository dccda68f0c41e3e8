# SPDX-License-Identifier: GPL-2.0-or-later
"""The smallest pieces: numbers without Python's generosity (A08), quoted strings, separators, address literals."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.grammar import decimal, host_address, is_token, separator, skip_quoted, trim


@pytest.mark.parametrize("text", [b"0", b"7", b"007", b"65535", b"99999"])
def test_decimal(text: bytes):
    assert decimal(text, 5) == int(text)


@pytest.mark.parametrize(
    "text", [b"", b"100000", b"+1", b"-1", b" 1", b"1 ", b"1\n", b"1_0", b"0x1", "٣".encode(), b"1.0"]
)
def test_a08_what_only_int_would_take(text: bytes):
    assert decimal(text, 5) is None


@pytest.mark.parametrize(
    ("text", "behind"), [(b'""', 2), (b'"a"b"', 3), (b'"a\\"b"c', 6), (b'"\\\\"x', 4), (b'"a\r\n b"', 7)]
)
def test_quoted_string(text: bytes, behind: int):
    assert skip_quoted(text, 0, len(text)) == behind


@pytest.mark.parametrize("text", [b'"', b'"a', b'"a\\"', b'"\\'])
def test_quoted_string_without_end(text: bytes):
    with pytest.raises(ParseError, match="open-quote"):
        skip_quoted(text, 0, len(text))


@given(st.lists(st.sampled_from([b",", b'"', b"\\", b"a"]), max_size=12).map(b"".join))
def test_separator_like_a_reader_with_a_pencil(text: bytes):
    quoted = escaped = False
    expected: int | None = None
    for at, byte in enumerate(text):
        if escaped:
            escaped = False
        elif quoted and byte == ord("\\"):
            escaped = True
        elif byte == ord('"'):
            quoted = not quoted
        elif byte == ord(",") and not quoted:
            expected = at
            break
    else:
        expected = None if quoted else len(text)
    if expected is None:
        with pytest.raises(ParseError):
            separator(text, b",", 0, len(text))
    else:
        assert separator(text, b",", 0, len(text)) == expected


@pytest.mark.parametrize(
    ("text", "host"),
    [
        (b"192.0.2.1", "192.0.2.1"),
        (b"[2001:DB8::1]", "2001:db8::1"),
        (b"[fe80::1%eth0]", None),
        (b"2001:db8::1", None),
        (b"010.0.0.1", None),
        (b"0x0a000001", None),
        (b"167772161", None),
        (b"10.1", None),
        (b"192.0.2.1 ", None),
        (b"example.com", None),
        (b"\xff", None),
    ],
)
def test_address_literals_in_one_spelling_only(text: bytes, host: str | None):
    assert host_address(text) == host


def test_trim_and_token():
    assert trim(b" \t\r\n a \r\n", 0, 8) == (5, 6)
    assert trim(b"   ", 0, 3)[0] == 3
    assert is_token(b"RE%47IST%45R")
    assert not is_token(b"")
    assert not is_token("INVITE\u212a".encode())
