# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner in front of the first-run wizard, with surroundings that answer."""

import pytest

from appliance.ruleset.resolution import Failure
from tests.unit.system.wizard import KNOWN, LINKS, NEIGHBOURS


@pytest.fixture
def surroundings(monkeypatch):
    """What netadmin and name servers would say; tests/browser asks the real ones."""
    told = {"links": LINKS, "neighbours": NEIGHBOURS}
    monkeypatch.setattr("appliance.network.queries.ask", lambda question, **_: told[question])
    monkeypatch.setattr("appliance.wizard.looking.ask", lambda question, **_: told[question])
    monkeypatch.setattr(
        "appliance.wizard.looking.resolve",
        lambda lookups, _servers: {each: KNOWN.get(each, Failure("nxdomain")) for each in lookups},
    )
    return told


@pytest.fixture
def wizard(client, owner, engine, surroundings):
    client.force_login(owner)
    return client
