# SPDX-License-Identifier: GPL-2.0-or-later
"""How long an apply takes with many rules, names and countries, and what large sets do to the opening of a pinhole."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import pytest
from pyroute2 import netns

from appliance.ruleset import apply as applying
from appliance.ruleset.contents import fill
from appliance.ruleset.country_data import Countries, read
from appliance.ruleset.policy import Address, Interface, Policy, Rule, Service, dump, load
from appliance.ruleset.spans import Spans
from appliance.ruleset.verify import verify
from sipalg_core.nft.client import Client
from sipalg_core.nft.elements import Element, ElementTable, pack
from tests.bench.conftest import Limits
from tests.bench.report import quantile, table

pytestmark = pytest.mark.bench

NAMESPACE: Final = f"bn-apply-{os.getpid()}"
RULES: Final = 1000
NAMES: Final = [f"address:host{each}.example" for each in range(20)]
COUNTRIES: Final = ("AU", "CA", "DE", "GB", "NL")
PINHOLES: Final = 2000
INTERFACES: Final = (
    Interface("lan0", "internal", ("192.168.0.1/24", "fd00:a::1/64")),
    Interface("wan0", "external", ("203.0.113.2/24", "2001:db8:a::2/64")),
)
_PINHOLE_SET: Final = """
add table inet sipalg
add set inet sipalg pinholes_in { type ipv4_addr . inet_service . ipv4_addr . inet_service ; flags timeout ; }
"""


class Known:
    """What the names resolve to in a `turn`, and the countries that come with us."""

    def __init__(self, countries: Countries) -> None:
        self.turn, self.edition, self._countries = 0, "bench", countries

    def resolved(self, lookups: Sequence[str]) -> tuple[str, ...]:
        return tuple(
            f"198.51.{NAMES.index(lookup)}.{1 + (host + self.turn) % 250}" for lookup in lookups for host in range(64)
        )

    def countries(self, codes: Sequence[str]) -> Spans:
        (code,) = codes
        return self._countries[code]


@pytest.fixture(scope="module")
def inside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., object]]:
    """Runs a function in a namespace of its own, with a state of its own."""
    subprocess.run(["ip", "netns", "add", NAMESPACE], check=True)
    place = str(tmp_path_factory.mktemp("state"))
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PINHOLE_RUN", place)
        environment.setenv("PINHOLE_STATE", place)
        with ThreadPoolExecutor(1, initializer=netns.setns, initargs=(NAMESPACE,)) as thread:
            yield lambda function, *arguments: thread.submit(function, *arguments).result()
    subprocess.run(["ip", "netns", "delete", NAMESPACE], check=True)


@pytest.fixture(scope="module")
def known() -> Known:
    folder = Path(__file__).parents[2] / "vendor" / "country"
    return Known(read((folder / name).read_bytes() for name in ("ipv4.csv", "ipv6.csv")).countries)


def policy(revision: int, *, moving: bool, count: int = RULES, countries: Sequence[str] = COUNTRIES) -> Policy:
    """Every tenth rule names something that moves, where that is wanted."""
    names = NAMES if countries is COUNTRIES else ()
    objects = [
        *(Address(each, (), lookups=(each,)) for each in names),
        *(Address(each, (), countries=(each,)) for each in countries),
    ]
    rules = tuple(
        Rule(
            number, number, f"Rule {number}", "accept" if number % 3 else "drop",
            objects[number // 10 % len(objects)] if moving and number % 10 == 0
            else Address(f"Net {number}", (f"10.{number // 250}.{number % 250}.0/24",)),
            Address("Servers", ("203.0.113.1", "203.0.113.3")), Service(f"Port {number}", "tcp", str(1000 + number)),
        )
        for number in range(1, count + 1)
    )  # fmt: skip
    return Policy(revision, "local", INTERFACES, rules)


class Spent(NamedTuple):
    """Seconds; those of the processor count the kernel's work for this process."""

    clock: float
    processor: float

    @classmethod
    def now(cls) -> Spent:
        return cls(time.perf_counter(), time.process_time())

    @classmethod
    def since(cls, began: Spent) -> Spent:
        clock, processor = cls.now()
        return cls(clock - began.clock, processor - began.processor)


class Applying:
    """As netadmin does it, from the frozen revision on; a revision each."""

    def __init__(self, inside: Callable[..., object], known: Known) -> None:
        self._inside, self._known, self.revision = inside, known, 0
        self._kernel = inside(Client)

    def apply(self, *, moving: bool) -> Spent:
        self.revision += 1
        frozen = dump(policy(self.revision, moving=moving))
        began = Spent.now()
        filled = fill(load(frozen), self._known)
        assert not [finding for finding in verify(filled) if finding.level == "error"]
        self._inside(applying.apply, filled, self._kernel)
        return Spent.since(began)

    def move(self) -> Spent:
        began = Spent.now()
        self._inside(applying.move, fill(policy(self.revision, moving=True), self._known), self._kernel)
        return Spent.since(began)


