# SPDX-License-Identifier: GPL-2.0-or-later
"""The wire: three namespaces in both families, what stands between them, and the parties of one scenario.

inside  .2 pbx  .10 a  .11 a2  .20 its media host  .66 a PC without a rule     (fd00:a::)
outside .1 b  .3 its second target  .99 m  .98 m2  .66 x, a stranger           (2001:db8:a::)

What stands between is broker and engine as in service (`Appliance`), or the kernel's own helper (`control.Helper`).
A scenario is written once, asks `wire` for its parties, and is run over UDP and TCP, IPv4 and IPv6.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Final, NamedTuple, TypeVar

from sipalg_core.contract import names
from sipalg_core.contract.policy import AlgPolicy, Peering, Timers
from sipalg_core.net import Endpoint
from tests.lab import kernel_rig
from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import ENGINE_UID, FW, LAN, WAN, Rig, namespaces, run
from tests.lab.wire.crossing import assert_only_owned_changed, key_of
from tests.lab.wire.messages import DOMAIN, Dialog, answer, body_of, header, message, tag_of, uri_of, word
from tests.lab.wire.parties import Media, Party

T = TypeVar("T")

INSIDE: Final = {"pbx": 2, "a": 10, "a2": 11, "media_host": 20, "pc": 66}
OUTSIDE: Final = {"b": 1, "b2": 3, "m2": 98, "m": 99, "x": 66}
PREFIX: Final = {"ip": ("192.168.0.", "203.0.113."), "ip6": ("fd00:a::", "2001:db8:a::")}
OURS: Final = {word: f"{outside}2" for word, (_, outside) in PREFIX.items()}


def _hosts(side: int, *ends: int) -> tuple[Any, ...]:
    return tuple(ip_network(f"{prefix[side]}{end}") for prefix in PREFIX.values() for end in ends)


TIMERS: Final = Timers(inactive_media=10, teardown=0.5, gate=5, retry_denial=0)
POLICY: Final = AlgPolicy(
    revision=1,
    interfaces=kernel_rig.POLICY.interfaces,
    peerings=(
        Peering(
            "rule:1", "provider", internal=_hosts(0, 2, 10, 11), external=_hosts(1, 1, 3), media=_hosts(1, 98, 99),
            symmetric_media=True, media_hosts=_hosts(0, 20),
        ),
    ),
    timers=TIMERS,
)  # fmt: skip


class Variant(NamedTuple):
    transport: str
    family: str

    def __str__(self) -> str:
        return f"{self.transport}-{self.family}"


VARIANTS: Final = tuple(Variant(transport, family) for transport in ("udp", "tcp") for family in PREFIX)


@contextlib.contextmanager
def wires() -> Iterator[None]:
    """The namespaces of the kernel's rig with all of our hosts."""
    with namespaces():
        for family, (inside, outside) in PREFIX.items():
            size, options = (24, ()) if family == "ip" else (64, ("nodad",))
            for namespace, prefix, known, ends in (
                (LAN, inside, (10, 66), INSIDE), (WAN, outside, (1, 99, 66), OUTSIDE)
            ):  # fmt: skip
                for end in sorted(set(ends.values()) - set(known)):
                    run("ip", "addr", "add", f"{prefix}{end}/{size}", "dev", "eth0", *options, namespace=namespace)
        yield


