# SPDX-License-Identifier: GPL-2.0-or-later
"""One flow's parties and the steps that flows share: register, ring, answer, hang up, each checked on both sides."""

from __future__ import annotations

import time
from contextlib import ExitStack

from sipalg_core.net import Endpoint, Transport
from sipalg_core.selftest.parties import Failed, Media, Party, closed, flows
from sipalg_core.selftest.sandbox import INSIDE, LAN, MEDIA, OURS, PROVIDER, WAN, Sandbox
from sipalg_core.selftest.script import DOMAIN, Dialog, answer, description, header, media_at, uri_of

TEARDOWN = 1.5
"""Seconds after which the media of an ended call must be closed: the sandbox's timer, and a little."""


class Stage:
    """`family` is 4 or 6. Everything that is opened here is closed with it."""

    def __init__(self, sandbox: Sandbox, transport: Transport, family: int) -> None:
        self.sandbox = sandbox
        self.ours, self.private = OURS[family], INSIDE[family]
        self._closing = ExitStack()
        self.phone = self._party(LAN, INSIDE[family], transport)
        self.provider = self._party(WAN, PROVIDER[family], transport)
        self.inside = self.media(LAN, INSIDE[family], 14000)
        self.outside = self.media(WAN, MEDIA[family], 7000)

    def close(self) -> None:
        self._closing.close()

    def media(self, space: str, host: str, port: int) -> Media:
        made = Media(self.sandbox, space, Endpoint(host, port))
        self._closing.callback(made.close)
        return made

    def _party(self, space: str, host: str, transport: Transport) -> Party:
        made = Party(self.sandbox, space, Endpoint(host, 5060), transport)
        self._closing.callback(made.close)
        return made

    # --- steps ---

    def register(self) -> str:
        """Returns the contact as the registrar has it."""
        dialog = Dialog(f"sip:101@{DOMAIN}", f"sip:101@{DOMAIN}", f"sip:{DOMAIN}")
        self.phone.send(dialog.request("REGISTER", self.phone.via, self.phone.contact("101")), self.provider.at)
        seen = self.provider.take("REGISTER")
        self.hides(seen)
        contact = header(seen, "contact")
        if self.ours not in contact:
            raise Failed(f"The registrar was told {contact}, which is not our address {self.ours}.")
        self.provider.send(answer(seen, 200, f"Contact: {contact};expires=600", tag="reg"))
        bound = header(self.phone.take("200"), "contact")
        if self.private not in bound:
            raise Failed(f"The phone does not find its own contact in the answer: {bound}.")
        return contact

    def outgoing(self) -> tuple[Dialog, bytes]:
        """The phone calls; returns its dialog and the INVITE as the provider has it."""
        dialog = Dialog(f"sip:101@{DOMAIN}", f"sip:300@{DOMAIN}", f"sip:300@{DOMAIN}")
        offer = description(self.inside.at)
        self.phone.send(dialog.request("INVITE", self.phone.via, self.phone.contact("101"), offer), self.provider.at)
        invited = self.provider.take("INVITE")
        self.hides(invited)
        if media_at(invited).host != self.ours:
            raise Failed(f"The provider was told to send audio to {media_at(invited)}, not to {self.ours}.")
        return dialog, invited

    def answered(self, dialog: Dialog, invited: bytes, tag: str = "b1") -> Endpoint:
        """The provider takes the call; returns our endpoint for its audio."""
        contact = f"Contact: {self.provider.contact('300')}"
        self.provider.send(answer(invited, 200, contact, tag=tag, body=description(self.outside.at)))
        accepted = self.phone.take("200")
        if media_at(accepted) != self.outside.at:
            raise Failed(f"The phone was told to send audio to {media_at(accepted)}, not to {self.outside.at}.")
        dialog.remote_tag, dialog.target = tag, uri_of(header(accepted, "contact"))
        self.phone.send(dialog.request("ACK", self.phone.via), self.provider.at)
        self.provider.take("ACK")
        return media_at(invited)

    def speaks(self, mapped: Endpoint) -> None:
        """Audio flows both ways, through exactly the announced endpoints."""
        flows(self.outside, mapped, self.inside, self.outside.at)
        flows(self.inside, self.outside.at, self.outside, mapped)

    def hangs_up(self, dialog: Dialog, mapped: Endpoint) -> None:
        """The phone ends the call, and then nothing of it is open."""
        self.phone.send(dialog.request("BYE", self.phone.via), self.provider.at)
        self.provider.send(answer(self.provider.take("BYE"), 200))
        self.phone.take("200")
        self.is_closed(mapped)

    def is_closed(self, mapped: Endpoint) -> None:
        time.sleep(TEARDOWN)
        closed(self.outside, mapped, self.inside)
        closed(self.inside, self.outside.at, self.outside)

    def hides(self, data: bytes) -> None:
        for line in data.decode("utf-8", "replace").splitlines():
            if self.private in line:
                raise Failed(f"The private address {self.private} reached the provider: {line}")
