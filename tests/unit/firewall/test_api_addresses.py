# SPDX-License-Identifier: GPL-2.0-or-later
"""/api/v1/addresses and /api/v1/services."""

import pytest

OFFICE = {"name": "Office", "weekdays": [0, 4], "begin": "08:00:00", "end": "18:00:00", "timezone": "Europe/Berlin"}


def test_address_is_created_listed_changed_and_deleted(api):
    host = api("post", "addresses", {"name": "PBX", "kind": "host", "value": "192.168.0.2"})
    assert host.status_code == 201
    group = api("post", "addresses", {"name": "Phones", "kind": "group", "members": ["pbx"]}).json()
    assert group["members"] == ["PBX"]
    assert api("get", "addresses").json()["count"] == 2
    changed = api("patch", f"addresses/{host.json()['id']}", {"value": "192.168.0.3"}).json()
    assert changed["value"] == "192.168.0.3"
    refused = api("delete", f"addresses/{changed['id']}")
    assert (refused.status_code, list(refused.json()["fields"])) == (422, ["address"])
    assert api("delete", f"addresses/{group['id']}").status_code == 204
    assert api("delete", f"addresses/{changed['id']}").status_code == 204


@pytest.mark.parametrize(
    ("path", "made", "verb", "change"),
    [
        ("addresses", {"name": "PBX", "kind": "host", "value": "192.168.0.2"}, "patch", {"value": "192.168.0.3"}),
        ("services", {"name": "RTP", "protocol": "udp", "ports": "5004"}, "patch", {"ports": "5006"}),
        ("schedules", OFFICE, "put", OFFICE | {"end": "17:00:00"}),
        ("interfaces/lan0", {"role": "internal"}, "put", {"role": "dmz"}),
    ],
)
def test_update_that_another_one_preceded_is_refused_and_loses_nothing(api, path, made, verb, change):
    if path.startswith("interfaces"):
        api("put", path, made)
    else:
        path += f"/{api('post', path, made).json()['id']}"
    seen = api("get", path)["ETag"]
    first = api(verb, path, change, headers={"If-Match": seen})
    assert first.status_code == 200
    assert first["ETag"] == api("get", path)["ETag"] != seen
    for late in (verb, "delete"):
        refused = api(late, path, made if late == verb else None, headers={"If-Match": seen})
        assert (refused.status_code, "Read it again" in refused.content.decode()) == (412, True)
    kept = api("get", path).json()
    assert {key: kept[key] for key in change} == change
    assert api("delete", path, headers={"If-Match": first["ETag"]}).status_code == 204


@pytest.mark.parametrize(
    ("path", "verb", "first", "late"),
    [
        ("name-servers", "put", {"servers": ["192.0.2.53"]}, {"servers": ["192.0.2.54"]}),
        ("notices/settings", "patch", {"before_minutes": 30}, {"before_minutes": 45}),
    ],
)
def test_settings_of_which_there_is_one_are_guarded_as_well(api, path, verb, first, late):
    seen = api("get", path)["ETag"]
    changed = api(verb, path, first, headers={"If-Match": seen})
    assert (changed.status_code, changed["ETag"]) == (200, api("get", path)["ETag"])
    assert api(verb, path, late, headers={"If-Match": seen}).status_code == 412
    kept = api("get", path).json()
    assert {key: kept[key] for key in first} == first
    assert api(verb, path, late).status_code == 200


def test_bad_address_names_the_field(api):
    answer = api("post", "addresses", {"name": "PBX", "kind": "host", "value": "192.168.0.999"})
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["value"])


def test_service_is_created_listed_changed_and_deleted(api):
    service = api("post", "services", {"name": "RTP", "protocol": "udp", "ports": "16384-32767"}).json()
    assert api("get", "services").json() == {"items": [service], "count": 1}
    assert api("patch", f"services/{service['id']}", {"ports": "5004"}).json()["ports"] == "5004"
    answer = api("patch", f"services/{service['id']}", {"ports": "0"})
    assert (answer.status_code, list(answer.json()["fields"])) == (422, ["ports"])
    assert api("delete", f"services/{service['id']}").status_code == 204
