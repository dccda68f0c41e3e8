# SPDX-License-Identifier: GPL-2.0-or-later
"""Who decided about a packet, as the number that its mark carries to the live log, and back. Pure.

A rule writes its number and hands over to one chain for all that decide alike, which logs (compile.verdicts): so a rule
stays one rule, and the kernel limits the lines of each by itself.
"""

from __future__ import annotations

from typing import Final

from sipalg_core.contract import names

AUTOMATIC: Final = ("", "auto:default_deny", "auto:invalid", "ended:activation", "auto:spoofed")
"""By their numbers. The first is who has none."""
_FIRST_RULE: Final = 256
_KINDS: Final = ("rule", "ended")
_LOW: Final = 0xFFFF
_HIGH_SHIFT: Final = 18
_BITS: Final = 30
KEPT: Final = names.MARK_ACCEPT | names.MARK_DIVERT
"""Bits of the packet mark that are the ALG's; around them lies the number."""


def mark_of(key: str) -> int:
    """`key` is a rule's in the kernel (`rule:12`, `auto:invalid`)."""
    number = _number(key)
    return number & _LOW | number >> 16 << _HIGH_SHIFT


def key_of(mark: int) -> str:
    """ "" where the mark names nobody."""
    number = mark & _LOW | mark >> _HIGH_SHIFT << 16
    if number < _FIRST_RULE:
        return AUTOMATIC[number] if number < len(AUTOMATIC) else ""
    which, kind = divmod(number - _FIRST_RULE, len(_KINDS))
    return f"{_KINDS[kind]}:{which}"


def _number(key: str) -> int:
    if key in AUTOMATIC:
        return AUTOMATIC.index(key)
    kind, _, which = key.partition(":")
    if kind not in _KINDS or not which.isdecimal():
        return 0
    number = _FIRST_RULE + int(which) * len(_KINDS) + _KINDS.index(kind)
    return number if number < 1 << _BITS else 0
