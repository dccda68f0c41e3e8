# SPDX-License-Identifier: GPL-2.0-or-later
"""Units of a real machine: the processes of the laboratory with the same power, hardened; boot comes before all."""

import shlex
import subprocess
from pathlib import Path

import pytest

from appliance.ruleset.compile import layout
from deploy.lab.processes import PROJECT, Stage, table
from sipalg_core.contract import names
from sipalg_core.nft.ruleset import Add, to_text

UNITS = PROJECT / "deploy/units"
APPLIANCE = [process for process in table() if process.stage is Stage.APPLIANCE and process.name != "web-inside"]
"""The laboratory has the console twice, since its firewall is a namespace; an appliance is the firewall itself."""
EXPOSURE = {"broker": 2.5, "netadmin": 2.5, "boot": 4.0}
"""systemd's own figure, at most; for those that may do nothing 2.0."""


def unit(name):
    """Of a section's words; a word that comes twice is a list of lines."""
    words = {}
    for line in (UNITS / f"pinhole-{name}.service").read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            words.setdefault(key, []).append(value)
    return words


@pytest.mark.parametrize("process", APPLIANCE, ids=lambda process: process.name)
def test_unit_runs_what_the_laboratory_runs_with_the_same_power(process):
    words = unit(process.name)
    (command,) = words["ExecStart"]
    ran = shlex.split(command)
    ran = shlex.split(ran[2]) if ran[:2] == ["/bin/sh", "-c"] else ran
    where = {"/run/pinhole", "/var/lib/pinhole"}
    asked = [word for word in process.command if word.startswith("-") or word.isalpha()]
    assert [word for word in asked if word not in ran] == [], (ran, where)
    expected = "CAP_NET_ADMIN" if process.capability == "net_admin" else ""
    assert words["CapabilityBoundingSet"] == words["AmbientCapabilities"] == [expected]
    assert words["NoNewPrivileges"] == ["yes"]


@pytest.mark.parametrize("name", [*(process.name for process in APPLIANCE), "boot", "start@"])
def test_unit_is_exposed_no_further_than_it_must(name):
    threshold = EXPOSURE.get(name, 2.0)
    command = ("systemd-analyze", "security", "--offline=true", f"--threshold={int(threshold * 10)}",
               str(UNITS / f"pinhole-{name}.service"))  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout.splitlines()[-1:] or done.stderr


def test_systemd_finds_nothing_wrong_but_that_the_folder_is_not_here():
    units = sorted(str(path) for path in UNITS.iterdir() if path.suffix in (".service", ".socket", ".target"))
    done = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", *units), capture_output=True, text=True, check=False
    )
    complaints = [line for line in done.stderr.splitlines() if line.startswith("pinhole")]
    assert [each for each in complaints if "Command /opt/pinhole/" not in each or "not executable" not in each] == []


def test_boot_comes_before_any_network_and_everything_after_it():
    words = unit("boot")
    assert "network-pre.target" in words["Before"][0]
    assert words["DefaultDependencies"] == ["no"]
    assert "pinhole-boot.service" in (UNITS / "pinhole.target").read_text()


def test_default_deny_has_the_base_chains_that_every_revision_hands_over_from():
    text = (Path(PROJECT) / "deploy/default_deny.nft").read_text()
    for line in to_text((*layout.frame(), *map(Add, layout.HANDOVER))).splitlines():
        assert line in text
    assert "goto" not in text


def test_only_netadmin_may_have_the_engine_started_and_nothing_else():
    socket = (UNITS / "pinhole-start.socket").read_text().splitlines()
    assert {"ListenStream=/run/pinhole/start.sock", "SocketUser=pinhole-netadmin", "SocketMode=0600"} <= set(socket)
    assert names.start_socket().name == "start.sock"
    assert "pinhole-start.socket" in (UNITS / "pinhole.target").read_text()
    started = [shlex.split(each)[1:] for each in unit("start@")["ExecStart"]]
    assert started == [
        ["reset-failed", "pinhole-broker.service", "pinhole-engine.service"],
        ["start", "pinhole-broker.service"],
        ["restart", "pinhole-engine.service"],
    ]