def test_apply_with_names_and_countries(
    inside: Callable[..., object], known: Known, tables: list[str], limits: Limits
) -> None:
    kernel = Applying(inside, known)
    kernel.apply(moving=False)
    spent: dict[str, list[Spent]] = {"1,000 rules": [kernel.apply(moving=False) for _ in range(5)]}
    spent["with 20 names and 5 countries, the first time"] = [kernel.apply(moving=True)]
    spent["… again, no country changed"] = [kernel.apply(moving=True) for _ in range(5)]
    known.turn = 7
    spent["20 names changed, no apply"] = [kernel.move()]
    spent["nothing changed, no apply"] = [kernel.move() for _ in range(5)]
    ranges = sum(len(known.countries([code])) for code in COUNTRIES)
    seconds = {what: quantile([each.clock for each in some], 0.5) for what, some in spent.items()}
    rows = [
        (what, 1000 * seconds[what], 1000 * quantile([each.processor for each in some], 0.5))
        for what, some in spent.items()
    ]
    title = f"Apply, from the frozen revision to the kernel; {ranges:,} ranges, load {os.getloadavg()[0]:.1f}"
    tables.append(table(title, ("what", "ms", "of a processor"), rows))
    first, again = "with 20 names and 5 countries, the first time", "… again, no country changed"
    assert ranges > 100_000
    assert seconds[first] < limits["apply"]["first"]
    assert seconds[again] - seconds["1,000 rules"] < limits["apply"]["more"]


def test_usual_apply_and_rollback(
    inside: Callable[..., object], known: Known, tables: list[str], limits: Limits
) -> None:
    """500 rules with two countries, on trial beside what ran before; and back."""
    kernel: Client = inside(Client)  # type: ignore[assignment]
    before = fill(policy(2, moving=True, count=500, countries=("DE", "AT")), known)
    inside(applying.apply, before, kernel)
    frozen = dump(policy(3, moving=True, count=500, countries=("CH", "FR")))
    began = time.perf_counter()
    filled = fill(load(frozen), known)
    assert not [finding for finding in verify(filled) if finding.level == "error"]
    inside(applying.apply, filled, kernel, before, 60)
    applied = time.perf_counter()
    inside(applying.revert, before, kernel)
    seconds = {"apply": applied - began, "rollback": time.perf_counter() - applied}
    rows = [(what, 1000 * each) for what, each in seconds.items()]
    tables.append(table("500 rules and two countries that are not in the kernel yet", ("what", "ms"), rows))
    for what, each in seconds.items():
        assert each < limits["usual apply"][what]


def test_pinholes_open_beside_large_sets(
    inside: Callable[..., object], known: Known, tables: list[str], limits: Limits
) -> None:
    kernel = Applying(inside, known)
    kernel.apply(moving=False)
    subprocess.run(
        ["ip", "netns", "exec", NAMESPACE, "nft", "-f", "-"], input=_PINHOLE_SET, text=True, check=True
    )  # fmt: skip
    rows = [("without them", *_opened(inside))]
    thread = threading.Thread(target=kernel.apply, kwargs={"moving": True})
    with ThreadPoolExecutor(1, initializer=netns.setns, initargs=(NAMESPACE,)) as beside:
        thread.start()
        during = beside.submit(_open_while, thread.is_alive).result()
        thread.join()
    rows.append(("while they are loaded", quantile(during, 0.5), quantile(during, 0.99), max(during)))
    rows.append(("beside them", *_opened(inside)))
    tables.append(table("A pinhole's element, ms", ("when", "p50", "p99", "longest"), rows))
    assert rows[-1][2] < limits["apply"]["pinhole p99"]


def _opened(inside: Callable[..., object]) -> tuple[float, float, float]:
    spent: list[float] = inside(_open_while, iter([True] * PINHOLES + [False]).__next__)  # type: ignore[assignment]
    return quantile(spent, 0.5), quantile(spent, 0.99), max(spent)


def _open_while(more: Callable[[], bool]) -> list[float]:
    """Milliseconds of each."""
    elements, spent, number = ElementTable("sipalg"), [], 0
    while more():
        number = number % 30_000 + 1
        key = pack("203.0.113.99", 1024 + number, "203.0.113.2", 20_000 + number)
        element = Element("pinholes_in", key, timeout=60)
        began = time.perf_counter()
        elements.change(add=[element])
        spent.append(1000 * (time.perf_counter() - began))
        elements.change(delete=[element])
    elements.close()
    return spent


def test_evaluator_finds_the_country_of_an_address(known: Known, tables: list[str]) -> None:
    """A question about a packet must not wait for 100,000 ranges."""
    from ipaddress import ip_address

    from appliance.ruleset.decide import Packet, decide

    filled = fill(policy(1, moving=True), known)
    filled = replace(filled, rules=filled.rules[:300])
    packet = Packet("wan0", ip_address("8.8.8.8"), ip_address("192.168.0.9"), "tcp", 5, time.time())
    decide(filled, packet)
    began = time.perf_counter()
    for _ in range(20):
        decide(filled, packet)
    tables.append(f"Which rule decides, of 300 with 5 countries: {50 * (time.perf_counter() - began):.1f} ms")
