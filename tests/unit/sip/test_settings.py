# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of settings against the engine's policy, and their way from the row to the policy file."""

import dataclasses
from dataclasses import replace

import pytest
from django.core.exceptions import ValidationError
from pydantic import ValidationError as Invalid

from appliance.firewall.services import create_address, create_rule, create_service
from appliance.network.services import save_interface
from appliance.ruleset.compile import compile_alg
from appliance.ruleset.snapshot import dump_rows, load_rows, snapshot
from appliance.sip.columns import kinds
from appliance.sip.columns.settings import GROUPS, SETTINGS, for_engine
from appliance.sip.models import AlgSettings, Provider
from appliance.sip.services import change_settings, create_provider, delete_provider, reset_settings
from appliance.system.queries import compare
from sipalg_core.alg.admission import METHODS
from sipalg_core.contract import policy as contract
from tests.unit.alg.harness import World, invite, policy

GROUP = {
    "timers": contract.Timers, "limits": contract.Limits, "handling": contract.Handling,
    "screening": contract.Screening, "peering": contract.Peering, "policy": contract.AlgPolicy,
}  # fmt: skip
NUMBERS = [setting for setting in SETTINGS.values() if isinstance(setting, kinds.Number)]
PEERING = {"rule": "rule:1", "name": "x", "internal": (), "external": ()}


def built(path, value):
    """The group of the engine's policy with this field."""
    name, _, field = path.partition(".")
    required = {"peering": PEERING, "policy": {"revision": 1}}.get(name, {})
    return getattr(GROUP[name](**required, **{field: value}), field)


def test_every_field_of_the_engines_groups_is_a_setting():
    """What an operator cannot set is not worth a field."""
    fields = {
        f"{name}.{field.name}"
        for name in ("timers", "limits", "handling", "screening")
        for field in dataclasses.fields(GROUP[name])
    }
    assert fields <= set(SETTINGS)
    assert {"peering.translate", "peering.shadow", "peering.outside", "policy.media_ports"} <= set(SETTINGS)


@pytest.mark.parametrize("setting", SETTINGS.values(), ids=lambda each: each.path)
def test_default_is_the_engines(setting):
    name, _, field = setting.path.partition(".")
    default = next(each.default for each in dataclasses.fields(GROUP[name]) if each.name == field)
    assert built(setting.path, setting.contract(setting.default)) == default
    assert setting.clean(setting.default) == setting.default
    assert setting.said(setting.default)
    assert all(str(text).endswith(".") for text in (setting.sentence, setting.change_only_if))


@pytest.mark.parametrize("setting", NUMBERS, ids=lambda each: each.path)
def test_range_is_what_the_engine_takes(setting):
    for value in (setting.low, setting.high, *([0] if setting.off else []), *([None] if setting.empty else [])):
        assert setting.clean(value) == value
        built(setting.path, setting.contract(value))
    for beyond in (setting.low - 1, setting.high + 1):
        if beyond == 0 and setting.off:
            continue
        with pytest.raises(ValidationError, match="out of range"):
            setting.clean(beyond)
    with pytest.raises(Invalid):
        built(setting.path, setting.contract(setting.high + 1))
    if setting.low - 1 != 0 or not setting.off:
        with pytest.raises(Invalid):
            built(setting.path, setting.contract(setting.low - 1))


def test_ranges_and_defaults_are_those_that_were_asked_for():
    said = {each.path: (each.default, each.low, each.high) for each in NUMBERS}
    assert said["timers.inactive_media"] == (120, 10, 2550)
    assert said["timers.maximum_call"] == (43_200, 180, 432_000)
    assert said["timers.t1"] == (500, 500, 5000)
    assert said["timers.t4"] == (5, 5, 10)
    assert said["timers.timer_c"] == (3, 3, 10)
    assert said["timers.provisional_invite"][0] == 210
    assert said["timers.teardown"][0] == 5
    assert said["timers.retry_denial"] == (5, 1, 3600)


def test_methods_are_those_that_the_engine_knows():
    assert {method.encode() for method in kinds.METHODS} == METHODS


