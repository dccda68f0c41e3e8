# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices: what is worth one is looked up, each is written once, and sent until it arrives or is given up.

Nothing waits for a notice: `notify` (beat, every 30 s) looks and sends in `worker`.
"""

from __future__ import annotations

import logging
import smtplib
from collections.abc import Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from django.conf import settings as django_settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from appliance import keys
from appliance.accounts.models import User
from appliance.audit.services import record
from appliance.firewall.columns import LOOKUP_ERRORS
from appliance.firewall.models import Activation, ActivationState, Content, Rule
from appliance.network import queries as network
from appliance.notices.channels import CHANNELS, Message, Way, wanted
from appliance.system import queries
from appliance.system.columns import notices as told
from appliance.system.models import Notice, NoticeSettings, Revision, State
from appliance.ui.columns import unresolved
from sipalg_core.contract import names

log = logging.getLogger(__name__)

MOST_TRIES: Final = 8
FIRST_WAIT: Final = timedelta(seconds=30)
"""Doubled after each failure: given up after an hour."""
KEPT: Final = timedelta(days=30)
_SECRETS: Final = ("smtp_password", "webhook_secret")
_FAILING: Final = 3
"""Lookups of a name that fail one after the other until somebody is told."""


class Event(NamedTuple):
    key: str
    kind: str
    level: str
    subject: str
    text: str


# --- Settings ---


@transaction.atomic
def save_notice_settings(*, actor: User | str, **changes: Any) -> NoticeSettings:
    """A secret that is empty stays as it was; None takes it away."""
    current = notice_settings()
    before = describe_notice_settings(current)
    for name, value in changes.items():
        if name in _SECRETS:
            if value != "":
                setattr(current, name, _sealed(value) if value else "")
        else:
            setattr(current, name, value)
    _check(current)
    current.save()
    record(actor=actor, verb="update", target=current, before=before, after=describe_notice_settings(current))
    return current


def notice_settings() -> NoticeSettings:
    return NoticeSettings.objects.filter(node=names.NODE).first() or NoticeSettings(node=names.NODE)


def describe_notice_settings(current: NoticeSettings) -> dict[str, Any]:
    """Without the secrets: only whether there are any."""
    plain = {name: getattr(current, name) for name in NoticeSettings.FIELDS if name not in _SECRETS}
    return plain | {name: bool(getattr(current, name)) for name in _SECRETS}


def _check(current: NoticeSettings) -> None:
    errors: dict[str, list[str]] = {}
    for address in (*current.email_to, *([current.email_from] if current.email_from else [])):
        try:
            validate_email(address)
        except ValidationError:
            field = "email_from" if address == current.email_from else "email_to"
            errors[field] = [_("“%s” is no e-mail address.") % address]
    if current.email_to and not (current.smtp_host and current.email_from):
        missing = "email_from" if current.smtp_host else "smtp_host"
        errors.setdefault(missing, []).append(_("E-mail needs a server and a sender."))
    url = urlsplit(current.webhook_url)
    if current.webhook_url and not (url.hostname and url.scheme in ("https", "http")):
        errors["webhook_url"] = [_("Write an address that begins with https://.")]
    elif url.scheme == "http" and not current.inside:
        errors["webhook_url"] = [_("Without encryption only inside: tick that receivers may be inside, or use https.")]
    for field in ("smtp_port", "syslog_port"):
        if not 1 <= getattr(current, field) <= 65535:
            errors[field] = [_("A port is from 1 to 65535.")]
    if not 0 <= current.before_minutes <= 10_080:
        errors["before_minutes"] = [_("Choose 0 (no notice) to 10080 minutes (a week).")]
    if errors:
        raise ValidationError(errors)


def _sealed(text: str) -> str:
    return keys.seal(text, key=django_settings.SECRET_KEY, purpose="notices")


def _opened(sealed: str) -> str:
    try:
        return keys.unseal(sealed, key=django_settings.SECRET_KEY, purpose="notices") if sealed else ""
    except keys.KeyLost:
        return ""  # the appliance's own key is another: the secret must be entered again


def way_of(current: NoticeSettings) -> Way:
    own = tuple(each.partition("/")[0] for addresses in network.found().values() for each in addresses)
    values = {each.name: getattr(current, each.name) for each in fields(Way) if each.name != "own"}
    values |= {name: _opened(values[name]) for name in _SECRETS} | {"email_to": tuple(current.email_to)}
    return Way(**values, own=own)


# --- What is worth a notice ---


def note_events(*, now: datetime | None = None) -> list[Notice]:
    """Write a notice for each event that has none; nothing from before the settings were made."""
    current, now = notice_settings(), now or timezone.now()
    if current.pk is None or not wanted(way_of(current)):
        return []
    made = []
    for event in _events(current, now):
        notice, new = Notice.objects.get_or_create(
            node=names.NODE, key=event.key[:200],
            defaults={"kind": event.kind, "level": event.level, "subject": event.subject[:200], "text": event.text},
        )  # fmt: skip
        made += [notice] if new else []
    Notice.objects.filter(created__lt=now - KEPT).delete()
    return made


def _events(current: NoticeSettings, now: datetime) -> Iterator[Event]:
    soon = now + timedelta(minutes=current.before_minutes)
    yield from _of_rules(current, now, soon)
    yield from _of_activations(current, now, soon)
    for revision in Revision.objects.filter(node=current.node, state=State.ROLLED_BACK, created__gte=current.since):
        subject = str(told.ROLLED_BACK).format(number=revision.number)
        yield Event(f"rolled_back:{revision.pk}", "rolled_back", "warning", subject, revision.error)
    for revision in Revision.objects.filter(node=current.node, state=State.FAILED, created__gte=current.since):
        subject = str(told.NOT_APPLIED).format(number=revision.number)
        yield Event(f"failed:{revision.pk}", "failed", "error", subject, revision.error)
    for content in Content.objects.filter(failures__gte=_FAILING):
        since = datetime.fromtimestamp(content.refreshed or 0, UTC)
        subject = unresolved(content.lookup.partition(":")[2], content.refreshed)
        text = str(LOOKUP_ERRORS.get(content.error, content.error))
        yield Event(f"lookup:{content.lookup}:{since:%Y%m%d%H%M}", "lookup_failed", "warning", subject, text)


def _of_rules(current: NoticeSettings, now: datetime, soon: datetime) -> Iterator[Event]:
    """Of what runs: a draft opens nothing, so its end is no news; an end that was drafted away still comes."""
    running = queries.running_revision(current.node)
    applied = running.applied_at if running else None
    for rule in running.policy.get("rules", ()) if running else ():
        until = datetime.fromtimestamp(rule["until"], UTC) if rule.get("until") and rule.get("enabled", True) else None
        if until is None or until < current.since:
            continue
        said = {
            "rule_begins": (until > now and applied and applied >= current.since, told.RULE_BEGINS),
            "rule_ends_soon": (now < until <= soon, told.RULE_ENDS),
            "rule_ended": (until <= now, told.RULE_ENDED),
        }
        for kind, sentence in ((kind, sentence) for kind, (true, sentence) in said.items() if true):
            subject = str(sentence).format(name=rule["name"], until=f"{until:%Y-%m-%d %H:%M}")
            comment = Rule.objects.filter(pk=rule["id"]).values_list("comment", flat=True).first()
            text = comment or str(told.OPEN_AS_WELL)
            yield Event(f"{kind}:{rule['id']}:{until.timestamp():.0f}", kind, "hint", subject, text)


def _of_activations(current: NoticeSettings, now: datetime, soon: datetime) -> Iterator[Event]:
    """What acts for a time: a rule, an exemption, remote maintenance."""
    acting = Activation.objects.filter(node=current.node, state=ActivationState.ACTIVE, ends__gt=now, ends__lte=soon)
    over = Activation.objects.filter(node=current.node, state=ActivationState.ENDED, ended__gte=current.since)
    begun = Activation.objects.filter(node=current.node, state=ActivationState.ACTIVE, started__gte=current.since)
    for kind, found, sentence, sentence_alone in (
        ("activation_begins", begun, told.ACT_BEGINS, told.ALONE_BEGINS),
        ("activation_ends_soon", acting, told.ACT_ENDS, told.ALONE_ENDS),
        ("activation_ended", over, told.ACT_ENDED, told.ALONE_ENDED),
    ):
        for each in found:
            at = {"activation_begins": each.started, "activation_ends_soon": each.ends}.get(kind, each.ended)
            label = each.get_kind_display()
            alone = label.casefold() == each.name.casefold()  # of remote maintenance there is only one
            subject = str(sentence_alone if alone else sentence).format(
                kind=label[:1].upper() + label[1:], name=each.name, until=f"{at:%Y-%m-%d %H:%M}"
            )
            yield Event(f"{kind}:{each.pk}", kind, "hint", subject, each.reason)


# --- Sending ---


def send_notices(*, now: datetime | None = None) -> int:
    """Try each notice by each channel that has not taken it yet and is due; how many went out."""
    way, now = way_of(notice_settings()), now or timezone.now()
    waiting = Notice.objects.filter(done=False)
    return sum(_send(notice, channel, way, now) for notice in waiting for channel in wanted(way))


def send_test(*, actor: User | str) -> dict[str, str]:
    """A notice at once by each channel; what each answered, "" where it went out."""
    current = notice_settings()
    way = way_of(current)
    if not wanted(way):
        raise ValidationError({"email_to": [_("Set up e-mail, a webhook or syslog first.")]})
    message = Message(
        f"test:{timezone.now().timestamp():.0f}", "test", "hint", _("A test"), _("Notices arrive."), timezone.now(),
        current.node,
    )  # fmt: skip
    said = {channel: _tried(channel, way, message) for channel in wanted(way)}
    with transaction.atomic():
        record(actor=actor, verb="test", target=current, after=said)
    return said


def _send(notice: Notice, channel: str, way: Way, now: datetime) -> bool:
    state = notice.deliveries.get(channel, {"tries": 0, "due": 0.0, "error": "", "done": False})
    if state["done"] or state["tries"] >= MOST_TRIES or state["due"] > now.timestamp():
        return False
    message = Message(
        notice.key, notice.kind, notice.level, notice.subject, notice.text, notice.created, notice.node
    )  # fmt: skip
    error = _tried(channel, way, message)
    tries = state["tries"] + 1
    due = now + FIRST_WAIT * 2 ** (tries - 1)
    notice.deliveries[channel] = {"tries": tries, "due": due.timestamp(), "error": error, "done": not error}
    notice.done = all(
        (each := notice.deliveries.get(name)) and (each["done"] or each["tries"] >= MOST_TRIES) for name in wanted(way)
    )
    notice.save(update_fields=["deliveries", "done"])
    return not error


def _tried(channel: str, way: Way, message: Message) -> str:
    try:
        CHANNELS[channel](way, message)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        log.warning("notice %s by %s: %s", message.key, channel, error)
        return str(error)[:300] or type(error).__name__
    return ""
