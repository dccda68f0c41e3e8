# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of what phones and providers say: STUN, encryption, registrations, addresses that leak or come changed."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Final
from urllib.parse import urlencode

from django.utils.translation import gettext as _

from appliance.advisor.evidence import Evidence, Flow, Host, opens, spans
from appliance.advisor.finding import Finding, Fix, moment
from appliance.ruleset.compile import compile_alg
from appliance.ruleset.policy import Rule
from sipalg_core.contract.control import SIP_PORT, SIPS_PORT
from sipalg_core.contract.events import TraceRow

STUN_PORT: Final = 3478  # RFC 8489
LOWEST_SPEECH: Final = 1024
NAMED: Final = 3
"""Flows that are evidence."""
IDLE_SETTING: Final = "handling.idle_path"
LONGEST_IDLE: Final = 86_400  # s, of the setting
LEAST_EARLIER: Final = 10  # s
USUAL_REFRESH: Final = 600
"""Seconds after which a phone system registers again where nobody has seen it do so."""


def stun(evidence: Evidence) -> Iterator[Finding]:
    for host, flows in _by_host(evidence, lambda flow: flow.dport == STUN_PORT):
        if evidence.handled(ipaddress.ip_address(host)):
            yield Finding(
                "A03", host,
                _("STUN is switched on in the phone system %(host)s. It and the ALG would both change addresses.")
                % {"host": host},
                _("A phone that learns its outside address by STUN writes it into its messages itself. Switch STUN off "
                  "there, or exempt the server from the ALG: both together cost the audio."),
                tuple(_("%(host)s asks the STUN server %(server)s.")
                      % {"host": f"{host}:{flow.sport}", "server": f"{flow.outside}:{flow.dport}"}
                      for flow in flows[:NAMED]),
                (
                    Fix(_("Where to switch STUN off"), page="ui:help_page", argument="stun-off"),
                    Fix(_("Exempt the server from the ALG"), page="firewall:exemptions"),
                ),
            )  # fmt: skip


def encrypted(evidence: Evidence) -> Iterator[Finding]:
    """A04, and A05 where media of the same host is seen; A04 as well of a rule for SIPS that no rule for speech
    belongs to."""
    yield from _encrypted_without_speech(evidence)
    for host, flows in _by_host(evidence, lambda flow: flow.dport == SIPS_PORT and flow.protocol == "tcp"):
        server = flows[0].outside
        yield Finding(
            "A04", f"{host}-{server}",
            _("%(host)s speaks encrypted SIP with %(server)s: the ALG cannot help there.")
            % {"host": host, "server": server},
            _("The ALG does not read what is encrypted, so it opens nothing. Rules for SIPS, for UDP outwards and for "
              "STUN are needed."),
            (f"{host}:{flows[0].sport} → {server}:{SIPS_PORT} TCP",),
            (Fix(_("Draft the rules for encrypted SIP"), page="firewall:recipes_one", argument="sips",
                 query=urlencode({"pbx": host, "server": server})),),
        )  # fmt: skip
        media = [flow for flow in _flows(evidence) if _is_speech(flow, host)]
        if media:
            yield Finding(
                "A05", f"{host}-{server}",
                _("Signalling with %(server)s is encrypted, speech perhaps not. Ask the provider for SRTP.")
                % {"server": server},
                _("SIPS without SRTP hides who telephones with whom, not what they say. Whether speech is encrypted, "
                  "nobody can see from outside: see whether SRTP is switched on in the phone system."),
                tuple(f"{flow.inside}:{flow.sport} → {flow.outside}:{flow.dport} UDP" for flow in media[:NAMED]),
            )  # fmt: skip


def _encrypted_without_speech(evidence: Evidence) -> Iterator[Finding]:
    rules = [rule for rule in evidence.rules("forward") if rule.action == "accept" and rule.from_zone != "external"]
    for rule in rules:
        if not _is_for_sips(rule) or any(_lets_speech_out(other, rule) for other in rules):
            continue
        phones, server = (each.name if each else _("anybody") for each in (rule.source, rule.destination))
        yield Finding(
            "A04", f"rule-{rule.id}",
            _("“%(rule)s” is for encrypted SIP: the ALG cannot help there, and no rule lets speech out.")
            % {"rule": rule.name},
            _("The ALG does not read what is encrypted, so it opens nothing. Rules for SIPS, for UDP outwards and for "
              "STUN are needed."),
            (_("Rule %(number)d “%(rule)s”.") % {"number": rule.position, "rule": rule.name},
             f"{phones} → {server}:{SIPS_PORT} TCP"),
            (Fix(_("Draft the rules for encrypted SIP"), page="firewall:recipes_one", argument="sips"),),
        )  # fmt: skip


