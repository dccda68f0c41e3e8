# SPDX-License-Identifier: GPL-2.0-or-later
"""What is said about a call's audio, within three seconds, from counters and strays."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from sipalg_core.alg.sayings import SENTENCES
from sipalg_core.contract.control import Counter, Pinhole, Stray
from sipalg_core.net import Endpoint, Side
from tests.unit.alg.harness import MEDIA_PROXY, OURS, PHONE, World, established, incoming, invite, respond, sdp

COUNTS_A_SECOND = 2
PACKETS = 25  # in half a second


@dataclass
class Media:
    """What the two sides do from the answer on: packets of a count, and strays `(side, source, destination)`."""

    inward: int = 0
    outward: int = 0
    stray: tuple[Side, Endpoint, Endpoint] | None = None


def rtp(world: World) -> Pinhole:
    return next(hole for hole in world.open.values() if hole.internal.port == 14000)


def lasts(world: World, seconds: float, media: Media, already: tuple[int, int] = (0, 0)) -> tuple[int, int]:
    """So many seconds of it, counted twice a second; returns the packets in and out."""
    inward, outward = already
    seen = 0
    for _ in range(int(seconds * COUNTS_A_SECOND)):
        world.now += 1 / COUNTS_A_SECOND
        inward, outward, seen = inward + media.inward, outward + media.outward, seen + PACKETS
        strays = [Stray(*media.stray, seen)] if media.stray else []
        world.count(Counter(rtp(world).id, inward, outward), strays=strays)
    return inward, outward


def verdict(world: World) -> dict[str, object] | None:
    found = world.call()["verdict"]
    assert found is None or isinstance(found, dict)
    return found


ELSEWHERE = Endpoint("203.0.113.98", 7000)
MAPPED = Endpoint(OURS, 20000)  # `rtp` knows the port; the table below replaces it


@pytest.mark.parametrize(
    ("media", "code", "text"),
    [
        (Media(PACKETS, PACKETS), "audio-both", "Audio flows in both directions."),
        (
            Media(0, PACKETS),
            "peer-silent",
            "No packets from 203.0.113.99:7000 since the answer; nothing comes from anywhere else either.",
        ),
        (
            Media(0, PACKETS, (Side.EXTERNAL, ELSEWHERE, MAPPED)),
            "peer-other-host",
            "No packets from 203.0.113.99:7000 since the answer; the other side sends from 203.0.113.98.",
        ),
        (
            Media(0, PACKETS, (Side.EXTERNAL, Endpoint("203.0.113.99", 7002), MAPPED)),
            "peer-other-port",
            "No packets from 203.0.113.99:7000 since the answer; it sends from port 7002, the SDP said 7000.",
        ),
        (
            Media(0, PACKETS, (Side.EXTERNAL, MEDIA_PROXY, Endpoint(OURS, 0))),
            "peer-missed-port",
            "203.0.113.99 sends to port {missed}, the SDP said {mapped}.",
        ),
        (Media(PACKETS, 0), "phone-silent", "The phone 192.168.0.10:14000 does not send."),
        (
            Media(PACKETS, 0, (Side.INTERNAL, Endpoint(PHONE.host, 14002), MEDIA_PROXY)),
            "phone-other-port",
            "The phone 192.168.0.10 sends from port 14002, its SDP said 14000.",
        ),
        (
            Media(PACKETS, 0, (Side.INTERNAL, Endpoint(PHONE.host, 14000), Endpoint("203.0.113.99", 7010))),
            "phone-missed-port",
            "The phone 192.168.0.10:14000 sends to port 7010 of 203.0.113.99, the SDP said 7000.",
        ),
        (Media(0, 0), "both-silent", "No packets in either direction since the answer."),
    ],
    ids=lambda value: value if isinstance(value, str) and " " not in value else "",
)
def test_cause_is_told_within_three_seconds(media, code, text):
    world = World()
    established(world)
    mapped = rtp(world).mapped
    missed = mapped._replace(port=mapped.port + 6)
    if media.stray:
        to = {0: missed, MAPPED.port: mapped}.get(media.stray[2].port, media.stray[2])
        media.stray = (*media.stray[:2], to)
    lasts(world, 3, media)
    found = verdict(world)
    assert found
    assert (found["code"], found["text"]) == (code, text.format(missed=missed.port, mapped=mapped.port))


def test_where_it_comes_from_is_told_at_once():
    world = World()
    established(world)
    lasts(world, 0.5, Media(0, PACKETS, (Side.EXTERNAL, ELSEWHERE, rtp(world).mapped)))
    found = verdict(world)
    assert found
    assert found["params"] == {"peer": "203.0.113.99:7000", "host": "203.0.113.98"}


def test_silence_of_the_first_two_seconds_means_nothing():
    world = World()
    established(world)
    lasts(world, 1.5, Media())
    assert verdict(world) is None


def test_what_the_call_before_sent_astray_is_none_of_this_ones():
    """The same telephone calls again at once: of what is counted next, some came before the answer."""
    world = World()
    stray = (Side.INTERNAL, Endpoint(PHONE.host, 18000), MEDIA_PROXY)
    world.now += 0.5
    world.count(strays=[Stray(*stray, PACKETS)])
    world.now += 0.1
    established(world)
    world.now += 0.3
    world.count(Counter(rtp(world).id, 0, 0), strays=[Stray(*stray, 2 * PACKETS)])
    assert verdict(world) is None
    world.now += 0.5
    world.count(Counter(rtp(world).id, 0, 0), strays=[Stray(*stray, 3 * PACKETS)])
    found = verdict(world)
    assert found
    assert found["code"] == "phone-other-port"


def test_strays_that_are_few_are_no_stream():
    world = World()
    established(world)
    stray = Stray(Side.EXTERNAL, ELSEWHERE, rtp(world).mapped, 2)
    for number in range(8):
        world.now += 0.5
        world.count(Counter(rtp(world).id, 0, PACKETS * (number + 1)), strays=[stray])
    found = verdict(world)
    assert found
    assert found["code"] == "peer-silent"


def test_stream_that_stops_is_told_and_taken_back():
    world = World()
    established(world)
    packets = lasts(world, 3, Media(PACKETS, PACKETS))
    packets = lasts(world, 4, Media(0, PACKETS), packets)
    found = verdict(world)
    assert found
    assert (found["code"], found["params"]) == ("peer-stopped", {"peer": "203.0.113.99:7000"})
    lasts(world, 1, Media(PACKETS, PACKETS), packets)
    assert verdict(world) == {"code": "audio-both", "params": {}, "text": "Audio flows in both directions."}


def test_silence_after_the_hang_up_is_no_fault():
    world = World()
    established(world)
    packets = lasts(world, 3, Media(PACKETS, PACKETS))
    hole = rtp(world)
    hang_up(world)
    for _count in range(8):
        world.now += 0.5
        world.count(Counter(hole.id, *packets))
    assert verdict(world) == {"code": "audio-both", "params": {}, "text": "Audio flows in both directions."}


def test_hold_is_no_fault():
    world = World()
    established(world)
    lasts(world, 2, Media(PACKETS, PACKETS))
    (sent,) = world.out(invite(cseq=2, to_tag="b", body=sdp(PHONE.host, 14000, "a=sendonly")))
    world.into(respond(sent.data, 200, "OK", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY, "a=recvonly")))
    lasts(world, 5, Media(0, 0), (PACKETS * 4, PACKETS * 4))
    found = verdict(world)
    assert found
    assert found["code"] == "on-hold"


def test_a_new_verdict_is_published_and_an_old_one_is_not():
    world = World()
    established(world)
    lasts(world, 3, Media(0, 0))
    assert any(getattr(effect, "topic", "") == "calls" for effect in world.done[-3:])
    before = len(world.done)
    lasts(world, 2, Media(0, 0))
    assert len(world.done) == before


# --- why it ended ---


def hang_up(world: World, **more: object) -> dict[str, object]:
    world.into(incoming("call-1", 2, method="BYE", to_tag="a"))
    found = world.call()["ending"]
    assert isinstance(found, dict)
    return found


def test_ending_names_who_hung_up():
    world = World()
    established(world)
    assert hang_up(world)["code"] == "hung-up-outside"
    world = World()
    established(world)
    world.out(invite(cseq=2, to_tag="b", method="BYE"))
    assert world.call()["reason"] == "hung up by the phone"


def test_ack_that_is_not_taken_is_told_apart_from_one_that_is_missing():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    answer = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
    ack = invite(method="ACK", to_tag="b", branch="ack")
    for repetition in range(5):
        assert world.call()["warning"] == "", repetition
        world.into(answer)
        world.out(ack)
        world.wait(2)
    assert verdict(world) == {
        "code": "ack-not-taken-outside",
        "params": {},
        "text": "the ACK went on, but the other side does not take it; the call is cut after 32 s",
    }
    assert hang_up(world)["code"] == "hung-up-outside-ack-not-taken"


def test_ending_names_the_session_timer_that_was_not_refreshed():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    answer = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
    world.into(answer.replace(b"\r\nContact", b"\r\nSession-Expires: 1800;refresher=uac\r\nContact"))
    world.out(invite(method="ACK", to_tag="b", branch="ack"))
    packets = 0
    while world.now < 1000 + 1790:
        world.now += 60
        packets += PACKETS
        world.count(Counter(rtp(world).id, packets, packets))
        world._do(world.engine.tick(world.now))
    ending = hang_up(world)
    assert (ending["code"], ending["params"]) == ("hung-up-outside-session-timer", {"interval": "1800"})


def test_session_that_was_refreshed_ends_as_any_other():
    world = World()
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    answer = respond(sent.data, 200, "OK", tag="b", contact="<sip:200@203.0.113.1>", body=sdp(*MEDIA_PROXY))
    world.into(answer.replace(b"\r\nContact", b"\r\nSession-Expires: 90\r\nContact"))
    world.out(invite(method="ACK", to_tag="b", branch="ack"))
    world.wait(45)
    (update,) = world.out(invite(cseq=2, to_tag="b", method="UPDATE"))
    refreshed = respond(update.data, 200, "OK", contact="<sip:200@203.0.113.1>")
    world.into(refreshed.replace(b"\r\nContact", b"\r\nx: 90\r\nContact"))
    world.wait(30)
    assert hang_up(world)["code"] == "hung-up-outside"


def test_ending_names_the_media_that_stopped():
    world = World()
    established(world)
    world.wait(130)
    assert str(world.call()["warning"]).startswith("no media for 120 s")
    assert hang_up(world)["text"] == "hung up by the other side after 120 s without media"


def test_ending_names_the_registration_that_is_overdue():
    world = World()
    world.registered(granted=120)
    world.wait(1200)
    assert world.engine.rows("registrations", world.now)[0]["state"] in ("overdue", "expired")
    (sent,) = world.out(invite(body=sdp(PHONE.host, 14000)))
    world.into(respond(sent.data, 403, "Forbidden", tag="b"))
    assert world.call()["reason"] == "403 Forbidden; the phone's registration is overdue"


@pytest.mark.parametrize("code", sorted(SENTENCES))
def test_every_sentence_is_one_line_and_names_its_values(code):
    sentence = SENTENCES[code]
    assert sentence == sentence.strip()
    assert "\n" not in sentence
    assert "{}" not in sentence
