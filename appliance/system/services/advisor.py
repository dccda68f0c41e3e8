# SPDX-License-Identifier: GPL-2.0-or-later
"""What people do with the advisor's findings: let one be, mind it again, take a fix as a draft; and its own rounds."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from appliance import veil
from appliance.accounts.models import User
from appliance.advisor.checks import advise
from appliance.advisor.finding import Finding
from appliance.advisor.gather import gather
from appliance.audit.services import record
from appliance.firewall import services as firewall
from appliance.firewall.models import Rule
from appliance.sip import services as telephony
from appliance.system.models import Advised, Ignored
from sipalg_core.contract import names

LONGEST_ID: Final = 200


@transaction.atomic
def ignore_finding(*, actor: User | str, finding: str, reason: str, until: datetime | None = None) -> Ignored:
    """Not shown among the open ones any more, until the end; `until` None: until somebody minds it again."""
    if not reason.strip():
        raise ValidationError({"reason": [_("Say why, so that the next one need not ask.")]})
    if until is not None and until <= timezone.now():
        raise ValidationError({"until": [_("The end time is in the past.")]})
    if len(finding) > LONGEST_ID:
        raise ValidationError({"finding": [_("There is no such finding.")]})
    ignored, _made = Ignored.objects.update_or_create(
        finding=finding,
        defaults={"reason": reason.strip(), "author": str(actor), "until": until, "since": timezone.now()},
    )
    record(actor=actor, verb="ignore", target=ignored, reason=reason, after={"until": until})
    return ignored


@transaction.atomic
def mind_finding(*, actor: User | str, ignored: Ignored) -> None:
    record(actor=actor, verb="mind", target=ignored, before={"reason": ignored.reason, "until": ignored.until})
    ignored.delete()


@transaction.atomic
def draft_fix(*, actor: User | str, finding: Finding) -> None:
    """The change that the finding proposes, as a draft."""
    proposed = finding.draft
    if proposed is None:
        raise ValidationError(_("This finding has no change to propose."))
    if proposed.verb == "set":
        telephony.change_settings(actor=actor, values={str(proposed.argument): proposed.value})
        return
    rule = Rule.objects.filter(pk=int(proposed.argument or 0)).first()
    if rule is None:
        raise ValidationError(_("The rule is gone from the draft already."))
    firewall.update_rule(actor=actor, rule=rule, version=rule.version, enabled=False)


def note_advice(*, node: str = names.NODE) -> None:
    """A round of its own, kept for whoever asks next, in every language of the console; without anybody's number."""
    with veil.asked_by(lambda: False):
        evidence = gather()
    advice = advise(evidence)
    texts: dict[str, dict[str, str]] = {}
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            for each in advise(evidence).findings:
                texts.setdefault(each.id, {})[language] = each.text
    findings = [
        {"id": each.id, "check": each.check, "severity": each.severity, "texts": texts[each.id]}
        for each in advice.findings
    ]
    now = timezone.now()
    before = Advised.objects.filter(node=node).first()
    made = (before.made if before else {}) | {check.id: now.timestamp() for check in advice.made}
    missed = [check.id for check in advice.missed]
    Advised.objects.update_or_create(
        node=node, defaults={"at": now, "findings": findings, "missed": missed, "made": made}
    )
