# SPDX-License-Identifier: GPL-2.0-or-later
"""The page of API tokens: each sees his own, the owner everybody's; a token's text is shown once."""

import re

import pytest

from appliance.accounts.models import ApiToken
from appliance.accounts.queries import user_for_token
from appliance.accounts.services import create_api_token
from appliance.permissions import Role
from tests.unit.people import person

pytestmark = pytest.mark.django_db


@pytest.fixture
def console(client, owner, engine):
    client.force_login(owner)
    return client


def test_token_is_made_and_shown_once(console):
    answer = console.post("/accounts/api-tokens/add/", {"name": "monitoring", "lifetime": "30", "role": "auditor"})
    text = re.search(r"ph_[\w-]{43}", answer.content.decode()).group()
    assert user_for_token(text).username == "anna"
    page = console.get("/accounts/api-tokens/").content.decode()
    assert "monitoring" in page
    assert text not in page


def test_token_without_a_name_is_refused_at_the_field(console):
    answer = console.post("/accounts/api-tokens/add/", {"name": "", "lifetime": "30"})
    assert "Give the token a name" in answer.content.decode()
    assert not ApiToken.objects.exists()


def test_owner_sees_and_revokes_everybodys_others_their_own(console, owner, client):
    technician = person(Role.TECHNICIAN)
    mine, _text = create_api_token(user=owner, name="mine")
    theirs, _text = create_api_token(user=technician, name="theirs")
    page = console.get("/accounts/api-tokens/").content.decode()
    assert "mine" in page
    assert "theirs" in page
    client.force_login(technician)
    assert ">mine<" not in client.get("/accounts/api-tokens/").content.decode()
    assert client.post(f"/accounts/api-tokens/{mine.pk}/revoke/").status_code == 404
    client.force_login(owner)
    client.post(f"/accounts/api-tokens/{theirs.pk}/revoke/")
    assert list(ApiToken.objects.all()) == [mine]
