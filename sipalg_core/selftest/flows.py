# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of what the self-test tries: one function a call flow, each on a stage of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from sipalg_core.net import Endpoint, Transport
from sipalg_core.selftest.parties import Failed, closed, flows
from sipalg_core.selftest.sandbox import STRANGER, WAN
from sipalg_core.selftest.script import DOMAIN, Dialog, answer, description, header, media_at, start_line, uri_of
from sipalg_core.selftest.stage import Stage


class Flow(NamedTuple):
    """`title` is English; the console has its own words for each `name`."""

    name: str
    title: str
    run: Callable[[Stage], None]
    transport: Transport = Transport.UDP
    family: int = 4


def registration(stage: Stage) -> None:
    stage.register()


def outgoing_call(stage: Stage) -> None:
    dialog, invited = stage.outgoing()
    stage.provider.send(answer(invited, 180, tag="b1"))
    stage.phone.take("180")
    mapped = stage.answered(dialog, invited)
    stage.speaks(mapped)
    stage.hangs_up(dialog, mapped)


def incoming_call(stage: Stage) -> None:
    contact = uri_of(stage.register())
    dialog = Dialog(f"sip:300@{DOMAIN}", f"sip:101@{DOMAIN}", contact)
    offer = description(stage.outside.at)
    target = Endpoint(stage.ours, 5060)
    stage.provider.send(dialog.request("INVITE", stage.provider.via, stage.provider.contact("300"), offer), target)
    invited = stage.phone.take("INVITE")
    if stage.private not in start_line(invited):
        raise Failed(f"The phone was called as {start_line(invited)!r}, not by its own address.")
    contact = f"Contact: {stage.phone.contact('101')}"
    stage.phone.send(answer(invited, 200, contact, tag="a1", body=description(stage.inside.at)))
    accepted = stage.provider.take("200")
    stage.hides(accepted)
    dialog.remote_tag, dialog.target = "a1", uri_of(header(accepted, "contact"))
    stage.provider.send(dialog.request("ACK", stage.provider.via), target)
    stage.phone.take("ACK")
    mapped = media_at(accepted)
    stage.speaks(mapped)
    stage.provider.send(dialog.request("BYE", stage.provider.via), target)
    stage.phone.send(answer(stage.phone.take("BYE"), 200))
    stage.provider.take("200")
    stage.is_closed(mapped)


def early_media(stage: Stage) -> None:
    """The ringing tone of the other side is heard before anybody answers (RFC 3960)."""
    dialog, invited = stage.outgoing()
    contact = f"Contact: {stage.provider.contact('300')}"
    stage.provider.send(answer(invited, 183, contact, tag="b1", body=description(stage.outside.at)))
    stage.phone.take("183")
    flows(stage.outside, media_at(invited), stage.inside, stage.outside.at)
    mapped = stage.answered(dialog, invited)
    stage.hangs_up(dialog, mapped)


def hold_and_resume(stage: Stage) -> None:
    dialog, invited = stage.outgoing()
    mapped = stage.answered(dialog, invited)
    stage.speaks(mapped)
    for direction in ("sendonly", "sendrecv"):
        offer = description(stage.inside.at, f"m=audio {stage.inside.at.port} RTP/AVP 8", f"a={direction}")
        stage.phone.send(
            dialog.request("INVITE", stage.phone.via, stage.phone.contact("101"), offer), stage.provider.at
        )
        again = stage.provider.take("INVITE")
        if media_at(again) != mapped:
            raise Failed(f"With a={direction} the provider was told {media_at(again)} instead of {mapped}.")
        stage.answered(dialog, again)
    stage.speaks(mapped)
    stage.hangs_up(dialog, mapped)


