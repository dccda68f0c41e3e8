# SPDX-License-Identifier: GPL-2.0-or-later
"""A name server on loopback whose answers a test writes: zones, failures and silence, over UDP and TCP."""

from __future__ import annotations

import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

SILENT: Final = "silent"
BROKEN: Final = "broken"
"""In place of records: no answer at all, and SERVFAIL."""


class FakeResolver:
    """`zone` is by (name, type): records as text, SILENT or BROKEN; a name without any entry does not exist."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str] | str] = {}
        self.ttl = 300
        self.asked: Counter[tuple[str, str]] = Counter()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", 0))
        self.port: int = self._udp.getsockname()[1]
        self._tcp = socket.create_server(("127.0.0.1", self.port))
        self._threads = [threading.Thread(target=each, daemon=True) for each in (self._serve_udp, self._serve_tcp)]
        for thread in self._threads:
            thread.start()

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    def close(self) -> None:
        """An empty datagram ends the one thread, a closed listener the other."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", ("127.0.0.1", self.port))
        self._tcp.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        self._udp.close()
        self._tcp.close()

    def _serve_udp(self) -> None:
        while True:
            query, peer = self._udp.recvfrom(4096)
            if not query:
                return
            answer = self.answer(query)
            if answer is not None:
                self._udp.sendto(answer if len(answer) <= 1232 else self._cut(query), peer)

    def _serve_tcp(self) -> None:
        while True:
            try:
                connection, _ = self._tcp.accept()
            except OSError:
                return
            with connection:
                (size,) = struct.unpack("!H", connection.recv(2))
                answer = self.answer(connection.recv(size))
                if answer is not None:
                    connection.sendall(struct.pack("!H", len(answer)) + answer)

    def _cut(self, query: bytes) -> bytes:
        response = dns.message.make_response(dns.message.from_wire(query))
        response.flags |= dns.flags.TC | dns.flags.RA
        return response.to_wire()

    def answer(self, query: bytes) -> bytes | None:
        asked = dns.message.from_wire(query)
        question = asked.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        response = dns.message.make_response(asked)
        response.flags |= dns.flags.RA
        name = question.name
        self.asked[name.to_text(omit_final_dot=True), kind] += 1
        for _ in range(8):
            text = name.to_text(omit_final_dot=True).lower()
            records = self.zone.get((text, kind))
            if records == SILENT:
                return None
            if records == BROKEN:
                response.set_rcode(dns.rcode.SERVFAIL)
                return response.to_wire()
            if records:
                response.answer.append(dns.rrset.from_text_list(name, self.ttl, "IN", kind, records))
                break
            alias = self.zone.get((text, "CNAME"))
            if not isinstance(alias, list):
                if not any(known == text for known, _ in self.zone):
                    response.set_rcode(dns.rcode.NXDOMAIN)
                break
            response.answer.append(dns.rrset.from_text(name, self.ttl, "IN", "CNAME", alias[0]))
            name = dns.name.from_text(alias[0])
        return response.to_wire(max_size=65535)


@contextmanager
def fake_resolver() -> Iterator[FakeResolver]:
    resolver = FakeResolver()
    try:
        yield resolver
    finally:
        resolver.close()
