# SPDX-License-Identifier: GPL-2.0-or-later
"""What an entry says, in the reader's language; the entry itself, its export and the syslog keep the raw words."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from appliance.audit.models import Entry
from appliance.permissions import Role

KINDS: Final[Mapping[str, str | Promise]] = {
    "accounts.apitoken": _("API token"),
    "accounts.factordemand": _("second factor"),
    "accounts.grant": _("permission"),
    "accounts.maintenancewindow": _("remote maintenance"),
    "accounts.signinlink": _("sign-in link of"),
    "accounts.user": _("account"),
    "firewall.activation": _("activation"),
    "firewall.addressobject": _("object"),
    "firewall.countrydata": _("country data"),
    "firewall.nameservers": _("name servers"),
    "firewall.rule": _("rule"),
    "firewall.schedule": _("schedule"),
    "firewall.service": _("service"),
    "network.found": _("interface"),
    "network.interface": _("interface"),
    "sip.algsettings": _("settings of the SIP ALG for"),
    "sip.callrecord": _("call"),
    "sip.historysettings": _("settings of the call history"),
    "sip.provider": _("provider"),
    "sip.selftest": _("self-test"),
    "system.ignored": _("finding"),
    "system.noticesettings": _("notifications"),
    "system.reasondemand": _("reasons"),
    "system.restoration": _("configuration"),
    "system.revision": _("revision"),
    "system.setup": _("first set-up"),
}
"""By the model of what was acted on."""

NAMELESS: Final = frozenset(
    {
        "accounts.factordemand", "accounts.maintenancewindow", "firewall.nameservers", "sip.historysettings",
        "sip.selftest", "system.noticesettings", "system.reasondemand", "system.restoration", "system.setup",
    }
)  # fmt: skip
"""There is only one of it, or its time says which."""

ACTS: Final[Mapping[str, str | Promise]] = {
    "activate": _("Started %(what)s"),
    "activated": _("The kernel has %(what)s"),
    "add second factor": _("Added a second factor to %(what)s"),
    "addresses changed": _("The addresses of %(what)s changed"),
    "applied": _("%(what)s decides in the kernel"),
    "apply": _("Applied %(what)s"),
    "ask": _("Sent a request to those who may"),
    "backup": _("Made a backup"),
    "close": _("Closed a pinhole of %(what)s"),
    "close remote maintenance": _("Closed remote maintenance"),
    "confirmed": _("%(what)s is kept"),
    "create": _("Created %(what)s"),
    "create pass": _("Gave a pass: %(what)s"),
    "delete": _("Deleted %(what)s"),
    "demand a reason": _("Demanded a reason with each apply"),
    "demand no reason": _("Left the reason of an apply to who applies"),
    "demand no second factor": _("Left the second factor to each owner and firewall admin"),
    "demand second factor": _("Demanded a second factor of owners and firewall admins"),
    "disable": _("Switched off %(what)s"),
    "discard": _("Discarded %(what)s"),
    "dismiss set-up": _("Put the first set-up away"),
    "download": _("Downloaded: %(seen)s"),
    "enable": _("Switched on %(what)s"),
    "end sessions": _("Signed out %(what)s"),
    "ended": _("%(what)s has ended"),
    "expired": _("%(what)s has expired"),
    "extend": _("Extended the trial of %(what)s"),
    "failed": _("%(what)s could not be loaded"),
    "finish set-up": _("Finished the first set-up"),
    "flush": _("Asked to close connections"),
    "flush when calls end": _("Let old connections close when calls end"),
    "flushed": _("Closed connections"),
    "go_back": _("Made the draft what it was at %(what)s"),
    "grant": _("Gave a permission: %(name)s"),
    "ignore": _("Dismissed %(what)s"),
    "keep": _("Kept %(what)s"),
    "mind": _("Took %(what)s up again"),
    "move": _("Moved %(what)s"),
    "open remote maintenance": _("Opened remote maintenance"),
    "plan backups": _("Planned backups"),
    "redeem link": _("Signed in by link: %(name)s"),
    "refresh": _("Asked again for %(what)s"),
    "remove second factor": _("Removed a second factor of %(what)s"),
    "renew link": _("Made a new sign-in link for %(what)s"),
    "replace": _("Replaced %(what)s everywhere"),
    "replace certificate": _("Replaced the console's certificate"),
    "reset second factor": _("Reset the second factors of %(what)s"),
    "restart set-up": _("Began the first set-up anew"),
    "restore": _("Restored a backup as a draft"),
    "rolled back": _("%(what)s was rolled back"),
    "self-test": _("Started a self-test"),
    "set role": _("Changed the role of %(what)s"),
    "set up": _("Answered a question of the first set-up"),
    "set_password": _("Set the password of %(what)s"),
    "sign_in": _("Signed in"),
    "sign_out": _("Signed out"),
    "start": _("Asked to start the SIP engine"),
    "stop": _("Stopped %(what)s"),
    "take back": _("Took back what changed during remote maintenance"),
    "test": _("Ran a test"),
    "unban": _("Lifted the ban of %(name)s"),
    "undo": _("Ended the trial of %(what)s"),
    "undo delete": _("Took back the deletion of %(what)s"),
    "undo move": _("Took back the move of %(what)s"),
    "update": _("Changed %(what)s"),
    "upload": _("Uploaded %(what)s"),
    "use": _("Took %(what)s into use"),
    "view": _("Looked at: %(seen)s"),
    "withdraw": _("Took a permission away: %(name)s"),
}
"""By verb. Each verb that the code writes stands here (tests/unit/audit/test_columns.py)."""

_OF_A_KIND: Final[Mapping[tuple[str, str], str | Promise]] = {
    ("restore", "firewall.rule"): _("Took back the changes of %(what)s"),
    ("test", "system.noticesettings"): _("Sent a test notice"),
}

SEEN: Final[tuple[tuple[str, str | Promise], ...]] = (
    ("audit log", _("audit log")),
    ("call history", _("call history")),
    ("live calls", _("live calls")),
    ("capture of headers ", _("capture of headers %s")),
    ("messages of call ", _("messages of call %s")),
    ("support bundle of call ", _("support bundle of call %s")),
    ("call ", _("call %s")),
)
"""What was looked at or taken away, by how its entry begins."""

_PERMISSIONS: Final[Mapping[str, str | Promise]] = {
    "alg.exempt": _("exempting servers from the ALG"),
    "calls.numbers": _("telephone numbers whole"),
}


@dataclass(frozen=True, slots=True)
class Difference:
    """Of one field, under the name that it has over REST."""

    label: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Row:
    """What the page shows of an entry, beside its own fields."""

    entry: Entry
    words: str
    differences: list[Difference]


def rows(entries: Iterable[Entry]) -> list[Row]:
    return [Row(entry, words(entry), _differences(entry)) for entry in entries]


def words(entry: Entry) -> str:
    """As a sentence; what has no words yet is told as it was written."""
    thing, _space, name = entry.target.partition(" ")
    label = thing.partition(":")[0]
    act = _OF_A_KIND.get((entry.verb, label), ACTS.get(entry.verb))
    if act is None:
        return f"{entry.verb} {entry.target}"
    name = _NAMES.get(label, str)(name)
    return str(act) % {"what": _what(label, name), "name": name, "seen": _seen(entry)}


def verbs_like(text: str) -> list[str]:
    """Those whose words, in the reader's language, hold the text."""
    wanted = text.casefold()
    every = [*ACTS.items(), *((verb, act) for (verb, _label), act in _OF_A_KIND.items())]
    return [verb for verb, act in every if wanted in str(act).casefold()]


