# SPDX-License-Identifier: GPL-2.0-or-later
"""Which rule decides, asked of the policy and of the kernel: random policies, 12,000 packets of any protocol."""

import contextlib
import random
import socket
import time
from collections import Counter
from ipaddress import ip_address
from itertools import product

import pytest

from appliance.ruleset.apply import apply
from appliance.ruleset.decide import Packet, decide
from appliance.ruleset.policy import Address, Policy, Rule, Service
from appliance.ruleset.spans import fixed
from tests.lab.kernel_rig import within
from tests.lab.raw_packets import ICMP, IN_FRONT, PORTLESS, RawWire
from tests.lab.ruleset_rig import (
    BOX,
    HOST,
    HOST6,
    INSIDE,
    INTERFACES,
    LAN,
    OUTSIDE,
    OUTSIDE6,
    PEER,
    PEER6,
    STRANGER,
    WAN,
    WHERE,
    namespaces,
)

pytestmark = pytest.mark.lab

PACKETS = 12_000
PORTS = (1000, 2000, 2001, 3000)
SOURCES = {HOST: "lan0", HOST6: "lan0", PEER: "wan0", STRANGER: "wan0", PEER6: "wan0"}
TARGETS = (HOST, HOST6, PEER, STRANGER, PEER6, INSIDE, OUTSIDE, OUTSIDE6)
COUNTRY = ("203.0.113.0-203.0.113.10", "2001:db8:a::/56")
ADDRESSES = (
    None, None, None, None, Address("host", (HOST,)), Address("host6", (HOST6,)), Address("both", (HOST, HOST6)),
    Address("peer", (PEER, PEER6)), Address("range", ("203.0.113.60-203.0.113.70",)),
    Address("outside", (OUTSIDE, OUTSIDE6)), Address("nets", ("192.168.0.0/24", "2001:db8:a::/64", "203.0.113.1")),
    Address("name", (), lookups=("address:name.example",), content=fixed(PEER, PEER6)),
    Address("unresolved", (), lookups=("address:gone.example",), content=fixed()),
    Address("mixed", ("192.168.0.0/24",), lookups=("address:mixed.example",), content=fixed("192.168.0.0/24", PEER6)),
    Address("country", (), countries=("AA",), content=fixed(*COUNTRY)),
    Address("others", (), countries=("AA",), negated=True, content=fixed(*COUNTRY)),
)  # fmt: skip
ONE_PORT = Service("one", "udp", "1000")
SERVICES = (
    None, None, Service("a", "udp", "1000"), Service("b", "both", "2000-2001"), Service("c", "tcp"),
    Service("d", "udp"), Service("e", "any"), Service("f", "udp", "1000,3000"), Service("g", "icmp"),
    Service("h", "group", members=(Service("a", "udp", "1000"), Service("b", "tcp", "2000"), Service("d", "udp"))),
    Service("i", "other", number=50), Service("j", "other", number=47), Service("k", "tcp", "22,1000"),
    Service("l", "group", members=(Service("m", "other", number=132), Service("n", "other", number=253))),
    Service("o", "other", number=51), Service("p", "group", members=(Service("q", "other", number=60), ONE_PORT)),
)  # fmt: skip
ZONES = ("", "", "internal", "external", "dmz")
HOSTS = (Address("host", (HOST,)), Address("host6", (HOST6,)), Address("both", (HOST, HOST6)))
OWN = (Address("out", (OUTSIDE, OUTSIDE6)), Address("second", ("203.0.113.77",)))


def random_rule(pick, number, now):
    table = pick.choice(("forward", "forward", "forward", "dnat", "snat", "input"))
    filters = table in ("forward", "input")
    action = pick.choice({"dnat": ("dnat", "dnat", "accept"), "snat": ("snat", "masquerade", "accept")}.get(
        table, ("accept", "accept", "drop", "reject")))  # fmt: skip
    to_one_port = action == "dnat" and pick.random() < 0.4
    return Rule(
        number, number, f"r{number}", action, pick.choice(ADDRESSES), pick.choice(ADDRESSES),
        ONE_PORT if to_one_port else pick.choice(SERVICES),
        pick.choice(ZONES) if table != "snat" else "", pick.choice(ZONES) if table in ("forward", "snat") else "",
        enabled=pick.random() < 0.9, table=table,
        target={"dnat": pick.choice(HOSTS), "snat": pick.choice(OWN)}.get(action),
        target_port=3000 if to_one_port else None,
        until=pick.choice((None, None, None, now - 60, now + 600)), expired=filters and pick.random() < 0.05,
    )  # fmt: skip


