# SPDX-License-Identifier: GPL-2.0-or-later
"""Who may not do a thing sends a request to those who may: a notice with who, what and where, bounded and recorded."""

import json

import pytest
from django.utils import timezone

from appliance.accounts.services import create_api_token
from appliance.audit.models import Entry
from appliance.firewall.services import create_rule
from appliance.notices import channels
from appliance.permissions import Role
from appliance.system import services
from appliance.system.models import Notice
from tests.unit.people import person

pytestmark = pytest.mark.django_db

ASK = "/system/notices/ask/"


@pytest.fixture
def technician(db, client, owner, engine):
    found = person(Role.TECHNICIAN)
    client.force_login(found)
    return found


def fields(page, name):
    return page.split(f'name="{name}" value="')[1].split('"')[0]


def test_from_the_refusal_to_the_bell_of_who_may(client, technician, owner):
    create_rule(actor="test", name="drop all", action="drop")
    page = client.post("/firewall/rules/1/delete/", headers={"Referer": "http://testserver/firewall/rules/"})
    said = page.content.decode()
    assert page.status_code == 403
    assert f"Only a firewall admin can delete rules. Ask {owner.username} or send a request." in said
    asked = {name: fields(said, name) for name in ("permission", "page")}
    assert asked == {"permission": "rules.delete", "page": "/firewall/rules/"}
    answer = client.post(ASK, asked | {"reason": "the old\nforwarding of the door"}, follow=True)
    assert f"it stands at the bell of {owner.username}" in answer.content.decode()
    entry = Entry.objects.get(verb="ask")
    assert (entry.actor, entry.reason) == ("a_technician", "the old forwarding of the door")
    assert entry.after == {"permission": "rules.delete", "page": "/firewall/rules/"}

    client.force_login(owner)
    assert 'data-new="1"' in client.get("/").content.decode()
    for language, sentence in (
        ("en", "a_technician (VoIP technician) sends a request: Only a firewall admin can delete rules."),
        ("de", "a_technician (VoIP-Techniker) sendet eine Anfrage: Nur Firewall-Admins können Regeln löschen."),
        (
            "tr",
            "a_technician (VoIP teknisyeni) bir istek gönderiyor: "
            "Kuralları yalnızca güvenlik duvarı yöneticisi silebilir.",
        ),
    ):
        listed = client.get("/system/notices/", headers={"Accept-Language": language}).content.decode()
        assert f'<a href="/firewall/rules/">{sentence}</a>' in listed
        assert "the old forwarding of the door" in listed
    assert 'data-new="0"' in client.get("/").content.decode()


def test_a_fragment_offers_it_where_one_is(client, technician):
    create_rule(actor="test", name="drop all", action="drop")
    htmx = {"HX-Request": "true", "HX-Current-URL": "http://testserver/firewall/rules/?table=forward"}
    said = client.post("/firewall/rules/1/delete/", headers=htmx).content.decode()
    assert f'hx-post="{ASK}"' in said
    assert fields(said, "page") == "/firewall/rules/"
    answer = client.post(ASK, {"permission": "rules.delete", "page": "/firewall/rules/"}, headers=htmx)
    assert (answer.status_code, answer.content.decode().count('id="messages"')) == (200, 1)


def test_it_is_mailed_as_other_notices_are(client, technician, owner, monkeypatch):
    services.save_notice_settings(actor=owner, syslog_host="192.0.2.9")
    went = []
    monkeypatch.setitem(channels.CHANNELS, "syslog", lambda _way, message: went.append(message))
    client.post(ASK, {"permission": "rules.change", "page": "/firewall/rules/?table=dnat", "reason": "door"})
    assert services.send_notices() == 1
    assert went[0].text == "door\nhttp://testserver/firewall/rules/?table=dnat"
    assert went[0].subject.startswith(
        "a_technician (VoIP technician) sends a request: Only a firewall admin can change rules."
    )


def test_without_a_channel_nothing_is_sent_later(client, technician, owner):
    client.post(ASK, {"permission": "rules.change", "page": "/"})
    services.save_notice_settings(actor=owner, syslog_host="192.0.2.9")
    assert Notice.objects.get().done
    assert services.send_notices() == 0


def test_how_often_and_for_what_one_may_ask(client, technician):
    def ask(permission, page="/"):
        answer = client.post(ASK, {"permission": permission, "page": page}, follow=True)
        assert answer.status_code == 200
        return answer.content.decode()

    assert "within the last hour" not in ask("rules.change")
    assert "within the last hour" in ask("rules.change")
    assert "may do this already" in ask("calls.see")
    assert "no such permission" in ask("rules.nonsense")
    for each in ("rules.delete", "objects.change", "alg.change", "network.change"):
        ask(each)
    assert "the fifth request" in ask("users.change")
    assert Notice.objects.count() == 5
    Notice.objects.update(created=timezone.now() - services.notices.KEPT * 2)
    ask("users.change")
    assert Notice.objects.count() == 1  # what is older than notices are kept has gone


@pytest.mark.parametrize("page", ["//evil.example/x", "https://evil.example/", "javascript:alert(1)", "", "x" * 500])
def test_no_request_leads_elsewhere(client, technician, owner, page):
    client.post(ASK, {"permission": "rules.change", "page": page, "reason": "http://evil.example/\n//evil.example"})
    client.force_login(owner)
    listed = client.get("/system/notices/").content.decode()
    assert 'href="/">a_technician (VoIP technician) sends a request' in listed
    assert 'href="http' not in listed.split("<tbody>")[1]


def test_programs_may_ask_too(client, technician, owner):
    _token, text = create_api_token(user=technician, name="tests")
    sent = json.dumps({"permission": "rules.change", "reason": "door"})
    headers = {"Authorization": f"Bearer {text}"}
    answer = client.post("/api/v1/notices/requests", sent, "application/json", headers=headers)
    assert (answer.status_code, answer.json()) == (200, {"asked": [owner.username]})
    again = client.post("/api/v1/notices/requests", sent, "application/json", headers=headers)
    assert again.status_code == 422
