# SPDX-License-Identifier: GPL-2.0-or-later
"""The shipped units on a machine of their own, as the README sets it up: systemd starts, guards and restarts them."""

import json
import re

import pytest

from tests.lab.machine import booted

pytestmark = pytest.mark.lab

SERVICES = [f"pinhole-{name}.service" for name in ("redis", "broker", "engine", "netadmin", "worker", "beat", "web")]
UNITS = ["pinhole.target", "pinhole-boot.service", "pinhole-start.socket", "pinhole-selftest.socket", *SERVICES]
NEIGHBOURS = """
for each in "desk lan1 192.168.0.20/24" "provider wan1 203.0.113.1/24"; do
    set -- $each
    ip netns add $1
    ip link set $2 netns $1
    ip -n $1 link set lo up
    ip -n $1 link set $2 up
    ip -n $1 address add $3 dev $2
done
ip -n desk route add default via 192.168.0.1
"""
AT_THE_DESK = ("ip", "netns", "exec", "desk")
AT_THE_PROVIDER = ("ip", "netns", "exec", "provider")
KNOCK = (
    *AT_THE_DESK,
    *["curl", "-sk", "-m", "3", "-o", "/dev/null", "-w", "%{http_code}", "https://192.168.0.1:8000/"],
)
CALL = ("sipp", "-sn", "uac", "203.0.113.1", "-i", "192.168.0.20", "-m", "1", "-d", "500", "-timeout", "60s")
PROBES = """
import json, time
from appliance.accounts.models import User
from appliance.kernel.told import told
from appliance.system.services import start_test
job = start_test(actor=User.objects.get(), kind="ping", host="192.168.0.1")
while not told(job).ended: time.sleep(0.2)
print(json.dumps([each["code"] for each in told(job).results]))
"""


@pytest.fixture
def state(tmp_path):
    made = tmp_path / "state"
    made.mkdir()
    return made


def until(machine, *command, shows):
    """Asked again for as long as what it needs comes up."""
    again = f'for _ in $(seq 60); do "$@" 2>&1 | grep -q "{shows}" && exit; sleep 1; done; "$@"; exit 1'
    machine.run("sh", "-c", again, "sh", *command)


def test_an_empty_machine_carries_calls_loses_every_process_and_keeps_its_rules_over_a_boot(tmp_path, state):
    (tmp_path / "first").mkdir()
    with booted(tmp_path / "first", state) as machine:
        machine.active(UNITS)
        machine.run("sh", "-c", NEIGHBOURS)
        assert machine.run("sysctl", "-n", "net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding").split() == ["1", "1"]
        assert "No rules run yet" in machine.pinhole("signin_link")
        assert machine.run(*KNOCK, check=False) == "000"
        link = machine.pinhole("signin_link", "--from", "192.168.0.20").strip()
        assert re.fullmatch(r"https://192\.168\.0\.1:8000/accounts/link/\S+/", link)
        until(machine, *KNOCK, shows="302")
        assert "<form" in machine.run(*AT_THE_DESK, "curl", "-skL", "-c", "/tmp/jar", link)
        for name, role in (("lan0", "internal"), ("wan0", "external")):
            until(machine, "deploy/pinhole", "pinhole", "adopt-interface", name, role, shows=role)
        machine.pinhole("pinhole", "recipe", "pbx", "pbx=192.168.0.20", "server=203.0.113.1")
        assert "state: applied" in machine.pinhole("pinhole", "apply", "--reason", "first")
        until(machine, "deploy/pinhole", "pinhole", "status", shows="Telephony is ready")

        answering = ("sipp", "-sn", "uas", "-i", "203.0.113.1", "-m", "1")
        machine.run("systemd-run", "--property=WorkingDirectory=/tmp", *AT_THE_PROVIDER, *answering, "-nostdin")
        machine.run("env", "--chdir=/tmp", *AT_THE_DESK, *CALL, "-nostdin")
        until(machine, "deploy/pinhole", "pinhole", "calls", shows="hung up")

        assert json.loads(machine.pinhole("pinhole", "selftest", "--json"))["passed"], machine.journal()
        assert "ping-answered" in machine.pinhole("shell", "-v0", "-c", PROBES)

        before = {each: machine.first_process(each) for each in SERVICES}
        machine.run("kill", "-KILL", *map(str, before.values()))
        for each in SERVICES:
            until(machine, "systemctl", "show", "--property=MainPID,ActiveState", each, shows="ActiveState=active")
        assert all(machine.first_process(each) not in (0, before[each]) for each in SERVICES)
        until(machine, "deploy/pinhole", "pinhole", "status", shows="Telephony is ready")

        machine.run("systemctl", "stop", "pinhole-engine.service")
        assert "does not answer" in machine.pinhole("pinhole", "status")
        machine.pinhole("pinhole", "start-engine")
        until(machine, "deploy/pinhole", "pinhole", "status", shows="Telephony is ready")
        assert "chain forward_r1" in machine.run("nft", "list", "table", "inet", "appliance")

    (state / "pinhole.sqlite3").write_bytes(b"no database")  # what decides must not need it
    (tmp_path / "second").mkdir()
    with booted(tmp_path / "second", state) as machine:
        machine.active(["pinhole-boot.service"])
        assert "chain forward_r1" in machine.run("nft", "list", "table", "inet", "appliance")
