# SPDX-License-Identifier: GPL-2.0-or-later
"""Verbs of notices: whom to tell by e-mail, webhook and syslog, a test of all three, and what was sent."""

from __future__ import annotations

from argparse import ArgumentParser, BooleanOptionalAction, Namespace
from pathlib import Path
from typing import Any, Final

from appliance.cli.asking import ACTOR, Verb, file_content, given
from appliance.system import queries, services

_WORDS: Final = ("email_from", "smtp_host", "smtp_user", "webhook_url", "syslog_host")
_NUMBERS: Final = ("before_minutes", "smtp_port", "syslog_port")
_CHOICES: Final = {"smtp_security": ("starttls", "tls", "none"), "syslog_protocol": ("udp", "tcp")}
_SECRETS: Final = ("smtp_password", "webhook_secret")


def list_notices(_asked: Namespace) -> list[dict[str, Any]]:
    return [
        {"created": each.created, "level": each.level, "subject": each.subject, "text": each.text,
         "sent": [channel for channel, state in each.deliveries.items() if state.get("done")]}
        for each in queries.notices()[:50]
    ]  # fmt: skip


def notice_settings(asked: Namespace) -> dict[str, Any]:
    """With arguments: these from now on, and the rest stays. Of secrets only whether there are any."""
    changes = given(asked, *_WORDS, *_NUMBERS, *_CHOICES, "inside")
    if asked.email_to is not None:
        changes["email_to"] = [each for each in asked.email_to if each]
    for name in _SECRETS:
        if (file := getattr(asked, f"{name}_file")) is not None:
            changes[name] = file_content(file).decode(errors="replace").strip("\r\n")
    changes |= dict.fromkeys(asked.forget or ())
    if changes:
        services.save_notice_settings(actor=ACTOR, **changes)
    return services.describe_notice_settings(services.notice_settings())


def send_test(_asked: Namespace) -> dict[str, str]:
    """By channel what it answered."""
    return {channel: error or "sent" for channel, error in services.send_test(actor=ACTOR).items()}


# --- Their arguments ---


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _settings(parser: ArgumentParser) -> None:
    parser.add_argument("--email-to", action="append", help="once for each; an empty one alone is nobody")
    parser.add_argument("--inside", action=BooleanOptionalAction, help="receivers may have private addresses")
    for name in _WORDS:
        parser.add_argument(_option(name), help="an empty one is none")
    for name in _NUMBERS:
        parser.add_argument(_option(name), type=int)
    for name, choices in _CHOICES.items():
        parser.add_argument(_option(name), choices=choices)
    for name in _SECRETS:
        parser.add_argument(f"{_option(name)}-file", type=Path, help="its first line")
    parser.add_argument("--forget", choices=_SECRETS, action="append", help="a secret")


VERBS: Final = (
    Verb("notices", "what people were told, newest first", list_notices),
    Verb("notice-settings", "whom to tell, and how; with arguments, change it", notice_settings, _settings),
    Verb("test-notices", "send a test by every channel that is set", send_test),
)
