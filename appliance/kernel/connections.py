# SPDX-License-Identifier: GPL-2.0-or-later
"""Connections as the operator sees them: chosen, judged by the rules that decide, counted, and closed.

What belongs to a call of the ALG is closed only where the operator said so in as many words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final, NamedTuple, Protocol

from appliance.kernel.conntrack import Connection, Host
from appliance.kernel.judgement import Judge, Judgement
from appliance.live.control import EngineUnavailable, engine_snapshot
from appliance.ruleset import notation
from appliance.ruleset.spans import Spans

SHOWN: Final = 500
"""Rows of one answer; `total` says how many there are."""
NAMED: Final = 3
"""Connections that the advisor names as evidence."""


class Table(Protocol):
    """Of appliance.kernel.conntrack.ConnectionTable."""

    def all(self) -> list[Connection]: ...
    def delete(self, connections: Iterable[Connection], /) -> int: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """All that is given must hold; nothing given is every connection. `within` are values of ruleset.notation, and
    `countries`, by their codes, are as good as those: an object is both together."""

    host: str = ""
    within: tuple[str, ...] | None = None
    countries: tuple[str, ...] | None = None  # their ranges are laid into `within` where the connections are
    port: int | None = None
    protocol: str = ""
    zone: str = ""
    rule: str = ""  # "rule:12": it decides about the connection now, or translates it
    old: bool = False  # only what the rules would not allow now, or would translate differently
    calls: bool = False  # only media of calls
    ids: tuple[int, ...] | None = None

    def plain(self) -> dict[str, Any]:
        """What is given, as JSON values."""
        return {name: value for name, value in asdict(self).items() if value not in ("", None, False)}


class Flushed(NamedTuple):
    closed: int
    spared: int  # calls


class Judged(NamedTuple):
    connection: Connection
    judgement: Judgement


@dataclass(frozen=True)
class _Filter:
    """A selection, read."""

    selection: Selection
    judge: Judge

    @cached_property
    def _host(self) -> notation.AddressRange:
        return notation.address_range(self.selection.host)

    @cached_property
    def _spans(self) -> Spans:
        return Spans.of(self.selection.within or ())

    def first(self, each: Connection) -> bool:
        """What needs no decision."""
        chosen = self.selection
        return (
            (chosen.ids is None or each.id in chosen.ids)
            and (not chosen.protocol or each.protocol == chosen.protocol)
            and (chosen.port is None or chosen.port in _ports(each))
            and (not chosen.calls or each.of_call)
            and (not chosen.host or any(map(self._at_host, each.hosts)))
            and (chosen.within is None or any(map(self._within, each.hosts)))
        )

    def second(self, each: Judged) -> bool:
        chosen = self.selection
        if chosen.zone and chosen.zone not in map(
            self.judge.zone, (each.connection.sent.source, _end(each.connection))
        ):
            return False
        if chosen.old and not each.judgement.verdict:
            return False
        told = each.judgement
        return not chosen.rule or chosen.rule in (told.rule, told.dnat, told.snat)

    def _at_host(self, host: Host) -> bool:
        return _covers(self._host, host)

    def _within(self, host: Host) -> bool:
        return host in self._spans


def chosen(table: Table, judge: Judge, selection: Selection) -> Iterator[Judged]:
    wanted = _Filter(selection, judge)
    for each in table.all():
        if wanted.first(each):
            judged = Judged(each, judge.judge(each))
            if wanted.second(judged):
                yield judged


def listed(table: Table, judge: Judge, selection: Selection) -> dict[str, Any]:
    """`items` as JSON values, at most SHOWN, and the `total`."""
    found = list(chosen(table, judge, selection))
    found.sort(key=lambda each: (each.connection.sent.source.version, each.connection.sent))
    return {"items": [_row(each, judge) for each in found[:SHOWN]], "total": len(found)}


def flush(table: Table, judge: Judge, selection: Selection, *, calls: bool = False) -> Flushed:
    """Close what is chosen; media of calls only if `calls`."""
    found = [each.connection for each in chosen(table, judge, selection)]
    spared = [] if calls else [each for each in found if each.of_call]
    closed = table.delete(each for each in found if calls or not each.of_call)
    return Flushed(closed, count_calls(spared, judge))


def count_old(table: Table, judge: Judge) -> dict[str, int]:
    """How many connections the rules do not say so any more, and how many calls are among them or go on beside them."""
    old = [each.connection for each in chosen(table, judge, Selection(old=True))]
    media = [each for each in old if each.of_call]
    return {"old": len(old) - len(media), "calls": count_calls(media, judge)}


def count_by_rule(table: Table, judge: Judge) -> Counter[str]:
    """How many connections each rule decides about now, or translates, by its key."""
    counted: Counter[str] = Counter()
    for each in table.all():
        told = judge.judge(each)
        counted.update({told.rule, told.dnat, told.snat} - {""})
    return counted


def old_in_brief(table: Table, judge: Judge) -> dict[str, Any]:
    """How many connections began under other rules, beside the media of calls, and some of them."""
    old = [each for each in chosen(table, judge, Selection(old=True)) if not each.connection.of_call]
    some = [
        {"connection": each.connection.in_words, "translated": each.judgement.verdict == "translated"}
        for each in old[:NAMED]
    ]
    return {"old_connections": len(old), "old": some}


def count_calls(media: list[Connection], judge: Judge) -> int:
    """To how many calls these connections belong: the engine knows; without it, each inside host counts for one."""
    ends = {(str(way.source), way.sport) for each in media for way in (each.sent, each.reply)}
    if not ends:
        return 0
    try:
        rows: list[dict[str, Any]] = [dict(row) for row in engine_snapshot("pinholes")["rows"]]
    except EngineUnavailable:
        inside = {host for each in media for host in each.hosts if judge.zone(host) in ("internal", "dmz")}
        return len(inside) or 1
    known = {row["call"] for row in rows if _endpoint(row["internal"]) in ends}
    return len(known) or 1


def _covers(span: notation.AddressRange, host: Host) -> bool:
    return span.first.version == host.version and int(span.first) <= int(host) <= int(span.last)


def _endpoint(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port) if port.isdecimal() else 0


def _ports(each: Connection) -> set[int]:
    return {each.sent.sport, each.sent.dport, each.reply.sport, each.reply.dport}


def _end(each: Connection) -> Host:
    """Where it really ends."""
    return each.reply.source


def _row(each: Judged, judge: Judge) -> dict[str, Any]:
    connection, judgement = each
    sent, reply = connection.sent, connection.reply
    dnat = (reply.source, reply.sport) != (sent.destination, sent.dport)
    snat = (reply.destination, reply.dport) != (sent.source, sent.sport)
    ported = connection.protocol in ("tcp", "udp")
    return {
        "id": connection.id,
        "protocol": connection.protocol,
        "source": str(sent.source),
        "sport": sent.sport if ported else None,
        "destination": str(sent.destination),
        "dport": sent.dport if ported else None,
        "translated_source": str(reply.destination) if snat else "",
        "translated_sport": reply.dport if snat and ported else None,
        "translated_destination": str(reply.source) if dnat else "",
        "translated_dport": reply.sport if dnat and ported else None,
        "from_zone": judge.zone(sent.source),
        "to_zone": judge.zone(_end(connection)),
        "state": connection.state,
        "timeout": connection.timeout,
        "packets": connection.packets,
        "call": connection.of_call,
        "verdict": judgement.verdict,
        "rule": judgement.rule,
        "dnat": judgement.dnat,
        "snat": judgement.snat,
    }