@pytest.mark.parametrize("check", [name for name, _ in SETTINGS["handling.syntax"].checks])
def test_checks_are_those_of_the_parser(check):
    """Each decides about some message: here it is discarded, and counted by that name."""
    whole = invite().replace(b"Max-Forwards: 70", b"Max-Forwards: 70\r\nExpires: 60")
    broken = {
        "request-line": whole.replace(b" SIP/2.0", b"  SIP/2.0", 1),
        "request-uri": whole.replace(b"INVITE sip:200@provider.example ", b"INVITE <sip:200@provider.example> ", 1),
        "sip-version": whole.replace(b"SIP/2.0", b"SIP/7.0", 1),
        "status-code": b"SIP/2.0 4294967301 Odd" + whole[whole.index(b"\r\n") :],
        "header-name": whole.replace(b"Max-Forwards", b"Max Forwards"),
        "header-without-colon": whole.replace(b"Max-Forwards: 70", b"Max-Forwards 70"),
        "repeated-header": whole.replace(b"Max-Forwards: 70", b"Max-Forwards: 70\r\nMax-Forwards: 70"),
        "call-id": whole.replace(b"Call-ID: call-1", b"Call-ID: a b"),
        "cseq": whole.replace(b"CSeq: 1 ", b"CSeq: x "),
        "cseq-method": whole.replace(b"CSeq: 1 INVITE", b"CSeq: 1 BYE"),
        "via": whole.replace(b"Via: SIP/2.0/UDP ", b"Via: SIP/2.0/UDP;;; "),
        "too-many-hops": whole.replace(b"Max-Forwards", b"Via: SIP/2.0/UDP h;branch=x\r\n" * 200 + b"Max-Forwards"),
        "max-forwards": whole.replace(b"Max-Forwards: 70", b"Max-Forwards: 700"),
        "expires": whole.replace(b"Expires: 60", b"Expires: x"),
        "content-length": whole.replace(b"Content-Length: 0", b"Content-Length: -1"),
        "address": whole.replace(b"Contact: <sip:101@", b"Contact: < sip:101@"),
        "open-quote": whole.replace(b"Contact: <", b'Contact: "open <'),
        "open-bracket": whole.replace(b"From: <sip:101@provider.example>", b"From: <sip:101@provider.example"),
        "content-length-beyond-end": whole.replace(b"Content-Length: 0", b"Content-Length: 5"),
    }
    if check.startswith("missing-"):
        line = check.removeprefix("missing-").encode()
        lines = [each for each in whole.split(b"\r\n") if not each.lower().startswith(line + b":")]
        sent = b"\r\n".join(lines)
    else:
        sent = broken[check]
    world = World(policy(handling=contract.Handling(syntax=(contract.SyntaxCheck(check, "discard"),))))
    assert world.out(sent) == []
    assert world.engine.counts[f"dropped:{check}"] == 1


# --- From the row to the policy ---


@pytest.fixture
def telephony(owner):
    """Phones inside, a provider outside, a rule between them."""
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    save_interface(actor=owner, name="dmz0", role="dmz", addresses=["192.0.2.1/24"])
    save_interface(actor=owner, name="wan0", role="external", addresses=["203.0.113.2/24", "203.0.113.20/24"])
    phones = create_address(actor=owner, name="Phones", kind="network", value="192.168.0.0/24")
    servers = create_address(actor=owner, name="Servers", kind="host", value="203.0.113.1")
    sip = create_service(actor=owner, name="SIP", protocol="both", ports="5060", application="sip")
    create_rule(actor=owner, name="Out", source=phones, destination=servers, service=sip, action="accept")
    return create_provider(actor=owner, name="Tel", signalling=servers)


def compiled():
    return compile_alg(snapshot("local", 1))


def test_nothing_set_is_the_default(telephony):
    policy = compiled()
    assert (policy.timers, policy.limits, policy.handling) == (
        contract.Timers(),
        contract.Limits(),
        contract.Handling(),
    )
    (peering,) = policy.peerings
    assert (peering.timers, peering.handling, peering.translate, peering.shadow) == (None, None, "all", False)


