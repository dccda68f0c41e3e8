# SPDX-License-Identifier: GPL-2.0-or-later
"""The live pages bring header, words and configuration of their table."""

import json
import re

import pytest

from appliance.firewall.services import create_address, create_rule, create_service, start_exemption
from appliance.network.services import save_interface
from appliance.ruleset import policy
from appliance.ruleset.snapshot import snapshot
from appliance.sip import services
from appliance.system.models import Revision, State
from tests.doubles import EngineDouble
from tests.unit.sip.test_history import ended


@pytest.mark.parametrize(
    ("path", "topic", "empty"),
    [
        ("/calls/", "calls", "No calls right now."),
        ("/calls/registrations/", "registrations", "No registration seen yet."),
        ("/calls/pinholes/", "pinholes", "No openings."),
        ("/calls/pinholes/", "closed", "Nothing has closed yet."),
    ],
)
def test_header_and_script_come_from_one_table(client, owner, path, topic, empty):
    client.force_login(owner)
    text = client.get(path).content.decode()
    config = json.loads(re.search(rf'<script id="{topic}-table" type="application/json">(.*?)</script>', text)[1])
    assert config["topic"] == topic
    table = text.partition(f'data-topic="{topic}"')[2].partition("</table>")[0]
    header = re.findall(r"<th[^>]*>([^<]+)</th>", table)
    assert header == [column["label"] for column in config["columns"]]
    assert empty in text


def test_no_calls_is_said_with_whether_telephony_works_and_the_last_call(client, owner, engine):
    client.force_login(owner)
    assert "Telephony is closed: no revision has been applied yet." in client.get("/calls/").content.decode()
    assert "Last call:" not in client.get("/calls/quiet/").content.decode()
    services.note_ended([ended("c1")])
    told = client.get("/calls/quiet/").content.decode()
    assert "Last call:" in told
    assert 'href="/calls/selftests/">Place a test call' in told


def test_engine_that_does_not_answer_is_said_with_a_way_to_why(client, owner):
    client.force_login(owner)
    told = client.get("/calls/quiet/").content.decode()
    assert "The SIP engine does not answer." in told
    address = re.search(r'href="([^"]+)"[^>]*>Why\?</a>', told)[1]
    banner = client.get("/calls/").content.decode().partition('data-when="engine_down"')[2].partition("</div>")[0]
    assert f'href="{address}"' in banner
    answer = client.get(address).content.decode()
    assert "journalctl -u pinhole-engine" in answer
    assert "What to do" in answer


def test_engine_that_answers_needs_no_why(client, owner, engine):
    client.force_login(owner)
    assert "Why?" not in client.get("/calls/quiet/").content.decode()


def test_no_registration_is_said_with_who_is_awaited_and_the_way_to_check_its_path(client, owner):
    client.force_login(owner)
    assert "check that a rule allows SIP" in client.get("/calls/registrations/").content.decode()
    for name, role, address in (("lan0", "internal", "192.168.0.1/24"), ("wan0", "external", "203.0.113.2/24")):
        save_interface(actor=owner, name=name, role=role, addresses=[address])
    phone = create_address(actor=owner, name="PBX", kind="host", value="192.168.0.2")
    server = create_address(actor=owner, name="Provider", kind="host", value="203.0.113.1")
    sip = create_service(actor=owner, name="SIP", protocol="udp", ports="5060", application="sip")
    create_rule(actor=owner, name="x", source=phone, destination=server, service=sip, action="accept")
    Revision.objects.create(number=1, state=State.APPLIED, author="anna", policy=policy.dump(snapshot("local", 1)))
    page = client.get("/calls/registrations/").content.decode()
    assert "The phone system at 192.168.0.2 has not registered with Provider." in page
    address = re.search(r'href="([^"]*)">Check path', page)[1].replace("&amp;", "&")
    assert address == "/firewall/questions/?saddr=192.168.0.2&daddr=203.0.113.1&protocol=udp&dport=5060"
    assert "by the SIP ALG" in client.get(address).content.decode()
    double = EngineDouble()
    try:
        quiet = client.get("/calls/registrations/").content.decode()
        assert "The phone system at 192.168.0.2 has not contacted Provider since <time" in quiet
        double.items["counters"] = [
            {"id": str(at), "side": side, "method": "REGISTER", "status": status, "messages": messages}
            for at, (side, status, messages) in enumerate(
                [("internal", 0, 4), ("external", 401, 2), ("external", 403, 2), ("external", 0, 9)]
            )
        ]
        refused = client.get("/calls/registrations/").content.decode()
        assert "4 requests to register have come, and the phone system at 192.168.0.2 is not registered" in refused
        assert "The answers: 403 × 2." in refused
        double.items["counters"] = double.items["counters"][:2]
        assert "Nobody has answered." in client.get("/calls/registrations/").content.decode()
    finally:
        double.stop()


def test_calls_of_exempt_servers_are_said_to_be_missing(client, owner, engine):
    client.force_login(owner)
    assert "the ALG leaves them alone" not in client.get("/calls/").content.decode()
    start_exemption(actor=owner, values=["203.0.113.3"], reason="the provider asked for it")
    assert "Calls of 203.0.113.3 are not in this list" in client.get("/calls/").content.decode()
