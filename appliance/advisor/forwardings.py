# SPDX-License-Identifier: GPL-2.0-or-later
"""Checks of port forwardings: where they stand in the ALG's way, open too much, or are missing. All from the policy
and, for servers that are exempt, from the media that the kernel tracks."""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext as _

from appliance.advisor.evidence import Evidence, Flow, Host, opens, spans
from appliance.advisor.finding import Finding, Fix
from appliance.ruleset.countries import name as country_name
from appliance.ruleset.policy import Rule
from sipalg_core.contract.control import SIP_PORT

# --- Implementation constants ---

WIDE: Final = 100
"""Ports of a forwarding that are meant for media: nobody forwards a hundred of anything else."""
LOWEST_MEDIA_PORT: Final = 1024
ENOUGH_CALLS: Final = 5
"""Streams seen before the advisor believes that they are always like this."""
MAINTENANCE_PORTS: Final = (22, 23, 80, 443, 3389, 5900, 8080, 8443)


def sip_port(evidence: Evidence) -> Iterator[Finding]:
    for rule, host in evidence.forwardings():
        if evidence.handled(host) and any(opens(rule.service, each, SIP_PORT) for each in ("udp", "tcp")):
            yield Finding(
                "A01", f"rule-{rule.id}",
                _("Forwarding “%(rule)s” conflicts with the SIP ALG and exposes the SIP port to the Internet.")
                % {"rule": rule.name},
                _("The ALG brings calls to %(host)s by itself, and only from its provider. With the forwarding anybody "
                  "may send it SIP, past the ALG.") % {"host": host},
                (_about(rule), *_alg_rules(evidence, host)),
                (_disable(rule), _exempt()),
            )  # fmt: skip


def media_ports(evidence: Evidence) -> Iterator[Finding]:
    for rule, host in evidence.forwardings():
        wide = [each for each in spans(rule.service, "udp") if _is_media(each)]
        if wide and evidence.handled(host):
            yield Finding(
                "A02", f"rule-{rule.id}",
                _("The ALG opens RTP ports by itself; forwarding “%(rule)s” gets in its way.") % {"rule": rule.name},
                _("The ALG opens exactly the ports of a call, for as long as it lasts. A forwarding keeps %(ports)d "
                  "ports open all the time and may take one that a call was given.")
                % {"ports": sum(last - first + 1 for first, last in wide)},
                (_about(rule), *_alg_rules(evidence, host)),
                (_disable(rule),),
            )  # fmt: skip


def open_to_anybody(evidence: Evidence) -> Iterator[Finding]:
    """A10; where the forwarding leads to telephones, A15 says what to do instead."""
    for rule in evidence.rules():
        open_end = rule.source is None or bool({"0.0.0.0/0", "::/0"} & set(rule.source.held.texts()))
        from_outside = rule.from_zone in ("", "external")
        lets_in = rule.action == "dnat" or (rule.table == "input" and rule.action == "accept")
        sip = any(opens(rule.service, each, SIP_PORT) for each in ("udp", "tcp"))
        if not (lets_in and open_end and from_outside and sip):
            continue
        yield Finding(
            "A10", f"rule-{rule.id}",
            _("“%(rule)s” opens the SIP port to the whole Internet.") % {"rule": rule.name},
            _("The Internet is scanned for open SIP ports all the time; whoever guesses a password telephones at your "
              "expense."),
            (_about(rule), *_scans(evidence, rule)),
            (
                Fix(_("Limit the source"), page="firewall:rules_edit", argument=rule.id),
                _recipe(_("By VPN instead"), "external", how="vpn"),
                _disable(rule),
            ),
        )  # fmt: skip
        if rule.action == "dnat":
            yield Finding(
                "A15", f"rule-{rule.id}",
                _("External phones come in by “%(rule)s”. Use a VPN, else SIPS with SRTP.") % {"rule": rule.name},
                _("A phone outside that speaks plain SIP shows its password's digest and its calls to everybody on the "
                  "way."),
                (_about(rule),),
                (_recipe(_("Draft the rules for encrypted phones"), "external"), _disable(rule)),
            )  # fmt: skip


def maintenance(evidence: Evidence) -> Iterator[Finding]:
    for rule, _host in evidence.forwardings():
        kept_open = rule.until is None and rule.schedule is None
        anybody = rule.source is None
        meant = any(opens(rule.service, "tcp", port) for port in MAINTENANCE_PORTS)
        if not meant or not (kept_open or anybody):
            continue
        if kept_open and anybody:
            text = _("“%(rule)s” is open without end and for everybody.")
        elif kept_open:
            text = _("“%(rule)s” is open without end.")
        else:
            text = _("“%(rule)s” is open for everybody.")
        yield Finding(
            "A11", f"rule-{rule.id}",
            text % {"rule": rule.name},
            _("What is open for maintenance is forgotten when the work is done. Use an end time and the company's "
              "address."),
            (_about(rule),),
            (Fix(_("Set end and source"), page="firewall:rules_edit", argument=rule.id), _disable(rule)),
        )  # fmt: skip


