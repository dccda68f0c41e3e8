# SPDX-License-Identifier: GPL-2.0-or-later
"""How one account likes to see the list of rules: its columns, and the filters that it keeps. Not audited: a taste."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from appliance.accounts.models import User
from appliance.firewall.models import ListColumns

LONGEST_NAME, LONGEST_FILTER, FILTERS_KEPT = 40, 200, 30


def choose_columns(*, actor: User, shown: Sequence[str]) -> None:
    ListColumns.objects.update_or_create(user=actor, defaults={"shown": list(shown)})


@transaction.atomic
def keep_filter(*, actor: User, name: str, words: str) -> None:
    """One of the same name becomes this one."""
    name, words = name.strip(), " ".join(words.split())
    if not 0 < len(name) <= LONGEST_NAME:
        raise ValidationError({"name": [_("Give the filter a name of at most %d characters.") % LONGEST_NAME]})
    if not 0 < len(words) <= LONGEST_FILTER:
        raise ValidationError({"q": [_("There is no filter to keep: type one first.")]})
    kept, _made = ListColumns.objects.get_or_create(user=actor)
    if name not in kept.filters and len(kept.filters) >= FILTERS_KEPT:
        raise ValidationError({"name": [_("%d filters are kept already. Forget one first.") % FILTERS_KEPT]})
    kept.filters[name] = words
    kept.save(update_fields=["filters"])


@transaction.atomic
def forget_filter(*, actor: User, name: str) -> None:
    """None of that name is no error: somebody was faster."""
    kept = ListColumns.objects.filter(user=actor).first()
    if kept is not None and kept.filters.pop(name, None) is not None:
        kept.save(update_fields=["filters"])
