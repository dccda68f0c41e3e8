# SPDX-License-Identifier: GPL-2.0-or-later
"""Notices on the wire: where they may go at all, and what arrives at real receivers."""

import hashlib
import hmac
import json
import socket
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from appliance.notices import channels, guard
from appliance.notices.channels import Message, Way

AT = datetime(2026, 1, 2, tzinfo=UTC)
MESSAGE = Message("k:1", "rule_ended", "warning", "Rule “x”\nhas ended", "line\r\nother", AT, "n")


@pytest.fixture
def open_guard(monkeypatch):
    """The receivers of these tests are on loopback, where no notice goes otherwise."""
    monkeypatch.setattr(guard, "allowed", lambda *_, **__: True)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "169.254.169.254", "fe80::1", "224.0.0.1", "0.0.0.0", "0.1.2.3", "255.255.255.255",
     "::ffff:127.0.0.1", "64:ff9b::7f00:1", "203.0.113.2"],
)  # fmt: skip
def test_never_to_ourselves_or_to_what_is_special(address):
    own = [guard.ipaddress.ip_address("203.0.113.2")]
    assert not guard.allowed(address, inside=True, own=own)


@pytest.mark.parametrize(("address", "inside", "allowed"), [("192.168.0.5", False, False), ("192.168.0.5", True, True),
                                                            ("8.8.8.8", False, True)])  # fmt: skip
def test_inside_only_where_it_is_said(address, inside, allowed):
    assert guard.allowed(address, inside=inside) is allowed


def test_name_that_points_to_loopback_is_refused_when_it_is_used():
    with pytest.raises(guard.NotAllowed):
        channels.webhook(Way(inside=True, webhook_url="http://localhost:1/"), MESSAGE)


def test_webhook_outside_must_be_encrypted():
    with pytest.raises(guard.NotAllowed, match="https"):
        channels.webhook(Way(webhook_url="http://192.0.2.1/"), MESSAGE)


@pytest.mark.parametrize(("status", "fails"), [(204, False), (302, True), (500, True)])
def test_webhook_is_signed_and_follows_no_redirect(open_guard, status, fails):
    got = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.headers, self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Receiver) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        way = Way(inside=True, webhook_url=f"http://127.0.0.1:{server.server_port}/a?b=c", webhook_secret="s")
        if fails:
            with pytest.raises(OSError, match=str(status)):
                channels.webhook(way, MESSAGE)
        else:
            channels.webhook(way, MESSAGE)
        thread.join()
    ((path, headers, body),) = got
    assert (path, json.loads(body)["kind"]) == ("/a?b=c", "rule_ended")
    assert headers["X-Pinhole-Signature"] == "sha256=" + hmac.new(b"s", body, hashlib.sha256).hexdigest()


def test_syslog_is_one_line_whatever_the_text_holds(open_guard):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(2)
        channels.syslog(Way(syslog_host="127.0.0.1", syslog_port=receiver.getsockname()[1]), MESSAGE)
        line = receiver.recv(4096).decode()
    assert line.startswith("<132>1 2026-01-02T00:00:00+00:00 n pinhole - rule_ended - Rule “x” has ended line other")
    assert "\n" not in line


def test_letter_goes_to_the_server_that_was_judged(open_guard):
    said = []

    def serve(listener):
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as file:
            file.write(b"220 x\r\n")
            file.flush()
            in_data = False
            for line in file:
                said.append(line)
                if in_data and line != b".\r\n":
                    continue
                in_data = line.upper().startswith(b"DATA")
                quitting = line.upper().startswith(b"QUIT")
                file.write(b"354 go\r\n" if in_data else b"221 bye\r\n" if quitting else b"250 ok\r\n")
                file.flush()
                if quitting:
                    return

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        way = Way(
            email_to=("anna@example.net",), email_from="box@example.net", smtp_host="127.0.0.1",
            smtp_port=listener.getsockname()[1], smtp_security="none",
        )  # fmt: skip
        channels.email(way, MESSAGE)
        thread.join()
    assert b"To: anna@example.net\r\n" in said
    assert any(line.lower().startswith(b"rcpt to:<anna@example.net>") for line in said)
