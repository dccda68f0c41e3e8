# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory's configuration, entered as an operator would, through the services; what is there already stays."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

from django.db import transaction
from django.utils import timezone

from appliance.accounts import services as accounts
from appliance.accounts.models import ApiToken, User
from appliance.firewall import services as firewall
from appliance.firewall.models import AddressObject, Rule, Service
from appliance.network.models import Interface
from appliance.network.services import save_interface
from appliance.sip.models import Provider
from appliance.sip.services import create_provider
from appliance.system.models import Revision
from appliance.system.services import request_apply
from deploy.lab import topology
from sipalg_core.contract import names

ACTOR: Final = "lab"
TOKEN_NAME: Final = "lab"  # noqa: S105  (its name, not its text)
TOKEN_LIFETIME: Final = timedelta(days=1)
_TOKEN_FILE: Final = "lab-token"  # noqa: S105  (where its text lies while the laboratory is up)


@transaction.atomic
def enter() -> None:
    """SIP from PBX and phones to the provider, nothing else: all the rest is the appliance's default, deny."""
    for name, role in (("lan0", "internal"), ("wan0", "external")):
        if not Interface.objects.filter(node=names.NODE, name=name).exists():
            save_interface(
                actor=ACTOR, name=name, role=role, addresses=topology.ADDRESSES[topology.FW, name],
                masquerade=role == "external",
            )  # fmt: skip
    pbx = _host("PBX", topology.PBX)
    phones = _group("Phones", *(_host(f"Phone {101 + i}", host) for i, host in enumerate(topology.PHONES)), pbx)
    provider = _group(
        "Provider", _host("Provider sip1", topology.PROVIDER), _host("Provider sip2", topology.PROVIDER_SECOND)
    )
    media = _host("Provider media", topology.PROVIDER_MEDIA)
    sip = Service.objects.filter(search="sip").first() or firewall.create_service(
        actor=ACTOR, name="SIP", protocol="udp", ports="5060", application="sip"
    )
    if not Provider.objects.filter(signalling=provider).exists():
        create_provider(actor=ACTOR, name="Provider", signalling=provider, media=media, symmetric_media=True)
    if not Rule.objects.filter(source=phones, destination=provider, service=sip).exists():
        firewall.create_rule(
            actor=ACTOR, name="Phones to provider", source=phones, destination=provider, service=sip, action="accept"
        )


def apply() -> Revision:
    """Ask netadmin to put the configuration into the kernel; the namespace is new, whatever the database says."""
    return request_apply(actor=ACTOR, reason="the laboratory starts")


def api_token() -> str:
    """A token with the owner's rights, the same one for as long as the laboratory is up."""
    file = names.run_dir() / _TOKEN_FILE
    if has_token():
        return file.read_text()
    owner = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if owner is None:
        accounts.create_owner_link()  # makes the owner; the link itself is for deploy/run
        owner = User.objects.get(username=accounts.OWNER)
    _, text = accounts.create_api_token(user=owner, name=TOKEN_NAME, expires=timezone.now() + TOKEN_LIFETIME)
    file.touch(0o600)
    file.chmod(0o600)
    file.write_text(text)
    return text


def has_token() -> bool:
    """True from the end of a start that succeeded."""
    return (names.run_dir() / _TOKEN_FILE).exists()


def revoke_tokens() -> None:
    for token in ApiToken.objects.filter(name=TOKEN_NAME):
        accounts.delete_api_token(actor=token.user, token=token)


def _host(name: str, address: str) -> AddressObject:
    return _existing(name) or firewall.create_address(actor=ACTOR, name=name, kind="host", value=address)


def _group(name: str, *members: AddressObject) -> AddressObject:
    return _existing(name) or firewall.create_address(actor=ACTOR, name=name, kind="group", members=members)


def _existing(name: str) -> AddressObject | None:
    return AddressObject.objects.filter(search=name.casefold()).first()