def by_country_only(evidence: Evidence) -> Iterator[Finding]:
    for rule in evidence.rules():
        source = rule.source
        lets_in = rule.action == "dnat" or (rule.table == "input" and rule.action == "accept")
        if lets_in and source is not None and source.countries and not source.lookups and not source.values:
            yield Finding(
                "A12", f"rule-{rule.id}",
                _("The source of “%(rule)s” is limited by country only.") % {"rule": rule.name},
                _("A country is approximate: data sets agree on about 90 % of the addresses. A DNS or address object "
                  "is better."),
                (_about(rule), ", ".join(country_name(code, get_language()) for code in source.countries)),
                (Fix(_("Choose another source"), page="firewall:rules_edit", argument=rule.id),),
            )  # fmt: skip


def not_needed(evidence: Evidence) -> Iterator[Finding]:
    """A08: audio of an exempt server goes back where it came from, so the phone system opens its way by itself."""
    for rule, host in evidence.forwardings():
        if not any(_is_media(each) for each in spans(rule.service, "udp")):
            continue
        streams = [each for each in _exempt_media(evidence) if each.inside == str(host)]
        both_ways = [each for each in streams if each.outbound and each.answered]
        if len(both_ways) >= ENOUGH_CALLS and len(both_ways) == len(streams):
            yield Finding(
                "A08", f"rule-{rule.id}",
                _("Audio is symmetric here: the RTP forwarding “%(rule)s” is not needed.") % {"rule": rule.name},
                _("The provider sends audio back to where the phone system's comes from, and that way is open anyway."),
                tuple(_stream(each) for each in both_ways[:ENOUGH_CALLS]),
                (_disable(rule),),
            )  # fmt: skip


def missing(evidence: Evidence) -> Iterator[Finding]:
    """A09: audio of an exempt server goes out and nothing comes back on that way."""
    forwarded = {str(host) for rule, host in evidence.forwardings() if any(map(_is_media, spans(rule.service, "udp")))}
    lost = Counter(
        (each.inside, each.outside) for each in _exempt_media(evidence) if each.outbound and not each.answered
    )
    for (inside, outside), streams in lost.items():
        if inside not in forwarded:
            yield Finding(
                "A09", f"{inside}-{outside}",
                _("Audio from %(outside)s does not come back to where %(inside)s sends from; a forwarding is needed.")
                % {"outside": outside, "inside": inside},
                _("The server is exempt from the ALG and sends audio to another port than it receives from. Without a "
                  "forwarding of the phone system's RTP ports, limited to the provider, it is dropped."),
                (_("%(streams)d streams of %(inside)s to %(outside)s without an answer.")
                 % {"streams": streams, "inside": inside, "outside": outside},),
                (_recipe(_("Draft the forwarding"), "rtp", pbx=inside, source=outside), _exempt()),
            )  # fmt: skip


# --- How it is said ---


def _is_media(ports: tuple[int, int]) -> bool:
    first, last = ports
    return first >= LOWEST_MEDIA_PORT and last - first + 1 >= WIDE


def _exempt_media(evidence: Evidence) -> list[Flow]:
    """Streams between inside hosts and exempt servers, beside signalling."""
    return [
        each
        for each in (evidence.kernel.flows if evidence.kernel else ())
        if each.protocol == "udp" and not each.of_call and each.dport >= LOWEST_MEDIA_PORT
        and each.dport not in (SIP_PORT, 3478) and evidence.is_exempt(ipaddress.ip_address(each.outside))
    ]  # fmt: skip


def _about(rule: Rule) -> str:
    service = rule.service.name if rule.service else _("every service")
    source = rule.source.name if rule.source else _("anybody")
    target = rule.target.name if rule.target else _("this device")
    return _("Rule %(number)d: %(service)s from %(source)s to %(target)s.") % {
        "number": rule.position, "service": service, "source": source, "target": target,
    }  # fmt: skip


def _alg_rules(evidence: Evidence, host: Host) -> Iterator[str]:
    for rule in evidence.handled(host):
        yield _("SIP rule “%(rule)s” lets the ALG handle %(host)s.") % {"rule": rule.name, "host": host}


def _scans(evidence: Evidence, rule: Rule) -> Iterator[str]:
    """How many foreign packets there are: those that the rule let in, and those of who is banned by now."""
    use = evidence.uses.get(rule.id)
    if use is not None:
        yield (
            ngettext(
                "Today %d packet from outside came in by it.", "Today %d packets from outside came in by it.", use.today
            )
            % use.today
        )
    bans = evidence.engine.bans if evidence.engine else ()
    if bans:
        yield ngettext(
            "%(hosts)d host is banned right now because it sent SIP here; dropped packets: %(packets)d.",
            "%(hosts)d hosts are banned right now because they sent SIP here; dropped packets: %(packets)d.", len(bans),
        ) % {"hosts": len(bans), "packets": sum(each.get("packets", 0) for each in bans)}  # fmt: skip


def _stream(flow: Flow) -> str:
    return f"{flow.inside}:{flow.sport} ⇄ {flow.outside}:{flow.dport}"


def _disable(rule: Rule) -> Fix:
    return Fix(_("Disable the rule (as a draft)"), "disable_rule", argument=rule.id)


def _exempt() -> Fix:
    return Fix(_("Exempt the server from the ALG"), page="firewall:exemptions")


def _recipe(label: str, name: str, **answers: str) -> Fix:
    return Fix(label, page="firewall:recipes_one", argument=name, query=urlencode(answers))
