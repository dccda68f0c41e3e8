# SPDX-License-Identifier: GPL-2.0-or-later
"""How connections, the lines of the live log and the results of tests are said in the console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from appliance.ui.columns import Column, LiveTable, Word

VERDICTS: Final = {
    "": ("ok", gettext_lazy("as the rules say")),
    "denied": ("error", gettext_lazy("not allowed any more")),
    "translated": ("warning", gettext_lazy("would be translated differently")),
}
_AUTOMATIC: Final = {
    "auto:default_deny": gettext_lazy("no rule"),
    "auto:masquerade": gettext_lazy("masquerade"),
    "auto:console": gettext_lazy("console"),
    "auto:ping": gettext_lazy("ping"),
    "auto:dnat": gettext_lazy("destination NAT"),
    "auto:no_route": gettext_lazy("no way there"),
}


def connection(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """`names` are the rules' names by their keys."""
    level, verdict = VERDICTS[row["verdict"]]
    keys = [row[key] for key in ("rule", "dnat", "snat") if row[key]]
    rules = [str(names.get(key) or _AUTOMATIC.get(key) or _("a rule that is gone")) for key in dict.fromkeys(keys)]
    return {
        **row,
        "from": _end(row["source"], row["sport"]),
        "to": _end(row["destination"], row["dport"]),
        "seen_as": _end(row["translated_source"], row["translated_sport"]),
        "sent_to": _end(row["translated_destination"], row["translated_dport"]),
        "level": level,
        "verdict_words": verdict,
        "rules": ", ".join(rules),
    }


def _end(host: str, port: int | None) -> str:
    if not host or port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


# --- The live log ---

_DECIDED: Final = {
    "accept": Word(gettext_lazy("Accepted"), "ok"),
    "drop": Word(gettext_lazy("Dropped"), "error"),
    "reject": Word(gettext_lazy("Rejected"), "warning"),
    "skipped": Word(gettext_lazy("Not shown"), "hint"),
}
_DECIDERS: Final = {
    "auto:default_deny": gettext_lazy("the default"),
    "auto:invalid": gettext_lazy("no known connection"),
    "auto:spoofed": gettext_lazy("an inside address from outside"),
    "ended:activation": gettext_lazy("the end of an activation"),
    "alg:engine-dead": gettext_lazy("SIP ALG: its engine does not run"),
    "alg:source-rate": gettext_lazy("SIP ALG: too much from one unknown source"),
    "alg:strangers-rate": gettext_lazy("SIP ALG: too much from all unknown sources"),
    "alg:unmapped-in": gettext_lazy("SIP ALG: media without a translation"),
    "alg:unmapped-out": gettext_lazy("SIP ALG: media without a translation"),
    "alg:pinhole-closed": gettext_lazy("SIP ALG: closed pinhole"),
    "alg:wrong-side": gettext_lazy("SIP ALG: wrong interface"),
    "alg:banned-source": gettext_lazy("SIP ALG: banned host"),
    "alg:connections-of-host": gettext_lazy("SIP ALG: too many connections of one host"),
    "alg:connections-of-strangers": gettext_lazy("SIP ALG: too many connections of unknown hosts"),
    "alg:connections-of-all": gettext_lazy("SIP ALG: too many connections"),
    "alg:rule-ended": gettext_lazy("SIP ALG: ended rule"),
}
"""Of what no rule of the operator decides."""

_LOG: Final = LiveTable(
    topic="log",
    caption=gettext_lazy("Live log"),
    columns=(
        Column("at", gettext_lazy("Time"), "time", "tight"),
        Column("verdict", gettext_lazy("Decision"), "value", "tight", words=_DECIDED),
        Column("rule", gettext_lazy("By"), "value"),
        Column("iif", gettext_lazy("Came in"), "value"),
        Column("saddr", gettext_lazy("From"), "end", below="sport"),
        Column("oif", gettext_lazy("Goes out"), "value"),
        Column("daddr", gettext_lazy("To"), "end", below="dport"),
        Column("protocol", gettext_lazy("Protocol"), "value", below="flags"),
        Column("count", gettext_lazy("Packets"), "number", "number"),
        Column("id", gettext_lazy("More"), "opens", "tight", link="/system/log/{id}/", action=gettext_lazy("Details")),
    ),
    order="at",
    state="verdict",
    empty=gettext_lazy("Nothing was dropped lately."),
    no_match=gettext_lazy("No line matches this filter."),
    summary=gettext_lazy("{rows} lines, {new} new"),
)


