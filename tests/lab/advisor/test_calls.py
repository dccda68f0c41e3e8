# SPDX-License-Identifier: GPL-2.0-or-later
"""The advisor on calls and registrations: what telephone systems and providers do wrong is found, with evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from deploy.lab import topology
from sipalg_core.net import Endpoint
from tests.lab.advisor.reading import Talk, exempt, finding, fixed, found, gone
from tests.lab.running import RunningLab, until
from tests.lab.wire.messages import port_of, sdp
from tests.lab.wire.parties import media

pytestmark = pytest.mark.lab

SPEECH = Endpoint(topology.PROVIDER_MEDIA, 7100)
SECOND_ALG = "198.51.100.7"


def test_check_a06_phone_system_that_asks_for_more_than_it_is_granted(lab: RunningLab, talk: Talk) -> None:
    talk.register(1200, granted=660)
    seen = found(lab, f"A06-{talk.phone.at}")
    assert "660" in seen["text"]
    assert "1200" in seen["text"]
    assert "to 600." in seen["why"], "below what was granted"
    assert "sip:777@" in seen["evidence"][0]
    talk.register(540, granted=540)
    gone(lab, f"A06-{talk.phone.at}")
    talk.register(0, granted=0)


def test_check_a22_router_in_front_that_changes_sip_until_it_is_switched_off(lab: RunningLab, talk: Talk) -> None:
    talk.invite(sdp(topology.PBX, 14000))
    talk.arrived()
    talk.answer(180)
    assert finding(lab, "A22") is None
    talk.answer(183, received=SECOND_ALG)
    seen = found(lab, f"A22-{SECOND_ALG}")
    assert f"received={SECOND_ALG}" in seen["evidence"][1]
    assert str(talk.provider.at) in seen["evidence"][0]
    talk.answer(183)
    gone(lab, "A22")
    talk.refuse()


def test_check_a13_media_that_comes_before_its_opening_is_let_be(lab: RunningLab, talk: Talk) -> None:
    talk.invite(sdp(topology.PBX, 14000))
    ours = Endpoint(topology.APPLIANCE_OUTSIDE, port_of(talk.arrived()))
    with media(topology.WAN, Endpoint(topology.SUPPORT, 7000)) as (early,):
        until(lambda: early.play(ours) and _strays(lab), 20)
    talk.answer(200, body=sdp(*SPEECH))
    talk.confirm()
    seen = found(lab, "A13-strays")
    assert seen["severity"] == "hint"
    ends = (datetime.now(UTC) + timedelta(days=7)).isoformat()
    ignored = lab.request("POST", "advisor/A13-strays/ignore", {"reason": "our provider does so", "until": ends})
    assert finding(lab, "A13") is None
    (row,) = [each for each in lab.get("advisor")["ignored"] if each["id"] == ignored["id"]]
    assert (row["finding"], row["reason"]) == ("A13-strays", "our provider does so")
    lab.request("DELETE", f"advisor/ignored/{ignored['id']}")
    assert finding(lab, "A13")
    talk.hang_up()


def test_check_a18_media_that_does_not_pass_here(lab: RunningLab, talk: Talk) -> None:
    """A call that the phone system forwards outside: both descriptions name parties outside."""
    talk.invite(sdp(topology.SUBSCRIBERS[0], 7000))
    talk.arrived()
    talk.answer(200, body=sdp(topology.SUBSCRIBERS[1], 7002))
    talk.confirm()
    seen = found(lab, "A18-")
    assert "777" in seen["text"]
    assert talk.dialog.call_id in seen["evidence"][0]
    talk.hang_up()
    gone(lab, seen["id"])


def test_check_a20_private_address_that_reaches_the_provider(lab: RunningLab, talk: Talk) -> None:
    """Of a host that is not the sender: nobody may rewrite it. Exempt, the server is none of the ALG's business."""
    talk.invite(sdp(topology.PBX, 14000), f"History-Info: <sip:7@{topology.PC}>;index=1")
    assert topology.PC.encode() in talk.arrived()
    seen = found(lab, "A20-INVITE-history-info")
    assert f"History-Info: <sip:7@{topology.PC}>" in seen["evidence"][1]
    assert str(talk.phone.at) in seen["evidence"][0]
    assert seen["fixes"][0]["page"].endswith("/bundle/"), "the report of its call"
    talk.refuse()
    with exempt(lab, topology.STRANGER):
        gone(lab, "A20")


def test_check_a17_a19_ports_that_run_out_and_silence_until_they_are_set_otherwise(lab: RunningLab, talk: Talk) -> None:
    tight = {"policy.media_ports": "41000-41099", "timers.inactive_media": 10}
    lab.request("PATCH", "alg/settings", {"values": tight})
    lab.apply("few ports, little patience")
    try:
        talk.invite(sdp(topology.PBX, 14000))
        talk.arrived()
        talk.answer(200, body=sdp(*SPEECH))
        talk.confirm()
        for each in (others := [Talk(talk.phone, talk.provider) for _ in range(7)]):
            first = 15000 + 20 * others.index(each)
            each.invite(sdp(topology.PBX, *range(first, first + 16, 2)))
            if each is not others[-1]:
                each.arrived()
        talk.phone.take(503)  # 8 pairs each, of 50
        others[-1].take_refusal()
        seen = found(lab, "A17-ports")
        assert "of 50 pairs of 41000-41099" in seen["evidence"][0]
        assert "media-ports" in seen["evidence"][1]
        for each in others[:-1]:
            each.refuse()
        seen = found(lab, "A19-media")
        assert f"{topology.PBX}:14000 ⇄ {SPEECH}" in seen["evidence"][-1]
        talk.hang_up()
        fixed(lab, "A17-ports", "A19-media")
        values = {each["path"]: each["value"] for each in lab.get("alg/settings")["items"]}
        assert (values["policy.media_ports"], values["timers.inactive_media"]) == ("40900-41099", 20)
    finally:
        lab.request("PATCH", "alg/settings", {"reset": list(tight)})
        lab.apply("as before")


def _strays(lab: RunningLab) -> int:
    reasons: dict[str, int] = lab.get("counters")["reasons"]
    return reasons.get("strays:external", 0)
