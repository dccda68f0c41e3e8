# SPDX-License-Identifier: GPL-2.0-or-later
"""Names that two processes must agree on: paths, marks, nft tables, queues. Nothing here does anything."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

# --- Kernel: the interface of the two tables is one mark bit (ARCHITECTURE.md, "Two tables") ---

APPLIANCE_TABLE: Final = "appliance"
"""inet table of the operator's policy; written by `netadmin` only."""
SIPALG_TABLE: Final = "sipalg"
"""inet table of interception, pinholes and media NAT; written by `broker` only."""

MARK_ACCEPT: Final = 0x00010000
"""Packet mark and ct mark: the ALG vouches for this packet; `appliance` accepts it."""
MARK_DIVERT: Final = 0x00020000
"""Packet mark: to the engine's transparent socket; `ip rule fwmark` routes it to `lo`."""
DIVERT_ROUTING_TABLE: Final = 100
LABEL_AUTHENTICATED: Final = 0
"""Bit of the ct label: over IPv6, conntrack looks behind an authentication header (AH), and rules see nothing else."""

LOG_GROUP: Final = 5
"""NFLOG group of both tables: what the live log shows; netadmin listens."""
MEDIA_GROUP: Final = 6
"""NFLOG group of `appliance`: headers of media packets, a run of each stream now and then; netadmin listens."""
CAPTURE_GROUP: Final = 7
"""NFLOG group of the table `capture`, which is there while somebody captures headers."""
LOG_ASKED: Final = "log_asked"
"""Counter of both tables: packets that would have a line in the live log if none were too many."""

# --- Processes ---

NODE: Final = os.environ.get("PINHOLE_NODE", "local")
"""One console may drive many appliances; each has its own `netadmin.<node>` queue."""


def run_dir() -> Path:
    """Sockets; gone after a reboot."""
    return Path(os.environ.get("PINHOLE_RUN", "/run/pinhole"))


def state_dir() -> Path:
    """Database, policy file, journal, secrets; kept."""
    return Path(os.environ.get("PINHOLE_STATE", Path(__file__).resolve().parents[2] / "var"))


def engine_socket() -> Path:
    """Engine control: one JSON object a line each way (contract.control)."""
    return run_dir() / "engine.sock"


def broker_socket() -> Path:
    """Broker: SOCK_SEQPACKET, fixed-size binary messages (contract.control)."""
    return run_dir() / "broker.sock"


def start_socket() -> Path:
    """Where `netadmin` has the engine started by who starts processes: a connection is the request, nothing is said."""
    return run_dir() / "start.sock"


def selftest_socket() -> Path:
    """Where the worker has the self-test run: a connection is the request, its results come back, a JSON line each."""
    return run_dir() / "selftest.sock"


def redis_socket() -> Path:
    return run_dir() / "redis.sock"


def policy_file() -> Path:
    """The running `AlgPolicy` as JSON; written by `netadmin`, read by engine and broker at start and on `reload`."""
    return state_dir() / "policy.json"


def sets_dir() -> Path:
    """Contents of the named sets of `inet appliance`, a file each; `netadmin` writes them, the next boot reads them."""
    return state_dir() / "sets"


def engine_journal() -> Path:
    """What the engine must still know after a restart; its own, and of no use after a reboot."""
    return run_dir() / "engine.journal"


def boot_file() -> Path:
    """nft's text of the revision that was kept last, for the next boot (appliance.ruleset.boot)."""
    return state_dir() / "boot.nft"


def trial_file() -> Path:
    """The `AlgPolicy` on trial and the end of its time (contract.running); gone after a reboot, as the trial is."""
    return run_dir() / "trial.json"


def live_channel(node: str = NODE) -> str:
    """Redis pub/sub channel on which the engine publishes `contract.events.Delta` as JSON."""
    return f"pinhole:{node}:live"


def log_channel(node: str = NODE) -> str:
    """Redis pub/sub channel on which netadmin publishes new lines of the live log, as a JSON list."""
    return f"pinhole:{node}:log:new"


def log_lines(node: str = NODE) -> str:
    """Redis list of the last lines of the live log, a JSON object each, the newest at the end."""
    return f"pinhole:{node}:log"


def log_state(node: str = NODE) -> str:
    """Redis key that says how the live log is doing; gone some seconds after nobody listens to the kernel any more."""
    return f"pinhole:{node}:log:state"


def media_runs(node: str = NODE) -> str:
    """Redis list of what netadmin has measured of media streams and nobody has recorded yet, a JSON object each."""
    return f"pinhole:{node}:media"


def call_figures(call: str, node: str = NODE) -> str:
    """Redis hash: what was last measured of a call's media, a JSON object a direction."""
    return f"pinhole:{node}:figures:{call}"


def netadmin_queue(node: str = NODE) -> str:
    return f"netadmin.{node}"
