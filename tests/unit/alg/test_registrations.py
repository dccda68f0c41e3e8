# SPDX-License-Identifier: GPL-2.0-or-later
"""REGISTER: what the registrar sees, what the phone gets back, what the table says."""

from __future__ import annotations

import pytest

from sipalg_core.alg import registrations
from sipalg_core.alg.effects import Changed
from tests.unit.alg.harness import OTHER_PHONE, OURS, PHONE, World, header, incoming, message, respond


def test_registrar_sees_only_our_address():
    world = World()
    sent = world.register()
    assert PHONE.host.encode() not in sent.data.replace(b"reg-192.168.0.10-101", b"")  # the Call-ID is never touched
    assert header(sent.data, "Contact") == f"<sip:101@{OURS}:5060>;expires=600"


def test_phone_gets_its_contact_back():
    world = World()
    back = world.registered()
    assert header(back.data, "Contact") == "<sip:101@192.168.0.10:5060>;expires=600"
    assert header(back.data, "Via").startswith("SIP/2.0/UDP 192.168.0.10:5060;")


def test_c05_phone_that_keeps_to_a_longer_time_is_overdue_then_expired():
    world = World()
    sent = world.register(expires=1200)
    contact = header(sent.data, "Contact").replace("expires=1200", "expires=660")
    world.into(respond(sent.data, 200, "OK", contact=contact))
    (row,) = world.engine.rows("registrations", world.now)
    assert (row["state"], row["asked"], row["granted"]) == ("registered", 1200, 660)
    assert row["mapped"] == f"sip:101@{OURS}:5060"
    world.wait(662)
    assert Changed("registrations", row["id"]) in world.done
    (row,) = world.engine.rows("registrations", world.now)
    assert (row["state"], row["warning"]) == (
        "overdue",
        "asked for 1200 s, granted 660 s: set the phone to 660 s",
    )
    assert world.into(incoming())[0].destination == PHONE  # the way in stays
    world.wait(620)
    assert world.engine.rows("registrations", world.now)[0]["state"] == "expired"


@pytest.mark.parametrize(
    "spelling", ["<sip:101@203.0.113.2>", "<sip:101@203.0.113.2:5060;line=2>", "<sip:%31%30%31@203.0.113.2:5060>"]
)
def test_c05_time_that_is_granted_counts_however_the_registrar_writes_the_contact(spelling):
    world = World()
    sent = world.register(expires=1200)
    world.into(respond(sent.data, 200, "OK", contact=f"{spelling};expires=660"))
    (row,) = world.engine.rows("registrations", world.now)
    assert (row["asked"], row["granted"]) == (1200, 660)


def test_contact_that_was_taken_back_has_not_the_time_of_another_phone():
    world = World()
    world.registered()
    sent = world.register(expires=0)
    world.into(respond(sent.data, 200, "OK", contact="<sip:101@198.51.100.7:5060>;expires=500"))
    (row,) = world.engine.rows("registrations", world.now)
    assert (row["state"], row["granted"]) == ("expired", 0)


def test_other_phones_of_the_account_are_left_alone():
    world = World()
    world.registered(OTHER_PHONE)
    sent = world.register()
    both = f"<sip:101@{OURS}:5060>;expires=600, {header(sent.data, 'Contact')}"
    (back,) = world.into(respond(sent.data, 200, "OK", contact=both), to=sent.source)
    assert header(back.data, "Contact").startswith(f"<sip:101@{OURS}:5060>;expires=600, <sip:101@192.168.0.10:5060>")


def test_challenge_keeps_the_table_empty_and_refusal_shows():
    world = World()
    sent = world.register()
    world.into(respond(sent.data, 401, "Unauthorized"))
    assert world.engine.rows("registrations", world.now) == []
    world.into(respond(world.register().data, 403, "Forbidden"))
    (row,) = world.engine.rows("registrations", world.now)
    assert (row["state"], row["status"]) == ("failed", "403 Forbidden")


def test_taking_all_contacts_back():
    world = World()
    world.registered()
    (sent,) = world.out(
        message(
            "REGISTER sip:provider.example SIP/2.0",
            f"Via: SIP/2.0/UDP {PHONE};branch=z9hG4bKstar",
            "From: <sip:101@provider.example>;tag=r2",
            "To: <sip:101@provider.example>",
            "Call-ID: reg-192.168.0.10-101",
            "CSeq: 2 REGISTER",
            "Contact: *",
            "Expires: 0",
        )
    )
    world.into(respond(sent.data, 200, "OK"))
    assert world.engine.rows("registrations", world.now)[0]["state"] == "expired"


def test_answer_of_somebody_else_registers_nobody():
    world = World()
    sent = world.register()
    forged = respond(sent.data, 200, "OK", contact=header(sent.data, "Contact")).replace(b"z9hG4bK", b"z9hG4bKx")
    world.into(forged)
    assert world.engine.rows("registrations", world.now) == []
    assert world.engine.counts["ignored:no-transaction"] == 1


def asked(world: World) -> int:
    """How many REGISTERs are under way."""
    return sum(part == "asked" for part, _ in world.engine.state.names())


@pytest.mark.parametrize("challenge", [0, 401, 407])
def test_a_register_that_nobody_grants_is_forgotten(challenge):
    """Found by fuzzing: it was remembered until 20,000 of them were, and then all of them were forgotten."""
    world = World()
    sent = world.register()
    if challenge:
        world.into(respond(sent.data, challenge, "Unauthorized"), to=sent.source)
        assert asked(world) == 0
    world.wait(65 * 0.5)
    assert asked(world) == 0


@pytest.mark.pure
def test_a_flood_of_registers_pushes_out_the_oldest_only(monkeypatch):
    monkeypatch.setattr(registrations, "MAX_REGISTRATIONS", 3)
    world = World()
    for number in range(4):
        world.register(user=f"{number}")
    assert asked(world) == 3
