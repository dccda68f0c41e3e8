# SPDX-License-Identifier: GPL-2.0-or-later
"""Conntrack entries of media: find them by what a pinhole knows, and delete them, by raw netlink."""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from sipalg_core.net import Endpoint
from sipalg_core.nft.elements import pack
from sipalg_core.nft.netlink import DumpInterrupted, Message, NetlinkSocket, attribute, attributes, nested

# --- Specification: linux/netfilter/nfnetlink_conntrack.h ---

_NFNL_SUBSYS_CTNETLINK: Final = 1
_GET: Final = _NFNL_SUBSYS_CTNETLINK << 8 | 1
_DELETE: Final = _NFNL_SUBSYS_CTNETLINK << 8 | 2

_CTA_TUPLE_ORIG, _CTA_TUPLE_REPLY, _CTA_MARK, _CTA_MARK_MASK, _CTA_FILTER = 1, 2, 8, 21, 25
_CTA_TUPLE_IP, _CTA_TUPLE_PROTO = 1, 2
_CTA_IP = {socket.AF_INET: (1, 2), socket.AF_INET6: (3, 4)}
_CTA_PROTO_NUM, _CTA_PROTO_SRC_PORT, _CTA_PROTO_DST_PORT = 1, 2, 3
_CTA_FILTER_ORIG_FLAGS, _CTA_FILTER_REPLY_FLAGS = 1, 2
_FILTER_PROTO, _FILTER_SPORT, _FILTER_DPORT = 8, 16, 32


_TUPLES: Final = (_CTA_TUPLE_ORIG, _CTA_TUPLE_REPLY)
_UDP: Final = attribute(_CTA_PROTO_NUM, bytes((socket.IPPROTO_UDP,)))


class Conntrack:
    def __init__(self) -> None:
        self._netlink = NetlinkSocket()

    def close(self) -> None:
        self._netlink.close()

    def forget(self, source: Endpoint, destination: Endpoint) -> int:
        """Delete the UDP connections whose first packet went so; a port 0 stands for any. How many there were."""
        if source.port and destination.port:
            return self._delete(_family(source), _tuple(source, destination))
        flags = _FILTER_PROTO | _FILTER_SPORT * bool(source.port) | _FILTER_DPORT * bool(destination.port)
        wanted = nested(_CTA_FILTER, attribute(_CTA_FILTER_ORIG_FLAGS, struct.pack("=I", flags)))
        request = Message(_GET, 0, _family(source), _tuple(source, destination) + wanted)
        try:
            found = self._netlink.dump(request)
        except DumpInterrupted:
            found = self._netlink.dump(request)
        originals = [value for payload in found for kind, value in attributes(payload) if kind == _CTA_TUPLE_ORIG]
        between = _addresses(source.host, destination.host)  # Linux 6.18 compares IPv6 addresses the wrong way round
        return sum(
            self._delete(_family(source), nested(_CTA_TUPLE_ORIG, original))
            for original in originals
            if original.startswith(between)
        )

    def behind(self, mapped: Endpoint, host: str) -> int:
        """The UDP port of this internal host that other rules than ours translate to `mapped`; 0 where none is.

        A walk through all connections.
        """
        flags = attribute(_CTA_FILTER_REPLY_FLAGS, struct.pack("=I", _FILTER_PROTO | _FILTER_DPORT))
        wanted = _tuple(Endpoint(mapped.host, 0), mapped, _CTA_TUPLE_REPLY)
        found = self._netlink.dump(Message(_GET, 0, _family(mapped), wanted + nested(_CTA_FILTER, flags)))
        source, destination = _CTA_IP[_family(mapped)]
        here, ours = attribute(source, pack(host)), attribute(destination, pack(mapped.host))
        for payload in found:
            tuples = {kind: dict(attributes(value)) for kind, value in attributes(payload) if kind in _TUPLES}
            if len(tuples) < len(_TUPLES):
                continue
            sent, returned = tuples[_CTA_TUPLE_ORIG], tuples[_CTA_TUPLE_REPLY]
            if sent[_CTA_TUPLE_IP].startswith(here) and ours in returned[_CTA_TUPLE_IP]:
                return int.from_bytes(dict(attributes(sent[_CTA_TUPLE_PROTO]))[_CTA_PROTO_SRC_PORT])
        return 0

    def goes_to(self, port: int, *, besides: int) -> bool:
        """Whether there is a UDP connection to this port whose mark has none of these bits."""
        flags = attribute(_CTA_FILTER_ORIG_FLAGS, struct.pack("=I", _FILTER_PROTO | _FILTER_DPORT))
        for anybody in (Endpoint("0.0.0.0", 0), Endpoint("::", 0)):  # noqa: S104 - an address to leave open
            wanted = _tuple(anybody, anybody._replace(port=port)) + nested(_CTA_FILTER, flags)
            for payload in self._netlink.dump(Message(_GET, 0, _family(anybody), wanted)):
                mark = next((value for kind, value in attributes(payload) if kind == _CTA_MARK), bytes(4))
                if not int.from_bytes(mark) & besides:
                    return True
        return False

    def forget_marked(self, mark: int) -> int:
        """Delete the connections of either transport whose mark has this bit. How many there were."""
        bits = mark.to_bytes(4, "big")
        wanted = attribute(_CTA_MARK, bits) + attribute(_CTA_MARK_MASK, bits)
        deleted = 0
        for family in _CTA_IP:
            request = Message(_GET, 0, family, wanted)
            try:
                found = self._netlink.dump(request)
            except DumpInterrupted:
                found = self._netlink.dump(request)
            for payload in found:
                for kind, value in attributes(payload):
                    if kind == _CTA_TUPLE_ORIG:
                        deleted += self._delete(family, nested(_CTA_TUPLE_ORIG, value))
        return deleted

    def forget_exactly(self, ways: Sequence[tuple[Endpoint, Endpoint]]) -> None:
        """As `forget`, for connections of which all is known, in one go."""
        messages = [Message(_DELETE, 0, _family(source), _tuple(source, to)) for source, to in ways]
        for code in self._netlink.requests(messages):
            if code not in (0, errno.ENOENT):
                raise OSError(code, errno.errorcode.get(code, str(code)))

    def _delete(self, family: int, original: bytes) -> int:
        code = self._netlink.request(Message(_DELETE, 0, family, original))
        if code in (0, errno.ENOENT):
            return not code
        raise OSError(code, errno.errorcode.get(code, str(code)))


def _family(endpoint: Endpoint) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in endpoint.host else socket.AF_INET


@lru_cache(4096)
def _addresses(source: str, destination: str) -> bytes:
    from_kind, to_kind = _CTA_IP[socket.AF_INET6 if ":" in source else socket.AF_INET]
    return nested(_CTA_TUPLE_IP, attribute(from_kind, pack(source)), attribute(to_kind, pack(destination)))


def _tuple(source: Endpoint, destination: Endpoint, kind: int = _CTA_TUPLE_ORIG) -> bytes:
    return nested(
        kind,
        _addresses(source.host, destination.host),
        nested(
            _CTA_TUPLE_PROTO,
            _UDP,
            attribute(_CTA_PROTO_SRC_PORT, source.port.to_bytes(2, "big")),
            attribute(_CTA_PROTO_DST_PORT, destination.port.to_bytes(2, "big")),
        ),
    )
