# SPDX-License-Identifier: GPL-2.0-or-later
"""Via values: who sent it, which branch, and what is no Via."""

from __future__ import annotations

import pytest

from sipalg_core.sip.errors import ParseError
from sipalg_core.sip.via import branch_of, vias


@pytest.mark.parametrize(
    ("field", "sent_by", "branch"),
    [
        (b"SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bKa;rport", ("192.0.2.1", 5070), b"z9hG4bKa"),
        (b"SIP / 2.0 /\r\n TCP\t[2001:db8::1]  ; Branch = z9hG4bKb", ("2001:db8::1", None), b"z9hG4bKb"),
        (b"SIP/2.0/UDP host.example", (None, None), b""),
        (b"SIP/2.0/UDP 192.0.2.1;branch=", ("192.0.2.1", None), b""),
        (b'SIP/2.0/UDP 192.0.2.1;x=";;,branch=no";branch=yes', ("192.0.2.1", None), b"yes"),
    ],
)
def test_value(field: bytes, sent_by: tuple[str | None, int | None], branch: bytes):
    (via,) = vias(field, 0, len(field))
    assert via.sent_by is not None
    assert (via.sent_by.host, via.sent_by.port) == sent_by
    assert branch_of(field, via) == branch


def test_topmost_first():
    field = b"SIP/2.0/UDP 192.0.2.1;branch=a , SIP/2.0/TCP 192.0.2.2;branch=b"
    assert [branch_of(field, via).strip() for via in vias(field, 0, len(field))] == [b"a", b"b"]


def test_sent_by_that_cannot_be_read_is_nobodys():
    (via,) = vias(b"SIP/2.0/UDP 192.0.2.1:99999", 0, 27)
    assert via.sent_by is None


@pytest.mark.parametrize(
    "field",
    [b"", b"SIP/2.0/UDP", b"SIP/2.0 192.0.2.1", b"UDP;x=/2.0/UDP a", b"SIP/2.0/UDP a;;", b"SIP/2.0/UDP a,", b",",
     b'SIP/2.0/UDP a;x="'],
)  # fmt: skip
def test_refused(field: bytes):
    with pytest.raises(ParseError):
        list(vias(field, 0, len(field)))