VALUES = {
    "timers.inactive_media": 300, "timers.t1": 1000, "timers.timer_c": 5, "limits.rates": {"OPTIONS": 5},
    "handling.blocked_methods": ["MESSAGE"], "handling.syntax": {"cseq": "pass", "via": "respond"},
    "handling.dscp_media": None, "handling.dscp_signalling": 24, "handling.engine_down": "forward",
    "policy.media_ports": "40000-40999", "screening.ban": 0,
}  # fmt: skip


def test_settings_of_all_reach_the_engine_in_its_units(telephony, owner):
    change_settings(actor=owner, values=VALUES)
    policy = compiled()
    assert (policy.timers.inactive_media, policy.timers.t1, policy.timers.timer_c) == (300, 1, 300)
    assert policy.limits.rates == (contract.MethodRate("OPTIONS", 5),)
    handling = policy.handling
    assert (handling.blocked_methods, handling.dscp_media, handling.dscp_signalling) == (("MESSAGE",), None, 24)
    assert handling.syntax == (contract.SyntaxCheck("cseq", "pass"),)
    assert (handling.engine_down, policy.screening.ban) == ("forward", 0)
    assert policy.media_ports == contract.PortRange(40000, 40999)
    assert contract.load(contract.dump(policy)) == policy


def test_provider_overrides_what_it_names_and_inherits_the_rest(telephony, owner):
    change_settings(actor=owner, values={"timers.inactive_media": 300, "timers.t4": 6})
    own = {"timers.inactive_media": 60, "peering.translate": "ipv4", "peering.shadow": True}
    change_settings(actor=owner, values=own | {"peering.outside": ["203.0.113.20"]}, provider=telephony)
    policy = compiled()
    (peering,) = policy.peerings
    assert (peering.timers.inactive_media, peering.timers.t4) == (60, 6)
    assert (peering.translate, peering.shadow, peering.outside) == ("ipv4", True, ("203.0.113.20",))
    assert peering.limits is None
    reset_settings(actor=owner, paths=["timers.inactive_media"], provider=telephony)
    assert compiled().peerings[0].timers is None


def test_server_behind_another_internal_interface_is_routed(telephony):
    policy = snapshot("local", 1)
    (rule,) = policy.rules
    assert rule.destination is not None
    inside = replace(rule, destination=replace(rule.destination, values=("192.0.2.10",)))
    policy = replace(policy, rules=(inside,))
    assert compile_alg(policy).peerings[0].translate == "none"


def test_settings_are_part_of_the_configuration(telephony, owner):
    change_settings(actor=owner, values={"timers.t4": 6})
    change_settings(actor=owner, values={"timers.t4": 7}, provider=telephony)
    rows = dump_rows()
    AlgSettings.objects.all().delete()
    Provider.objects.all().delete()
    load_rows(rows)
    assert {row.provider and row.provider.name: row.values for row in AlgSettings.objects.all()} == {
        None: {"timers.t4": 6}, "Tel": {"timers.t4": 7},
    }  # fmt: skip


def test_pending_changes_say_what_is_set(telephony, owner):
    before = snapshot("local", 1)
    change_settings(actor=owner, values={"timers.inactive_media": 300})
    change_settings(actor=owner, values={"peering.shadow": True}, provider=telephony)
    assert [change.text for change in compare(before, snapshot("local", 2))] == [
        "Settings of the ALG: inactive media inherited → 300.",
        "Settings of the ALG for “Tel”: shadow inherited → on.",
    ]


def test_settings_of_a_provider_go_with_it(telephony, owner):
    change_settings(actor=owner, values={"timers.t4": 7}, provider=telephony)
    delete_provider(actor=owner, provider=telephony)
    assert not AlgSettings.objects.exists()


