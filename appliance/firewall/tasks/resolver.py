# SPDX-License-Identifier: GPL-2.0-or-later
"""Asks name servers: many names at once, each in bounded time; SRV and NAPTR down to addresses. It judges no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver
from dns.asyncresolver import Resolver
from dns.nameserver import Do53Nameserver
from dns.rdtypes.IN.NAPTR import NAPTR
from dns.rdtypes.IN.SRV import SRV

from appliance.ruleset.resolution import CEILING, Answer, Failure, Kind, parse

PATIENCE: Final = 4.0
"""Seconds for one question, all servers and repetitions included."""
AT_ONCE: Final = 64
MOST_TARGETS: Final = 16
"""Of one SRV or NAPTR answer, those preferred first."""

Server = tuple[str, int]


class _Failed(Exception):
    """No answer; the word says why."""


def resolve(lookups: Sequence[str], servers: Sequence[Server]) -> dict[str, Answer | Failure]:
    """`servers` by address and port; none: those of the machine."""
    return asyncio.run(_all(lookups, servers))


async def _all(lookups: Sequence[str], servers: Sequence[Server]) -> dict[str, Answer | Failure]:
    try:
        questions = _Questions(_resolver(servers))
    except dns.resolver.NoResolverConfiguration:
        return dict.fromkeys(lookups, Failure("no_servers"))
    turn = asyncio.Semaphore(AT_ONCE)

    async def one(lookup: str) -> Answer | Failure:
        kind, name = parse(lookup)
        async with turn:
            try:
                return await questions.kinds[kind](name)
            except _Failed as failure:
                return Failure(str(failure))

    return dict(zip(lookups, await asyncio.gather(*map(one, lookups)), strict=True))


def _resolver(servers: Sequence[Server]) -> Resolver:
    resolver = Resolver(configure=not servers)
    if servers:
        resolver.nameservers = [Do53Nameserver(host, port) for host, port in servers]
    resolver.lifetime = PATIENCE
    resolver.timeout = PATIENCE / 2
    return resolver


class _Questions:
    """One run's."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self.kinds: dict[Kind, Callable[[str], Awaitable[Answer]]] = {
            "address": self.address,
            "srv": self.srv,
            "naptr": self.naptr,
        }

    async def address(self, name: str) -> Answer:
        """A and AAAA; one of them is enough, and a failure of the other waits for the next time."""
        outcomes = await asyncio.gather(self._ask(name, "A"), self._ask(name, "AAAA"), return_exceptions=True)
        answers = [each for each in outcomes if not isinstance(each, BaseException)]
        for failure in (each for each in outcomes if isinstance(each, BaseException)):
            if not isinstance(failure, _Failed) or not any(answer.rrset for answer in answers):
                raise failure
        found = [str(record.address) for answer in answers for record in answer.rrset or ()]
        return Answer(tuple(found), _ttl(answers))

    async def srv(self, name: str) -> Answer:
        answer = await self._ask(name, "SRV")
        records = sorted(
            (each for each in answer.rrset or () if isinstance(each, SRV)),
            key=lambda each: (each.priority, -each.weight, each.target),
        )
        targets = list(dict.fromkeys(each.target for each in records if each.target != dns.name.root))
        return await self._together(targets, self.address, _ttl([answer]))

    async def naptr(self, name: str) -> Answer:
        """Terminal rules only (RFC 3403 flags S and A): what a SIP server's domain has (RFC 3263 §4.1)."""
        answer = await self._ask(name, "NAPTR")
        records = sorted(
            (each for each in answer.rrset or () if isinstance(each, NAPTR)),
            key=lambda each: (each.order, each.preference),
        )
        ttl = _ttl([answer])
        found: list[Answer] = []
        for flag, follow in ((b"s", self.srv), (b"a", self.address)):
            targets = list(dict.fromkeys(each.replacement for each in records if each.flags.lower() == flag))
            if targets:
                found.append(await self._together(targets, follow, ttl))
        addresses = dict.fromkeys(address for each in found for address in each.addresses)
        return Answer(tuple(addresses), min((each.ttl for each in found), default=ttl))

    async def _together(
        self, targets: Iterable[dns.name.Name], follow: Callable[[str], Awaitable[Answer]], ttl: float
    ) -> Answer:
        """A target that fails is no harm beside one that does not."""
        names = [target.to_text(omit_final_dot=True) for target in targets][:MOST_TARGETS]
        outcomes = await asyncio.gather(*map(follow, names), return_exceptions=True)
        answers = [each for each in outcomes if isinstance(each, Answer)]
        failures = [each for each in outcomes if isinstance(each, BaseException)]
        if failures and not any(answer.addresses for answer in answers):
            raise failures[0]
        addresses = dict.fromkeys(address for answer in answers for address in answer.addresses)
        return Answer(tuple(addresses), min([ttl, *(answer.ttl for answer in answers)]))

    async def _ask(self, name: str, record: str) -> dns.resolver.Answer:
        """CNAMEs are followed by the server, and what it left out of its answer by the next question."""
        asked = dns.name.from_text(name + ".")
        try:
            return await self._resolver.resolve(asked, record, search=False, raise_on_no_answer=False)
        except dns.resolver.NXDOMAIN as error:
            raise _Failed("nxdomain") from error
        except dns.exception.Timeout as error:
            raise _Failed("timeout") from error
        except (dns.exception.DNSException, OSError) as error:
            raise _Failed("servfail") from error


def _ttl(answers: Iterable[dns.resolver.Answer]) -> float:
    """The shortest, of the records and of the CNAMEs that led to them; empty answers say nothing."""
    return min((float(each.chaining_result.minimum_ttl) for each in answers if each.rrset), default=CEILING)
