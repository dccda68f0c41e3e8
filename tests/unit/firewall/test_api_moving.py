# SPDX-License-Identifier: GPL-2.0-or-later
"""REST of objects that move, of country data, of uses and replacement."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import given, settings
from hypothesis import strategies as st

from appliance.firewall.models import AddressObject, Service
from appliance.firewall.services import hold
from appliance.ruleset.resolution import Answer

CSV = b"198.51.100.0,198.51.100.255,DE\n2001:db8::,2001:db8::1,AT\n"


@pytest.fixture
def upload(client, token):
    def call(content, **fields):
        files = {"files": SimpleUploadedFile("x.csv", content)} | fields
        return client.post("/api/v1/country-data", files, headers={"Authorization": f"Bearer {token}"})

    return call


def test_dns_object_says_what_it_holds(api):
    created = api("post", "addresses", {"name": "Tel", "kind": "dns", "value": "_sip._udp.example.net"}).json()
    assert (created["lookup"], created["holding"]["addresses"], created["holding"]["refreshed"]) == ("srv", [], None)
    hold(outcomes={"srv:_sip._udp.example.net": Answer(("203.0.113.1", "127.0.0.1"), 300)}, now=1000)
    path = f"addresses/{created['id']}"
    assert api("get", path).json()["holding"] == {
        "addresses": ["203.0.113.1"], "ranges": 0, "refreshed": 1000, "due": 1300, "error": "",
        "refused": [{"address": "127.0.0.1", "reason": "loopback"}],
    }  # fmt: skip
    assert api("get", f"{path}/changes").json()["items"][0]["added"] == ["203.0.113.1"]
    assert [each["name"] for each in api("get", "addresses?q=203.0.113.1").json()["items"]] == ["Tel"]
    assert api("get", "addresses?q=203.0.113.2").json() == {"items": [], "count": 0}


def test_refresh_without_a_queue_says_so(api, pbx):
    created = api("post", "addresses", {"name": "Tel", "kind": "dns", "value": "sip.example.net"}).json()
    answer = api("post", f"addresses/{created['id']}/refresh")
    assert (answer.status_code, answer.json()["error"]) == (422, "The job queue (Redis) does not answer. Try again.")
    assert "Only a DNS name" in api("post", f"addresses/{pbx.pk}/refresh").json()["error"]


def test_countries_from_upload_to_use(api, upload):
    assert api("get", "country-data").json() == {"items": [], "count": 0}
    data = upload(CSV, name="Test", licence="CC0", published="2026-01-01").json()
    assert (data["source"], data["published"], data["active"]) == ("Test", "2026-01-01", False)
    assert api("post", f"country-data/{data['id']}/use").json()["active"]
    country = api("post", "addresses", {"name": "DE", "kind": "country", "value": "de", "negated": True}).json()
    assert (country["value"], country["negated"], country["holding"]["ranges"]) == ("DE", True, 1)
    worse = upload(b"2001:db8::,2001:db8::1,AT\n").json()
    assert [(each["country"], each["removed"], each["suspicious"]) for each in worse["differences"]] == [
        ("DE", 1, True), ("*", 1, True),
    ]  # fmt: skip
    refused = api("post", f"country-data/{worse['id']}/use")
    assert (refused.status_code, list(refused.json()["fields"])) == (422, ["force"])
    assert api("post", f"country-data/{worse['id']}/use?force=true").status_code == 200
    assert api("delete", f"country-data/{worse['id']}").status_code == 422


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\x00\xff" * 50, b"192.0.2.0,192.0.2.1,DE\nx,y,z\n"])
def test_bad_upload_is_a_field_error(upload, db, content):
    answer = upload(content)
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["files"])


def test_name_servers(api):
    assert api("get", "name-servers").json() == {"servers": []}
    assert api("put", "name-servers", {"servers": ["192.0.2.53"]}).json() == {"servers": ["192.0.2.53"]}
    assert list(api("put", "name-servers", {"servers": ["x"]}).json()["fields"]) == ["servers"]


def test_uses_and_replacement(api, make_rule, pbx, web):
    make_rule("a", source=pbx, service=web)
    uses = api("get", f"addresses/{pbx.pk}/uses").json()
    assert [(each["kind"], each["name"], each["field"]) for each in uses["items"]] == [("rule", "a", "source")]
    other = api("post", "addresses", {"name": "Other", "kind": "host", "value": "192.168.0.3"}).json()
    assert api("post", f"addresses/{pbx.pk}/replace?by=Other").json() == {"places": 1}
    assert api("get", f"addresses/{other['id']}/uses").json()["count"] == 1
    assert list(api("post", f"addresses/{pbx.pk}/replace?by=nobody").json()["fields"]) == ["by"]
    service = api("post", "services", {"name": "G", "protocol": "group", "members": ["Web"]}).json()
    assert service["members"] == ["Web"]
    assert api("get", f"services/{web.pk}/uses").json()["count"] == 2
    esp = api("post", "services", {"name": "ESP", "protocol": "other", "number": 50}).json()
    assert esp["number"] == 50
    assert api("post", f"services/{web.pk}/replace?by={esp['id']}").json() == {"places": 2}
    assert api("post", "services/usual").json()["count"] == 13


BAD_ADDRESSES = [
    {}, {"name": "x"}, {"name": "", "kind": "host", "value": "192.0.2.1"}, {"name": "x", "kind": "host", "value": None},
    {"name": "x", "kind": "dns", "value": "a b"}, {"name": "x", "kind": "dns", "value": "x." * 200},
    {"name": "x", "kind": "country", "value": "Q"}, {"name": "x", "kind": "group", "members": ["nobody"]},
    {"name": "x", "kind": "group", "members": [999]}, {"name": "x" * 200, "kind": "host", "value": "192.0.2.1"},
    {"name": "x", "kind": "host", "value": "192.0.2.1", "members": ["y"]}, {"name": 5, "kind": 7, "value": []},
    {"name": "x", "kind": "dns", "value": "a.example", "lookup": "any"},
    {"name": "x", "kind": "range", "value": "1-2-3"},
    {"name": "x", "kind": "network", "value": "192.0.2.1/24"}, {"name": "\x00", "kind": "host", "value": "\x00"},
]  # fmt: skip
BAD_SERVICES = [
    {}, {"name": "x"}, {"name": "x", "protocol": "other", "number": "many"},
    {"name": "x", "protocol": "tcp", "ports": "0"},
    {"name": "x", "protocol": "tcp", "ports": "1-99999"}, {"name": "x", "protocol": "group", "members": [None]},
    {"name": "x", "protocol": "any", "number": 3}, {"name": "x" * 90, "protocol": "tcp"},
    {"name": "x", "protocol": "tcp", "application": "sip"}, {"name": "x", "protocol": "tcp", "ports": "٣"},
]  # fmt: skip


@pytest.mark.parametrize(("path", "body"), [*(("addresses", each) for each in BAD_ADDRESSES),
                                            *(("services", each) for each in BAD_SERVICES)])  # fmt: skip
def test_bad_body_is_a_field_error_and_leaves_nothing(api, path, body):
    answer = api("post", path, body)
    assert answer.status_code == 422
    assert answer.json()["fields"]
    assert not AddressObject.objects.exists()
    assert not Service.objects.exists()


ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.text(max_size=30),
    st.lists(st.one_of(st.text(max_size=5), st.integers(-(2**70), 2**70)), max_size=3),
    st.sampled_from(["host", "dns", "country", "group", "udp", "other", "srv", "192.0.2.1", "a.example", "DE", "5060"]),
)  # fmt: skip
ADDRESS = st.dictionaries(st.sampled_from(["name", "kind", "value", "lookup", "negated", "members", "odd"]), ODD)
SERVICE = st.dictionaries(st.sampled_from(["name", "protocol", "ports", "application", "number", "members"]), ODD)


@pytest.mark.parametrize(("path", "bodies"), [("addresses", ADDRESS), ("services", SERVICE)])
def test_generated_bodies_are_taken_or_refused_at_a_field(api, path, bodies):
    """1,000 of each kind; what is refused leaves no row."""
    model = {"addresses": AddressObject, "services": Service}[path]

    @settings(max_examples=1000, deadline=None, database=None)
    @given(bodies)
    def ask(body):
        before = model.objects.count()
        answer = api("post", path, body)
        assert answer.status_code in (201, 422), (body, answer.content)
        if answer.status_code == 422:
            assert answer.json()["fields"], body
        assert model.objects.count() == before + (answer.status_code == 201)

    ask()
