# SPDX-License-Identifier: GPL-2.0-or-later
"""Every check finds what it is for, with evidence, and keeps quiet where all is well."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from appliance.advisor.checks import CHECKS, advise
from appliance.advisor.evidence import Engine, Evidence, Flow, Helper, Kernel, Moved, Moving, Old, Refused, Use
from appliance.advisor.finding import Finding
from appliance.ruleset.policy import Activation, Address, AlgSettings, Interface, Policy, Provider, Rule, Service

NOW = 1_800_000_000.0
DAY = 86_400.0
PBX, SERVER, STUN = "192.168.0.2", "203.0.113.1", "203.0.113.66"

INTERFACES = (
    Interface("lan0", "internal", ("192.168.0.1/24",)),
    Interface("wan0", "external", ("203.0.113.2/24",), masquerade=True),
)
PHONES, PROVIDER = Address("Phones", (PBX, "192.168.0.10")), Address("Provider", (SERVER,))
SIP = Service("SIP", "both", "5060", "sip")
SIP_RULE = Rule(1, 1, "Phones to provider", "accept", PHONES, PROVIDER, SIP)


def forwarding(**changes: Any) -> Rule:
    rule = Rule(2, 1, "In", "dnat", table="dnat", target=Address("PBX", (PBX,)), from_zone="external")
    return replace(rule, **changes)


def policy(*rules: Rule, exempt: bool = False) -> Policy:
    activations = (Activation(1, None, exempt=(SERVER,)),) if exempt else ()
    return Policy(
        1, "local", INTERFACES, (SIP_RULE, *rules), (Provider("Provider", "Provider"),), activations=activations
    )


HEALTH: dict[str, Any] = {"counters": {}}


def engine(**changes: Any) -> Engine:
    values: dict[str, Any] = {
        "health": HEALTH, "registrations": (), "calls": (), "openings": (), "messages": (), "bans": (),
    }  # fmt: skip
    return Engine(**(values | changes))


def kernel(*flows: Flow, **changes: Any) -> Kernel:
    values: dict[str, Any] = {"udp_stream_timeout": 600, "old_connections": 0}
    return Kernel(flows, **(values | changes))


def flow(**changes: Any) -> Flow:
    return Flow("udp", PBX, 5060, SERVER, 5060, True, True, False)._replace(**changes)


def evidence(*rules: Rule, exempt: bool = False, **changes: Any) -> Evidence:
    values: dict[str, Any] = {"engine": engine(), "kernel": kernel()}
    return Evidence(NOW, policy(*rules, exempt=exempt), **(values | changes))


def found(evidence: Evidence, check: str) -> list[Finding]:
    return [each for each in advise(evidence).findings if each.check == check]


RTP = Service("RTP", "udp", "16384-32767")
WEB = Service("HTTPS", "tcp", "443")
SUPPORT = Address("Support", ("198.51.100.80",))

registration: dict[str, Any] = {
    "internal": f"{PBX}:5060", "aor": "sip:101@example.net", "asked": 1200, "granted": 660, "state": "registered",
    "warning": "it keeps to 1200 s", "status": "200 OK", "registered": NOW - 60, "expires": NOW + 600,
}  # fmt: skip
message: dict[str, Any] = {
    "id": "m1", "t": NOW - 5, "source": f"{PBX}:5060",
    "side": "internal", "sent_to": f"{SERVER}:5060", "applied": True, "method": "INVITE", "status": 0,
    "before": "", "after": "INVITE sip:x@example.net SIP/2.0\r\nHistory-Info: <sip:7@192.168.0.44>\r\n",
}  # fmt: skip
answer = message | {"side": "external", "source": f"{SERVER}:5060", "status": 200, "after": ""}
call: dict[str, Any] = {
    "id": "c1", "call_id": "a@b", "state": "in_call", "answered": NOW, "pinholes": 0, "shadow": False,
    "from_uri": "sip:101@example.net", "to_uri": "sip:300@example.net",
}  # fmt: skip
opening: dict[str, Any] = {
    "call": "c2", "why": "silent", "kind": "exact", "component": "rtp", "closed": NOW - 60,
    "internal": f"{PBX}:14000", "mapped": "203.0.113.2:20000", "external": "203.0.113.99:7000",
}  # fmt: skip
counted = {"counters": {"strays:external": 7}, "since": NOW - 600}
no_ports = Refused("c3", f"{PBX}:5060", "media-ports", NOW - 60)
CROWD = Address("Crowd", ("203.0.113.64/26",))
TO_CROWD = Rule(5, 2, "Phones to the crowd", "accept", PHONES, CROWD, SIP)
banned = engine(bans=({"host": "203.0.113.70", "seconds": 3000.0, "packets": 4},))
media = flow(sport=14000, dport=7000)
five_streams = kernel(*(media._replace(sport=14000 + 2 * i) for i in range(5)))
seen_as_another = "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.2:5060;branch=z;received=198.51.100.7\r\n"

HELPER = Helper("inet other, prerouting", "nft delete rule inet other prerouting handle 4")

PROVOKED = {
    "A01": evidence(forwarding(service=SIP)),
    "A02": evidence(forwarding(service=RTP)),
    "A03": evidence(kernel=kernel(flow(outside=STUN, dport=3478))),
    "A04": evidence(kernel=kernel(flow(protocol="tcp", dport=5061))),
    "A05": evidence(kernel=kernel(flow(protocol="tcp", dport=5061), media)),
    "A06": evidence(engine=engine(registrations=(registration,))),
    "A07": evidence(kernel=kernel(old_connections=14, old=(Old(f"tcp {PBX}:40000 → {STUN}:9000", False),))),
    "A08": evidence(forwarding(service=RTP), exempt=True, kernel=five_streams),
    "A09": evidence(exempt=True, kernel=kernel(media._replace(answered=False))),
    "A10": evidence(Rule(3, 1, "SIP in", "accept", service=SIP, table="input", from_zone="external")),
    "A11": evidence(forwarding(service=WEB)),
    "A12": evidence(forwarding(service=WEB, source=Address("Germany", (), countries=("DE",)))),
    "A13": evidence(engine=engine(health=counted, calls=(call,))),
    "A14": evidence(TO_CROWD, engine=banned),
    "A15": evidence(forwarding(service=SIP)),
    "A16": evidence(moved=(Moved("wan0", ("203.0.113.7/24",), 120),)),
    "A17": evidence(refused=(no_ports,)),
    "A18": evidence(engine=engine(calls=(call,))),
    "A19": evidence(engine=engine(openings=(opening,))),
    "A20": evidence(engine=engine(messages=(message,), call_of={"m1": "c1"})),
    "A21": evidence(kernel=kernel(helpers=(HELPER,))),
    "A22": evidence(engine=engine(messages=(answer | {"before": seen_as_another},))),
    "A23": evidence(exempt=True, kernel=kernel(udp_stream_timeout=120)),
    "A24": evidence(uses={1: Use(200 * DAY, None)}, moving=(Moving(5, "sip.example.net", "no answer", 60.0),)),
}  # fmt: skip


def test_every_check_of_the_table_is_provoked() -> None:
    assert [check.id for check in CHECKS] == sorted(PROVOKED)


@pytest.mark.parametrize("check", PROVOKED)
def test_check_finds_what_it_is_for(check: str) -> None:
    findings = found(PROVOKED[check], check)
    assert findings, f"{check} found nothing"
    for each in findings:
        assert each.id.startswith(f"{check}-")
        assert len(each.id) <= 200
        assert each.text.endswith((".", "!"))
        assert "%" not in each.text.replace("90 %", "")
        assert 1 <= len(re.findall(r"[.!?](?= |$)", each.why)) <= 3, f"why, in three sentences at most: {each.why}"
        assert each.evidence, f"{check} shows no evidence"


SEVERITIES = {
    "error": {"A01", "A02", "A09", "A16", "A17"},
    "warning": {"A03", "A06", "A07", "A10", "A11", "A14", "A15", "A20", "A21", "A22", "A23"},
    "hint": {"A04", "A05", "A08", "A12", "A13", "A18", "A19", "A24"},
}
"""Of the reference, 3.8."""
WITHOUT_FIX = {"A05": "the provider's to mend"}


def test_checks_are_as_serious_as_the_reference_has_them_and_offer_what_helps() -> None:
    assert {word: {check.id for check in CHECKS if check.severity == word} for word in SEVERITIES} == SEVERITIES
    helpless = {check for check in PROVOKED if not any(each.fixes for each in found(PROVOKED[check], check))}
    assert helpless == set(WITHOUT_FIX)


def test_a_healthy_appliance_gives_no_findings() -> None:
    advice = advise(evidence(forwarding(service=WEB, source=SUPPORT, until=int(NOW + 30 * DAY))))
    assert advice.findings == ()
    assert len(advice.made) == len(CHECKS)


def test_what_cannot_be_seen_is_said_and_not_taken_for_health() -> None:
    advice = advise(Evidence(NOW, policy()))
    missed = {check.id for check in advice.missed}
    assert {"A03", "A06", "A07", "A21"} <= missed
    assert "A01" not in missed


def test_exempt_server_has_no_conflict_with_a_forwarding() -> None:
    assert found(evidence(forwarding(service=SIP), exempt=True), "A01") == []
    assert found(evidence(forwarding(service=RTP), exempt=True), "A02") == []


def test_forwarding_to_another_host_or_of_few_ports_is_nobodys_conflict() -> None:
    elsewhere = forwarding(service=SIP, target=Address("Web", ("192.168.0.77",)))
    assert found(evidence(elsewhere), "A01") == []
    assert found(evidence(forwarding(service=Service("Trace", "udp", "40000-40003"))), "A02") == []


def test_stun_of_a_pc_and_of_an_exempt_phone_system_is_its_own_business() -> None:
    assert found(evidence(kernel=kernel(flow(inside="192.168.0.66", dport=3478))), "A03") == []
    assert found(evidence(exempt=True, kernel=kernel(flow(dport=3478))), "A03") == []


def test_overdue_registration_is_an_error_and_the_advice_fits_into_the_time_granted() -> None:
    (finding,) = found(evidence(engine=engine(registrations=(registration | {"state": "overdue"},))), "A06")
    assert finding.severity == "error"
    assert "540" in finding.text  # 1200 - 660
    assert "to 600." in finding.why, "as the reference has it for 660 s"


def test_phone_that_only_asked_for_more_is_a_hint_and_one_that_got_it_is_none() -> None:
    (finding,) = found(evidence(engine=engine(registrations=(registration | {"warning": ""},))), "A06")
    assert finding.severity == "hint"
    content = registration | {"warning": "", "asked": 600, "granted": 600}
    assert found(evidence(engine=engine(registrations=(content,))), "A06") == []


def test_forwarding_with_an_end_and_a_source_is_no_finding() -> None:
    proper = forwarding(service=WEB, source=SUPPORT, until=int(NOW + 30 * DAY))
    assert found(evidence(proper), "A11") == []
    assert found(evidence(replace(proper, until=None)), "A11")
    assert found(evidence(replace(proper, source=None)), "A11")


def test_forwarding_stays_needed_where_one_stream_had_no_answer() -> None:
    streams = [media._replace(sport=14000 + 2 * i, answered=i > 0) for i in range(6)]
    assert found(evidence(forwarding(service=RTP), exempt=True, kernel=kernel(*streams)), "A08") == []


def test_own_via_and_an_inside_via_are_no_second_alg() -> None:
    own = answer | {"before": "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 203.0.113.2:5060;branch=z;received=203.0.113.2\r\n"}
    routed = answer | {"before": "SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.168.0.2:5060;branch=z\r\n"}
    assert found(evidence(engine=engine(messages=(own, routed))), "A22") == []


def test_the_most_serious_stands_first_and_each_only_once() -> None:
    both = evidence(
        forwarding(service=SIP), forwarding(id=4, service=RTP), engine=engine(registrations=(registration,))
    )
    findings = advise(both).findings
    order = [each.severity for each in findings]
    assert order == sorted(order, key=("error", "warning", "hint").index)
    assert len({each.id for each in findings}) == len(findings)


def test_who_is_named_singly_is_banned_in_the_list_only() -> None:
    bans = ({"host": SERVER, "seconds": 60.0, "packets": 1},)
    assert found(evidence(engine=engine(bans=bans)), "A14") == []


def test_used_up_ports_are_an_error_until_the_range_is_another() -> None:
    (finding,) = found(evidence(refused=(no_ports,)), "A17")
    assert "0 of 5000 pairs of 20000-29999" in finding.evidence[0]
    assert "media-ports" in finding.evidence[1]
    assert found(evidence(refused=(no_ports,), settled={"policy.media_ports": NOW - 30}), "A17") == []
    assert found(evidence(refused=(no_ports._replace(reason="rate"),)), "A17") == []


def test_silence_is_told_until_the_timer_is_another() -> None:
    quiet = engine(openings=(opening,))
    assert found(evidence(engine=quiet, settled={"timers.inactive_media": NOW - 90}), "A19")
    assert found(evidence(engine=quiet, settled={"timers.inactive_media": NOW - 30}), "A19") == []


def test_new_address_is_an_error_until_every_phone_has_registered_from_it() -> None:
    moved = (Moved("wan0", ("203.0.113.7/24",), 120),)
    before = registration | {"registered": NOW - 300}
    (finding,) = found(evidence(moved=moved, engine=engine(registrations=(before, registration))), "A16")
    assert finding.severity == "error"
    assert "sip:101@example.net" in finding.evidence[1]
    assert found(evidence(moved=moved, engine=engine(registrations=(registration,))), "A16") == []
    gone = before | {"expires": NOW - 200}
    (finding,) = found(evidence(moved=moved, engine=engine(registrations=(gone,))), "A16")
    assert finding.severity == "hint"  # nobody is known to wait


def test_switching_the_other_alg_off_is_seen_with_the_next_answer() -> None:
    changed = answer | {"before": seen_as_another}
    own = answer | {"t": NOW - 1, "before": seen_as_another.replace("198.51.100.7", "203.0.113.2")}
    assert found(evidence(engine=engine(messages=(changed, own))), "A22") == []
    assert found(evidence(engine=engine(messages=(own, changed | {"t": NOW}))), "A22")
    other = own | {"source": "203.0.113.3:5060"}
    assert found(evidence(engine=engine(messages=(changed, other))), "A22")


def test_leak_towards_an_exempt_server_is_its_own_business() -> None:
    assert found(evidence(exempt=True, engine=engine(messages=(message,))), "A20") == []


def test_path_is_forgotten_where_a_rule_lets_sip_through_without_the_alg() -> None:
    plain = Rule(6, 2, "Plain", "accept", PHONES, Address("Other", (STUN,)), Service("UDP", "udp", "5060"))
    assert found(evidence(plain, kernel=kernel(udp_stream_timeout=120)), "A23")
    assert found(evidence(plain), "A23") == []
    assert found(evidence(kernel=kernel(udp_stream_timeout=120)), "A23") == []
    ended = engine(registrations=(registration, registration | {"state": "expired", "granted": 0}))
    assert found(evidence(plain, kernel=kernel(udp_stream_timeout=120), engine=ended), "A23")


def test_path_is_remembered_once_the_setting_says_so() -> None:
    forgotten = evidence(exempt=True, kernel=kernel(udp_stream_timeout=120))
    (draft,) = [each.draft for each in found(forgotten, "A23")]
    assert draft is not None
    assert (draft.argument, draft.value) == ("handling.idle_path", 600)
    settings = (AlgSettings("", {"handling.idle_path": 600}),)
    assert found(replace(forgotten, policy=replace(forgotten.policy, settings=settings)), "A23") == []


def test_helper_of_the_kernel_is_at_work_where_it_has_a_connection_and_else_only_loaded() -> None:
    reads = found(evidence(kernel=kernel(helped=(f"udp {PBX}:5060 → {SERVER}:5060",))), "A21")
    assert reads[0].severity == "warning"
    assert SERVER in reads[0].text
    (loaded,) = found(evidence(kernel=kernel(modules=("nf_conntrack_sip",))), "A21")
    assert loaded.severity == "hint"
    assert loaded.commands[0] == "modprobe -r nf_nat_sip nf_conntrack_sip"
    (both,) = found(evidence(kernel=kernel(helpers=(HELPER,), modules=("nf_conntrack_sip",))), "A21")
    assert both.commands[0] == HELPER.command
    assert len(both.commands) == 3


def test_open_sip_port_says_how_many_foreign_packets_there_were_today() -> None:
    rule = Rule(3, 1, "SIP in", "accept", service=SIP, table="input", from_zone="external")
    bans = ({"host": "198.51.100.9", "packets": 40}, {"host": "198.51.100.10", "packets": 2})
    (seen,) = found(evidence(rule, uses={3: Use(DAY, 60.0, 17)}, engine=engine(bans=bans)), "A10")
    assert "Today 17 packets from outside came in by it." in seen.evidence
    assert any("2 hosts" in line and line.endswith("42.") for line in seen.evidence)


def test_rule_for_encrypted_sip_wants_one_for_speech() -> None:
    sips = Rule(4, 2, "SIPS", "accept", PHONES, PROVIDER, Service("SIPS", "tcp", "5061"))
    (finding,) = found(evidence(sips), "A04")
    assert finding.id == "A04-rule-4"
    assert "no rule lets speech out" in finding.text
    speech = Rule(5, 3, "Speech", "accept", PHONES, None, Service("Speech", "udp", "1024-65535"))
    assert found(evidence(sips, speech), "A04") == []
    elsewhere = replace(speech, source=Address("Others", ("192.168.0.77",)))
    assert found(evidence(sips, elsewhere), "A04")


def test_private_address_outside_is_reported_with_its_call() -> None:
    (finding,) = found(PROVOKED["A20"], "A20")
    assert next((each.page, each.argument) for each in finding.fixes) == ("sip:calls_bundle", "c1")


def test_silence_is_told_with_the_timer() -> None:
    (finding,) = found(PROVOKED["A19"], "A19")
    assert "after 120 s without a packet from either side" in finding.text