def decider_words(names: Mapping[str, str]) -> dict[str, str]:
    """By the keys of a line's `rule`; `names` are the rules' names by theirs."""
    ended = {key.replace("rule:", "ended:"): _("the end of “%s”") % name for key, name in names.items()}
    return {key: str(text) for key, text in _DECIDERS.items()} | dict(names) | ended


def log_table(names: Mapping[str, str], zones: Mapping[str, str]) -> LiveTable:
    """`names` are the rules' names by their keys, `zones` the words for the sides by the names of interfaces."""
    deciders = {key: Word(text) for key, text in decider_words(names).items()}
    inward = {name: Word(f"{zone} · {name}") for name, zone in zones.items()}
    words = {"rule": deciders, "iif": inward, "oif": inward | {"": Word(_("this device"))}}
    columns = tuple(replace(each, words=words.get(each.key, each.words)) for each in _LOG.columns)
    return replace(_LOG, columns=columns)


def line_sentence(line: Mapping[str, Any], table: LiveTable) -> str:
    """“Dropped by the default: TCP 8080, internal · lan0 → external · wan0.”"""
    said = {each.key: str(each.words[line[each.key]].label) for each in table.columns if line[each.key] in each.words}
    if line["verdict"] == "skipped":
        too_many = _("%d packets were too many for the log. The rules have decided about each of them.")
        return str(too_many % line["count"])
    service = " ".join(filter(None, (line["protocol"].upper(), line["dport"])))
    return _("%(verdict)s by %(rule)s: %(service)s, %(iif)s → %(oif)s.") % {
        "verdict": said.get("verdict", line["verdict"]),
        "rule": said.get("rule", line["rule"] or _("a rule that is gone")),
        "service": service,
        "iif": said.get("iif", line["iif"]),
        "oif": said.get("oif", line["oif"]),
    }


# --- Tests ---

_TOLD: Final = {
    "no-address": gettext_lazy("{host} has no address that could be asked."),
    "failed": gettext_lazy("The test failed: {error}."),
    "died": gettext_lazy("The test ended before it had said all: its process was killed."),
    "out-of-time": gettext_lazy("The test was ended after {seconds} s."),
    "options-begun": gettext_lazy("Asking {host} at {address}, port {port}, over {way}."),
    "options-silent": gettext_lazy("Try {number} of {tries}: no answer."),
    "options-none": gettext_lazy(
        "No answer from {address}, port {port}. Either nobody speaks SIP there, or something on the way drops it."
    ),
    "options-refused": gettext_lazy("{address}, port {port}, refuses: {error}."),
    "options-no-sip": gettext_lazy("What answered does not speak SIP: {text}"),
    "options-answered": gettext_lazy("The server answers: {status} ({server})."),
    "dns-no-servers": gettext_lazy("No name server is set, and this machine has none."),
    "dns-no-name": gettext_lazy("{kind} {name}: there is no such name."),
    "dns-nothing": gettext_lazy("{kind} {name}: nothing of this kind."),
    "dns-failed": gettext_lazy("{kind} {name}: no usable answer ({error})."),
    "dns-found": gettext_lazy("{kind} {name}: {value}, good for {ttl} s."),
    "dns-none": gettext_lazy("Nothing was found for {name}."),
    "ping-answered": gettext_lazy("{number}: {host} answers."),
    "ping-silent": gettext_lazy("{number}: no answer."),
    "ping-unreachable": gettext_lazy("{host} says: {error}."),
    "ping-sum": gettext_lazy("{host} answered {answered} of {sent}."),
    "hop": gettext_lazy("{hop}: {host}"),
    "hop-silent": gettext_lazy("{hop}: no answer."),
    "hop-last": gettext_lazy("{hop}: {host} is reached."),
    "trace-too-far": gettext_lazy("{host} was not reached within {hops} hops."),
    "stun-same": gettext_lazy("The world sees us as {seen}: nothing in front of us translates."),
    "stun-other": gettext_lazy(
        "The world sees us as {seen}, we sent from {ours}: something in front of us translates."
    ),
    "stun-none": gettext_lazy("No STUN answer from {address}, port {port}."),
    "stun-refused": gettext_lazy("{address}, port {port}, refuses: {error}."),
    "stun-nonsense": gettext_lazy("What answered does not speak STUN."),
    "captured": gettext_lazy("{packets} packets, headers only."),
}


def test_sentence(said: Mapping[str, Any]) -> str:
    """What a test said (probes.results.Said), in the reader's language."""
    text = str(_TOLD.get(said["code"], said["code"]))
    for name, value in said["params"].items():
        text = text.replace(f"{{{name}}}", value)
    return text
