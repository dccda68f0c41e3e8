# SPDX-License-Identifier: GPL-2.0-or-later
"""How connections are said in the console."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

VERDICTS: Final = {
    "": ("ok", gettext_lazy("as the rules say")),
    "denied": ("error", gettext_lazy("not allowed any more")),
    "translated": ("warning", gettext_lazy("would be translated differently")),
}
_AUTOMATIC: Final = {
    "auto:default_deny": gettext_lazy("no rule"),
    "auto:masquerade": gettext_lazy("masquerade"),
    "auto:console": gettext_lazy("console"),
    "auto:ping": gettext_lazy("ping"),
    "auto:dnat": gettext_lazy("destination NAT"),
    "auto:no_route": gettext_lazy("no way there"),
}


def connection(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    """`names` are the rules' names by their keys."""
    level, verdict = VERDICTS[row["verdict"]]
    keys = [row[key] for key in ("rule", "dnat", "snat") if row[key]]
    rules = [str(names.get(key) or _AUTOMATIC.get(key) or _("a rule that is gone")) for key in dict.fromkeys(keys)]
    return {
        **row,
        "from": _end(row["source"], row["sport"]),
        "to": _end(row["destination"], row["dport"]),
        "seen_as": _end(row["translated_source"], row["translated_sport"]),
        "sent_to": _end(row["translated_destination"], row["translated_dport"]),
        "level": level,
        "verdict_words": verdict,
        "rules": ", ".join(rules),
    }


def _end(host: str, port: int | None) -> str:
    if not host or port is None:
        return host
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
