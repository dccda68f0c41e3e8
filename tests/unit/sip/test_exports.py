# SPDX-License-Identifier: GPL-2.0-or-later
"""Captures that another program reads, texts, pseudonyms that hold together, and tables that no spreadsheet runs."""

import csv
import io

import dpkt
import pytest

from appliance.sip.exports.pcap import capture
from appliance.sip.exports.pseudonyms import Pseudonyms
from appliance.sip.exports.table import csv_lines, harmless
from appliance.sip.exports.text import summary, transcript
from sipalg_core.contract.policy import PortRange
from tests.unit.alg.harness import PHONE, PROVIDER, World, established, incoming, invite, policy, sdp
from tests.unit.sip.test_api import CALL


@pytest.fixture
def world():
    made = World()
    body = sdp(PHONE.host, 14000).replace(b"o=- ", b"o=anna ")
    invited = invite(body=body).replace(b"From: <sip:101", b'From: "Anna Muster" <sip:101')
    invited = invited.replace(b"Contact:", b"Subject: about the house\r\nContact:")
    made.out(invited)
    established(made, "call-1", body=body)
    return made


def rows(world):
    return world.engine.trace(str(world.engine.rows("calls", world.now)[0]["id"]))


def packets(data):
    return [(t, dpkt.ip.IP(packet)) for t, packet in dpkt.pcap.Reader(io.BytesIO(data))]


def test_another_program_reads_both_legs_of_every_message(world):
    kept = rows(world)
    read = packets(capture(kept))
    assert dpkt.pcap.Reader(io.BytesIO(capture(kept))).datalink() == 101  # LINKTYPE_RAW
    assert len(read) == 2 * len(kept)
    for row, ((t, came), (later, went)) in zip(kept, zip(read[::2], read[1::2], strict=True), strict=True):
        assert (came.data.data.decode(), went.data.data.decode()) == (row["before"], row["after"])
        assert abs(t - row["t"]) < 1e-5 < later - t + 1e-5
    first = read[0][1]
    assert (dpkt.utils.inet_to_str(first.src), first.data.sport) == PHONE
    assert (dpkt.utils.inet_to_str(first.dst), first.data.dport) == PROVIDER
    assert dpkt.sip.Request(read[0][1].data.data).method == "INVITE"


def test_checksums_are_those_of_a_real_packet(world):
    for _, packet in packets(capture(rows(world))):
        was = packet.sum, packet.data.sum
        packet.sum = packet.data.sum = 0
        bytes(packet)  # dpkt computes what is 0
        assert (packet.sum, packet.data.sum) == was


def test_ipv6_and_tcp_are_written_as_such(world):
    moved = [
        row | {"transport": "tcp", "source": "[fd00::10]:5060", "destination": "[2001:db8::1]:5060", "sent_to": ""}
        for row in rows(world)[:2]
    ]
    read = [dpkt.ip6.IP6(packet) for _, packet in dpkt.pcap.Reader(io.BytesIO(capture(moved)))]
    assert [type(packet.data) for packet in read] == [dpkt.tcp.TCP, dpkt.tcp.TCP]
    assert dpkt.utils.inet_to_str(read[0].src) == "fd00::10"
    assert read[1].data.seq == read[0].data.seq + len(read[0].data.data)


def test_message_that_did_not_go_on_has_one_leg():
    world = World(policy(media_ports=PortRange(20000, 20001)))
    world.out(invite(body=sdp(PHONE.host, 14000)))
    world.out(invite("second", body=sdp(PHONE.host, 15000)))
    second = next(row for row in world.engine.rows("calls", world.now) if row["call_id"] == "second")
    kept = world.engine.trace(str(second["id"]))
    assert len(packets(capture(kept))) == 1
    assert "did not go on: refused: media-ports, answered 503 by the firewall" in transcript(kept)


def test_text_names_every_change_with_its_rule(world):
    text = transcript(rows(world), summary(CALL))
    assert text.startswith("Call inbound, in_call, began 1970-01-01T00:00:01")
    assert "Audio: Audio flows in both directions." in text
    assert (
        "Contact: 192.168.0.10:5060 -> 203.0.113.2:5060  [the party's signalling endpoint and our mapping of it]"
        in text
    )
    assert "--- went on  203.0.113.2:5060 -> 203.0.113.1:5060" in text


# --- pseudonyms ---


@pytest.mark.parametrize(
    "real",
    ["192.168.0.10", "203.0.113.1:", "203.0.113.2:", "203.0.113.99", ":101@", ":200@", "Anna", "anna",
     "provider.example", "about the house", "Call-ID: call-1\r\nCSeq: 1 INVITE\r\nContact: <sip:101"],
)  # fmt: skip
def test_nothing_real_is_left(world, real):
    kept = rows(world)
    assert real in transcript(kept).replace("\n", "\r\n")
    assert real not in transcript(Pseudonyms().messages(kept)).replace("\n", "\r\n")


def test_the_same_stays_the_same(world):
    world.into(incoming("call-1", 2, method="BYE", to_tag="a"))
    real = rows(world)
    made_up = Pseudonyms().messages(real)
    names = {}
    for before, after in zip(real, made_up, strict=True):
        for end in ("source", "destination", "sent_from", "sent_to"):
            assert names.setdefault(before[end], after[end]) == after[end]
        assert after["source"].split(":")[0] in after["before"] or "sip" in after["before"]
    assert len(set(names.values())) == len(names)


def test_message_stays_whole(world):
    for row in Pseudonyms().messages(rows(world)):
        for text in (row["before"], row["after"]):
            head, _, body = text.partition("\r\n\r\n")
            length = next(line for line in head.split("\r\n") if line.lower().startswith("content-length"))
            assert int(length.partition(":")[2]) == len(body.encode())
            assert text.count("\r\n") == row["before"].count("\r\n")


def test_what_only_looks_like_an_address_stays():
    names = Pseudonyms()
    assert names.text("Date: Sat, 28 Nov 2026 14:02:10 GMT") == "Date: Sat, 28 Nov 2026 14:02:10 GMT"
    assert names.text("User-Agent: Phone 1.2.3.4.5") == "User-Agent: Phone 1.2.3.4.5"
    assert names.text("c=IN IP6 2001:db8:a::99") != "c=IN IP6 2001:db8:a::99"


# --- tables (A42) ---


@pytest.mark.parametrize("value", ["=1+1", "+49301234", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_formula_is_text(value):
    assert harmless(value) == "'" + value


@pytest.mark.parametrize("value", ["101", "", "a=b", "5060", None, 7])
def test_what_is_harmless_stays(value):
    assert harmless(value) == ("" if value is None else str(value))


def test_table_is_csv():
    lines = ['"a","b"\r\n', '"x,y","\'="""\r\n', '"","3"\r\n']
    assert list(csv_lines(["a", "b"], [["x,y", '="'], [None, 3]])) == lines


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a42_no_cell_is_a_formula_whatever_parts_them(separator):
    """A name that somebody else chose, read again as programs of other countries read it."""
    hostile = ["=1+1", "x;=cmd|' /C calc'!A0", "x\t=1", '";=1;"', '",=1,"', "x\r\n=1", "@SUM(A1)", "'=1"]
    text = "".join(csv_lines(["name"], [[each] for each in hostile]))
    cells = [cell for row in csv.reader(io.StringIO(text, newline=""), delimiter=separator) for cell in row]
    assert len(cells) == 1 + len(hostile)
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