@pytest.mark.parametrize(
    ("path", "value", "word"),
    [
        ("timers.inactive_media", 9, "out of range: 10 – 2550 s"),
        ("timers.inactive_media", "many", "Enter a number"),
        ("timers.inactive_media", True, "Enter a number"),
        ("timers.inactive_media", 20.5, "whole number"),
        ("timers.maximum_call", 100, "0: no limit"),
        ("handling.dscp_media", 64, "empty: as it comes"),
        ("handling.engine_down", "burn", "Choose one of"),
        ("handling.blocked_methods", ["FLY"], "Choose among"),
        ("handling.hide_call_ids", "yes", "true or false"),
        ("handling.syntax", {"cseq": "laugh"}, "Choose one of"),
        ("limits.rates", {"OPTIONS": 0}, "A rate is a number"),
        ("policy.media_ports", "5000-6000", "Port 5060"),
        ("policy.media_ports", "30500-31500", "must not overlap"),
        ("policy.media_ports", "20000-20010", "at least 100 ports"),
        ("policy.media_ports", "all", "Write a range"),
        ("peering.outside", ["203.0.113.99"], "on no external interface"),
        ("peering.outside", ["203.0.113.2", "203.0.113.20"], "one address of a family"),
        ("timers.t9", 1, "no such setting"),
    ],
)
def test_bad_value_is_said_at_its_path_and_nothing_is_half_done(telephony, owner, path, value, word):
    with pytest.raises(ValidationError) as refused:
        change_settings(actor=owner, values={"timers.t4": 6, path: value})
    assert word in str(refused.value.message_dict[path])
    assert not AlgSettings.objects.exists()


def test_setting_for_all_is_none_of_a_provider(telephony, owner):
    with pytest.raises(ValidationError, match="all providers"):
        change_settings(actor=owner, values={"policy.media_ports": "40000-41000"}, provider=telephony)


def test_engine_gets_no_setting_that_is_gone():
    assert for_engine({"timers.t4": 6, "timers.t9": 1}) == {"timers.t4": 6}


def test_groups_hold_every_setting_once():
    paths = [setting.path for group in GROUPS for setting in group.settings]
    assert len(paths) == len(set(paths)) == len(SETTINGS)


# --- REST and pages ---


def test_rest_sets_and_resets(api, telephony):
    path = f"providers/{telephony.pk}/settings"
    changed = api("patch", path, {"values": {"timers.inactive_media": 60}}).json()
    (item,) = [each for each in changed["items"] if each["path"] == "timers.inactive_media"]
    assert (item["value"], item["inherited"], item["origin"], item["range"]) == (60, 120, "own", "10 – 2550 s")
    assert "policy.media_ports" not in {each["path"] for each in changed["items"]}
    refused = api("patch", path, {"values": {"timers.inactive_media": 5}})
    assert (refused.status_code, list(refused.json()["fields"])) == (422, ["timers.inactive_media"])
    back = api("patch", path, {"reset": ["timers.inactive_media"]}).json()
    assert {each["origin"] for each in back["items"]} == {"default"}
    everything = api("get", "alg/settings").json()
    assert everything["count"] == sum(each.where != "provider" for each in SETTINGS.values())


def test_rest_lists_templates_with_source_and_date(api):
    templates = api("get", "provider-templates").json()["items"]
    assert templates
    assert all(each["source"].startswith("https://") and each["date"] for each in templates)


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


def test_page_shows_every_setting_with_its_range_and_where_it_is_from(console, telephony, owner):
    change_settings(actor=owner, values={"timers.inactive_media": 300})
    text = console.get("/alg/settings/").content.decode()
    provider = console.get(f"/alg/providers/{telephony.pk}/").content.decode()
    for setting in SETTINGS.values():
        assert (f'data-id="{setting.key}"' in text) is (setting.where != "provider")
        assert (f'data-id="{setting.key}"' in provider) is (setting.where != "all")
    assert "10 – 2550 s" in text
    assert "default 120 s" in text
    assert "inherited from all providers" in provider
    assert "300 s" in provider


