# SPDX-License-Identifier: GPL-2.0-or-later
"""A server taken from the ALG, on the wire: at once, only its own connections, and back by itself with nobody alive."""

import time
from datetime import UTC, datetime

import pytest

from deploy.lab import topology
from tests.lab.running import until

pytestmark = pytest.mark.lab

PHONE, SERVER = "192.168.0.12", topology.PROVIDER_SECOND
EVERYBODY = ("web", "worker", "beat", "netadmin", "engine", "broker", "redis")
OPTIONS = (
    "OPTIONS sip:{server} SIP/2.0\r\nVia: SIP/2.0/UDP {phone}:{port};rport;branch=z9hG4bK{mark}\r\n"
    "From: <sip:a@{server}>;tag=1\r\nTo: <sip:{server}>\r\nCall-ID: {mark}\r\nCSeq: 1 OPTIONS\r\n"
    "Contact: <sip:a@{phone}:{port}>\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
)


def seen_outside(lab, mark, port=5060):
    """What the outside gets of a question that a phone sends; None where nothing arrives."""
    with lab.capture("fw", "wan0") as packets, lab.socket("lan", PHONE, 6060) as phone:
        text = OPTIONS.format(server=SERVER, phone=PHONE, port=6060, mark=mark)
        phone.sendto(text.encode(), (SERVER, port))
        time.sleep(0.3)
    sent = [packet for packet in packets if mark.encode() in packet.payload and packet.destination == (SERVER, port)]
    return sent[0] if sent else None


def connections(lab):
    """Of other hosts than the exempt one: those that must stay."""
    lines = lab.run("fw", "conntrack", "-L", "-o", "id").splitlines()
    return {line.rsplit("id=", 1)[1] for line in lines if "id=" in line and SERVER not in line and "icmp" not in line}


def start(lab, seconds, **fields):
    ends = datetime.fromtimestamp(time.time() + seconds, UTC).isoformat()
    made = lab.request("POST", "exemptions", {"reason": "test", "until": ends} | fields)
    row = until(lambda: (found := lab.get(f"activations/{made['id']}"))["state"] != "asked" and found, 20)
    assert row, "netadmin did not take it"
    assert row["state"] == "active", row["error"]
    return row


def test_exempt_server_passes_unchanged_and_comes_back_by_itself(lab):
    """Calls with the other server go on; of this one's connections nothing stays; 5061 is not touched at any time."""
    before = seen_outside(lab, "before")
    assert before is not None
    assert PHONE.encode() not in before.payload, "the ALG translates"
    assert seen_outside(lab, "encrypted-before", 5061) is None
    with lab.place_call() as call:
        assert until(lambda: lab.call_row(call), 20)
        kept = connections(lab)
        assert kept
        row = start(lab, 12, values=[SERVER])
        during = seen_outside(lab, "during")
        assert during is not None
        assert PHONE.encode() in during.payload, "nobody translates the message"
        assert during.source[0] == topology.APPLIANCE_OUTSIDE, "the packet filter translates the packet"
        assert seen_outside(lab, "encrypted-during", 5061) is None
        assert kept - connections(lab) == set()
        count = lab.call_row(call)["audio_in"]["packets"]
        assert until(lambda: lab.call_row(call)["audio_in"]["packets"] > count, 20), "speech goes on"
    with lab.ended(*EVERYBODY):
        ends = datetime.fromisoformat(row["ends"]).timestamp()
        assert time.time() < ends, "the machine was too slow for this test"
        assert seen_outside(lab, "nobody-alive") is not None
        time.sleep(max(0.0, ends + 1 - time.time()))
        assert seen_outside(lab, "after") is None, "interception is back, and no engine listens"
    assert until(lambda: lab.healthy(), 60)
    assert until(lambda: lab.get(f"activations/{row['id']}")["state"] == "ended", 20)
    back = until(lambda: seen_outside(lab, "back"), 20)
    assert back is not None
    assert PHONE.encode() not in back.payload


@pytest.mark.parametrize("fields", [{"values": [SERVER]}, {"everything": True}], ids=["one server", "every server"])
def test_lifted_by_hand_the_alg_has_it_back_at_once(lab, fields):
    row = start(lab, 600, **fields)
    assert PHONE.encode() in seen_outside(lab, "exempt").payload
    lab.request("POST", f"activations/{row['id']}/stop")
    back = until(lambda: (seen := seen_outside(lab, "lifted")) and PHONE.encode() not in seen.payload and seen, 20)
    assert back


def test_exemption_outlives_an_apply(lab):
    row = start(lab, 600, values=[SERVER])
    try:
        lab.apply("in the middle of an exemption")
        assert PHONE.encode() in seen_outside(lab, "applied").payload
    finally:
        lab.request("POST", f"activations/{row['id']}/stop")
