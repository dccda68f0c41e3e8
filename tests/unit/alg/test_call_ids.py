# SPDX-License-Identifier: GPL-2.0-or-later
"""Call-ID hiding: reversible, in every header that names a dialog, and only for calls that begin under it."""

from __future__ import annotations

from sipalg_core.contract.policy import Handling
from tests.unit.alg.harness import (
    MEDIA_PROXY,
    PHONE,
    World,
    established,
    header,
    incoming,
    invite,
    policy,
    respond,
    sdp,
)

HIDING = policy(handling=Handling(hide_call_ids=True))


def test_it_is_off_unless_wanted():
    (sent,) = World().out(invite("a@192.168.0.10"))
    assert header(sent.data, "Call-ID") == "a@192.168.0.10"


def test_call_id_is_replaced_outside_and_comes_back_inside():
    world = World(HIDING)
    sent, back = established(world, "a@192.168.0.10")
    hidden = header(sent, "Call-ID")
    assert hidden != "a@192.168.0.10"
    assert "192.168" not in hidden
    assert header(back, "Call-ID") == "a@192.168.0.10"
    assert world.call()["call_id"] == "a@192.168.0.10"
    (bye,) = world.into(incoming(hidden, 1, method="BYE", to_tag="a"))
    assert header(bye.data, "Call-ID") == "a@192.168.0.10"
    assert world.call()["state"] == "completed"
    (ok,) = world.out(respond(bye.data, 200, "OK"))
    assert header(ok.data, "Call-ID") == hidden


def test_headers_that_name_the_dialog_follow():
    world = World(HIDING)
    hidden = header(established(world, "a@192.168.0.10")[0], "Call-ID")
    names = {
        "Replaces": "{};to-tag=b;from-tag=a",
        "Join": "{};to-tag=b;from-tag=a",
        "Target-Dialog": "{};local-tag=a;remote-tag=b",
        "In-Reply-To": "{}, other@example.org",
    }
    lines = "".join(f"{name}: {value.format('a@192.168.0.10')}\r\n" for name, value in names.items())
    refer = "Refer-To: <sip:300@provider.example?Replaces={}%3Bto-tag%3Db>\r\n"
    data = invite("second", method="REFER").replace(
        b"Max-Forwards", (lines + refer.format("a%40192.168.0.10")).encode() + b"Max-Forwards"
    )
    (sent,) = world.out(data)
    for name, value in names.items():
        assert header(sent.data, name) == value.format(hidden)
    assert refer.format(hidden).strip().encode() in sent.data
    inward = "".join(f"{name}: {value.format(hidden)}\r\n" for name, value in names.items())
    (reached,) = world.into(
        incoming("third").replace(b"Max-Forwards", (inward + refer.format(hidden)).encode() + b"Max-Forwards")
    )
    for name, value in names.items():
        assert header(reached.data, name) == value.format("a@192.168.0.10")
    assert refer.format("a%40192.168.0.10").strip().encode() in reached.data


def test_calls_keep_what_they_began_with():
    world = World()
    established(world, "plain")
    world.policy(HIDING)
    (bye,) = world.out(invite("plain", 2, method="UPDATE", to_tag="b", body=sdp(PHONE.host, 14000)))
    assert header(bye.data, "Call-ID") == "plain"
    sent, _ = established(world, "hidden")
    world.policy(policy(revision=3))
    (bye,) = world.out(invite("hidden", 2, method="BYE", to_tag="b"))
    assert header(bye.data, "Call-ID") == header(sent, "Call-ID") != "hidden"


def test_call_id_of_the_other_side_is_never_replaced():
    world = World(HIDING)
    world.registered()
    (reached,) = world.into(incoming("theirs", body=sdp(*MEDIA_PROXY)))
    assert header(reached.data, "Call-ID") == "theirs"
    (ok,) = world.out(respond(reached.data, 200, "OK", tag="p", body=sdp(PHONE.host, 14000)))
    assert header(ok.data, "Call-ID") == "theirs"


def test_registration_keeps_one_hidden_call_id():
    world = World(HIDING)
    first, second = (header(world.register().data, "Call-ID") for _ in range(2))
    assert first == second != "reg-192.168.0.10-101"
    world.registered()
    assert world.engine.rows("registrations", world.now)[0]["state"] == "registered"
