# SPDX-License-Identifier: GPL-2.0-or-later
"""What the advisor wants to know of the kernel: telephony's connections, timeouts, a second ALG. Runs in netadmin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from appliance.kernel.conntrack import Connection
from appliance.kernel.judgement import Judge
from sipalg_core.nft.client import Client

# --- Implementation constants ---

MOST_FLOWS: Final = 2000
MOST_HELPED: Final = 3
SIP_HELPER: Final = "sip"  # nf_conntrack_sip's name of itself (linux/net/netfilter/nf_conntrack_sip.c)
SIP_MODULES: Final = ("nf_conntrack_sip", "nf_nat_sip")
_MODULES: Final = Path("/proc/modules")
_UDP_STREAM_TIMEOUT: Final = Path("/proc/sys/net/netfilter/nf_conntrack_udp_timeout_stream")
_SIGNALLING_PORTS: Final = (3478, 5060, 5061, 5349)


def telephony(connections: list[Connection], judge: Judge) -> dict[str, Any]:
    helped = [each.in_words for each in connections if each.helper == SIP_HELPER]
    flows = [each for each in (_flow(connection, judge) for connection in connections) if each]
    return {
        "flows": flows[:MOST_FLOWS],
        "helpers": list(_helpers(Client())),
        "helped": helped[:MOST_HELPED],
        "modules": loaded(_MODULES.read_text() if _MODULES.exists() else ""),
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


def loaded(modules: str) -> list[str]:
    """Those of the SIP helper among /proc/modules; what the kernel has built in does not stand there."""
    return [line.split()[0] for line in modules.splitlines() if line.split()[:1] and line.split()[0] in SIP_MODULES]


def _helpers(kernel: Client) -> Iterator[dict[str, str]]:
    """Rules of nftables that hand connections to nf_conntrack_sip, and what deletes each."""
    for table in kernel.list_tables():
        family, _space, name = table.partition(" ")
        items = kernel.list_table(name, family)
        sip = {item["ct helper"]["name"] for item in items if item.get("ct helper", {}).get("type") == SIP_HELPER}
        for rule in (item["rule"] for item in items if "rule" in item):
            if any(helper in str(rule["expr"]) for helper in sip):
                place = f"{table} {rule['chain']}"
                yield {
                    "rule": f"{table}, {rule['chain']}", "command": f"nft delete rule {place} handle {rule['handle']}",
                }  # fmt: skip
