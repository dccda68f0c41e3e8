# SPDX-License-Identifier: GPL-2.0-or-later
"""What the wizard's tests share: surroundings that answer, good answers for every step, and ways through them."""

from appliance.ruleset.resolution import Answer
from tests.unit.network.test_interfaces import link
from tests.unit.people import PASSWORD

NEIGHBOURS = [
    {"address": "192.168.0.2", "mac": "02:00:00:00:00:02", "interface": "lan0", "state": "reachable"},
    {"address": "192.168.0.66", "mac": "02:00:00:00:00:66", "interface": "lan0", "state": "stale"},
    {"address": "203.0.113.1", "mac": "02:00:00:00:00:99", "interface": "wan0", "state": "reachable"},
    {"address": "192.168.0.9", "mac": "", "interface": "lan0", "state": "failed"},
    {"address": "fe80::2", "mac": "02:00:00:00:00:02", "interface": "lan0", "state": "reachable"},
]
LINKS = [
    link("lan0", "192.168.0.1/24"), link("wan0", "203.0.113.2/24", gateway="203.0.113.1"), link("eth2", carrier=False)
]  # fmt: skip
KNOWN = {
    "address:example.com": Answer(("192.0.2.80",), 60.0),
    "srv:_sip._udp.sip.example.net": Answer(("203.0.113.1", "203.0.113.3"), 60.0),
    "address:plain.example.net": Answer(("203.0.113.7",), 60.0),
}
GOOD = {
    "look": {"language": "en"},
    "owner": {"password": PASSWORD},
    "factor": {},
    "start": {"way": "new"},
    "interfaces": {},
    "zones": {"role-lan0": "internal", "role-wan0": "external", "role-eth2": ""},
    "internet": {"servers": ""},
    "office": {"what": "usual"},
    "phones": {"pbx": "192.168.0.2"},
    "provider": {"server": "sip.example.net", "media_from": "203.0.113.99", "symmetric": "on"},
    "mode": {"mode": "alg"},
    "review": {},
}


def address(step):
    return "/system/setup/owner/password/" if step == "owner" else f"/system/setup/{step}/"


def take(client, *names, **changed):
    answer = None
    for name in names:
        answer = client.post(address(name), GOOD[name] | changed)
        assert answer.status_code == 302, (name, answer.content.decode())
    return answer


def up_to(client, name):
    """All steps before this one, answered well."""
    take(client, *list(GOOD)[: list(GOOD).index(name)])


def text_of(answer):
    return answer.content.decode()


def on_the_way(answer):
    return answer.url.removeprefix("/system/setup/").strip("/")
