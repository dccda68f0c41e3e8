# SPDX-License-Identifier: GPL-2.0-or-later
"""The objects of a small office."""

import pytest

from appliance.firewall.services import create_address, create_rule, create_service


@pytest.fixture
def pbx(owner):
    return create_address(actor=owner, name="PBX", kind="host", value="192.168.0.2")


@pytest.fixture
def provider(owner):
    return create_address(actor=owner, name="Provider", kind="host", value="203.0.113.1")


@pytest.fixture
def sip(owner):
    return create_service(actor=owner, name="SIP", protocol="udp", ports="5060", application="sip")


@pytest.fixture
def web(owner):
    return create_service(actor=owner, name="Web", protocol="tcp", ports="80,443")


@pytest.fixture
def make_rule(owner):
    def make(name, **fields):
        fields = {"source": None, "destination": None, "service": None, "action": "accept"} | fields
        return create_rule(actor=owner, name=name, **fields)

    return make