def _is_for_sips(rule: Rule) -> bool:
    return rule.service is not None and (SIPS_PORT, SIPS_PORT) in spans(rule.service, "tcp")


def _lets_speech_out(rule: Rule, sips: Rule) -> bool:
    """From where the encrypted SIP comes, or from anywhere; speech takes several ports."""
    same = rule.source is None or sips.source is None or rule.source.name == sips.source.name
    return same and any(max(first, LOWEST_SPEECH) < last for first, last in spans(rule.service, "udp"))


def registration_interval(evidence: Evidence) -> Iterator[Finding]:
    """An error once a phone has let its time pass; a hint as long as it may still know better than it asked."""
    for row in evidence.engine.registrations if evidence.engine else ():
        gap = row["asked"] - row["granted"]
        if not row["warning"] and (gap <= 0 or row["state"] != "registered"):
            continue
        numbers = {"granted": row["granted"], "asked": row["asked"], "host": row["internal"], "gap": max(gap, 0)}
        late = _(
            "The provider grants %(granted)d s, %(host)s keeps to %(asked)d s: unreachable for up to %(gap)d s, and "
            "calls may drop."
        )
        asked = _(
            "The provider grants %(granted)d s, %(host)s asked for %(asked)d s. If it keeps to its wish, it is "
            "unreachable for up to %(gap)d s."
        )
        yield Finding(
            "A06", row["internal"],
            (late if row["warning"] else asked) % numbers,
            _("A phone system must register again within the time that was granted. In an AGFEO system set "
              "“Gewünschte Gültigkeitsdauer einer Registrierung” to %(value)d.") % {"value": _below(row["granted"])},
            (
                _("%(aor)s registered %(moment)s: asked for %(asked)d s, granted %(granted)d s, %(status)s.")
                % {"aor": row["aor"], "moment": moment(row["registered"]), "asked": row["asked"],
                   "granted": row["granted"], "status": row["status"]},
                *([row["warning"]] if row["warning"] else []),
            ),
            (Fix(_("Show the registrations"), page="sip:registrations"),),
            "error" if row["state"] == "overdue" else "" if row["warning"] else "hint",
        )  # fmt: skip


def leaked_address(evidence: Evidence) -> Iterator[Finding]:
    for message in evidence.engine.messages if evidence.engine else ():
        if message["side"] != "internal" or not message["sent_to"] or not message["applied"]:
            continue
        if evidence.is_exempt(ipaddress.ip_address(_host_of(message["sent_to"]))):
            continue  # nobody rewrites for this server any more
        line = next((each for each in message["after"].splitlines() if any(map(evidence.inside, _addresses(each)))), "")
        if line:
            name = line.partition(":")[0] if ":" in line.partition("=")[0] else line[:2]
            yield Finding(
                "A20", f"{message['method']}-{name.lower()}",
                _("A private address reached the provider: %(name)s was not rewritten.") % {"name": name},
                _("The ALG changes only addresses that belong to the sending phone. This one belongs to somebody else "
                  "inside, or stands where no address belongs."),
                (
                    _("%(moment)s: %(method)s of %(phone)s to %(server)s.")
                    % {"moment": moment(message["t"]), "method": message["method"], "phone": message["source"],
                       "server": message["sent_to"]},
                    line[:200],
                ),
                (*_report(evidence, message), Fix(_("Exempt the server from the ALG"), page="firewall:exemptions")),
            )  # fmt: skip


def _report(evidence: Evidence, message: TraceRow) -> Iterator[Fix]:
    call = evidence.engine.call_of.get(message["id"]) if evidence.engine else None
    if call:
        yield Fix(_("Report it (support bundle of the call)"), page="sip:calls_bundle", argument=call)


def second_alg(evidence: Evidence) -> Iterator[Finding]:
    """Our own Via comes back in every answer; `received` says from where the provider saw us (RFC 3581)."""
    own = {str(ipaddress.ip_interface(each).ip) for i in evidence.policy.interfaces for each in i.addresses}
    for message in _latest_answers(evidence):
        via = next((line for line in message["before"].splitlines() if line.lower().startswith(("via:", "v:"))), "")
        received = _parameter(via, "received")
        sent_by = via.partition("/")[2].partition(" ")[2].partition(";")[0].strip()
        host = _host_of(sent_by)
        changed = host and host not in own and not any(map(evidence.inside, _addresses(host)))
        if changed or (received and received not in own):
            yield Finding(
                "A22", received or host,
                _("The router in front of us changes SIP too. Switch its SIP ALG off."),
                _("Our messages arrive at the provider from another address than ours, or with other contents. Two "
                  "ALGs in a row undo each other's work."),
                (
                    _("%(moment)s: %(status)d to %(method)s from %(server)s.")
                    % {"moment": moment(message["t"]), "status": message["status"], "method": message["method"],
                       "server": message["source"]},
                    via[:200],
                ),
                (Fix(_("How to switch it off, by maker"), page="ui:help_page", argument="router-sip-alg"),),
            )  # fmt: skip
            return


