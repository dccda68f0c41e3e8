# SPDX-License-Identifier: GPL-2.0-or-later
"""Stand-ins for engine and broker where a test is about their askers; they listen on the real sockets.

The real ones stand in tests/lab.
"""

import json
import socket
import threading
from contextlib import suppress

from sipalg_core.contract import names
from sipalg_core.contract.control import Reply, Status, pack_reply, unpack_request


class Double(threading.Thread):
    """Listens on a process's socket and answers as its contract says."""

    def __init__(self, path, kind, answer):
        super().__init__(daemon=True)
        self._socket = socket.socket(socket.AF_UNIX, kind)
        self._socket.bind(str(path))
        self._socket.listen()
        self._answer = answer
        self.start()

    def run(self):
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            with connection, suppress(ConnectionError, json.JSONDecodeError):  # who asked has given up meanwhile
                self._answer(connection)

    def stop(self):
        with suppress(OSError):  # it is stopped already
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self.join()


class EngineDouble(Double):
    """`rows` by topic and `items` by question are what it tells, `requests` what it was asked."""

    def __init__(self):
        health = {
            "id": "engine", "since": 0.0, "revision": 0, "enabled": False, "calls": 0, "registrations": 0,
            "pinholes": 0, "counters": {},
        }  # fmt: skip
        self.rows = {"health": [health], "calls": [], "pinholes": [], "registrations": []}
        self.items = {
            op: [] for op in ("call", "trace", "ledger", "closed", "transactions", "counters", "ended", "bans")
        }
        self.refusals = {}
        self.requests = []
        self.seq = 1
        self.broker = True
        super().__init__(names.engine_socket(), socket.SOCK_STREAM, self._reply)

    @property
    def health(self):
        return self.rows["health"][0]

    def _reply(self, connection):
        with connection.makefile("rwb") as file:
            request = json.loads(file.readline())
            self.requests.append(request)
            reply = {"ok": True, "broker": self.broker}
            if request["op"] == "snapshot":
                topic = request["topic"]
                reply = {"topic": topic, "seq": self.seq, "kind": "snapshot", "t": 0.0, "rows": self.rows[topic]}
            elif request["op"] in self.items:
                reply = {"items": self.items[request["op"]]}
            elif request["op"] in self.refusals:
                reply = {"error": self.refusals[request["op"]]}
            file.write(json.dumps(reply).encode() + b"\n")


class BrokerDouble(Double):
    """Says OK to everything; `operations` is what it was asked."""

    def __init__(self):
        self.operations = []
        super().__init__(names.broker_socket(), socket.SOCK_SEQPACKET, self._reply)

    def _reply(self, connection):
        request = unpack_request(connection.recv(256))
        self.operations.append(request.op)
        connection.send(pack_reply(Reply(request.serial, Status.OK)))
