# SPDX-License-Identifier: GPL-2.0-or-later
"""What stands between the parties, and the namespaces and hosts around it.

inside  .2 pbx  .10 a  .11 a2  .20 its media host  .66 a PC without a rule     (fd00:a::)
outside .1 b  .3 its second target  .99 m  .98 m2  .66 x, a stranger           (2001:db8:a::)
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network
from typing import Any, Final, NamedTuple

from sipalg_core.contract import names
from sipalg_core.contract.policy import AlgPolicy, Peering, Timers
from tests.lab import kernel_rig
from tests.lab.engine_rig import Engine
from tests.lab.kernel_rig import ENGINE_UID, FW, LAN, WAN, Rig, namespaces, run
from tests.lab.wire.parties import PATIENCE

INSIDE: Final = {"pbx": 2, "a": 10, "a2": 11, "media_host": 20, "pc": 66}
OUTSIDE: Final = {"b": 1, "b2": 3, "m2": 98, "m": 99, "x": 66}
PREFIX: Final = {"ip": ("192.168.0.", "203.0.113."), "ip6": ("fd00:a::", "2001:db8:a::")}
OURS: Final = {word: f"{outside}2" for word, (_, outside) in PREFIX.items()}


def _hosts(side: int, *ends: int) -> tuple[Any, ...]:
    return tuple(ip_network(f"{prefix[side]}{end}") for prefix in PREFIX.values() for end in ends)


TIMERS: Final = Timers(inactive_media=10, teardown=0.2, gate=5, retry_denial=0)
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
    """Broker and engine as they run in service; `reload` gives them another policy."""

    patience = PATIENCE

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

    @contextlib.contextmanager
    def short_conntrack(self) -> Iterator[None]:
        """The kernel forgets UDP connections after a second while the context lasts."""
        names_of = ("udp_timeout", "udp_timeout_stream")
        before = [run("sysctl", "-n", f"net.netfilter.nf_conntrack_{each}", namespace=FW).strip() for each in names_of]
        try:
            for each in names_of:
                run("sysctl", "-qw", f"net.netfilter.nf_conntrack_{each}=1", namespace=FW)
            yield
        finally:
            for each, value in zip(names_of, before, strict=True):
                run("sysctl", "-qw", f"net.netfilter.nf_conntrack_{each}={value}", namespace=FW)

    def reboot(self) -> None:
        """As after a restart of the machine: no process, no table and no socket has survived, the policy file has."""
        self.engine.stop()
        self.rig.stop(kill=True)
        run("nft", "delete", "table", "inet", names.SIPALG_TABLE, namespace=FW)
        for left in self.rig.run_dir.iterdir():
            left.unlink()
        self.rig.start()
        self.engine = Engine(self.rig)

    def close(self) -> None:
        self.engine.stop()
        self.rig.close()
