# SPDX-License-Identifier: GPL-2.0-or-later
"""A browser's end of /ws/live/, without a server between it and the application."""

import json
from contextlib import asynccontextmanager

from asgiref.testing import ApplicationCommunicator

from appliance.asgi import application

PATIENCE = 20.0  # seconds until a message that should come counts as missing


class LiveSocket:
    def __init__(self, headers):
        scope = {
            "type": "websocket", "path": "/ws/live/", "raw_path": b"/ws/live/", "query_string": b"",
            "headers": headers, "subprotocols": [], "client": ["192.168.0.20", 50000],
        }  # fmt: skip
        self._wire = ApplicationCommunicator(application, scope)
        self.accepted = False

    async def connect(self):
        await self._wire.send_input({"type": "websocket.connect"})
        self.accepted = (await self._wire.receive_output(PATIENCE))["type"] == "websocket.accept"

    async def disconnect(self):
        await self._wire.send_input({"type": "websocket.disconnect", "code": 1000})
        await self._wire.wait(PATIENCE)

    async def send(self, content):
        await self.send_text(json.dumps(content))

    async def send_text(self, text):
        await self._wire.send_input({"type": "websocket.receive", "text": text})

    async def receive(self, topic):
        """The next message of this topic; others are passed over."""
        while True:
            output = await self._wire.receive_output(PATIENCE)
            assert output["type"] == "websocket.send", output
            message = json.loads(output["text"])
            if message.get("topic") == topic:
                return message

    async def closed(self):
        """The code with which we were hung up on."""
        while True:
            output = await self._wire.receive_output(PATIENCE)
            if output["type"] == "websocket.close":
                return output["code"]


@asynccontextmanager
async def live(*headers):
    socket = LiveSocket(list(headers))
    await socket.connect()
    yield socket
    await socket.disconnect()
