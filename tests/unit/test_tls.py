# SPDX-License-Identifier: GPL-2.0-or-later
"""The console's certificate: what is refused in words, and that a running door shows another one at once."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.core.exceptions import ValidationError

from appliance import door, tls

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
Key = ec.EllipticCurvePrivateKey


def key_text(key: Key, passphrase: bytes = b"") -> bytes:
    locked = serialization.BestAvailableEncryption(passphrase) if passphrase else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)


def issued(
    subject: str, key: Key, issuer: tuple[str, Key], begins: datetime = NOW - DAY, ends: datetime = NOW + DAY,
    hosts: tuple[str, ...] = ("pinhole.example",),
) -> bytes:  # fmt: skip
    def name(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])

    made = (
        x509.CertificateBuilder()
        .subject_name(name(subject)).issuer_name(name(issuer[0])).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    )  # fmt: skip
    if hosts:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in hosts]), critical=False)
    return made.sign(issuer[1], hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


LATER = (NOW + DAY, NOW + 9 * DAY)
LEAF, MIDDLE, ROOT, OTHER = (ec.generate_private_key(ec.SECP256R1()) for _each in range(4))
MIDDLE_PEM = issued("Middle", MIDDLE, ("Root", ROOT), hosts=())
GOOD = issued("pinhole.example", LEAF, ("Middle", MIDDLE))


def refusal(certificate: bytes, key: bytes) -> tuple[str, str]:
    with pytest.raises(ValidationError) as raised:
        tls.read(certificate, key)
    ((field, (words,)),) = raised.value.message_dict.items()
    return field, words


def test_certificate_with_its_chain_and_key_is_taken():
    pair = tls.read(GOOD + MIDDLE_PEM, key_text(LEAF))
    assert pair.names == ("pinhole.example",)
    assert [tls.common_name(each.subject) for each in pair.chain] == ["Middle"]
    assert tls.read(pair.pem, pair.pem).leaf == pair.leaf  # what is kept is all that is needed


@pytest.mark.parametrize(
    ("certificate", "key", "field", "words"),
    [
        (b"no PEM", key_text(LEAF), "certificate", "no certificate in PEM"),
        (GOOD, b"no PEM", "key", "no private key in PEM"),
        (GOOD, key_text(LEAF, b"passphrase"), "key", "encrypted"),
        (GOOD, key_text(OTHER), "key", "does not belong"),
        (MIDDLE_PEM + GOOD, key_text(LEAF), "key", "does not belong"),
        (GOOD + issued("Other", OTHER, ("Other", OTHER)), key_text(LEAF), "certificate", "not issued by Other"),
        (issued("old", LEAF, ("Root", ROOT), NOW - 9 * DAY, NOW - DAY), key_text(LEAF), "certificate", "expired on"),
        (
            issued("new", LEAF, ("Root", ROOT), *LATER),
            key_text(LEAF),
            "certificate",
            "not valid before",
        ),
        (issued("bare", LEAF, ("Root", ROOT), hosts=()), key_text(LEAF), "certificate", "names no host"),
    ],
)
def test_what_does_not_fit_is_refused_in_words(certificate: bytes, key: bytes, field: str, words: str):
    told = refusal(certificate, key)
    assert told[0] == field
    assert words in told[1]


@pytest.mark.parametrize(
    ("named", "host", "covered"),
    [
        ("pinhole.example", "pinhole.example", True),
        ("*.example", "pinhole.example", True),
        ("*.example", "a.pinhole.example", False),
        ("*.example", "example", False),
        ("other.example", "pinhole.example", False),
    ],
)
def test_names_are_those_of_the_console(named: str, host: str, covered: bool):
    pair = tls.read(issued("x", LEAF, ("Root", ROOT), hosts=(named,)), key_text(LEAF))
    assert pair.uncovered([f"https://{host}:8443", "http://192.168.0.1"]) == ([] if covered else [host])


def test_one_that_is_made_here_fits_every_origin():
    origins = ["https://pinhole.example", "https://192.168.0.1:8443", "https://[fd00:a::1]"]
    made = tls.made_here(origins)
    assert made.uncovered(origins) == []
    assert tls.read(made.pem, made.pem).leaf == made.leaf


async def application(_scope: Any, _receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"here"})


async def shown_at(port: int) -> x509.Certificate:
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    _reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=trusting)
    raw = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    await writer.wait_closed()
    return x509.load_der_x509_certificate(raw)


async def shows(port: int, wanted: x509.Certificate, serving: asyncio.Task[None]) -> None:
    async with asyncio.timeout(30):
        while True:
            assert not serving.done(), serving.exception()
            try:
                if await shown_at(port) == wanted:
                    return
            except OSError:
                pass
            await asyncio.sleep(0.05)


async def test_door_shows_another_certificate_at_once_and_never_a_broken_one(
    run_dir: Path, unused_tcp_port: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(door, "LOOK_INTERVAL", 0.05)
    monkeypatch.setattr(tls, "kept_at", lambda: run_dir / "console.pem")
    first, second = tls.made_here(["https://a.example"]), tls.read(GOOD + MIDDLE_PEM, key_text(LEAF))
    tls.keep(first.pem)
    made = door.server(application, "127.0.0.1", unused_tcp_port, tls.kept_at())
    serving = asyncio.create_task(door.serve(made, tls.kept_at()))
    try:
        await shows(unused_tcp_port, first.leaf, serving)
        tls.keep(b"half of a file")
        await asyncio.sleep(0.2)
        assert await shown_at(unused_tcp_port) == first.leaf
        tls.keep(second.pem)
        await shows(unused_tcp_port, second.leaf, serving)
        assert (run_dir / "console.pem").stat().st_mode & 0o777 == 0o600
    finally:
        made.should_exit = True
        await serving