@pytest.mark.parametrize(
    ("key", "sent", "path", "kept"),
    [
        ("timers-inactive_media", {"value": "300"}, "timers.inactive_media", 300),
        ("handling-dscp_media", {"value": ""}, "handling.dscp_media", None),
        ("handling-hide_call_ids", {"value": "on"}, "handling.hide_call_ids", True),
        ("handling-engine_down", {"value": "forward"}, "handling.engine_down", "forward"),
        ("handling-blocked_methods", {"value": ["INFO", "MESSAGE"]}, "handling.blocked_methods", ["INFO", "MESSAGE"]),
        ("limits-rates", {"OPTIONS": "5"}, "limits.rates", {"OPTIONS": 5}),
        ("policy-media_ports", {"value": "40000 - 41000"}, "policy.media_ports", "40000-41000"),
        ("peering-outside", {"ipv4": "203.0.113.20", "ipv6": ""}, "peering.outside", ["203.0.113.20"]),
    ],
)
def test_form_of_a_setting_keeps_what_was_sent_and_resets_it(console, telephony, key, sent, path, kept):
    assert "Change only if" in console.get(f"/alg/settings/{key}/").content.decode()
    assert console.post(f"/alg/settings/{key}/", sent).status_code == 302
    assert AlgSettings.objects.get().values == {path: kept}
    assert "Back to the default" in console.get(f"/alg/settings/{key}/").content.decode()
    console.post(f"/alg/settings/{key}/reset/")
    assert AlgSettings.objects.get().values == {}


def test_form_of_the_checks_keeps_only_what_differs(console, telephony):
    checks = {name: "respond" for name, _ in SETTINGS["handling.syntax"].checks} | {"cseq": "discard"}
    console.post("/alg/settings/handling-syntax/", checks)
    assert AlgSettings.objects.get().values == {"handling.syntax": {"cseq": "discard"}}


def test_bad_value_is_said_at_the_field(console, telephony):
    text = console.post("/alg/settings/timers-inactive_media/", {"value": "5"}).content.decode()
    assert "out of range" in text
    assert 'value="5"' in text


def test_provider_overrides_in_the_console(console, telephony):
    path = f"/alg/providers/{telephony.pk}/settings/peering-shadow/"
    console.post(path, {"value": "on"})
    assert AlgSettings.objects.get().provider == telephony
    assert "overridden" in console.get(f"/alg/providers/{telephony.pk}/").content.decode()
    console.post(f"{path}reset/")
    assert AlgSettings.objects.get().values == {}
    assert console.get(f"/alg/providers/{telephony.pk}/settings/policy-media_ports/").status_code == 404
    assert console.get("/alg/settings/nothing/").status_code == 404


def test_provider_is_added_from_a_template_changed_and_deleted(console, owner):
    servers = create_address(actor=owner, name="Servers", kind="host", value="203.0.113.1")
    form = console.get("/alg/providers/add/?template=telnyx").content.decode()
    assert "check with your provider" in form
    assert 'value="Telnyx"' in form
    sent = {"name": "Telnyx", "signalling": servers.pk, "template": "telnyx"}
    console.post("/alg/providers/add/", sent)
    row = Provider.objects.get()
    assert (row.template, row.symmetric_media) == ("telnyx", False)
    assert "sip.telnyx.com" in console.get(f"/alg/providers/{row.pk}/").content.decode()
    console.post(f"/alg/providers/{row.pk}/change/", sent | {"symmetric_media": "on"})
    row.refresh_from_db()
    assert row.symmetric_media
    assert "203.0.113.1" in console.get("/alg/providers/").content.decode()
    console.post(f"/alg/providers/{row.pk}/delete/")
    assert not Provider.objects.exists()


def test_list_of_providers_proves_what_was_altered(console, telephony, engine):
    peer = {"rule": "rule:1", "name": "Tel", "translate": "none", "shadow": False, "messages": 18223, "altered": 0}
    engine.rows["health"] = [
        {"id": "engine", "revision": 1, "enabled": True, "calls": 0, "counters": {}, "peers": [peer]}
    ]
    text = console.get("/alg/providers/").content.decode()
    assert "0 of 18223 messages altered" in text.replace(",", "")