class Appliance:
    """Broker and engine as they run in service. `reload` gives them another policy, `restart` new processes."""

    def __init__(self, policy: AlgPolicy = POLICY) -> None:
        self.rig = Rig(ENGINE_UID)
        self._revision = policy.revision
        self.policy = policy
        self.rig.write_policy(policy)
        self.rig.start()
        self.engine = Engine(self.rig)

    def reload(self, policy: AlgPolicy) -> None:
        self._revision += 1
        self.policy = policy
        self.rig.write_policy(replace(policy, revision=self._revision))
        reply = self.engine.ask(op="reload")
        assert reply.get("broker") == "OK", reply

    @contextlib.contextmanager
    def under(self, **changes: Any) -> Iterator[None]:
        """Another policy while the context lasts."""
        before = self.policy
        self.reload(replace(before, **changes))
        try:
            yield
        finally:
            self.reload(before)

    def rows(self, topic: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.engine.ask(op="snapshot", topic=topic)["rows"]
        return found

    def counters(self) -> dict[str, int]:
        return self.engine.counters()

    def opened(self) -> set[str]:
        """What the kernel holds: the elements of the pinholes' sets, without their time and counters."""
        listed = run("nft", "list", "table", "inet", names.SIPALG_TABLE, namespace=FW)
        found = set()
        for kind, text in re.findall(r"\n\tset (pinholes_\w+) \{(.*?)\n\t\}", listed, re.DOTALL):
            elements = text.partition("elements = {")[2]
            found |= {f"{kind} {each}" for each in re.findall(r"[\w.:]+(?: \. [\w.:]+){2,3}", elements)}
        return found

    def close(self) -> None:
        self.engine.stop()
        self.rig.close()


class Wire:
    """One scenario's parties, and the standard assertions about what crosses between them."""

    alg: Appliance

    def __init__(self, between: Any, variant: Variant) -> None:
        self.between, self.variant = between, variant
        self.transport, self.family = variant
        self.ours = OURS[self.family]
        self._closing = contextlib.ExitStack()
        self._parties: dict[str, Party] = {}
        self._sent: dict[str, list[bytes]] = {LAN: [], WAN: []}
        if isinstance(between, Appliance):
            self.alg = between
            self._before = between.opened()

    # --- parties ---

    def at(self, name: str, port: int = 5060) -> Endpoint:
        """An endpoint of a host by its name."""
        side, hosts = (0, INSIDE) if name in INSIDE else (1, OUTSIDE)
        return Endpoint(f"{PREFIX[self.family][side]}{hosts[name]}", port)

    def party(self, name: str, port: int = 5060) -> Party:
        """The SIP endpoint of that host; inside hosts speak to b."""
        key = f"{name}:{port}"
        if key not in self._parties:
            namespace, peer = (LAN, self.at("b")) if name in INSIDE else (WAN, None)
            made = self._parties[key] = Party(namespace, self.at(name, port), self.transport, peer)
            made.patience = self.between.patience if hasattr(self.between, "patience") else made.patience
            self._closing.callback(made.close)
        return self._parties[key]

    @property
    def a(self) -> Party:
        return self.party("a")

    @property
    def b(self) -> Party:
        return self.party("b")

    def media(self, name: str, port: int) -> Media:
        made = Media(LAN if name in INSIDE else WAN, self.at(name, port))
        self._closing.callback(made.close)
        return made

    def mapped(self, data: bytes, kind: str = "audio", number: int = 0) -> Endpoint:
        """Where a description that left says that media is expected."""
        port = int(re.findall(rb"m=%s (\d+)" % kind.encode(), body_of(data))[number])
        return Endpoint(self.ours, port)

    # --- what crosses ---

    def send(self, party: Party, data: bytes, to: Endpoint | None = None) -> None:
        self._sent[party.namespace].append(data)
        party.send(data, to)

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

    def called(self, contact: str, caller: str = "200", user: str = "101") -> Dialog:
        """The coming dialog of an outside party to a contact that is registered."""
        return Dialog(f"sip:{caller}@{DOMAIN}", f"sip:{user}@{DOMAIN}", uri_of(contact))

    def establish(
        self, offer: bytes, answered: bytes, caller: Party | None = None, callee: Party | None = None,
        dialog: Dialog | None = None,
    ) -> Call:  # fmt: skip
        """A call that is up."""
        caller, callee = caller or self.a, callee or self.b
        dialog = dialog or self.dialog(caller)
        to = callee.at if callee.namespace == WAN else None
        invite = self.cross(caller, self.request(caller, dialog, "INVITE", body=offer), callee, to)
        ok = answer(invite, 200, f"Contact: {self.contact(callee, 'sip:200@')}", tag="callee", body=answered)
        back = self.cross(callee, ok, caller)
        call = Call(self, caller, callee, dialog, invite, back)
        call.acknowledge()
        return call

    # --- the end ---

    def settle(self) -> None:
        """Wait until what a call had is given back: the delay after its end, and one look at the clock."""
        time.sleep(TIMERS.teardown + 0.3)

    def holes(self, *calls: str) -> set[tuple[str, str, str]]:
        """(internal, mapped, external) of the pinholes of these calls, by Call-ID, as the engine knows them."""
        known = {row["id"] for row in self.alg.rows("calls") if row["call_id"] in calls}
        rows = [row for row in self.alg.rows("pinholes") if row["call"] in known]
        return {(row["internal"], row["mapped"], row["external"]) for row in rows}

    def opened(self) -> set[str]:
        """What the kernel holds since this scenario began."""
        return self.alg.opened() - self._before

    def row(self, call_id: str) -> dict[str, Any]:
        (row,) = (row for row in self.alg.rows("calls") if row["call_id"] == call_id)
        return row

    def finish(self, *, clean: bool) -> None:
        """Standard end: no pinhole is left, neither with the engine nor in the kernel."""
        self._closing.close()
        if clean and isinstance(self.between, Appliance):
            ended = until(lambda: not self.opened(), 10)
            assert ended, f"pinholes left: {self.opened()}"


class Call:
    """A call that is up between two parties; `invite` and `ok` are as they arrived."""

    def __init__(self, wire: Wire, caller: Party, callee: Party, dialog: Dialog, invite: bytes, ok: bytes) -> None:
        self.wire, self.caller, self.callee = wire, caller, callee
        self.dialog, self.invite, self.ok = dialog, invite, ok
        dialog.remote_tag = tag_of(header(ok, "to", "t"))
        dialog.target = uri_of(header(ok, "contact", "m"))
        self.back = Dialog(dialog.remote, dialog.local, uri_of(header(invite, "contact", "m")), dialog.call_id)
        self.back.local_tag, self.back.remote_tag = dialog.remote_tag, dialog.local_tag
        self.back.cseq = 100

    def acknowledge(self, body: bytes = b"") -> bytes:
        ack = self.wire.request(self.caller, self.dialog, "ACK", cseq=self.dialog.cseq, body=body)
        return self.wire.cross(self.caller, ack, self.callee)

    def _ends(self, *, back: bool) -> tuple[Party, Dialog, Party]:
        return (self.callee, self.back, self.caller) if back else (self.caller, self.dialog, self.callee)

    def ask(self, method: str, *heads: str, body: bytes = b"", back: bool = False, **how: Any) -> bytes:
        """A request of the caller, or `back` of the callee, as it arrived."""
        sender, dialog, receiver = self._ends(back=back)
        return self.wire.cross(sender, self.wire.request(sender, dialog, method, *heads, body=body, **how), receiver)

    def reply(
        self, request: bytes, status: int, *heads: str, body: bytes = b"", back: bool = False, kind: str = ""
    ) -> bytes:
        """The answer to what `ask` returned, as it arrived; `back` as it was asked."""
        sender, _, receiver = self._ends(back=back)
        contact = (f"Contact: {self.wire.contact(receiver, 'sip:200@')}",) if status < 300 else ()
        return self.wire.cross(receiver, answer(request, status, *contact, *heads, body=body, kind=kind), sender)

    def again(
        self, offer: bytes, answered: bytes, method: str = "INVITE", *, back: bool = False
    ) -> tuple[bytes, bytes]:
        """Another offer and its answer, both as they arrived."""
        asked = self.ask(method, body=offer, back=back)
        replied = self.reply(asked, 200, body=answered, back=back)
        if method == "INVITE":
            sender, dialog, receiver = self._ends(back=back)
            self.wire.cross(sender, self.wire.request(sender, dialog, "ACK", cseq=dialog.cseq), receiver)
        return asked, replied

    def hang_up(self, *, back: bool = False) -> None:
        self.reply(self.ask("BYE", back=back), 200, back=back)

    @property
    def mapped(self) -> Endpoint:
        """Where the outside was told to send the audio."""
        return self.wire.mapped(self.invite if self.caller.namespace == LAN else self.ok)


def until(holds: Callable[[], T], seconds: float) -> T:
    """The first true value of `holds`; the last value after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value