def fax(stage: Stage) -> None:
    """A call becomes a fax: audio is refused and T.38 takes its place (ITU-T T.38 annex D)."""
    dialog, invited = stage.outgoing()
    audio = stage.answered(dialog, invited)
    lines = ("m=audio 0 RTP/AVP 8", f"m=image {stage.inside.at.port} udptl t38")
    offer = description(stage.inside.at, *lines)
    stage.phone.send(dialog.request("INVITE", stage.phone.via, stage.phone.contact("101"), offer), stage.provider.at)
    again = stage.provider.take("INVITE")
    mapped = media_at(again, "image")
    body = description(stage.outside.at, "m=audio 0 RTP/AVP 8", f"m=image {stage.outside.at.port} udptl t38")
    stage.provider.send(answer(again, 200, f"Contact: {stage.provider.contact('300')}", tag="b1", body=body))
    stage.phone.take("200")
    stage.phone.send(dialog.request("ACK", stage.phone.via), stage.provider.at)
    stage.provider.take("ACK")
    stage.speaks(mapped)
    stage.hangs_up(dialog, mapped if mapped.port else audio)


def cancelled_call(stage: Stage) -> None:
    dialog, invited = stage.outgoing()
    stage.provider.send(answer(invited, 180, tag="b1"))
    stage.phone.take("180")
    stage.phone.send(dialog.request("CANCEL", stage.phone.via), stage.provider.at)
    stage.provider.send(answer(stage.provider.take("CANCEL"), 200))
    stage.phone.take("200")
    stage.provider.send(answer(invited, 487, tag="b1"))
    stage.phone.take("487")
    stage.phone.send(dialog.request("ACK", stage.phone.via), stage.provider.at)
    stage.is_closed(media_at(invited))


def refused_call(stage: Stage) -> None:
    dialog, invited = stage.outgoing()
    stage.provider.send(answer(invited, 486, tag="b1"))
    stage.phone.take("486")
    stage.phone.send(dialog.request("ACK", stage.phone.via), stage.provider.at)
    stage.is_closed(media_at(invited))


def stranger(stage: Stage) -> None:
    """Who is no party of the call reaches neither the phone nor its audio."""
    host = next(each for each in STRANGER.values() if (":" in each) == (":" in stage.ours))
    dialog, invited = stage.outgoing()
    mapped = stage.answered(dialog, invited)
    closed(stage.media(WAN, host, 7000), mapped, stage.inside)
    closed(stage.media(WAN, stage.outside.at.host, 7002), mapped, stage.inside)
    stage.speaks(mapped)
    stage.hangs_up(dialog, mapped)


def engine_killed(stage: Stage) -> None:
    """The engine dies in a call: the audio goes on, and the new engine knows the call."""
    dialog, invited = stage.outgoing()
    mapped = stage.answered(dialog, invited)
    stage.speaks(mapped)
    stage.sandbox.restart_engine()
    stage.speaks(mapped)
    stage.hangs_up(dialog, mapped)


FLOWS: Final = (
    Flow("registration", "Registration", registration),
    Flow("outgoing-call", "Outgoing call", outgoing_call),
    Flow("incoming-call", "Incoming call", incoming_call),
    Flow("early-media", "Ringing tone before the answer", early_media),
    Flow("hold", "Hold and resume", hold_and_resume),
    Flow("fax", "Call that becomes a fax (T.38)", fax),
    Flow("cancelled-call", "Call that is cancelled", cancelled_call),
    Flow("refused-call", "Call that is refused", refused_call),
    Flow("stranger", "Strangers stay outside", stranger),
    Flow("engine-killed", "The engine is killed in a call", engine_killed),
    Flow("outgoing-call-tcp", "Outgoing call over TCP", outgoing_call, Transport.TCP),
    Flow("registration-tcp", "Registration over TCP", registration, Transport.TCP),
    Flow("outgoing-call-ipv6", "Outgoing call over IPv6", outgoing_call, Transport.UDP, 6),
    Flow("incoming-call-ipv6", "Incoming call over IPv6", incoming_call, Transport.UDP, 6),
)
