# SPDX-License-Identifier: GPL-2.0-or-later
"""Tokens, sign-in links and passwords."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.utils import timezone

from appliance.accounts.models import ApiToken, SignInLink, User
from appliance.accounts.queries import user_for_token
from appliance.accounts.services import LinkInvalid, create_api_token, create_owner_link, redeem_link, set_password
from appliance.audit.models import Entry
from appliance.firewall.models import Activation
from appliance.firewall.services import activations

pytestmark = pytest.mark.django_db


def test_no_account_exists_by_default():
    assert not User.objects.exists()


def test_token_opens_the_door_and_is_kept_as_a_hash(owner):
    token, text = create_api_token(user=owner, name="lab")
    assert text.startswith("ph_")
    assert user_for_token(text) == owner
    assert text not in str(ApiToken.objects.values().get(pk=token.pk))
    token.refresh_from_db()
    assert token.last_used is not None


def test_expired_token_and_switched_off_user_are_refused(owner):
    token, text = create_api_token(user=owner, name="lab", expires=timezone.now() + timedelta(hours=1))
    ApiToken.objects.filter(pk=token.pk).update(expires=timezone.now() - timedelta(seconds=1))
    assert user_for_token(text) is None
    ApiToken.objects.filter(pk=token.pk).update(expires=None)
    assert user_for_token(text) == owner
    owner.is_active = False
    owner.save()
    assert user_for_token(text) is None


def test_token_that_ends_in_the_past_is_refused(owner):
    with pytest.raises(ValidationError) as error:
        create_api_token(user=owner, name="lab", expires=timezone.now() - timedelta(hours=1))
    assert "expires" in error.value.message_dict


def test_link_makes_the_owner_and_works_once():
    text = create_owner_link()
    user = redeem_link(token=text)
    assert user.is_superuser
    assert not user.has_usable_password()
    with pytest.raises(LinkInvalid, match="used already"):
        redeem_link(token=text)
    assert redeem_link(token=create_owner_link()) == user
    assert User.objects.count() == 1


def test_link_expires_and_unknown_link_is_refused():
    text = create_owner_link()
    SignInLink.objects.update(expires=timezone.now() - timedelta(seconds=1))
    with pytest.raises(LinkInvalid, match="expired"):
        redeem_link(token=text)
    with pytest.raises(LinkInvalid, match="not known"):
        redeem_link(token="made up")


def test_command_prints_an_address_that_signs_in(capsys):
    call_command("signin_link", minutes=5)
    address = capsys.readouterr().out.strip()
    assert address.startswith("http://127.0.0.1:8000/accounts/link/")
    assert redeem_link(token=address.rstrip("/").rpartition("/")[2]).is_superuser


def test_command_opens_the_console_for_an_address_whatever_the_rules_say(capsys, monkeypatch):
    monkeypatch.setattr(activations, "tell_netadmin", lambda *, node: True)
    monkeypatch.setenv("SSH_CLIENT", "192.168.0.20 51022 22")
    call_command("signin_link")
    assert "signin_link --from 192.168.0.20" in capsys.readouterr().err
    call_command("signin_link", "--from", "192.168.0.0/24")
    assert capsys.readouterr().err == ""
    opened = Activation.objects.get()
    assert (opened.kind, opened.rule["source"]["values"]) == ("rule", ["192.168.0.0/24"])
    assert (opened.rule["table"], opened.rule["service"]["ports"]) == ("input", "22,443,8000")
    assert timedelta(minutes=59) < opened.ends - timezone.now() <= timedelta(hours=1)
    assert Entry.objects.filter(verb="activate", actor="command line").exists()
    with pytest.raises(CommandError, match="is no address"):
        call_command("signin_link", "--from", "nowhere")


def test_weak_password_is_refused_and_a_new_one_is_audited_without_it(owner):
    with pytest.raises(ValidationError) as error:
        set_password(actor=owner, user=owner, password="short")
    assert "password" in error.value.message_dict
    set_password(actor=owner, user=owner, password="a long enough pass phrase")
    assert owner.check_password("a long enough pass phrase")
    assert owner.password.startswith("argon2")
    assert "pass phrase" not in str(Entry.objects.first().__dict__)
