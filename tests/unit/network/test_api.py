# SPDX-License-Identifier: GPL-2.0-or-later
"""GET /api/v1/interfaces."""

from appliance.network.services import save_interface


def test_interfaces_are_listed(api, owner):
    save_interface(actor=owner, name="lan0", role="internal", addresses=["192.168.0.1/24"])
    answer = api("get", "interfaces").json()
    assert answer["count"] == 1
    assert answer["items"][0] | {"id": 0} == {
        "id": 0, "name": "lan0", "role": "internal", "addresses": ["192.168.0.1/24"], "masquerade": False,
        "found": None,
    }  # fmt: skip
