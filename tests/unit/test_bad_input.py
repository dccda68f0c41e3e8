# SPDX-License-Identifier: GPL-2.0-or-later
"""Made-up bodies for whatever changes the configuration: an answer in words, never a 500, never half a change."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from appliance.accounts.models import User
from appliance.accounts.services import create_api_token
from appliance.firewall.models import AddressObject, Rule, Schedule, Service
from appliance.network.models import Interface
from appliance.sip.models import Provider

EXAMPLES = 300
"""Of each of seven kinds: 2,100."""

_ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(allow_nan=False), st.text(max_size=120),
    st.lists(st.text(max_size=8), max_size=3), st.dictionaries(st.text(max_size=5), st.integers(), max_size=2),
    st.sampled_from([
        "accept", "drop", "dnat", "snat", "masquerade", "forward", "input", "host", "network", "range", "group", "dns",
        "country", "udp", "tcp", "both", "any", "other", "sip", "192.168.0.2", "192.168.0.0/24", "10.0.0.9-10.0.0.1",
        "::1", "fd00::/8", "5060", "1-65535", "65536", "0", "5060,", "-", "internal", "external", "x" * 300, "PBX",
        "fwd", "\x00", "; drop table", "a\nb", "2026-12-24T18:00:00Z", "08:00", "24:00", "Europe/Berlin", "DE",
        "_sip._udp.example.net",
    ]),
)  # fmt: skip


def _bodies(*fields: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys((*fields, "surprise"), _ODD))


RULE = (
    "name", "action", "table", "source", "destination", "service", "from_zone", "to_zone", "target", "target_port",
    "until", "schedule", "section", "tags", "enabled", "log", "comment", "before", "after", "position",
)  # fmt: skip
THING = ("name", "kind", "value", "members", "lookup", "negated", "protocol", "ports", "application", "number")
KINDS: dict[str, tuple[str, str, st.SearchStrategy[Any]]] = {
    "rule": ("post", "rules", _bodies(*RULE)),
    "address": ("post", "addresses", _bodies(*THING)),
    "service": ("post", "services", _bodies(*THING)),
    "schedule": ("post", "schedules", _bodies("name", "weekdays", "begin", "end", "timezone")),
    "interface": ("put", "interfaces/eth9", _bodies("role", "addresses", "masquerade")),
    "import": (
        "put", "configuration",
        st.builds(
            lambda rules, addresses, interfaces, extra: {"configuration": {
                "format": "pinhole-configuration", "version": 1, "rules": rules, "addresses": addresses,
                "interfaces": interfaces, **extra}},
            st.lists(_bodies(*RULE), max_size=3), st.lists(_bodies("name", "kind", "value", "members"), max_size=3),
            st.lists(_bodies("name", "role", "addresses", "masquerade"), max_size=2), _bodies("format", "version"),
        ),
    ),
    "body": ("post", "rules", _ODD),
}  # fmt: skip


def _counts() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in
            (Rule, AddressObject, Service, Schedule, Interface, Provider)]  # type: ignore[attr-defined]  # fmt: skip


@pytest.fixture
def send(db: None, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str, Any], Any]:
    owner = User(username="anna", is_superuser=True, role="owner")
    owner.set_unusable_password()
    owner.save()
    AddressObject.objects.create(name="PBX", kind="host", value="192.168.0.2")
    header = {"Authorization": f"Bearer {create_api_token(user=owner, name='tests')[1]}"}
    client = Client()

    def call(method: str, path: str, body: Any) -> Any:
        text = json.dumps(body)
        return getattr(client, method)(f"/api/v1/{path}", text, content_type="application/json", headers=header)

    return call


@pytest.mark.parametrize("kind", KINDS)
def test_whatever_is_sent_is_answered_in_words_and_changes_all_or_nothing(
    send: Callable[[str, str, Any], Any], kind: str
) -> None:
    method, path, bodies = KINDS[kind]
    before = _counts()

    @settings(max_examples=EXAMPLES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(bodies)
    def check(body: Any) -> None:
        with transaction.atomic():
            answer = send(method, path, body)
            assert answer.status_code < 500
            if answer.status_code >= 400:
                told = answer.json()
                assert told["error"]
                assert told.get("fields") or answer.status_code != 422, told
                assert _counts() == before, "half a change"
            transaction.set_rollback(True)

    check()
