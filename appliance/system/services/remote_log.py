# SPDX-License-Identifier: GPL-2.0-or-later
"""The audit log on its way to the syslog server that is set for notices: each entry once, in order, none left out.

A copy that nobody on this device can change afterwards. What the server does not take waits; acts never wait for it.
"""

from __future__ import annotations

import logging
from typing import Final

from django.db.models import Max

from appliance.audit.models import Entry
from appliance.notices.channels import Message, Way, syslog
from appliance.system.models import NoticeSettings
from appliance.system.services.notices import notice_settings, way_of
from sipalg_core.contract import names

log = logging.getLogger(__name__)

AT_A_TIME: Final = 500


def export_audit() -> int:
    """Send what the server has not got yet; how many it took. It begins with what happens after it was set up."""
    current = notice_settings()
    if current.pk is None or not current.syslog_host:
        return 0
    if current.audit_told is None:
        _note(current, Entry.objects.aggregate(last=Max("sequence"))["last"] or 0)
        return 0
    told, way = 0, way_of(current)
    for entry in Entry.objects.filter(sequence__gt=current.audit_told).order_by("sequence")[:AT_A_TIME]:
        if not _told(way, entry):
            break
        told += 1
        _note(current, entry.sequence)
    return told


def _told(way: Way, entry: Entry) -> bool:
    words = {"from": entry.source, "target": entry.target, "reason": entry.reason, "hash": entry.hash}
    text = " ".join(f"{name}={value!r}" for name, value in words.items() if value)
    subject = f"{entry.sequence} {entry.actor!r} {entry.verb}"
    try:
        syslog(way, Message(str(entry.sequence), "audit", "hint", subject, text, entry.time, names.NODE))
    except OSError as error:
        log.warning("entry %d of the audit log waits for syslog: %s", entry.sequence, error)
        return False
    return True


def _note(current: NoticeSettings, sequence: int) -> None:
    """No change of the settings: how far the copy is."""
    current.audit_told = sequence
    NoticeSettings.objects.filter(pk=current.pk).update(audit_told=sequence)
