# SPDX-License-Identifier: GPL-2.0-or-later
"""/api/v1/calls, pinholes, registrations and providers."""

import pytest

from appliance.firewall.services import create_address

CALL = {
    "id": "c1", "call_id": "a@b", "direction": "inbound", "from_uri": "sip:a@x", "to_uri": "sip:b@y",
    "internal": "192.168.0.10:5060", "provider": "Tel", "rule": "rule:1", "state": "in_call", "since": 1.0,
    "answered": 2.0, "ended": None, "reason": "", "codec": "PCMA", "audio_in": {"packets": 1, "active": True},
    "audio_out": {"packets": 1, "active": True}, "pinholes": 2, "warning": "", "spiral": False, "shadow": False,
    "ending": None, "verdict": {"code": "audio-both", "params": {}, "text": "Audio flows in both directions."},
}  # fmt: skip


@pytest.mark.parametrize("topic", ["calls", "pinholes", "registrations"])
def test_lists_are_fresh_from_the_engine(api, engine, topic):
    assert api("get", topic).json() == {"items": [], "count": 0}
    assert engine.requests == [{"op": "snapshot", "topic": topic}]


def test_call_comes_as_the_contract_has_it(api, engine):
    engine.rows["calls"] = [CALL]
    assert api("get", "calls").json() == {"items": [CALL], "count": 1}


def test_silent_engine_is_said_in_words(api):
    answer = api("get", "calls")
    assert answer.status_code == 503
    assert "Running calls continue" in answer.json()["error"]


def test_provider_is_created_listed_changed_and_deleted(api, owner):
    create_address(actor=owner, name="Proxy", kind="host", value="203.0.113.1")
    create_address(actor=owner, name="Media", kind="host", value="203.0.113.99")
    provider = api("post", "providers", {"name": "Tel", "signalling": "Proxy", "media": "Media"}).json()
    assert provider["media"] == "Media"
    again = api("post", "providers", {"name": "Other", "signalling": "Proxy"})
    assert (again.status_code, list(again.json()["fields"])) == (422, ["signalling"])
    changed = api("patch", f"providers/{provider['id']}", {"symmetric_media": True}).json()
    assert changed == provider | {"symmetric_media": True}
    assert api("get", "providers").json()["items"] == [changed]
    missing = api("patch", f"providers/{provider['id']}", {"signalling": "Nowhere"})
    assert list(missing.json()["fields"]) == ["signalling"]
    assert api("delete", f"providers/{provider['id']}").status_code == 204


@pytest.fixture
def provider(api, owner):
    create_address(actor=owner, name="Proxy", kind="host", value="203.0.113.1")
    return f"providers/{api('post', 'providers', {'name': 'Tel', 'signalling': 'Proxy'}).json()['id']}"


def test_change_of_a_provider_that_another_one_preceded_is_refused_and_loses_nothing(api, provider):
    seen = api("get", provider)["ETag"]
    first = api("patch", provider, {"symmetric_media": True}, headers={"If-Match": seen})
    assert first["ETag"] == api("get", provider)["ETag"] != seen
    for verb, late in (("patch", {"symmetric_media": False}), ("delete", None)):
        refused = api(verb, provider, late, headers={"If-Match": seen})
        assert (refused.status_code, "Read it again" in refused.content.decode()) == (412, True)
    assert api("get", provider).json()["symmetric_media"] is True
    assert api("delete", provider, headers={"If-Match": first["ETag"]}).status_code == 204


SILENCE = "timers.inactive_media"


@pytest.mark.parametrize("of_one", [False, True])
def test_change_of_settings_that_another_one_preceded_is_refused_and_loses_nothing(api, provider, of_one):
    path = f"{provider}/settings" if of_one else "alg/settings"
    seen = api("get", path)["ETag"]
    first = api("patch", path, {"values": {SILENCE: 60}}, headers={"If-Match": seen})
    assert (first.status_code, first["ETag"]) == (200, api("get", path)["ETag"])
    for late in ({"values": {SILENCE: 90}}, {"reset": [SILENCE]}):
        assert api("patch", path, late, headers={"If-Match": seen}).status_code == 412
    assert set_to(api, path) == 60
    assert api("patch", path, {"reset": [SILENCE]}, headers={"If-Match": first["ETag"]})["ETag"] == seen


def test_settings_that_a_provider_inherits_are_a_part_of_what_was_seen(api, provider):
    seen = api("get", f"{provider}/settings")["ETag"]
    api("patch", "alg/settings", {"values": {SILENCE: 60}})
    late = api("patch", f"{provider}/settings", {"values": {"timers.teardown": 6}}, headers={"If-Match": seen})
    assert late.status_code == 412


def test_change_of_settings_is_done_as_a_whole_or_not_at_all(api):
    api("patch", "alg/settings", {"values": {SILENCE: 60}})
    refused = api("patch", "alg/settings", {"reset": [SILENCE], "values": {"timers.teardown": "soon"}})
    assert (refused.status_code, list(refused.json()["fields"])) == (422, ["timers.teardown"])
    assert set_to(api, "alg/settings") == 60


def set_to(api, path):
    return next(item["value"] for item in api("get", path).json()["items"] if item["path"] == SILENCE)


def test_bans_are_listed_and_lifted(api, engine):
    engine.items["bans"] = [{"host": "203.0.113.66", "seconds": 60.0, "packets": 3, "told": True}]
    assert api("get", "bans").json() == {"items": engine.items["bans"], "count": 1}
    assert api("delete", "bans/203.0.113.66").status_code == 204
    assert engine.requests[-1] == {"op": "unban", "host": "203.0.113.66"}
