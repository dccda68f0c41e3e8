# SPDX-License-Identifier: GPL-2.0-or-later
"""Learning where media comes from is a setting of one provider, and needs its media networks."""

import pytest
from django.core.exceptions import ValidationError

from appliance.firewall.services import create_address
from appliance.ruleset.compile import compile_alg
from appliance.ruleset.snapshot import snapshot
from appliance.sip.services import change_settings, update_provider
from tests.unit.sip.test_settings import telephony  # noqa: F401  # the fixture


def test_media_is_learnt_for_one_provider_and_from_its_networks_alone(telephony, owner):  # noqa: F811
    learn = {"peering.learn_media": True}
    with pytest.raises(ValidationError, match="single provider"):
        change_settings(actor=owner, values=learn)
    with pytest.raises(ValidationError, match="media networks first"):
        change_settings(actor=owner, values=learn, provider=telephony)
    media = create_address(actor=owner, name="Relays", kind="network", value="203.0.113.96/28")
    update_provider(actor=owner, provider=telephony, media=media)
    change_settings(actor=owner, values=learn, provider=telephony)
    (peering,) = compile_alg(snapshot("local", 1)).peerings
    assert [str(network) for network in peering.learns_from] == ["203.0.113.96/28"]
    update_provider(actor=owner, provider=telephony, media=None)
    (peering,) = compile_alg(snapshot("local", 1)).peerings
    assert peering.learns_from == ()
