# SPDX-License-Identifier: GPL-2.0-or-later
"""The one table of processes: what runs, as whom, where, with which power; and the supervisor's file made from it."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from pathlib import Path
from typing import Final

from deploy.lab import peers, topology
from sipalg_core.contract import names

PROJECT: Final = Path(__file__).resolve().parents[2]
APP: Final = names.run_dir() / "app"
"""Where every process sees the project folder (deploy/confine)."""
LOGS: Final = names.state_dir() / "log"
SUPERVISOR_SOCKET: Final = names.run_dir() / "supervisor.sock"
SUPERVISOR_FILE: Final = names.run_dir() / "supervisor.conf"
SUPERVISOR_PID: Final = names.run_dir() / "supervisor.pid"

GROUP: Final = 59060
"""Who shares state and sockets. Numbers need no account; these lie outside what Debian and systemd hand out."""


class User(IntEnum):
    APP = 59061
    NETADMIN = 59062
    ENGINE = 59063
    BROKER = 59064
    PEER = 59065


class Stage(StrEnum):
    """Started in this order, ended in the reverse."""

    APPLIANCE = "appliance"
    MEDIA = "media"  # before the provider, which gives up a relay that does not answer at once
    PROVIDER = "provider"
    PHONES = "phones"
    TRAFFIC = "traffic"


@dataclass(frozen=True)
class Process:
    name: str
    stage: Stage
    user: int
    command: tuple[str, ...]
    namespace: str = "host"
    capability: str = "none"

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"


def console_port() -> int:
    return int(os.environ.get("PINHOLE_PORT", "8000"))


def console_url() -> str:
    return f"http://127.0.0.1:{console_port()}"


def table() -> tuple[Process, ...]:
    return (*_appliance(), *_provider(), *_phones(), *_traffic())


def _appliance() -> tuple[Process, ...]:
    python = (".venv/bin/python", "-m")
    uvicorn = (*python, "uvicorn", "appliance.asgi:application", "--port", str(console_port()), "--no-server-header",
               "--no-access-log", "--lifespan", "off", "--ws-max-size", "16384", "--timeout-graceful-shutdown", "2",
               "--no-proxy-headers")  # fmt: skip
    celery = (*python, "celery", "-A")
    quiet = ("--loglevel", "INFO", "--without-gossip", "--without-mingle")
    # Django's checks load all pages and the whole API into a process that serves neither; the web's start makes them.
    worker = (*celery, "appliance", "--skip-checks", "worker", *quiet)
    return (
        Process("redis", Stage.APPLIANCE, User.APP, _redis()),
        Process(
            "broker", Stage.APPLIANCE, User.BROKER,
            (*python, "sipalg_core", "broker", "--engine-uid", str(int(User.ENGINE)), "--netadmin-uid",
             str(int(User.NETADMIN))),
            topology.FW, "net_admin",
        ),
        Process("engine", Stage.APPLIANCE, User.ENGINE, (*python, "sipalg_core", "engine"), topology.FW),
        Process(
            "netadmin", Stage.APPLIANCE, User.NETADMIN,
            # One task at a time, in the process itself: who is told to write the kernel's rules is who writes them.
            (*worker, "--pool", "solo", "-n", f"netadmin@{names.NODE}", "-Q", names.netadmin_queue()),
            topology.FW, "net_admin",
        ),
        Process(
            "worker", Stage.APPLIANCE, User.APP,
            (*worker, "--pool", "threads", "--concurrency", "2", "-n", f"worker@{names.NODE}", "-Q", "default,dns"),
        ),
        Process(
            "beat", Stage.APPLIANCE, User.APP, (*celery, "appliance.beat", "beat", "--pidfile=", "--loglevel", "INFO"),
        ),
        Process("web", Stage.APPLIANCE, User.APP, (*uvicorn, "--host", "127.0.0.1")),
        # The same console where an appliance has it: behind its own rules.
        Process("web-inside", Stage.APPLIANCE, User.APP, (*uvicorn, "--host", "0.0.0.0"), topology.FW),  # noqa: S104
    )  # fmt: skip


def _redis() -> tuple[str, ...]:
    # Debian 13 has valkey beside or instead of redis; both take the same words.
    program = shutil.which("redis-server") or shutil.which("valkey-server") or "redis-server"
    return (
        program, "--port", "0", "--unixsocket", str(names.redis_socket()), "--unixsocketperm", "770",
        "--save", "", "--appendonly", "no", "--maxmemory", "64mb", "--maxmemory-policy", "noeviction",
        "--enable-debug-command", "no", "--enable-module-command", "no", "--enable-protected-configs", "no",
        "--daemonize", "no", "--dir", str(names.run_dir()),
    )  # fmt: skip


def _provider() -> tuple[Process, ...]:
    return (
        Process("rtpengine", Stage.MEDIA, User.PEER, peers.rtpengine_command(), topology.WAN),
        Process("kamailio", Stage.PROVIDER, User.PEER, peers.kamailio_command(APP / "var/lab"), topology.WAN),
    )


def _phones() -> tuple[Process, ...]:
    return tuple(
        Process(
            phone.name, Stage.PHONES, topology.OWNERS.get(phone.address, User.PEER),
            peers.baresip_command(phone, APP / "var/lab"), phone.namespace,
        )
        for phone in peers.ALL_PHONES
    )  # fmt: skip


def _traffic() -> tuple[Process, ...]:
    python = (".venv/bin/python", "-m", "deploy.lab.traffic")
    return (
        Process("traffic-outbound", Stage.TRAFFIC, User.PEER, (*python, "outbound"), topology.LAN),
        Process("traffic-inbound", Stage.TRAFFIC, User.PEER, (*python, "inbound"), topology.WAN),
    )


def prepare() -> None:
    """Make the directories and files that the processes expect, shared by their group; begin their logs anew."""
    os.umask(0o007)
    for directory in (names.run_dir(), names.state_dir(), LOGS):
        directory.mkdir(parents=True, exist_ok=True)
    for process in table():
        process.log.unlink(missing_ok=True)
    APP.mkdir(exist_ok=True)
    # Sticky: a process can take away its own socket, never another's.
    os.chown(names.run_dir(), 0, GROUP)
    names.run_dir().chmod(0o3770)
    APP.chmod(0o755)
    peers.render(names.state_dir() / "lab", control=names.run_dir() / "kamailio.sock")
    for path in (names.state_dir(), *names.state_dir().rglob("*")):
        if path.is_symlink():
            continue
        os.chown(path, -1, GROUP)
        path.chmod(path.stat().st_mode | (0o2070 if path.is_dir() else 0o060))
    SUPERVISOR_FILE.write_text(supervisor_file())
    SUPERVISOR_FILE.chmod(0o600)


def supervisor_file() -> str:
    head = f"""\
