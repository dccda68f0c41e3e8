# SPDX-License-Identifier: GPL-2.0-or-later
"""The table of processes: who may what, and the supervisor's file that comes of it."""

from __future__ import annotations

import configparser
import shlex

from deploy.lab import processes, topology
from deploy.lab.processes import Stage, User
from sipalg_core.contract import names


def test_only_broker_and_netadmin_may_anything() -> None:
    powers = {process.name: process.capability for process in processes.table() if process.capability != "none"}
    assert powers == {"broker": "net_admin", "netadmin": "net_admin"}


def test_nobody_is_root_and_the_engine_shares_its_user_with_nobody() -> None:
    users = {process.name: int(process.user) for process in processes.table()}
    assert 0 not in users.values()
    assert [name for name, user in users.items() if user == User.ENGINE] == ["engine"]
    assert [name for name, user in users.items() if user == User.BROKER] == ["broker"]


def test_what_touches_packets_runs_inside_the_firewall_and_the_console_does_not() -> None:
    places = {process.name: process.namespace for process in processes.table() if process.stage is Stage.APPLIANCE}
    inside = {name for name, namespace in places.items() if namespace == topology.FW}
    assert inside == {"broker", "engine", "netadmin", "web-inside"}  # the last as an appliance has its console
    assert {namespace for name, namespace in places.items() if name not in inside} == {"host"}


def test_the_supervisors_file_says_what_the_table_says() -> None:
    file = configparser.RawConfigParser()
    file.read_string(processes.supervisor_file())
    for process in processes.table():
        command = shlex.split(file[f"program:{process.name}"]["command"].replace("%%", "%"))
        own = command[command.index(str(processes.PROJECT / "deploy/confine")) + 1 :]
        assert own == [
            str(names.state_dir()), str(int(process.user)), str(processes.GROUP), process.capability, process.namespace,
            *process.command,
        ]  # fmt: skip


def test_redis_listens_on_no_port() -> None:
    redis = next(process for process in processes.table() if process.name == "redis").command
    assert redis[redis.index("--port") + 1] == "0"
    assert redis[redis.index("--maxmemory-policy") + 1] == "noeviction"