def random_policy(pick, number):
    now = int(time.time())
    interfaces = (INTERFACES[0], pick.choice((INTERFACES[1], type(INTERFACES[1])("wan0", "external",
                  INTERFACES[1].addresses, masquerade=True))))  # fmt: skip
    rules = tuple(random_rule(pick, each, now) for each in range(1, pick.randint(2, 12)))
    return Policy(number, "local", interfaces, (*rules, *broad_rules(pick)))


def broad_rules(pick):
    """For what no other rule meets, mostly: without them nearly every packet would meet the default."""
    for number, table in ((90, "forward"), (91, "input")):
        if pick.random() < 0.8:
            action, service = pick.choice(("accept", "drop", "reject")), pick.choice((None, None, *SERVICES))
            yield Rule(number, number, f"r{number}", action, None, None, service, "", "", table=table)


def pairs():
    """Whatever travels by the box: not inside one network, and one family at a time."""
    for source, target in product(SOURCES, TARGETS):
        if (":" in source) == (":" in target) and WHERE[source] != WHERE[target]:
            yield source, target


class Listeners:
    """A socket for each port in each namespace; what arrives is known by its text."""

    def __init__(self, stack):
        self.sockets = {}
        for namespace, port, family in product((LAN, BOX, WAN), PORTS, (socket.AF_INET, socket.AF_INET6)):
            made = within(namespace, lambda family=family: socket.socket(family, socket.SOCK_DGRAM))
            if family == socket.AF_INET6:
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            made.bind(("", port))
            made.setblocking(False)
            self.sockets[namespace, port, family] = stack.enter_context(made)
        self.senders = {}
        for source in SOURCES:
            family = socket.AF_INET6 if ":" in source else socket.AF_INET
            made = within(WHERE[source], lambda family=family: socket.socket(family, socket.SOCK_DGRAM))
            made.bind((source, 0))
            self.senders[source] = stack.enter_context(made)

    def heard(self):
        """Text → where, at which port, from whom."""
        found = {}
        for (namespace, port, _family), each in self.sockets.items():
            with contextlib.suppress(BlockingIOError):
                while True:
                    text, peer = each.recvfrom(64)
                    found[text.decode()] = (namespace, port, peer[0])
        return found


def others(source):
    """Protocol and port (of ICMP the type) of what is sent beside UDP."""
    ports = [("tcp", port) for port in (22, *PORTS)]  # 22 is one of the console's
    version = 6 if ":" in source else 4
    types = [("icmp", kind) for kind in ICMP[version]]
    return (*ports, *types, (132, 1000), *((number, 0) for number in PORTLESS[version]))


class Streams:
    """Connections without ports that a revision has let begin: the next between these hosts is a part of them."""

    def __init__(self):
        self._known = set()

    def new(self, packet, decision):
        number = packet.protocol
        after = decision.packet
        both = {(number, packet.saddr, packet.daddr), (number, after.daddr, after.saddr)}
        if both & self._known:
            return False
        if decision.verdict == "accept":
            self._known |= both
        return True


def expected(policy, source, target, port, protocol="udp"):
    packet = Packet(SOURCES[source], ip_address(source), ip_address(target), protocol, port, time.time())
    decision = decide(policy, packet)
    if decision.verdict != "accept":
        return None, decision
    where = {"": BOX, "lan0": LAN, "wan0": WAN}[decision.oifname]
    dport = decision.packet.dport if protocol in ("udp", "tcp") else None
    return (where, dport, str(decision.packet.saddr)), decision


