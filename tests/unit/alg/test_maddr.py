# SPDX-License-Identifier: GPL-2.0-or-later
"""`;maddr=` (RFC 3261 §19.1.1, §18.2.2): it says where a request or a response goes, whatever host stands before it."""

from __future__ import annotations

import pytest

from sipalg_core.net import Endpoint
from tests.unit.alg.harness import OTHER_PHONE, OURS, PHONE, World, header, incoming, message, registering, respond


def of_other(*lines: str, method: str = "OPTIONS", via: str = f"{OTHER_PHONE}") -> bytes:
    """Of the second phone, whose external port is another one than its own."""
    return message(
        f"{method} sip:200@provider.example SIP/2.0",
        f"Via: SIP/2.0/UDP {via};branch=z9hG4bKm;rport",
        "From: <sip:102@provider.example>;tag=a",
        "To: <sip:200@provider.example>",
        "Call-ID: m",
        f"CSeq: 1 {method}",
        "Max-Forwards: 70",
        *lines,
    )


@pytest.fixture
def world() -> World:
    """In which 5060 is the first phone's."""
    made = World()
    made.registered()
    return made


@pytest.mark.parametrize("host", ["phone.example", "phone.example:5060", "198.51.100.7"])
def test_name_before_it_gets_the_port_of_our_mapping_and_loses_it_again(world: World, host: str):
    uri = f"sip:102@{host};maddr={OTHER_PHONE.host};ob"
    (left,) = world.out(of_other(f"Contact: <{uri}>"), source=OTHER_PHONE)
    port = left.source.port
    assert port != OTHER_PHONE.port
    named = host.partition(":")[0]
    outside = f"sip:102@{named}:{port};maddr={OURS};ob"
    assert header(left.data, "Contact") == f"<{outside}>"
    (came,) = world.into(
        incoming().replace(b"sip:101@203.0.113.2:5060 SIP", outside.encode() + b" SIP"), to=left.source
    )
    assert came.destination == OTHER_PHONE
    assert came.data.startswith(f"INVITE {uri} SIP/2.0\r\n".encode())


def test_own_host_before_it_and_another_port(world: World):
    uri = f"sip:102@{OTHER_PHONE.host}:5070;maddr={OTHER_PHONE.host}"
    (left,) = world.out(of_other(f"Contact: <{uri}>"), source=OTHER_PHONE)
    contact = header(left.data, "Contact")
    port = int(contact.split(":")[2].partition(";")[0])
    assert contact == f"<sip:102@{OURS}:{port};maddr={OURS}>"
    assert port != left.source.port
    request = incoming().replace(b"sip:101@203.0.113.2:5060 SIP", contact[1:-1].encode() + b" SIP")
    (came,) = world.into(request, to=Endpoint(OURS, port))
    assert came.destination == Endpoint(OTHER_PHONE.host, 5070)
    assert came.data.startswith(f"INVITE {uri} SIP/2.0\r\n".encode())


@pytest.mark.parametrize("via", [f"phone.example;maddr={OTHER_PHONE.host}", f"{OTHER_PHONE};MAddr={OTHER_PHONE.host}"])
def test_via_goes_and_comes_back_alike(world: World, via: str):
    sent = of_other("Contact: <sip:102@phone.example>", via=via)
    (left,) = world.out(sent, source=OTHER_PHONE)
    assert OTHER_PHONE.host.encode() not in left.data
    assert f";maddr={OURS};" in header(left.data, "Via").lower()
    (back,) = world.into(respond(left.data, 200, "OK", tag="b"), to=left.source)
    assert header(back.data, "Via") == header(sent, "Via")
    assert back.destination == OTHER_PHONE


def test_from_and_to_keep_it_for_the_whole_dialog(world: World):
    sent = of_other("Contact: <sip:102@phone.example>")
    sent = sent.replace(b"<sip:102@provider.example>", f"<sip:102@office.example;maddr={OTHER_PHONE.host}>".encode())
    (left,) = world.out(sent, source=OTHER_PHONE)
    assert header(left.data, "From") == f"<sip:102@office.example;maddr={OURS}>;tag=a"
    (back,) = world.into(respond(left.data, 200, "OK", tag="b"), to=left.source)
    assert header(back.data, "From") == header(sent, "From")


def test_from_at_a_port_that_is_no_mapping_comes_back_as_it_was():
    world = World()
    sent = of_other().replace(b"<sip:102@provider.example>", f"<sip:102@{OTHER_PHONE.host}:7777>".encode())
    (left,) = world.out(sent, source=OTHER_PHONE)
    assert header(left.data, "From") == f"<sip:102@{OURS}:7777>;tag=a"
    (back,) = world.into(respond(left.data, 200, "OK", tag="b"), to=left.source)
    assert header(back.data, "From") == header(sent, "From")


def test_contact_that_sends_to_another_host_binds_nothing():
    """C51: as one whose host is another's."""
    world = World()
    data = registering().replace(f"<sip:101@{PHONE}>".encode(), f"<sip:101@{PHONE};maddr=192.168.0.66>".encode())
    (left,) = world.out(data)
    world.into(respond(left.data, 200, "OK", contact=header(left.data, "Contact"), expires=600), to=left.source)
    assert world.engine.rows("registrations", world.now) == []


def test_change_has_its_reason():
    world = World()
    world.out(message(
        "INVITE sip:200@provider.example SIP/2.0", f"Via: SIP/2.0/UDP {PHONE};branch=z9hG4bKr",
        "From: <sip:101@provider.example>;tag=a", "To: <sip:200@provider.example>", "Call-ID: r", "CSeq: 1 INVITE",
        f"Contact: <sip:101@phone.example;maddr={PHONE.host}>",
    ))  # fmt: skip
    (row,) = world.engine.trace(str(world.call()["id"]))
    assert "the party's own address in maddr and ours (RFC 3261 §19.1.1)" in str(row["edits"])
