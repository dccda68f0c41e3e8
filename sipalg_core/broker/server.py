# SPDX-License-Identifier: GPL-2.0-or-later
"""The broker's socket: who may ask, and whose turn it is (contract.control). One request at a time, in one thread."""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import struct
import time
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Final

from sipalg_core.broker.operations import Answer, Answering, Broker
from sipalg_core.broker.routing import divert
from sipalg_core.contract import names
from sipalg_core.contract.control import (
    REQUEST,
    TOGETHER,
    AlreadyRunning,
    Op,
    Reply,
    Status,
    claim,
    pack_reply,
    unpack_request,
)
from sipalg_core.contract.policy import PolicyError
from sipalg_core.nft.client import NftError

log = logging.getLogger(__name__)

_SO_SNDBUFFORCE: Final = 32
_SEND_BUFFER: Final = 4 * 1024 * 1024  # bytes; holds the counters of all pinholes, so that no reader can stop us
_PEER_CREDENTIALS: Final = struct.Struct("3i")


class Server:
    """Listens at a path of mode 0660; the engine may ask everything, netadmin only for RELOAD."""

    def __init__(self, broker: Broker, path: Path, engine_uid: int, netadmin_uid: int, stop: socket.socket) -> None:
        self._broker = broker
        self._engine_uid = engine_uid
        self._operations = {engine_uid: frozenset(Op)}
        self._operations.setdefault(netadmin_uid, frozenset({Op.RELOAD}))
        self._listener = listen(path)
        self._unfinished: deque[tuple[socket.socket, Answering]] = deque()
        self._selector = selectors.DefaultSelector()
        self._stop = stop
        for waited_for in (self._listener, stop):
            self._selector.register(waited_for, selectors.EVENT_READ)

    def run(self) -> None:
        """Until `stop` is readable. What takes longer goes on when nobody else asks for something."""
        while True:
            for key, _ in self._selector.select(0 if self._unfinished else self._patience()):
                if key.fileobj is self._stop:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                else:
                    assert isinstance(key.fileobj, socket.socket)
                    self._serve(key.fileobj, key.data)
            if self._unfinished and self._go_on(*self._unfinished[0]):
                self._unfinished.popleft()

    def _patience(self) -> float | None:
        """Seconds until the policy means something else, which nobody has to tell us; None where it does not."""
        until = self._broker.until
        if until is None:
            return None
        if (left := until - time.monotonic()) > 0:
            return left
        try:
            self._broker.renew()
        except (PolicyError, NftError, OSError) as error:
            log.error("what was in force has ended, and what follows is refused: %s", error)
        return 0

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        pid, uid, _ = _PEER_CREDENTIALS.unpack(peer.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
        if uid not in self._operations:
            log.warning("refused a connection of uid %d, pid %d", uid, pid)
            peer.close()
            return
        peer.setblocking(False)
        with suppress(PermissionError):  # in a user namespace the kernel's own limit stands
            peer.setsockopt(socket.SOL_SOCKET, _SO_SNDBUFFORCE, _SEND_BUFFER)
        self._selector.register(peer, selectors.EVENT_READ, uid)

    def _serve(self, peer: socket.socket, uid: int) -> None:
        try:
            record = peer.recv(TOGETHER * REQUEST.size + 1)
            request = unpack_request(record) if record else None
        except ConnectionError:
            request = None
        except ValueError as error:
            log.warning("uid %d sent no request: %s", uid, error)
            request = None
        if request is None:
            self._hang_up(peer)
        elif request.op not in self._operations[uid]:
            log.warning("refused %s to uid %d", request.op.name, uid)
            self._send(peer, Answer(Reply(request.serial, Status.REFUSED)))
        elif request.op is Op.COUNT:
            self._unfinished.append((peer, self._broker.answer(request)))
        else:
            self._go_on(peer, self._broker.answer(request))

    def _go_on(self, peer: socket.socket, answering: Answering) -> bool:
        """One step; true if it was the last one."""
        try:
            next(answering)
        except StopIteration as end:
            self._send(peer, end.value)
            return True
        return False

    def _send(self, peer: socket.socket, answer: Answer) -> None:
        try:
            send(peer, answer)
        except BlockingIOError:
            log.warning("a peer does not read its answers")
            self._hang_up(peer)
        except OSError:  # it did not wait for the answer
            self._hang_up(peer)

    def _hang_up(self, peer: socket.socket) -> None:
        if peer.fileno() >= 0:
            uid = self._selector.unregister(peer).data
            peer.close()
            if uid == self._engine_uid and all(key.data != uid for key in self._selector.get_map().values()):
                self._broker.engine_changed()


def listen(path: Path) -> socket.socket:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
    before = os.umask(0o117)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)
    listener.listen()
    return listener


def send(peer: socket.socket, answer: Answer) -> None:
    reply = pack_reply(answer.reply)
    if answer.descriptor is None:
        peer.send(reply)
    else:
        with answer.descriptor as descriptor:
            socket.send_fds(peer, [reply], [descriptor.fileno()])
    for message in answer.messages:
        peer.send(message)


def signalled() -> socket.socket:
    """A socket that is readable after SIGTERM.

    A handler that raises would end a transaction in its middle, and goes unheard where Python cannot raise: in a
    destructor, in a callback of C, and in the moment before the selector sleeps.
    """
    stop, waker = socket.socketpair()
    waker.setblocking(False)
    signal.set_wakeup_fd(waker.detach())
    signal.signal(signal.SIGTERM, lambda *_: None)
    return stop


def serve(files: tuple[Path, Path], path: Path, engine_uid: int, netadmin_uid: int) -> int:
    """The whole process, until SIGTERM. A fault at the start, or a second broker, leaves the table as it was."""
    stop = signalled()
    try:
        claimed = claim(path)
        divert()
        server = Server(Broker(*files), path, engine_uid, netadmin_uid, stop)
    except AlreadyRunning as error:
        log.critical("%s", error.strerror)
        return 1
    except PolicyError as error:
        log.critical("%s is no policy: %s", files[0], error)
        return 1
    except NftError as error:
        log.critical("nft refused the table %s: %s", names.SIPALG_TABLE, error)
        return 1
    except OSError as error:
        log.critical("needs CAP_NET_ADMIN and a writable %s: %s", path.parent, error)
        return 1
    gc.disable()  # a collection among 10,000 pinholes takes 40 ms; RELOAD collects what cycles there are
    log.info("ready at %s", path)
    with claimed:
        server.run()
    return 0
