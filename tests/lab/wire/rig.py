# SPDX-License-Identifier: GPL-2.0-or-later
"""The parties of one scenario, and the standard assertions about what crosses between them.

A scenario is written once, asks its `wire` for parties, and is run over UDP and TCP, IPv4 and IPv6.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import Any, TypeVar

from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import LAN, WAN
from tests.lab.wire.between import INSIDE, OURS, OUTSIDE, PREFIX, TIMERS, Appliance, Variant
from tests.lab.wire.calls import Call
from tests.lab.wire.crossing import assert_only_owned_changed, key_of
from tests.lab.wire.messages import DOMAIN, Dialog, answer, header, message, port_of, uri_of, word
from tests.lab.wire.parties import Media, Party

T = TypeVar("T")


class Wire:
    """One scenario's parties, and the standard assertions about what crosses between them."""

    alg: Appliance
    """Falsy where something else stands between: what only the appliance can be asked is asked only of it."""

    def __init__(self, between: Appliance, variant: Variant) -> None:
        self.variant = variant
        self.transport, self.family = variant
        self.ours = OURS[self.family]
        self._closing = contextlib.ExitStack()
        self._parties: dict[str, Party] = {}
        self._sent: dict[str, list[bytes]] = {LAN: [], WAN: []}
        self.alg = between
        self._before, self._counts = between.opened(), between.counters() if between else {}

    # --- parties ---

    def at(self, name: str, port: int = 5060, family: str = "") -> Endpoint:
        """An endpoint of a host by its name."""
        side, hosts = (0, INSIDE) if name in INSIDE else (1, OUTSIDE)
        return Endpoint(f"{PREFIX[family or self.family][side]}{hosts[name]}", port)

    def party(self, name: str, port: int = 5060) -> Party:
        """The SIP endpoint of that host; inside hosts speak to b."""
        key = f"{name}:{port}"
        if key not in self._parties:
            namespace, peer = (LAN, self.at("b")) if name in INSIDE else (WAN, None)
            made = self._parties[key] = Party(namespace, self.at(name, port), self.transport, peer)
            made.patience = self.alg.patience
            self._closing.callback(made.close)
        return self._parties[key]

    @property
    def a(self) -> Party:
        return self.party("a")

    @property
    def b(self) -> Party:
        return self.party("b")

    def media(self, name: str, port: int, family: str = "") -> Media:
        made = Media(LAN if name in INSIDE else WAN, self.at(name, port, family))
        self._closing.callback(made.close)
        return made

    def mapped(self, data: bytes, kind: str = "audio", number: int = 0, family: str = "") -> Endpoint:
        """Where a description that left says that media is expected."""
        return Endpoint(OURS[family or self.family], port_of(data, kind, number))

    # --- what crosses ---

    def send(self, party: Party, data: bytes, to: Endpoint | None = None) -> None:
        self.note(party, data)
        party.send(data, to)

    def note(self, party: Party, data: bytes) -> None:
        """This was, or will be, sent by other means."""
        self._sent[party.namespace].append(data)

    def take(self, party: Party, wanted: str | int, wait: float = 0) -> bytes:
        """What arrives was sent on the other side and differs by nothing but owned addresses."""
        data = party.take(wanted, wait)
        inward = party.namespace == LAN
        key = key_of(data)
        sent = [each for each in self._sent[WAN if inward else LAN] if key_of(each)[:3] == key[:3]]
        assert sent, f"nobody sent {data[:300]!r}"
        inside = [f"{PREFIX[family][0]}{end}" for family in PREFIX for end in INSIDE.values()]
        owned, instead = (list(OURS.values()), inside) if inward else (inside, list(OURS.values()))
        assert_only_owned_changed(sent[-1], data, owned, instead)
        return data

    def cross(self, sender: Party, data: bytes, receiver: Party, to: Endpoint | None = None) -> bytes:
        """Send; returns what arrives."""
        self.send(sender, data, to)
        return self.take(receiver, word(data))

    # --- usual courses ---

    def dialog(self, party: Party, user: str = "101", callee: str = "200") -> Dialog:
        return Dialog(f"sip:{user}@{DOMAIN}", f"sip:{callee}@{DOMAIN}", f"sip:{callee}@{DOMAIN}")

    def request(
        self, party: Party, dialog: Dialog, method: str, *heads: str, body: bytes = b"", contact: str = "", **how: Any
    ) -> bytes:
        """A request of the party in that dialog, with its Contact where one belongs."""
        kind = how.pop("kind", "application/sdp")
        if method not in ("ACK", "BYE", "CANCEL", "PRACK"):
            heads = (*heads, f"Contact: {contact or self.contact(party, dialog.local)}")
        return message(*dialog.heads(method, party.via, **how), *heads, body=body, kind=kind)

    def contact(self, party: Party, local: str = "sip:101@") -> str:
        user = local.partition(":")[2].partition("@")[0]
        transport = ";transport=tcp" if self.transport == "tcp" else ""
        return f"<sip:{user}@{party.at}{transport}>"

    def register(
        self, party: Party, user: str = "101", asked: int = 600, granted: int = 600, registrar: Party | None = None
    ) -> str:
        """Register; returns the contact as the registrar has it."""
        registrar = registrar or self.b
        dialog = Dialog(f"sip:{user}@{DOMAIN}", f"sip:{user}@{DOMAIN}", f"sip:{DOMAIN}")
        sent = self.request(party, dialog, "REGISTER", f"Expires: {asked}")
        left = self.cross(party, sent, registrar, registrar.at)
        bound = f"Contact: {header(left, 'contact')};expires={granted}"
        self.cross(registrar, answer(left, 200, bound, tag="reg"), party)
        return header(left, "contact")

    def call(self, caller: Party | None = None, callee: Party | None = None, dialog: Dialog | None = None) -> Call:
        """A coming call; the phone's with the provider unless told otherwise."""
        caller = caller or self.a
        return Call(self, caller, callee or self.b, dialog or self.dialog(caller))

    def called(self, contact: str, caller: str = "200", user: str = "101") -> Dialog:
        """The coming dialog of an outside party to a contact that is registered."""
        return Dialog(f"sip:{caller}@{DOMAIN}", f"sip:{user}@{DOMAIN}", uri_of(contact))

    def establish(
        self, offer: bytes, answered: bytes, caller: Party | None = None, callee: Party | None = None,
        dialog: Dialog | None = None,
    ) -> Call:  # fmt: skip
        """A call that is up."""
        call = self.call(caller, callee, dialog)
        call.begin(offer)
        call.respond(200, body=answered)
        call.acknowledge()
        return call

    # --- the end ---

    def settle(self) -> None:
        """Wait until what a call had is given back: the delay after its end, and one look at the clock."""
        time.sleep(TIMERS.teardown + 0.3)
        if self.alg:
            assert until(lambda: not any(map(_drains, self.alg.rows("calls"))), 20)

    def holes(self, *calls: str) -> set[tuple[str, str, str]]:
        """(internal, mapped, external) of the pinholes of these calls, by Call-ID, as the engine knows them."""
        known = {row["id"] for row in self.alg.rows("calls") if row["call_id"] in calls}
        rows = [row for row in self.alg.rows("pinholes") if row["call"] in known]
        return {(row["internal"], row["mapped"], row["external"]) for row in rows}

    def counted(self, prefix: str) -> int:
        """Events of that name since this scenario began."""
        now = self.alg.counters()
        return sum(now[name] - self._counts.get(name, 0) for name in now if name.startswith(prefix))

    def opened(self) -> set[str]:
        """What the kernel holds since this scenario began."""
        return self.alg.opened() - self._before

    def row(self, call_id: str) -> dict[str, Any]:
        (row,) = (row for row in self.alg.rows("calls") if row["call_id"] == call_id)
        return row

    def finish(self, *, clean: bool) -> None:
        """Standard end: no pinhole is left, neither with the engine nor in the kernel."""
        self._closing.close()
        if clean:
            ended = until(lambda: not self.opened(), 20)
            assert ended, f"pinholes left: {self.opened()}"


def _drains(call: dict[str, Any]) -> bool:
    return bool(call["pinholes"]) and call["state"] not in ("setup", "in_call")


def until(holds: Callable[[], T], seconds: float) -> T:
    """The first true value of `holds`; the last value after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value