[supervisord]
user=root
pidfile={SUPERVISOR_PID}
logfile={LOGS / "supervisor.log"}
logfile_maxbytes=2MB
logfile_backups=1
directory={PROJECT}

[unix_http_server]
file={SUPERVISOR_SOCKET}
chmod=0700

[supervisorctl]
serverurl=unix://{SUPERVISOR_SOCKET}

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return "\n".join((head, _STARTER, *(_program(process) for process in table())))


_STARTER: Final = f"""\
[program:starter]
command={sys.executable} -m deploy.lab.starter
autostart=true
autorestart=true
stdout_logfile={LOGS / "starter.log"}
redirect_stderr=true
"""
"""The supervisor's own hand, as systemd's on a machine of its own: no process of the appliance."""


def _program(process: Process) -> str:
    command = (
        "unshare", "--mount", "--propagation", "private", "--", str(PROJECT / "deploy/confine"),
        str(names.state_dir()), str(int(process.user)), str(GROUP), process.capability, process.namespace,
        *process.command,
    )  # fmt: skip
    # A percent sign is the file format's own; a kill reaches the children too (kamailio's, celery's). A baresip in a
    # call waits for the answer to its BYE, which nobody gives when all phones end at once.
    return f"""\
[program:{process.name}]
command={shlex.join(command).replace("%", "%%")}
autostart=false
autorestart=true
startsecs=1
startretries=3
stopwaitsecs={2 if process.stage is Stage.PHONES else 5}
stopasgroup=true
killasgroup=true
redirect_stderr=true
stdout_logfile={process.log}
stdout_logfile_maxbytes=2MB
stdout_logfile_backups=1
"""


def environment() -> dict[str, str]:
    """The environment of every process: nothing of whoever started the laboratory."""
    return {
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
        "HOME": str(names.run_dir()),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "DJANGO_SETTINGS_MODULE": "appliance.settings",
        "PINHOLE_RUN": str(names.run_dir()),
        "PINHOLE_STATE": str(APP / "var"),
        "PINHOLE_NODE": names.NODE,
        "PINHOLE_CONSOLE_ORIGINS": ",".join(
            f"http://{host}:{console_port()}"
            for host in ("127.0.0.1", "localhost", topology.APPLIANCE_INSIDE, topology.APPLIANCE_OUTSIDE)
        ),
    }
