# SPDX-License-Identifier: GPL-2.0-or-later
"""A call across the wire: its verbs send for one party and return the message as it arrived at the other."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import LAN, WAN
from tests.lab.wire.messages import Dialog, answer, endpoint_of, header, tag_of, uri_of
from tests.lab.wire.parties import Party

if TYPE_CHECKING:
    from tests.lab.wire.rig import Wire


class Call:
    """A call between two parties, from its INVITE on. What its verbs return is the message as it arrived."""

    invite: bytes
    ok: bytes
    """The last response to the INVITE."""

    def __init__(self, wire: Wire, caller: Party, callee: Party, dialog: Dialog) -> None:
        self.wire, self.caller, self.callee, self.dialog = wire, caller, callee, dialog
        self.back = Dialog(dialog.remote, dialog.local, "", dialog.call_id, "callee", dialog.local_tag, cseq=100)
        self._mapping = endpoint_of(dialog.target) if caller.namespace == WAN else None

    # --- its beginning ---

    def begin(self, offer: bytes = b"", *heads: str, **how: Any) -> bytes:
        return self.begin_with("INVITE", *heads, body=offer, **how)

    def begin_with(self, method: str, *heads: str, **how: Any) -> bytes:
        """A request that begins a dialog: INVITE, SUBSCRIBE."""
        return self.take_invite(self._cross(self.caller, method, self.dialog, *heads, **how))

    def take_invite(self, invite: bytes) -> bytes:
        """The first request, sent by other means."""
        self.invite = invite
        contact = uri_of(header(invite, "contact", "m"))
        self._mapping = self._mapping or endpoint_of(contact)
        self.back.target = contact
        return invite

    def respond(self, status: int, *heads: str, body: bytes = b"", tag: str = "callee", kind: str = "") -> bytes:
        """The callee's response to the INVITE."""
        if 100 < status < 300:
            heads = (f"Contact: {self.wire.contact(self.callee, self.dialog.remote)}", *heads)
        data = answer(self.invite, status, *heads, tag=tag, body=body, kind=kind)
        self.ok = self.wire.cross(self.callee, data, self.caller, self._to(self.callee))
        self.dialog.remote_tag = tag_of(header(self.ok, "to", "t"))
        self.back.local_tag = self.dialog.remote_tag
        if 100 < status < 300:
            self.dialog.target = uri_of(header(self.ok, "contact", "m"))
        return self.ok

    def acknowledge(self, body: bytes = b"") -> bytes:
        """The ACK; to a refusal it repeats the branch (RFC 3261 §17.1.1.3)."""
        refused = not self.ok.startswith(b"SIP/2.0 2")
        branch = self.dialog.branch if refused else ""
        return self._cross(self.caller, "ACK", self.dialog, cseq=self.dialog.cseq, body=body, branch=branch)

    # --- within it ---

    def ask(self, method: str, *heads: str, body: bytes = b"", back: bool = False, **how: Any) -> bytes:
        """A request of the caller, or `back` of the callee."""
        sender, dialog = self._asking(back=back)
        return self._cross(sender, method, dialog, *heads, body=body, **how)

    def reply(
        self, request: bytes, status: int, *heads: str, body: bytes = b"", back: bool = False, kind: str = ""
    ) -> bytes:
        """The answer to what `ask` returned; `back` as it was asked."""
        replier = self.caller if back else self.callee
        if status < 300:
            heads = (f"Contact: {self.wire.contact(replier)}", *heads)
        data = answer(request, status, *heads, body=body, kind=kind)
        return self.wire.cross(replier, data, self._other(replier), self._to(replier))

    def again(
        self, offer: bytes, answered: bytes, method: str = "INVITE", *, back: bool = False
    ) -> tuple[bytes, bytes]:
        """Another offer and its answer."""
        asked = self.ask(method, body=offer, back=back)
        replied = self.reply(asked, 200, body=answered, back=back)
        if method == "INVITE":
            self.confirm(back=back)
        return asked, replied

    def confirm(self, *, back: bool = False) -> bytes:
        """The ACK to a 2xx of a re-INVITE."""
        sender, dialog = self._asking(back=back)
        return self._cross(sender, "ACK", dialog, cseq=dialog.cseq)

    def hang_up(self, *, back: bool = False) -> None:
        self.reply(self.ask("BYE", back=back), 200, back=back)

    @property
    def mapped(self) -> Endpoint:
        """Where the outside was told to send the audio."""
        return self.wire.mapped(self.invite if self.caller.namespace == LAN else self.ok)

    # --- ways ---

    def _asking(self, *, back: bool) -> tuple[Party, Dialog]:
        return (self.callee, self.back) if back else (self.caller, self.dialog)

    def _other(self, party: Party) -> Party:
        return self.callee if party is self.caller else self.caller

    def _to(self, sender: Party) -> Endpoint:
        """From outside to our mapping of the inside party, from inside to the outside party."""
        if sender.namespace == LAN:
            return self._other(sender).at
        assert self._mapping
        return self._mapping

    def _cross(self, sender: Party, method: str, dialog: Dialog, *heads: str, **how: Any) -> bytes:
        data = self.wire.request(sender, dialog, method, *heads, **how)
        return self.wire.cross(sender, data, self._other(sender), self._to(sender))