def _latest_answers(evidence: Evidence) -> Iterator[TraceRow]:
    """The last answer of each server: whoever has switched the other ALG off wants to see it."""
    messages = evidence.engine.messages if evidence.engine else ()
    answers = [each for each in messages if each["side"] == "external" and each["status"]]
    yield from {each["source"]: each for each in sorted(answers, key=lambda each: each["t"])}.values()


def path_forgotten(evidence: Evidence) -> Iterator[Finding]:
    """Where the ALG does not handle SIP over UDP, the way in is a connection that the kernel forgets."""
    kernel = evidence.kernel
    if kernel is None:
        return
    ways = [
        *(_("Exempt from the ALG: %s.") % ", ".join(each.exempt)
          for each in evidence.policy.activations if each.exempt),
        *(_("Rule “%s” lets SIP through without the ALG.") % rule.name for rule in evidence.rules("forward")
          if rule.action == "accept" and not rule.opens_alg and rule.service and opens(rule.service, "udp", SIP_PORT)),
    ]  # fmt: skip
    registrations = evidence.engine.registrations if evidence.engine else ()
    refresh = min((row["granted"] for row in registrations if row["state"] != "expired"), default=USUAL_REFRESH)
    remembered = compile_alg(evidence.policy).handling.idle_path or kernel.udp_stream_timeout
    longer = min(refresh, LONGEST_IDLE)
    if ways and remembered < refresh / 2:
        yield Finding(
            "A23", "udp",
            _("The firewall forgets an idle SIP path after %(timeout)d s; it is refreshed every %(refresh)d s.")
            % {"timeout": remembered, "refresh": refresh},
            _("Without the ALG, incoming calls come by the connection that the registration has opened. Raise the "
              "timeout, or let the phone system send keep-alives."),
            (f"nf_conntrack_udp_timeout_stream = {kernel.udp_stream_timeout}", *ways),
            (
                Fix(_("Remember it for %d s (as a draft)") % longer, "set", argument=IDLE_SETTING, value=longer),
                Fix(_("Show the exemptions"), page="firewall:exemptions"),
            ),
        )  # fmt: skip


# --- What is read ---


def _flows(evidence: Evidence) -> tuple[Flow, ...]:
    return evidence.kernel.flows if evidence.kernel else ()


def _by_host(evidence: Evidence, wanted: Callable[[Flow], bool]) -> Iterator[tuple[str, list[Flow]]]:
    found: dict[str, list[Flow]] = {}
    for flow in _flows(evidence):
        if flow.outbound and wanted(flow):
            found.setdefault(flow.inside, []).append(flow)
    yield from found.items()


def _is_speech(flow: Flow, host: str) -> bool:
    return (
        flow.protocol == "udp" and flow.inside == host and flow.answered
        and flow.dport >= LOWEST_SPEECH and flow.dport not in (STUN_PORT, SIPS_PORT, SIP_PORT)
    )  # fmt: skip


def _below(granted: int) -> int:
    """A value that a phone may be given: a twentieth less, in whole minutes where it is long enough."""
    value = granted - max(granted // 20, LEAST_EARLIER)
    return value // 60 * 60 if value >= 120 else value


def _addresses(line: str) -> Iterator[Host]:
    """Address literals of a line: of the words between everything that cannot stand in one."""
    word = ""
    for letter in line + " ":
        if letter.isascii() and (letter.isalnum() or letter in ".:"):
            word += letter
            continue
        host = word.rpartition(":")[0] if word.count(":") == 1 else word
        if host.count(".") == 3 or word.count(":") > 1:
            with suppress(ValueError):
                yield ipaddress.ip_address(host.strip("."))
        word = ""


def _parameter(field: str, name: str) -> str:
    for part in field.split(",", maxsplit=1)[0].split(";")[1:]:
        key, _equals, value = part.strip().partition("=")
        if key.lower() == name:
            return value.strip("[]")
    return ""


def _host_of(sent_by: str) -> str:
    return sent_by[1:].partition("]")[0] if sent_by.startswith("[") else sent_by.partition(":")[0]
