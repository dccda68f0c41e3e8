# SPDX-License-Identifier: GPL-2.0-or-later
"""The ALG's settings as they stand: what is set, what is inherited, and from whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from appliance.live.control import EngineUnavailable
from appliance.sip.columns.kinds import Setting
from appliance.sip.columns.settings import GROUPS, SETTINGS, Group
from appliance.sip.models import AlgSettings, Provider
from appliance.sip.queries.live import engine_health

Origin = Literal["default", "all", "own"]


@dataclass(frozen=True, slots=True)
class Standing:
    """`inherited` is what would be in force without the row's own value."""

    setting: Setting
    value: Any
    inherited: Any
    origin: Origin

    @property
    def said(self) -> str:
        return self.setting.said(self.value)

    @property
    def inherited_said(self) -> str:
        return self.setting.said(self.inherited)


def values_of(provider: Provider | None) -> dict[str, Any]:
    """What is set for all providers, or for this one alone."""
    row = AlgSettings.objects.filter(provider=provider).first()
    return {path: value for path, value in row.values.items() if path in SETTINGS} if row else {}


def standing(provider: Provider | None = None) -> list[tuple[Group, list[Standing]]]:
    """All settings by group, as the table of settings orders them; of a provider those that may differ."""
    common, own = values_of(None), values_of(provider) if provider else {}
    return [(group, found) for group in GROUPS if (found := list(_standing(group, common, own, provider)))]


def _standing(
    group: Group, common: dict[str, Any], own: dict[str, Any], provider: Provider | None
) -> Iterator[Standing]:
    for setting in group.settings:
        path = setting.path
        if provider is None and setting.where != "provider":
            origin: Origin = "own" if path in common else "default"
            yield Standing(setting, common.get(path, setting.default), setting.default, origin)
        elif provider is not None and setting.where != "all":
            inherited = common.get(path, setting.default)
            origin = "own" if path in own else "all" if path in common else "default"
            yield Standing(setting, own.get(path, inherited), inherited, origin)


def proof() -> dict[str, tuple[int, int]]:
    """By provider, how many messages went through and how many of them were altered; {} where nobody can tell."""
    try:
        peers = engine_health().get("peers", [])  # an engine from before an update names none
    except EngineUnavailable:
        return {}
    found: dict[str, tuple[int, int]] = {}
    for peer in peers:
        messages, altered = found.get(peer["name"], (0, 0))
        found[peer["name"]] = messages + peer["messages"], altered + peer["altered"]
    return found


def one(path: str, provider: Provider | None = None) -> Standing | None:
    found = (each for _group, settings in standing(provider) for each in settings if each.setting.path == path)
    return next(found, None)
