# SPDX-License-Identifier: GPL-2.0-or-later
"""Before and at the end: what is for a time is told by letter, webhook and syslog, to servers that really listen."""

import json
import socket
import socketserver
import threading
from contextlib import ExitStack
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from django.utils import timezone

from appliance.firewall.models import Activation, ActivationKind, ActivationState
from appliance.firewall.services import create_rule
from appliance.notices import guard
from appliance.ruleset.policy import dump
from appliance.ruleset.snapshot import snapshot
from appliance.system import services
from appliance.system.models import Notice, Revision, State
from sipalg_core.contract import names

pytestmark = pytest.mark.django_db
PATIENCE = 20.0


class Letters(socketserver.StreamRequestHandler):
    """As much of a mail server as takes a letter (RFC 5321)."""

    def handle(self):
        self._say(b"220 mail.example")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"DATA":
                self._say(b"354 go on")
                letter = b""
                while (line := self.rfile.readline()) != b".\r\n":
                    letter += line
                self.server.letters.append(message_from_bytes(letter, policy=default))
            self._say(b"221 bye" if verb == b"QUIT" else b"250 mail.example")
            if verb == b"QUIT":
                return

    def _say(self, line):
        self.wfile.write(line + b"\r\n")


class Hook(BaseHTTPRequestHandler):
    def do_POST(self):
        self.server.told.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


class Receivers:
    """The three servers on loopback; each call takes what has come since the last one."""

    def __init__(self, stack):
        self._mail = stack.enter_context(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Letters))
        self._hook = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Hook))
        self._log = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        self._log.bind(("127.0.0.1", 0))
        self._log.settimeout(PATIENCE)
        self._mail.letters, self._hook.told = [], []
        for server in (self._mail, self._hook):
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.shutdown)
        self.settings = {
            "email_to": ["anna@example.net"], "email_from": "box@example.net", "smtp_host": "127.0.0.1",
            "smtp_port": self._mail.server_address[1], "smtp_security": "none", "inside": True,
            "webhook_url": f"http://127.0.0.1:{self._hook.server_port}/told", "syslog_host": "127.0.0.1",
            "syslog_port": self._log.getsockname()[1], "before_minutes": 60,
        }  # fmt: skip

    def taken(self, number):
        """Subjects by each way, sorted; `number` of them are awaited by syslog, which nobody confirms."""
        lines = sorted(self._log.recv(4096).decode().partition(" - ")[2] for _each in range(number))
        letters, hooks = self._mail.letters[:], self._hook.told[:]
        del self._mail.letters[:], self._hook.told[:]
        return sorted(str(each["Subject"]) for each in letters), sorted(each["subject"] for each in hooks), lines


@pytest.fixture
def receivers(monkeypatch, owner):
    monkeypatch.setattr(guard, "allowed", lambda *_, **__: True)  # no notice goes to loopback otherwise
    with ExitStack() as stack:
        made = Receivers(stack)
        services.save_notice_settings(actor=owner, **made.settings)
        yield made


def told(receivers, now, number):
    services.note_events(now=now)
    services.send_notices(now=now)
    letters, hooks, lines = receivers.taken(number)
    assert letters == [f"[Pinhole {names.NODE}] {subject}" for subject in hooks]
    assert len(lines) == number
    assert all(any(subject in line for line in lines) for subject in hooks)
    return hooks


def test_rule_with_an_end_is_told_of_at_its_start_before_and_at_its_end_by_all_three_ways(receivers, owner):
    now = timezone.now().replace(microsecond=0)  # an end is a whole second: 59.7 would be told as the next minute
    create_rule(actor=owner, name="Visitors", action="accept", until=now + timedelta(hours=2), comment="fair")
    policy = dump(snapshot(names.NODE, 1))
    Revision.objects.create(number=1, author="anna", policy=policy, state=State.APPLIED, applied_at=timezone.now())
    at = f"{now + timedelta(hours=2):%Y-%m-%d %H:%M}"
    assert told(receivers, now, 1) == [f"Rule “Visitors” acts now, until {at} UTC"]
    assert told(receivers, now, 0) == []
    assert told(receivers, now + timedelta(minutes=61), 1) == [f"Rule “Visitors” ends at {at} UTC"]
    assert told(receivers, now + timedelta(minutes=62), 0) == []
    assert told(receivers, now + timedelta(hours=2, seconds=1), 1) == [f"Rule “Visitors” has ended at {at} UTC"]
    assert not Notice.objects.filter(done=False).exists()


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        (ActivationKind.RULE, "Visitors", "Rule “Visitors”"),
        (ActivationKind.EXEMPTION, "Provider", "Exemption from the ALG “Provider”"),
        (ActivationKind.MAINTENANCE, "Remote maintenance", "Remote maintenance"),
    ],
)
def test_so_is_what_acts_for_a_time(receivers, kind, name, said):
    now = timezone.now()
    ends = now + timedelta(hours=2)
    row = Activation.objects.create(
        kind=kind, name=name, reason="ticket 7", started_by="anna", ends=ends, state=ActivationState.ACTIVE
    )  # fmt: skip
    at = f"{ends:%Y-%m-%d %H:%M}"
    assert told(receivers, now, 1) == [f"{said} acts since {row.started:%Y-%m-%d %H:%M} UTC"]
    assert told(receivers, now, 0) == []
    assert told(receivers, now + timedelta(minutes=61), 1) == [f"{said} ends at {at} UTC"]
    row.state, row.ended = ActivationState.ENDED, ends
    row.save()
    assert told(receivers, ends, 1) == [f"{said} has ended at {at} UTC"]
    assert Notice.objects.filter(text="ticket 7").count() == 3
