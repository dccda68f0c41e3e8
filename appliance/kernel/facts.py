# SPDX-License-Identifier: GPL-2.0-or-later
"""What the advisor wants to know of the kernel: telephony's connections, timeouts, a second ALG. Runs in netadmin."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from appliance.kernel.conntrack import Connection
from appliance.kernel.judgement import Judge
from sipalg_core.nft.client import Client

# --- Implementation constants ---

MOST_FLOWS: Final = 2000
_UDP_STREAM_TIMEOUT: Final = Path("/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream")
_SIGNALLING_PORTS: Final = (3478, 5060, 5061, 5349)


def telephony(connections: Iterable[Connection], judge: Judge) -> dict[str, Any]:
    flows = [each for each in (_flow(connection, judge) for connection in connections) if each]
    return {
        "flows": flows[:MOST_FLOWS],
        "helper": next(_helpers(Client()), ""),
        "udp_stream_timeout": int(_UDP_STREAM_TIMEOUT.read_text()),
    }


def _flow(connection: Connection, judge: Judge) -> dict[str, Any] | None:
    """Between an inside host and an outside one, over UDP or as signalling; None for what is neither."""
    sent, reply = connection.sent, connection.reply
    outbound = judge.zone(sent.source) in ("internal", "dmz")
    inside, sport = (sent.source, sent.sport) if outbound else (reply.source, reply.sport)
    outside, dport = (reply.source, reply.sport) if outbound else (sent.source, sent.sport)
    if judge.zone(inside) not in ("internal", "dmz") or judge.zone(outside) != "external":
        return None
    if connection.protocol != "udp" and not (connection.protocol == "tcp" and dport in _SIGNALLING_PORTS):
        return None
    return {
        "protocol": connection.protocol, "inside": str(inside), "sport": sport, "outside": str(outside), "dport": dport,
        "outbound": outbound, "answered": connection.state in ("assured", "established"), "of_call": connection.of_call,
    }  # fmt: skip


def _helpers(kernel: Client) -> Iterator[str]:
    """Tables whose rules hand connections to nf_conntrack_sip."""
    for table in kernel.list_tables():
        family, _space, name = table.partition(" ")
        items = kernel.list_table(name, family)
        sip = {item["ct helper"]["name"] for item in items if item.get("ct helper", {}).get("type") == "sip"}
        for rule in (item["rule"] for item in items if "rule" in item):
            if any(helper in str(rule["expr"]) for helper in sip):
                yield f"{table}, {rule['chain']}"
