# SPDX-License-Identifier: GPL-2.0-or-later
"""What the provider's registrar knows: who is registered, and at which address the provider believes them to be."""

from __future__ import annotations

import re
import subprocess
from typing import Final

from deploy.lab import peers
from sipalg_core.contract import names

_BINDING: Final = re.compile(r"AoR: (\S+).*?Address: (\S+)", re.DOTALL)


def bindings() -> dict[str, str]:
    """User → contact address; empty where kamailio does not answer."""
    done = subprocess.run(
        ["kamcmd", "-s", f"unix:{names.run_dir() / 'kamailio.sock'}", "ul.dump"],
        capture_output=True, text=True, check=False, timeout=5,
    )  # fmt: skip
    return dict(_BINDING.findall(done.stdout))


def missing_users() -> set[str]:
    return {user for phone in peers.ALL_PHONES for user in phone.users} - bindings().keys()
