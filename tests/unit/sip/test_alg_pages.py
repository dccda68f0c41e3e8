# SPDX-License-Identifier: GPL-2.0-or-later
"""What the pages of the group "SIP ALG" say: who speaks with whom over what, templates, and each setting's sentence."""

from __future__ import annotations

import html
import re

import pytest

from appliance.firewall.models import Rule
from appliance.firewall.services import create_address, create_rule, create_service
from appliance.network.services import save_interface
from appliance.sip.columns.settings import SETTINGS
from appliance.sip.models import Provider
from appliance.sip.queries import templates
from appliance.sip.services import create_provider


@pytest.fixture
def console(client, owner):
    client.force_login(owner)
    return client


@pytest.fixture
def provider(owner) -> Provider:
    """Phones inside speak with its servers, by a rule."""
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    phones = create_address(actor=owner, name="Phones", kind="network", value="192.168.0.0/24")
    servers = create_address(actor=owner, name="Servers", kind="host", value="203.0.113.1")
    media = create_address(actor=owner, name="Speech", kind="network", value="203.0.113.96/28")
    sip = create_service(actor=owner, name="SIP", protocol="both", ports="5060", application="sip")
    create_rule(actor=owner, name="Out", source=phones, destination=servers, service=sip, action="accept")
    return create_provider(actor=owner, name="Tel", signalling=servers, media=media)


def page(console, path: str) -> str:
    return html.unescape(console.get(path).content.decode())


def test_provider_is_listed_with_its_telephone_systems_addresses_and_transport(console, provider):
    for path in ("/alg/providers/", f"/alg/providers/{provider.pk}/"):
        text = page(console, path)
        for said in ("Phones", "192.168.0.0/24", "Servers", "203.0.113.1", "UDP 5060", "TCP 5060", "203.0.113.96/28"):
            assert said in text, f"{said} on {path}"
    Rule.objects.all().delete()
    assert "no SIP rule yet" in page(console, "/alg/providers/")


def test_template_says_registrar_transport_media_source_and_date(console):
    cells = set(re.findall(r">([^<>]+)<", page(console, "/alg/providers/")))
    for each in templates().values():
        assert {each.registrar, each.transports, each.media, f"{each.source} ({each.date})"} <= (
            cells | {each.registrar}
        )


def test_each_setting_says_when_to_change_it(console):
    text = page(console, "/alg/settings/")
    for setting in SETTINGS.values():
        if setting.where != "provider":
            assert f"{setting.sentence} Change only if {setting.change_only_if}" in text


@pytest.mark.parametrize(
    ("key", "default", "span"),
    [
        ("timers-inactive_media", "120 s", "10 – 2550 s"),
        ("timers-maximum_call", "43200 s", "180 – 432000 s"),
        ("timers-t1", "500 ms", "500 – 5000 ms"),
        ("timers-t4", "5 s", "5 – 10 s"),
        ("timers-timer_c", "3 min", "3 – 10 min"),
        ("timers-teardown", "5 s", "0 – 30 s"),
    ],
)
def test_timers_have_the_defaults_and_ranges_of_the_reference(console, key, default, span):
    row = page(console, "/alg/settings/").partition(f'data-id="{key}"')[2].partition("</tr>")[0]
    said = re.sub(r"(?<=\d)\s(?=\d{3}\b)", "", row)  # thousands
    assert f">{default}<" in said
    assert span in said.replace("\N{NO-BREAK SPACE}", " ")
