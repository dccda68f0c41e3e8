# SPDX-License-Identifier: GPL-2.0-or-later
"""The running laboratory as a test sees it: through the commands, the REST API and the wires that anybody has."""

from __future__ import annotations

import json
import os
import select
import socket
import struct
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from deploy.lab import calls, supervision, topology

T = TypeVar("T")

PROJECT = Path(__file__).resolve().parents[2]
MANAGE = PROJECT / "deploy/manage"
SO_RCVBUFFORCE = 33  # asm-generic/socket.h; Python has no name for it


class Packet(NamedTuple):
    """One UDP datagram over IPv4 as it stood on a wire."""

    source: tuple[str, int]
    destination: tuple[str, int]
    payload: bytes


@dataclass
class RunningLab:
    console: str = ""
    token: str = ""
    namespaces: dict[str, str] = field(default_factory=dict)
    pids: dict[str, int] = field(default_factory=dict)

    def up(self) -> None:
        said = self.manage("lab", "up", "--no-traffic", "--json")
        for name, value in json.loads(said.splitlines()[-1]).items():
            setattr(self, name, value)

    def down(self) -> None:
        self.manage("lab", "down")

    @contextmanager
    def ended(self, *names: str) -> Iterator[None]:
        """Processes ended for good while the context lasts, as by a supervisor that has given up."""
        supervision.stop_processes(*names)
        try:
            yield
        finally:
            supervision.start_processes(*names)
            self.pids = supervision.pids()

    def healthy(self) -> bool:
        """Whether each part answers, as the console says; what telephones do is no matter here."""
        try:
            said = self.get("health")
            return all(said[part]["ok"] for part in ("engine", "broker", "redis", "database"))
        except (AssertionError, OSError):
            return False

    def manage(self, *arguments: str) -> str:
        done = subprocess.run([MANAGE, *arguments], capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, f"deploy/manage {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    def run(self, namespace: str, *argv: str, check: bool = True) -> str:
        """What `argv` says in a namespace: "lan", "fw" or "wan"."""
        done = subprocess.run(
            topology.command_in(self.namespaces[namespace], *argv), capture_output=True, text=True, timeout=30
        )
        assert not check or done.returncode == 0, f"{' '.join(argv)}: {done.stderr}"
        return done.stdout

    def socket(self, namespace: str, host: str, port: int = 0) -> socket.socket:
        """A UDP socket of a host of the laboratory."""
        with topology.inside(self.namespaces[namespace]):
            made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.bind((host, port))
        made.settimeout(1)
        return made

    def send_raw(self, namespace: str, packet: bytes, destination: str) -> None:
        """An IPv4 packet as it is, from whatever address it names."""
        with topology.inside(self.namespaces[namespace]):
            wire = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        with wire:
            wire.sendto(packet, (destination, 0))

    @contextmanager
    def capture(self, namespace: str, interface: str) -> Iterator[list[Packet]]:
        """Every UDP datagram that passes the interface; the list is complete when the context ends."""
        with topology.inside(self.namespaces[namespace]):
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(0x0003))
        wire.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 8 << 20)
        wire.bind((interface, 0x0003))
        packets: list[Packet] = []
        try:
            yield packets
        finally:
            deadline = time.monotonic() + 0.3  # a wire with a running call is never silent
            while time.monotonic() < deadline and select.select([wire], [], [], 0.05)[0]:
                packets.extend(_udp(wire.recv(65535)))
            wire.close()

    def request(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(
            f"{self.console}/api/v1/{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                text = response.read()
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{method} {path}: {error.code} {error.read().decode()}") from error
        return json.loads(text) if text else None

    def get(self, path: str) -> Any:
        return self.request("GET", path)

    def apply(self, reason: str) -> None:
        """Apply the configuration as it stands; returns when it is in the kernel."""
        number = self.request("POST", "apply", {"reason": reason})["number"]
        revision = until(
            lambda: (found := self.get(f"revisions/{number}"))["state"] in {"applied", "failed"} and found, 20
        )
        assert revision["state"] == "applied", revision["error"]

    def place_call(self, direction: str = "outbound", patience: float = calls.ANSWER_SECONDS) -> calls.Call:
        """An established call between two baresips; leaving its context hangs up."""
        return calls.place(direction, patience)

    def call_row(self, call: calls.Call) -> dict[str, Any] | None:
        """The call as the API has it. The Call-ID is the caller's: a proxy keeps it."""
        rows = [row for row in self.get("calls")["items"] if row["call_id"] == call.id]
        return rows[0] if rows else None

    def audible(self, call: calls.Call) -> dict[str, Any] | None:
        """The call as the API has it, where it says that both sides are heard."""
        row = self.call_row(call)
        return row if row and row["audio_in"]["active"] and row["audio_out"]["active"] else None

    @contextmanager
    def cut_call(self) -> Iterator[calls.Call]:
        """A call whose end may not be heard at the other side any more."""
        call = self.place_call()
        try:
            yield call
        finally:
            with suppress(calls.CallFailed):
                call.hang_up()
            call.control.close()

    def elements(self, prefix: str) -> list[Any]:
        """The elements of the ALG's sets in the kernel whose name begins like this."""
        listed = json.loads(self.run("fw", "nft", "-j", "list", "table", "inet", "sipalg"))["nftables"]
        sets = [each["set"] for each in listed if "set" in each and each["set"]["name"].startswith(prefix)]
        return [_key(element) for each in sets for element in each.get("elem", ())]


def until(holds: Callable[[], T], seconds: float) -> T:
    """The first true value of `holds`; the last value after `seconds`."""
    deadline = time.monotonic() + seconds
    while not (value := holds()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return value


def capabilities(pid: int) -> dict[str, int]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {line[:6]: int(line.split()[1], 16) for line in lines if line.startswith("Cap")}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _key(element: Any) -> Any:
    while isinstance(element, dict) and "elem" in element:
        element = element["elem"]
    value = element["val"] if isinstance(element, dict) and "val" in element else element
    return tuple(value["concat"]) if isinstance(value, dict) else value


def _udp(frame: bytes) -> Iterator[Packet]:
    """The datagram in an IPv4 packet that is not a fragment, if it is one."""
    if len(frame) < 28 or frame[0] >> 4 != 4 or frame[9] != socket.IPPROTO_UDP:
        return
    start = (frame[0] & 15) * 4
    sport, dport = struct.unpack_from("!HH", frame, start)
    source, destination = (socket.inet_ntoa(frame[at : at + 4]) for at in (12, 16))
    yield Packet((source, sport), (destination, dport), frame[start + 8 :])
