# SPDX-License-Identifier: GPL-2.0-or-later
"""Units of a real machine: the processes of the laboratory with the same power, hardened; boot comes before all."""

import os
import shlex
import socket
import ssl
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from cryptography import x509

from appliance import door, reached, tls
from appliance.ruleset.compile import layout
from deploy.lab.processes import PROJECT, Stage, table
from sipalg_core.contract import names
from sipalg_core.nft.ruleset import Add, to_text

UNITS = PROJECT / "deploy/units"
APPLIANCE = [process for process in table() if process.stage is Stage.APPLIANCE and process.name != "web-inside"]
DOOR = "appliance.door"
"""The laboratory has the console twice, since its firewall is a namespace; an appliance is the firewall itself."""
EXPOSURE = {"broker": 2.5, "netadmin": 2.5, "boot": 4.0}
"""systemd's own figure, at most; for those that may do nothing 2.0."""


REFUSED = {f"no_{name}": value for name, value in door._OPTIONS.items() if value is False}
TAKEN = [
    word
    for name, value in door._OPTIONS.items()
    if value is not False
    for word in (f"--{name}".replace("_", "-"), value)
]


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
    if DOOR in ran:  # it ends TLS itself; the laboratory speaks plain HTTP, with the same options
        ran = [*ran, "uvicorn", *(f"--{each.replace('_', '-')}" for each in REFUSED), *TAKEN]
    asked = [word for word in process.command if word.startswith("-") or word.isalpha()]
    assert [word for word in asked if word not in ran] == [], (ran, where)
    expected = "CAP_NET_ADMIN" if process.capability == "net_admin" else ""
    assert words["CapabilityBoundingSet"] == words["AmbientCapabilities"] == [expected]
    assert words["NoNewPrivileges"] == ["yes"]


@pytest.mark.parametrize("name", [*(process.name for process in APPLIANCE), "boot", "start@", "selftest@"])
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
    assert "net.ipv4.ip_forward=1" in words["ExecStartPost"][0]  # where nothing decides, nothing is forwarded


def test_default_deny_has_the_base_chains_that_every_revision_hands_over_from():
    text = (Path(PROJECT) / "deploy/default_deny.nft").read_text()
    for line in to_text((*layout.frame(), *map(Add, layout.HANDOVER))).splitlines():
        assert line in text
    assert "goto" not in text


def test_only_netadmin_may_have_the_engine_started_and_nothing_else():
    lines = (UNITS / "pinhole-start.socket").read_text().splitlines()
    assert {"ListenStream=/run/pinhole/start.sock", "SocketUser=pinhole-netadmin", "SocketMode=0600"} <= set(lines)
    assert names.start_socket().name == "start.sock"
    assert "pinhole-start.socket" in (UNITS / "pinhole.target").read_text()
    started = [shlex.split(each)[1:] for each in unit("start@")["ExecStart"]]
    assert started == [
        ["reset-failed", "pinhole-broker.service", "pinhole-engine.service"],
        ["start", "pinhole-broker.service"],
        ["restart", "pinhole-engine.service"],
    ]


def test_a_selftest_has_no_network_and_no_power_but_namespaces_of_its_own():
    lines = (UNITS / "pinhole-selftest.socket").read_text().splitlines()
    assert {"ListenStream=/run/pinhole/selftest.sock", "SocketUser=pinhole", "SocketMode=0600"} <= set(lines)
    assert names.selftest_socket().name == "selftest.sock"
    assert "pinhole-selftest.socket" in (UNITS / "pinhole.target").read_text()
    words = unit("selftest@")
    assert (words["RestrictNamespaces"], words["PrivateNetwork"], words["CapabilityBoundingSet"]) == (
        ["user net"], ["yes"], [""]
    )  # fmt: skip
    assert all(unit(process.name)["RestrictNamespaces"] == ["yes"] for process in APPLIANCE)


def test_whoever_is_needed_comes_back_however_often_it_ends():
    for process in APPLIANCE:
        words = unit(process.name)
        assert (words["Restart"], words["StartLimitIntervalSec"]) == (["always"], ["0"])


# --- The console's door ---


def _environment(name):
    return dict(
        word.split("=", 1) for line in unit(name)["Environment"] for word in shlex.split(line)
    )  # fmt: skip


def _shown(port, deadline=120.0):
    """The certificate that a started door shows."""
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    ends = time.monotonic() + deadline
    while time.monotonic() < ends:
        with (
            suppress(OSError),
            socket.create_connection(("127.0.0.1", port), 1) as wire,
            trusting.wrap_socket(wire) as secure,
        ):
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))
        time.sleep(0.1)
    raise AssertionError("nobody opens")


def _started(words, environment):
    return [
        environment[word[2:-1]] if word.startswith("${") else word.replace("/opt/pinhole", str(PROJECT))
        for word in shlex.split(words)
    ]


def test_console_makes_its_database_and_files_before_it_opens():
    made = [shlex.split(each)[1:3] for each in unit("web")["ExecStartPre"]]
    assert made == [["manage.py", "migrate"], ["manage.py", "collectstatic"]]
    for name in ("worker", "netadmin"):
        assert "pinhole-web.service" in unit(name)["After"][0].split()


def test_console_as_shipped_ends_tls_itself_for_the_addresses_of_the_machine(tmp_path, unused_tcp_port):
    """With the unit's own command and environment, its folders aside."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PINHOLE_")}
    environment |= _environment("web") | {
        "PINHOLE_RUN": str(tmp_path), "PINHOLE_STATE": str(tmp_path), "PINHOLE_CONSOLE_HOST": "127.0.0.1",
        "PINHOLE_CONSOLE_PORT": str(unused_tcp_port),
    }  # fmt: skip
    command = _started(unit("web")["ExecStart"][0], environment)
    with subprocess.Popen(command, cwd=PROJECT, env=environment, stderr=subprocess.DEVNULL) as running:
        try:
            shown = tls.names_of(_shown(unused_tcp_port))
        finally:
            running.kill()
    assert {"127.0.0.1", "localhost"} <= set(shown)
    assert (tmp_path / "console.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["worker", "netadmin"])
def test_whoever_names_the_console_knows_it_as_the_console_does(name):
    mine, consoles = unit(name), _environment("web")
    assert mine["EnvironmentFile"] == unit("web")["EnvironmentFile"] == ["-/etc/pinhole/console.conf"]
    for word in ("PINHOLE_TLS", "PINHOLE_CONSOLE_PORT"):
        assert _environment(name)[word] == consoles[word]
        assert f"{word}={consoles[word]}" in (PROJECT / "deploy/pinhole").read_text()


def test_own_addresses_are_read_as_the_kernel_writes_them():
    trie = """Local:
  +-- 0.0.0.0/0 3 0 5
     |-- 192.168.0.0
        /24 link UNICAST
     |-- 192.168.0.1
        /32 host LOCAL
     |-- 192.168.0.255
        /32 link BROADCAST
"""
    assert [str(each) for each in reached.ipv4(trie)] == ["192.168.0.1"]
    table = "fd000000000000000000000000000002 02 40 00 80     eth0\n"
    assert [str(each) for each in reached.ipv6(table)] == ["fd00::2"]


def test_the_machine_itself_is_never_refused():
    asked = reached.origins(8000)
    assert {"https://127.0.0.1:8000", "https://localhost:8000"} <= set(asked)
    assert asked[0] != "https://localhost:8000"
