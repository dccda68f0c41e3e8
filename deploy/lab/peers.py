# SPDX-License-Identifier: GPL-2.0-or-later
"""The laboratory's telephony: which programs play provider, phones and subscribers, and their configuration files.

Registrar and proxy is kamailio, its media relay rtpengine at an address of its own, every phone a baresip with a real
audio source. They are Debian's programs, run without sound hardware and without privileges.
"""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Final

from deploy.lab import topology

RTPENGINE_CONTROL_PORT: Final = 2223
RTPENGINE_PORTS: Final = (30000, 31000)
REGISTER_SECONDS: Final = 60

_TEMPLATES: Final = Path(__file__).parent / "templates"
_BARESIP_MODULES: Final = ("/usr/lib/baresip/modules", "/usr/lib/x86_64-linux-gnu/baresip/modules")


class _Template(Template):
    delimiter = "%"  # kamailio's own variables begin with a dollar


@dataclass(frozen=True)
class Phone:
    """One baresip: it registers `users` at the provider and answers by itself."""

    name: str
    namespace: str
    address: str
    users: tuple[str, ...]
    tone: int  # Hz, so that a recording tells who speaks

    @property
    def user(self) -> str:
        return self.users[0]

    @property
    def control(self) -> tuple[str, int]:
        """Its ctrl_tcp, on the namespace's loopback."""
        return ("127.0.0.1", 4400 + int(self.address.rpartition(".")[2]))


PBX: Final = Phone("pbx", topology.LAN, topology.PBX, ("200", "201"), 300)
PHONES: Final = tuple(
    Phone(f"phone-{user}", topology.LAN, address, (user,), tone)
    for user, address, tone in zip(("101", "102", "103"), topology.PHONES, (440, 500, 560), strict=True)
)
SUBSCRIBERS: Final = tuple(
    Phone(f"subscriber-{user}", topology.WAN, address, (user,), tone)
    for user, address, tone in zip(("300", "301"), topology.SUBSCRIBERS, (700, 800), strict=True)
)
ALL_PHONES: Final = (PBX, *PHONES, *SUBSCRIBERS)
INSIDE_USERS: Final = tuple(user for phone in (PBX, *PHONES) for user in phone.users)


def render(directory: Path, control: Path) -> None:
    """Write every peer's configuration below `directory`, with fresh passwords; `control` is kamailio's socket."""
    passwords = {user: secrets.token_hex(8) for phone in ALL_PHONES for user in phone.users}
    _write(directory / "kamailio" / "kamailio.cfg", _kamailio(passwords, control))
    for phone in ALL_PHONES:
        _write(directory / phone.name / "config", _baresip(phone))
        _write(directory / phone.name / "accounts", "".join(_account(user, passwords[user]) for user in phone.users))
        _write(directory / phone.name / "contacts", "")


def kamailio_command(directory: Path) -> tuple[str, ...]:
    home = str(directory / "kamailio")
    return ("kamailio", "-DD", "-E", "-m", "32", "-M", "4", "-f", f"{home}/kamailio.cfg", "-Y", home, "-w", home)


def rtpengine_command() -> tuple[str, ...]:
    first, last = RTPENGINE_PORTS
    return (
        "rtpengine", "--config-file=none", "--foreground", "--log-stderr", "--log-level=5", "--table=-1",
        f"--interface={topology.PROVIDER_MEDIA}", f"--listen-ng=127.0.0.1:{RTPENGINE_CONTROL_PORT}",
        f"--port-min={first}", f"--port-max={last}", "--num-threads=1", "--delete-delay=0",
    )  # fmt: skip


def rtpengine_answers() -> bool:
    """Whether it takes orders (its "ng" protocol: a cookie, a blank, a bencoded dictionary)."""
    with topology.inside(topology.WAN):
        asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with asking:
        asking.settimeout(0.5)
        try:
            asking.connect(("127.0.0.1", RTPENGINE_CONTROL_PORT))
            asking.send(b"lab d7:command4:pinge")
            return b"pong" in asking.recv(1024)
        except OSError:
            return False


def baresip_command(phone: Phone, directory: Path) -> tuple[str, ...]:
    return ("baresip", "-f", str(directory / phone.name))


def _kamailio(passwords: dict[str, str], control: Path) -> str:
    return _Template((_TEMPLATES / "kamailio.cfg").read_text()).substitute(
        provider=topology.PROVIDER,
        provider_second=topology.PROVIDER_SECOND,
        control=control,
        rtpengine_port=RTPENGINE_CONTROL_PORT,
        passwords="\n".join(f'    $sht(password=>{user}) = "{word}";' for user, word in passwords.items()),
    )


def _baresip(phone: Phone) -> str:
    modules = next((path for path in _BARESIP_MODULES if Path(path).is_dir()), _BARESIP_MODULES[0])
    host, port = phone.control
    return _Template((_TEMPLATES / "baresip.config").read_text()).substitute(
        address=phone.address, modules=modules, tone=phone.tone, control=f"{host}:{port}"
    )


def _account(user: str, password: str) -> str:
    parameters = f"auth_pass={password};answermode=auto;regint={REGISTER_SECONDS};audio_codecs=PCMA,PCMU"
    return f'"{user}" <sip:{user}@{topology.PROVIDER}>;{parameters}\n'


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
