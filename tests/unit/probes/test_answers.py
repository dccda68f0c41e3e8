# SPDX-License-Identifier: GPL-2.0-or-later
"""What strangers answer to our tests is read, or said to be nonsense, and never breaks the test."""

import random
import socket
import struct
import threading

import pytest

from appliance.probes import hosts, reach, sip, stun
from appliance.probes.results import Question, printable
from tests.lab.fake_resolver import BROKEN, fake_resolver

ASKED = bytes(range(12))


def question(kind, host="127.0.0.1", port=0, transport="udp"):
    return Question(kind=kind, host=host, port=port, transport=transport, servers=[])


@pytest.fixture
def server():
    """Answers each datagram on loopback with what the test gives it; what came stands in `heard`."""
    wire = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    wire.bind(("127.0.0.1", 0))
    wire.settimeout(10)
    heard = []

    def begin(answer):
        def serve():
            data, sender = wire.recvfrom(4096)
            heard.append(data)
            wire.sendto(answer(data, sender), sender)

        threading.Thread(target=serve, daemon=True).start()
        return wire.getsockname()[1], heard

    yield begin
    wire.close()


def test_options_tells_the_status_and_the_program(server):
    port, heard = server(lambda *_: b"SIP/2.0 200 OK\r\nServer: kam\x1bailio\r\n\r\n")
    begun, answered = sip.options(question("options", port=port))
    assert (begun["code"], answered["code"], answered["mark"]) == ("options-begun", "options-answered", "ok")
    assert answered["params"] == {"status": "200 OK", "server": "kam·ailio"}
    assert heard[0].startswith(b"OPTIONS sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:")
    assert heard[0].endswith(b"Content-Length: 0\r\n\r\n")


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"SIP/2.0 x\r\n\r\n", bytes(200)])
def test_options_of_something_else_is_no_sip(server, answer):
    port, _ = server(lambda *_: answer)
    assert [each["code"] for each in sip.options(question("options", port=port))][-1] == "options-no-sip"


def test_options_where_nobody_listens_is_refused():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as wire:
        wire.bind(("127.0.0.1", 0))
        port = wire.getsockname()[1]
    for transport in ("udp", "tcp"):
        told = list(sip.options(question("options", port=port, transport=transport)))
        assert told[-1]["code"] == "options-refused"


def binding(asked, host, port, kind=0x0020):
    key = struct.pack("!I", 0x2112A442)
    value = bytes(one ^ other for one, other in zip(socket.inet_aton(host), key, strict=True))
    body = struct.pack("!HHBBH", kind, 8, 0, 1, port ^ 0x2112) + value
    return struct.pack("!HHI12s", 0x0101, len(body), 0x2112A442, asked) + body


def test_stun_says_whether_somebody_translates(server):
    port, _ = server(lambda data, sender: binding(data[8:20], *sender))
    assert [each["code"] for each in stun.binding(question("stun", port=port))] == ["stun-same"]


def test_stun_behind_a_translation(server):
    port, _ = server(lambda data, _sender: binding(data[8:20], "198.51.100.7", 4000))
    (told,) = stun.binding(question("stun", port=port))
    assert (told["code"], told["params"]["seen"]) == ("stun-other", "198.51.100.7 4000")


def test_stun_answer_of_another_request_and_any_octets_are_nonsense():
    good = binding(ASKED, "192.0.2.1", 5)
    assert stun.mapped(good, ASKED) == ("192.0.2.1", 5)
    assert stun.mapped(good, bytes(12)) is None
    octets = random.Random(5)
    assert {stun.mapped(good[:end], ASKED) for end in range(len(good))} == {None}
    for _ in range(2000):
        body = octets.randbytes(octets.randrange(64))
        found = stun.mapped(struct.pack("!HHI12s", 0x0101, len(body), 0x2112A442, ASKED) + body, ASKED)
        assert found is None or len(found) == 2


def test_loopback_answers_a_ping_and_is_one_hop_away(monkeypatch):
    monkeypatch.setattr(reach, "BETWEEN", 0.0)
    *pings, last = reach.ping(question("ping"))
    assert [each["code"] for each in pings] == ["ping-answered"] * 4
    assert last["params"] == {"host": "127.0.0.1", "answered": "4", "sent": "4"}
    assert [each["code"] for each in reach.trace(question("trace"))] == ["hop-last"]


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("192.0.2.53", ("192.0.2.53", 53)),
        ("192.0.2.53:5353", ("192.0.2.53", 5353)),
        ("[2001:db8::53]:5353", ("2001:db8::53", 5353)),
        ("2001:db8::53", ("2001:db8::53", 53)),
    ],
)
def test_name_servers_as_they_are_kept(text, server):
    made = hosts._server(text)
    assert (made.address, made.port) == server


def test_strangers_words_are_one_short_line():
    assert printable(b"a\r\nb\x00" + b"x" * 500) == "a··b·" + "x" * 115


def test_telephony_name_is_looked_up_with_its_servers_and_what_is_missing_is_said():
    with fake_resolver() as resolver:
        resolver.zone = {
            ("sip.example.net", "A"): ["192.0.2.5"],
            ("_sip._udp.sip.example.net", "SRV"): ["10 5 5060 sip1.example.net."],
            ("_sip._tcp.sip.example.net", "SRV"): BROKEN,
        }
        asked = question("dns", "sip.example.net") | {"servers": [resolver.server]}
        results = list(hosts.lookups(asked))
    told = {(each["params"]["name"], each["params"].get("kind")): each for each in results}
    assert told["sip.example.net", "A"]["params"]["value"] == "192.0.2.5"
    assert told["sip.example.net", "A"]["params"]["ttl"] == "300"
    assert told["_sip._udp.sip.example.net", "SRV"]["params"]["value"] == "10 5 5060 sip1.example.net."
    codes = [told[f"{name}sip.example.net", kind]["code"] for name, kind in (
        ("", "AAAA"), ("", "NAPTR"), ("_sip._tcp.", "SRV"), ("_sips._tcp.", "SRV"))]  # fmt: skip
    assert codes == ["dns-nothing", "dns-nothing", "dns-failed", "dns-no-name"]


def test_name_that_nobody_knows_has_no_answer():
    with fake_resolver() as resolver:
        results = list(hosts.lookups(question("dns", "nowhere.example") | {"servers": [resolver.server]}))
    assert {each["code"] for each in results} == {"dns-no-name", "dns-none"}
