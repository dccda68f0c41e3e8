# SPDX-License-Identifier: GPL-2.0-or-later
"""Each channel sends one message or raises OSError (smtplib's errors among them); every step has a time limit."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import smtplib
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from appliance.notices.guard import TIMEOUT, NotAllowed, address_of, connected

_ANSWER: Final = 64 * 1024
_FACILITY_LOCAL0: Final = 16  # RFC 5424 §6.2.1
_SEVERITIES: Final = {"error": 3, "warning": 4, "hint": 6}


@dataclass(frozen=True, slots=True)
class Message:
    """`key` is the same for each attempt, so that a receiver can tell a repetition."""

    key: str
    kind: str
    level: str  # "error", "warning", "hint"
    subject: str
    text: str
    at: datetime
    node: str


@dataclass(frozen=True, slots=True)
class Way:
    """What is set for the channels. `own` are addresses of this device; `inside`: private networks are allowed."""

    inside: bool = False
    own: tuple[str, ...] = ()
    email_to: tuple[str, ...] = ()
    email_from: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_security: Literal["none", "starttls", "tls"] = "starttls"
    smtp_user: str = ""
    smtp_password: str = ""
    webhook_url: str = ""
    webhook_secret: str = ""
    syslog_host: str = ""
    syslog_port: int = 514
    syslog_protocol: Literal["udp", "tcp"] = "udp"


def email(way: Way, message: Message) -> None:
    letter = EmailMessage()
    letter["Subject"] = _one_line(f"[Pinhole {message.node}] {message.subject}")
    letter["From"], letter["To"] = way.email_from, ", ".join(way.email_to)
    letter["Date"], letter["Message-ID"] = format_datetime(message.at), make_msgid(domain="pinhole.invalid")
    letter.set_content(f"{message.text}\n\n{message.at:%Y-%m-%d %H:%M:%S} UTC, {message.node}\n")
    context = ssl.create_default_context()
    with _Smtp(way, context) as server:
        if way.smtp_security == "starttls":
            server.starttls(context=context)
        if way.smtp_user:
            server.login(way.smtp_user, way.smtp_password)
        server.send_message(letter)


class _Smtp(smtplib.SMTP):
    """Connects to the address that the guard has judged, and keeps the name for the certificate."""

    def __init__(self, way: Way, context: ssl.SSLContext) -> None:
        self._way, self._tls = way, context
        super().__init__(way.smtp_host, way.smtp_port, timeout=TIMEOUT)

    def _get_socket(self, host: str, port: int, _timeout: float) -> socket.socket:  # smtplib's own hook
        made = connected(host, port, inside=self._way.inside, own=self._way.own)
        return self._tls.wrap_socket(made, server_hostname=host) if self._way.smtp_security == "tls" else made


def webhook(way: Way, message: Message) -> None:
    """POST, signed with HMAC-SHA256 where a secret is set. No redirect is followed; anything but 2xx is a failure."""
    url = urlsplit(way.webhook_url)
    host, tls = url.hostname or "", url.scheme == "https"
    if url.scheme not in ("https", "http") or (not tls and not way.inside):
        raise NotAllowed("a webhook outside must be https")
    body = json.dumps({
        "key": message.key, "kind": message.kind, "level": message.level, "subject": message.subject,
        "text": message.text, "at": message.at.isoformat(), "node": message.node,
    }).encode()  # fmt: skip
    headers = {"Content-Type": "application/json", "User-Agent": "Pinhole"}
    if way.webhook_secret:
        digest = hmac.new(way.webhook_secret.encode(), body, hashlib.sha256).hexdigest()
        headers["X-Pinhole-Signature"] = f"sha256={digest}"
    port = url.port or (443 if tls else 80)
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT)
    made = connected(host, port, inside=way.inside, own=way.own)
    connection.sock = ssl.create_default_context().wrap_socket(made, server_hostname=host) if tls else made
    try:
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read(_ANSWER)
    except http.client.HTTPException as error:
        raise OSError(f"no HTTP: {error!r}") from error
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise OSError(f"answered {answer.status}")


def syslog(way: Way, message: Message) -> None:
    """RFC 5424; over TCP with octet counting (RFC 6587 §3.4.1)."""
    priority = _FACILITY_LOCAL0 * 8 + _SEVERITIES.get(message.level, 6)
    text = _one_line(f"{message.subject} {message.text}")
    line = f"<{priority}>1 {message.at.isoformat()} {message.node} pinhole - {message.kind} - {text}".encode()
    if way.syslog_protocol == "udp":
        address = address_of(way.syslog_host, way.syslog_port, inside=way.inside, own=way.own)
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with socket.socket(family, socket.SOCK_DGRAM) as sender:
            sender.sendto(line[:2048], (address, way.syslog_port))
        return
    with connected(way.syslog_host, way.syslog_port, inside=way.inside, own=way.own) as stream:
        stream.sendall(b"%d %s" % (len(line), line))


def _one_line(text: str) -> str:
    """No line of ours holds a line of somebody else's."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


CHANNELS: Final[dict[str, Callable[[Way, Message], Any]]] = {"email": email, "webhook": webhook, "syslog": syslog}


def wanted(way: Way) -> list[str]:
    """The channels that are set up."""
    set_up = {"email": way.email_to and way.smtp_host, "webhook": way.webhook_url, "syslog": way.syslog_host}
    return [name for name in CHANNELS if set_up[name]]
