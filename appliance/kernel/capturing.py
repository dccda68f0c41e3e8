# SPDX-License-Identifier: GPL-2.0-or-later
"""netadmin captures headers of a host's packets for some seconds: of each packet its headers up to the transport's, and
RTP's, never what anybody says or writes. The kernel ends it by itself; what came lies in Redis for an hour.

A table of its own, asked before and behind all translation, so that both sides of a packet are in the file.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Final, Literal

import redis
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from appliance import redis_socket
from appliance.probes.results import ENDED, KEPT, Said, job_key, said
from sipalg_core.contract import names
from sipalg_core.nft import ruleset as nft
from sipalg_core.nft import statements as stm
from sipalg_core.nft.client import Client
from sipalg_core.nft.packet_log import PacketLog

log = logging.getLogger(__name__)

# --- Specification: pcap-savefile(5) ---

_HEAD: Final = struct.pack("!IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 96, 101)

# --- Implementation constants ---

LONGEST: Final = 60  # s
MOST: Final = 20_000  # packets
_SNAPLEN: Final = 96
_RATE: Final = stm.Limit(1000, burst=2000)
_PATIENCE: Final = 0.25  # s
_TIMEOUT: Final = 0.5  # s; Redis is on this machine
_TABLE: Final = nft.Table("capture")
_BEFORE: Final = nft.Chain(_TABLE, "capture_before", nft.Hook("filter", "prerouting", -310))
_BEHIND: Final = nft.Chain(_TABLE, "capture_behind", nft.Hook("filter", "postrouting", 310))

_TRANSPORT: Final = stm.Match(stm.Field("meta l4proto"), ("tcp", "udp"))

_one: Final = threading.Lock()

Host = ipaddress.IPv4Address | ipaddress.IPv6Address
End = tuple[Host, int]
"""A host, and its port; 0: any, and any protocol."""


def start(job: str, host: str, seconds: int, ends: list[tuple[str, int]] | None = None) -> dict[str, bool]:
    """Answers at once. Raise ValidationError while another runs.

    With `ends`, addresses with their ports, only what comes from or goes to one of them.
    """
    if not _one.acquire(blocking=False):
        raise ValidationError({"kind": [_("A capture is running. Wait until it has ended.")]})
    try:
        log_of_kernel = PacketLog(names.CAPTURE_GROUP, _SNAPLEN)
    except OSError as error:
        _one.release()
        raise ValidationError({"kind": [_("The kernel does not hand packets over: %s.") % error]}) from error
    wanted = [(ipaddress.ip_address(each), port) for each, port in ends or [(host, 0)]]
    Capture(job, log_of_kernel, wanted, min(seconds, LONGEST)).start()
    return {"started": True}


class Capture(threading.Thread):
    def __init__(self, job: str, kernel: PacketLog, ends: list[End], seconds: int) -> None:
        super().__init__(name="capture", daemon=True)
        self._job, self._kernel, self._ends, self._seconds = job, kernel, ends, seconds

    def run(self) -> None:
        client = redis_socket.client(_TIMEOUT)
        try:
            with closing(self._kernel):
                records = self._captured(Client())
            client.set(capture_key(self._job), _HEAD + b"".join(records), ex=KEPT)
            _tell(client, self._job, said("captured", "ok" if records else "warning", packets=len(records)))
        except Exception as error:
            log.exception("a capture failed")
            _tell(client, self._job, said("failed", "error", error=str(error)))
        finally:
            _tell(client, self._job, said(ENDED))
            _one.release()

    def _captured(self, kernel: Client) -> list[bytes]:
        end = time.time() + self._seconds
        kernel.apply((nft.Add(_TABLE), nft.Delete(_TABLE), *_rules(self._ends, int(end) + 1)))
        records: list[bytes] = []
        try:
            while (left := end - time.time()) > 0 and len(records) < MOST:
                records += [record(each.at, each.payload) for each in self._kernel.read(min(left, _PATIENCE))]
        finally:
            kernel.apply((nft.Delete(_TABLE),))
        return records[:MOST]


def capture_key(job: str) -> str:
    return f"{job_key(job, names.NODE)}:pcap"


def record(at: float, payload: bytes) -> bytes:
    """As the file has it; the packet is said to be as long as it was."""
    headers = payload[: headers_of(payload)]
    seconds, micros = divmod(round(at * 1_000_000), 1_000_000)
    return struct.pack("!IIII", seconds, micros, len(headers), max(_length(payload), len(headers))) + headers


def headers_of(payload: bytes) -> int:
    """How many octets are headers: IP's, the transport's, and RTP's (no text begins with its version)."""
    version = payload[0] >> 4 if payload else 0
    begin, protocol = ((payload[0] & 15) * 4, payload[9:10]) if version == 4 else (40, payload[6:7])
    if version not in (4, 6):
        return 0
    if protocol == b"\x11":
        above = begin + 8
        return above + 12 if payload[above : above + 1] and payload[above] >> 6 == 2 else above
    if protocol == b"\x06":
        return begin + (payload[begin + 12] >> 4) * 4 if len(payload) > begin + 12 else begin
    return begin + 8 if protocol in (b"\x01", b"\x3a") else begin


def _length(payload: bytes) -> int:
    at, more = (2, 0) if payload[:1] and payload[0] >> 4 == 4 else (4, 40)
    return int.from_bytes(payload[at : at + 2], "big") + more


def _rules(ends: list[End], end: int) -> Iterator[nft.Command]:
    yield nft.Add(_TABLE)
    yield from map(nft.Add, (_BEFORE, _BEHIND))
    until = stm.Match(stm.Field("meta time"), stm.Range(0, end))
    line = stm.Log("capture", names.CAPTURE_GROUP, _SNAPLEN)
    for chain in (_BEFORE, _BEHIND):
        for host, port in ends:
            word: Literal["ip", "ip6"] = "ip6" if host.version == 6 else "ip"
            for address, number in (("saddr", "sport"), ("daddr", "dport")):
                at_port = (_TRANSPORT, stm.Match(stm.Field(f"th {number}"), port)) if port else ()
                match = (stm.Match(stm.Field(f"{word} {address}"), host), *at_port)
                yield nft.Add(nft.Rule(chain, (*match, until, _RATE, line)))


def _tell(client: redis.Redis, job: str, result: Said) -> None:
    try:
        client.rpush(job_key(job, names.NODE), json.dumps(result))
        client.expire(job_key(job, names.NODE), KEPT)
    except (redis.RedisError, OSError):
        log.warning("the result of a capture is lost")