def send_datagrams(listeners, policy):
    """By text, what should become of each."""
    answers = {}
    for source, target in pairs():
        for port in PORTS:
            answer, decision = expected(policy, source, target, port)
            if str(decision.packet.daddr) == source:
                continue  # translated back to who sent it: no host believes a packet from itself
            text = f"{policy.revision} udp {source} {target} {port}"
            with contextlib.suppress(OSError):  # the answer of a reject
                listeners.senders[source].sendto(text.encode(), (target, port))
            answers[text] = answer, decision
    return answers


def send_others(raw, policy, pick):
    """TCP, ICMP and whatever has a number; in another order each time, since of the portless ones the first decides."""
    answers, streams = {}, Streams()
    for source, target in pick.sample(list(pairs()), k=len(list(pairs()))):
        for protocol, port in others(source):
            answer, decision = expected(policy, source, target, port, protocol)
            packet = Packet(SOURCES[source], ip_address(source), ip_address(target), protocol, None, 0.0)
            back = str(decision.packet.daddr) == source
            if back or (protocol in PORTLESS[4] and not streams.new(packet, decision)):
                continue
            text = f"{policy.revision} {protocol} {source} {target} {port}"
            raw.send(protocol, source, target, port, text)
            answers[text] = answer, decision
    return answers


def send_behind_headers(raw, policy, pick):
    """UDP over IPv6 with something in front: the UDP is what decides, but for AH, at which nft looks no further."""
    answers = {}
    for (source, target), header in product(pairs(), IN_FRONT):
        port = pick.choice(PORTS)
        if ":" not in source:
            continue
        protocol = 51 if header == "authentication" else "udp"
        answer, decision = expected(policy, source, target, port, protocol)
        if str(decision.packet.daddr) != source:
            text = f"{policy.revision} {header} {source} {target} {port}"
            raw.send_behind(header, source, target, port, text)
            answers[text] = answer, decision
    return answers


def hear(listeners, raw, wanted):
    """What arrives; a moment longer than until all that should has, for what should not."""
    heard, deadline = {}, time.monotonic() + 10.0
    while time.monotonic() < deadline and not wanted <= heard.keys():
        time.sleep(0.02)
        heard |= listeners.heard() | raw.heard()
    time.sleep(0.02)
    return heard | listeners.heard() | raw.heard()


def test_policy_and_kernel_agree(tmp_path, monkeypatch):
    monkeypatch.setenv("PINHOLE_RUN", str(tmp_path))
    monkeypatch.setenv("PINHOLE_STATE", str(tmp_path))
    pick, asked, reasons = random.Random(4), 0, Counter()
    with namespaces() as wire, contextlib.ExitStack() as stack:
        listeners = Listeners(stack)
        raw = RawWire(stack, (LAN, BOX, WAN), {source: WHERE[source] for source in SOURCES})
        revision = 0
        while asked < PACKETS:
            revision += 1
            policy = random_policy(pick, revision)
            wire.inside(apply, policy, wire.kernel)
            wire.forget()
            answers = send_datagrams(listeners, policy) | send_others(raw, policy, pick)
            answers |= send_behind_headers(raw, policy, pick)
            for text, (_answer, decision) in answers.items():
                reasons[text.split()[1], decision.reason.partition(":")[0], decision.verdict] += 1
            heard = hear(listeners, raw, {text for text, (answer, _decision) in answers.items() if answer})
            wrong = [
                (text, heard.get(text), answer, decision)
                for text, (answer, decision) in answers.items()
                if heard.get(text) != answer
            ]
            assert wrong == [], "\n".join(map(str, (*wrong[:4], *policy.rules)))
            asked += len(answers)
    assert revision >= 40
    for protocol in ("udp", "tcp", "icmp", *map(str, (132, *PORTLESS[4])), *IN_FRONT):
        for verdict in ("accept", "drop", "reject"):
            seldom = protocol in (*IN_FRONT, "51")
            assert reasons[protocol, "rule", verdict] >= (10 if seldom else 40), (protocol, verdict, reasons)
