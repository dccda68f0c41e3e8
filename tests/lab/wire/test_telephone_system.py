# SPDX-License-Identifier: GPL-2.0-or-later
"""A telephone system behind us: kamailio registers a trunk and stands in the route of its telephone's calls."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from string import Template

import pytest

from sipalg_core.net import Endpoint
from tests.lab.kernel_rig import LAN, WAN, run, within
from tests.lab.sipp import SCENARIOS, Sipp
from tests.lab.wire.between import Variant
from tests.lab.wire.messages import answer, endpoint_of, header, uri_of
from tests.lab.wire.rig import Wire, until

pytestmark = pytest.mark.lab

PATIENCE = 20  # seconds


class _Template(Template):
    delimiter = "%"  # kamailio's own variables begin with a dollar


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@pytest.fixture
def trunk(wire: Wire) -> Iterator[Endpoint]:
    """Where the provider reaches the telephone system, once it has registered."""
    own = wire.at("a")
    text = _Template((SCENARIOS / "inside_proxy.cfg").read_text()).substitute(
        transport=wire.transport,
        own=bracketed(own.host),
        host=own.host,
        provider=bracketed(wire.at("b").host),
        version="ipv6" if wire.family == "ip6" else "ipv4",
    )
    with tempfile.TemporaryDirectory(prefix="kamailio-") as folder:
        file, said = Path(folder) / "kamailio.cfg", Path(folder) / "said"
        file.write_text(text)
        command = ("kamailio", "-DD", "-E", "-m", "32", "-M", "4", "-f", str(file), "-Y", folder, "-w", folder)
        provider = wire.b  # it listens before anybody registers

        def start() -> subprocess.Popen[bytes]:
            with said.open("wb") as output:
                return subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

        process = within(LAN, start)
        try:
            asked = provider.take("REGISTER", PATIENCE)
            contact = header(asked, "contact")
            assert endpoint_of(uri_of(contact)).host == wire.ours, said.read_text()
            provider.send(answer(asked, 200, f"Contact: {contact};expires=600", tag="reg"))
            assert until(lambda: registered(wire), PATIENCE), said.read_text()
            provider.close()
            yield endpoint_of(uri_of(contact))
        finally:
            process.terminate()
            process.wait(PATIENCE)


def registered(wire: Wire) -> bool:
    return any(row["state"] == "registered" and "trunk" in row["contact"] for row in wire.alg.rows("registrations"))


def office_call(wire: Wire, caller: tuple[str, Endpoint], callee: tuple[str, Endpoint], to: Endpoint) -> None:
    """Hold, resume, tones, transfer and fax: sipp checks each on both ends."""
    waiting = Sipp(
        callee[0], "course_callee", callee[1], transport=wire.transport, media=7000, user="callee", more=("-rtp_echo",)
    )
    protocol = "--tcp" if wire.transport == "tcp" else "--udp"
    try:
        assert until(lambda: f"{callee[1]} " in run("ss", "-Hln", protocol, namespace=callee[0]), PATIENCE)
        Sipp(
            caller[0], "course_caller", caller[1], to=to, transport=wire.transport, media=14000, user="caller"
        ).ends_well()
        waiting.ends_well()
    finally:
        waiting.kill()
    row = max(wire.alg.rows("calls"), key=lambda each: each["since"])
    assert (row["state"], row["direction"]) == ("completed", "outbound" if caller[0] == LAN else "inbound")
    assert min(row["audio_in"]["packets"], row["audio_out"]["packets"]) > 20


@pytest.mark.parametrize("wire", [Variant("udp", "ip"), Variant("tcp", "ip6")], indirect=True, ids=str)
def test_kamailio_inside_registers_and_carries_calls_both_ways(wire: Wire, trunk: Endpoint):
    phone, provider = (LAN, wire.at("a", 5070)), (WAN, wire.at("b"))
    office_call(wire, phone, provider, to=wire.at("a"))
    office_call(wire, provider, phone, to=trunk)