def _what(label: str, name: str) -> str:
    kind = str(KINDS.get(label, label))
    return kind if label in NAMELESS or not name else gettext("%(kind)s “%(name)s”") % {"kind": kind, "name": name}


def _seen(entry: Entry) -> str:
    what = str((entry.after or {}).get("what", ""))
    for begins, told in SEEN:
        if what.startswith(begins):
            return str(told) % what.removeprefix(begins) if begins.endswith(" ") else str(told)
    return what


def _whose_link(name: str) -> str:
    return name.removeprefix("link for ").rpartition(" until ")[0] or name


def _for_all(name: str) -> str:
    return gettext("all providers") if name == "all providers" else name


def _grant(name: str) -> str:
    role, _space, permission = name.partition(" ")
    label = str(Role(role).label) if role in Role.values else role
    return f"{label} – {_PERMISSIONS.get(permission, permission)}"


_NAMES: Final[Mapping[str, Callable[[str], str]]] = {
    "accounts.grant": _grant,
    "accounts.signinlink": _whose_link,
    "sip.algsettings": _for_all,
}


def _differences(entry: Entry) -> list[Difference]:
    """Field by field; what stayed as it was is left out, and of what is new or gone one side is empty."""
    before, after = entry.before or {}, entry.after or {}
    fields = [*before, *(field for field in after if field not in before)]
    return [
        Difference(field, _plain(before.get(field)), _plain(after.get(field)))
        for field in fields
        if not (entry.before and entry.after) or before.get(field) != after.get(field)
    ]


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
