# SPDX-License-Identifier: GPL-2.0-or-later
"""The running console's door: other pages' WebSockets, guesses at a password, and what its logs hold of secrets."""

import http.client
import re
import socket
import time
import urllib.parse
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.lab.processes import LOGS, console_port

pytestmark = pytest.mark.lab

HANDSHAKES = 1000
SECRET = "never-to-be-written-down-7c1f"
MAKE = """
from appliance.accounts.services import create_user
print("/accounts/link/" + create_user(actor="test", username="{name}", role="auditor").link + "/")
"""
TAKE = """
from appliance.accounts.models import User
from appliance.accounts.services import set_role
set_role(actor="test", user=User.objects.get(username="{name}"), role="support")
"""
REMOVE = """
from django.db import transaction
from appliance.accounts.models import User
from appliance.audit.services import record
user = User.objects.get(username="{name}")
with transaction.atomic():
    record(actor="test", verb="delete", target=user)
    user.delete()
"""
DIGEST = re.compile(rb'response="[0-9a-f]{32}"')


def post(path, form, cookies):
    """With the token that the page before it gave."""
    connection = http.client.HTTPConnection("127.0.0.1", console_port(), timeout=10)
    token = re.search(r"csrftoken=([^;]+)", cookies)[1]
    body = urllib.parse.urlencode(form | {"csrfmiddlewaretoken": token})
    headers = {
        "Content-Type": "application/x-www-form-urlencoded", "Cookie": cookies,
        "Origin": f"http://127.0.0.1:{console_port()}",
    }  # fmt: skip
    connection.request("POST", path, body, headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    given = [value.partition(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
    connection.close()
    return answer, text, given


def cookies_of(path):
    connection = http.client.HTTPConnection("127.0.0.1", console_port(), timeout=10)
    connection.request("GET", path)
    answer = connection.getresponse()
    answer.read()
    given = [value.partition(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
    connection.close()
    return "; ".join(given)


@pytest.fixture
def owner_cookies(lab):
    link = urllib.parse.urlsplit(lab.manage("signin_link").split()[-1]).path
    answer, _text, given = post(link, {}, cookies_of(link))
    assert answer.status == 302
    return "; ".join(given)


def handshake(origin, cookies):
    connection = http.client.HTTPConnection("127.0.0.1", console_port(), timeout=10)
    headers = {
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Cookie": cookies,
    }  # fmt: skip
    connection.request("GET", "/ws/live/", headers=headers | ({"Origin": origin} if origin else {}))
    status = connection.getresponse().status
    connection.close()
    return status


def test_a_thousand_handshakes_of_other_pages_none_is_accepted(owner_cookies):
    """With the owner's own session, as his browser would send it along."""
    own = f"http://127.0.0.1:{console_port()}"
    assert handshake(own, owner_cookies) == 101
    wrong = [
        "", "null", "http://evil.example", f"https://127.0.0.1:{console_port()}", f"{own}.evil.example", f"{own}/",
        f"http://127.0.0.1:{console_port() + 1}", "http://127.0.0.1", f"http://evil.example@127.0.0.1:{console_port()}",
        own.upper(),
    ]  # fmt: skip
    accepted = [origin for at in range(HANDSHAKES) if handshake(origin := wrong[at % len(wrong)], owner_cookies) == 101]
    assert accepted == []


def test_guesses_are_bounded_and_the_owner_still_gets_in(lab):
    cookies = cookies_of("/accounts/sign-in/")
    looked_at = 0
    for number in range(40):
        form = {"username": "owner", "password": f"{SECRET}-{number}"}
        _answer, text, _given = post("/accounts/sign-in/", form, cookies)
        looked_at += "do not belong together" in text
        assert "Traceback" not in text
    assert looked_at <= 5
    link = urllib.parse.urlsplit(lab.manage("signin_link").split()[-1]).path
    answer, _text, _given = post(link, {}, cookies_of(link))
    assert answer.status == 302
    assert answer.getheader("Location") in ("/", "/accounts/")


def test_logs_hold_no_password_no_token_and_no_digest_response(lab):
    """Of everything above, and of telephones that register with a digest."""
    form = {"username": "nobody", "password": SECRET}
    post("/accounts/sign-in/", form, cookies_of("/accounts/sign-in/"))
    assert lab.get("registrations")["count"] > 0
    ours = ("web", "web-inside", "netadmin", "worker", "beat", "engine", "broker")
    files = [path for path in LOGS.iterdir() if path.name.startswith(ours)]
    assert len(files) >= len(ours)
    for path in (*files, Path(LOGS.parent / "audit.jsonl")):
        text = path.read_bytes()
        assert SECRET.encode() not in text, path.name
        assert lab.token.encode() not in text, path.name
        assert not DIGEST.search(text), path.name


@contextmanager
def open_channel(cookies):
    """A live channel of a browser that has these cookies, as the wire has it: the answer to the handshake is read."""
    wire = socket.create_connection(("127.0.0.1", console_port()), timeout=10)
    own = f"http://127.0.0.1:{console_port()}"
    wire.sendall(
        f"GET /ws/live/ HTTP/1.1\r\nHost: 127.0.0.1:{console_port()}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOrigin: {own}\r\n"
        f"Cookie: {cookies}\r\n\r\n".encode()
    )
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += wire.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101")
    with wire:
        yield wire


def closed_within(wire, seconds):
    """Whether the other end says goodbye (RFC 6455 §5.5.1) or hangs up in that time."""
    ends, heard = time.monotonic() + seconds, b""
    while (left := ends - time.monotonic()) > 0:
        wire.settimeout(left)
        try:
            heard += wire.recv(4096)
        except TimeoutError:
            return False
        if b"\x88\x02\x11\x31" in heard:  # close, two octets: 4401
            return True
    return False


@pytest.mark.parametrize("ends", ["signed out", "lost role"])
def test_a_live_channel_is_cut_within_five_seconds(lab, owner_cookies, ends):
    name = f"channel {ends}"
    made = lab.manage("shell", "-c", MAKE.format(name=name))
    link = urllib.parse.urlsplit(made.split()[-1]).path
    answer, _text, given = post(link, {}, cookies_of(link))
    assert answer.status == 302
    cookies = "; ".join(given)
    with open_channel(cookies) as wire:
        assert not closed_within(wire, 2.5), "it lives as long as he may look"
        if ends == "signed out":
            assert post("/accounts/sign-out/", {}, cookies)[0].status == 302
        else:
            lab.manage("shell", "-c", TAKE.format(name=name))
        assert closed_within(wire, 5)
    lab.manage("shell", "-c", REMOVE.format(name=name))
