# SPDX-License-Identifier: GPL-2.0-or-later
"""Telephone numbers and names for those who may not see them whole (`calls.numbers`): what hides them, and for whom.

Whoever asks for something is noted by `appliance.gate`; `live.control` and the history's records hide at the place
where each row comes in, so that no page, download or operation can forget it. Outside of a request all is whole:
workers and the command line of the machine. Every text keeps its length: what counts characters in it goes on fitting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar, copy_context
from functools import cache
from typing import Any, Final, TypeVar

Value = TypeVar("Value")

_shown: ContextVar[Callable[[], bool]] = ContextVar("numbers are shown whole", default=lambda: True)

_LAST: Final = 3
"""Digits of a number that are hidden, as in an itemised bill."""
_SHORTEST_REPEATED: Final = 3
"""Characters of a user that is hidden wherever it stands; "1" stands everywhere."""
_IDENTIFIERS: Final = frozenset({"id", "call", "rule", "internal", "provider", "transport", "method", "topic", "kind"})

_USER: Final = re.compile(
    r"(?i)(?:\bsips?(?::|%3a))([^\s@<>\";:?]+?)(?=(?::[^\s@<>]*)?(?:@|%40))|\btel(?::|%3a)([^\s@<>\";?]+)"
)
_NAME: Final = re.compile(r'(?m)^([A-Za-z][\w-]*[ \t]*:[ \t]*|<?)("[^"\r\n]*"|[^"<\r\n,;:]+?)(?=[ \t]*<(?:sips?|tel):)')
_FREE_TEXT: Final = re.compile(
    r"(?im)^(?:subject|s|organization|call-info|alert-info|user-to-user|remote-party-id|history-info|diversion|[xp]-[\w-]+)"
    r"[ \t]*:[^\r\n]*|^[siuep]=[^\r\n]*|^o=\S+"
)
_DIGITS: Final = re.compile(r"\+?\d{5,}")
_PLAIN: Final = re.compile(r"[+*#\d\-.() ]+")


# --- For whom ---


@contextmanager
def asked_by(shown: Callable[[], bool]) -> Iterator[None]:
    """Around a request. Nobody sees numbers before it is known who asks (`know`)."""
    token = _shown.set(shown)
    try:
        yield
    finally:
        _shown.reset(token)


def know(shown: Callable[[], bool]) -> None:
    """Now it is known who asks, within `asked_by`; the question is asked once, where there is something to hide."""
    _shown.set(cache(shown))


def hides() -> bool:
    return not _shown.get()()


def kept(rows: Iterable[Value]) -> Iterator[Value]:
    """For rows that are read when the request is over: a download that streams."""
    context, iterator = copy_context(), iter(rows)

    def one_by_one() -> Iterator[Value]:
        with suppress(StopIteration):
            while True:
                yield context.run(next, iterator)

    return one_by_one()


# --- What is hidden ---


def number(text: str) -> str:
    """A number without its last digits; of a name only the first letter."""
    counted = sum(character.isalnum() for character in text)
    stay = max(counted - _LAST, 0) if _PLAIN.fullmatch(text) else min(counted - 1, 1)
    hidden = []
    for character in text:
        if character.isalnum():
            stay -= 1
            hidden.append(character if stay >= 0 else "x")
        else:
            hidden.append(character)
    return "".join(hidden)


def rows(found: Value) -> Value:
    """Rows of the engine, or a message of a live topic: the same with every number in it hidden."""
    users: set[str] = set()
    _learn(found, users)
    known = [each for each in sorted(users, key=len, reverse=True) if len(each) >= _SHORTEST_REPEATED]
    everywhere = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, known))})(?!\w)") if known else None
    hidden: Value = _hidden(found, everywhere)
    return hidden


def _learn(value: Any, users: set[str]) -> None:
    if isinstance(value, str):
        users.update(sip or tel for sip, tel in _USER.findall(value))
    elif isinstance(value, dict):
        for name, each in value.items():
            if name not in _IDENTIFIERS:
                _learn(each, users)
    elif isinstance(value, list | tuple):
        for each in value:
            _learn(each, users)


def _hidden(value: Any, everywhere: re.Pattern[str] | None) -> Any:
    if isinstance(value, str):
        return _text(value, everywhere)
    if isinstance(value, dict):
        return {name: each if name in _IDENTIFIERS else _hidden(each, everywhere) for name, each in value.items()}
    if isinstance(value, list):
        return [_hidden(each, everywhere) for each in value]
    return value


def _text(text: str, everywhere: re.Pattern[str] | None) -> str:
    text = _USER.sub(_user, text)
    if everywhere is not None:
        text = everywhere.sub(lambda found: number(found[0]), text)
    if "\n" in text:
        text = _NAME.sub(lambda found: found[1] + _crossed(found[2]), text)
        text = _FREE_TEXT.sub(_free, text)
    else:
        text = _NAME.sub(lambda found: found[1] + _crossed(found[2]), text) if "<" in text else text
    return text


def _user(found: re.Match[str]) -> str:
    user = found[1] or found[2]
    return found[0][: len(found[0]) - len(user)] + number(user)


def _free(found: re.Match[str]) -> str:
    """Of what people or machines write freely, numbers; of a subject and of the description's words, all."""
    line = found[0]
    head = re.match(r"(?i)(?:subject|s|organization)[ \t]*:[ \t]*|[siuepo]=", line)
    if head:
        return head[0] + _crossed(line[head.end() :])
    return _DIGITS.sub(lambda digits: number(digits[0]), line)


def _crossed(text: str) -> str:
    return "".join("x" if character.isalnum() else character for character in text)
