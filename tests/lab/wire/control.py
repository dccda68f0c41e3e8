# SPDX-License-Identifier: GPL-2.0-or-later
"""The control of the wire: Linux's own SIP helper between the same parties, on a usual router, with its defaults."""

from __future__ import annotations

import contextlib
import inspect
import itertools
import subprocess
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, Final, Literal

import pytest

from sipalg_core.contract.policy import AlgPolicy
from tests.lab.kernel_rig import FW, run
from tests.lab.wire.between import VARIANTS, Appliance, Variant, wires
from tests.lab.wire.rig import Wire

Outcome = Literal["works", "fails", "—"]
TRANSPORTS: Final = ("udp", "tcp")
IPV4: Final = tuple(each for each in VARIANTS if each.family == "ip")

# Everything out, nothing in but what is established or expected; the helper attached as nft's manual page shows it.
RULES: Final = """
flush ruleset
table inet appliance {
  ct helper sip_udp { type "sip" protocol udp; l3proto ip; }
  ct helper sip_tcp { type "sip" protocol tcp; l3proto ip; }
  chain prerouting_helper { type filter hook prerouting priority 0; policy accept;
    ct state new udp dport 5060 ct helper set "sip_udp"
    ct state new tcp dport 5060 ct helper set "sip_tcp"
  }
  chain forward_base { type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname lan0 accept
  }
  chain postrouting_base { type nat hook postrouting priority 100; policy accept; oifname wan0 masquerade; }
}
"""


class NotComparable(Exception):
    """The scenario asks what only the appliance can be asked."""


class Helper(Appliance):
    """Stands between as `Appliance` does, and has nothing to be asked."""

    patience = 0.6

    def __init__(self) -> None:
        run("nft", "-f", "-", namespace=FW, stdin=RULES)

    def __bool__(self) -> bool:
        return False

    def opened(self) -> set[str]:
        return set()

    def counters(self) -> dict[str, int]:
        raise NotComparable("counters")

    @property
    def policy(self) -> AlgPolicy:
        raise NotComparable("policy")

    def rows(self, topic: str) -> list[dict[str, Any]]:
        raise NotComparable(topic)

    def reload(self, policy: AlgPolicy) -> None:
        raise NotComparable("policy")

    @contextlib.contextmanager
    def under(self, **_: Any) -> Iterator[None]:
        raise NotComparable("policy")
        yield

    def forget(self) -> None:
        subprocess.run(("ip", "netns", "exec", FW, "conntrack", "-F"), capture_output=True, check=False)
        subprocess.run(("ip", "netns", "exec", FW, "conntrack", "-F", "expect"), capture_output=True, check=False)


@contextlib.contextmanager
def helpers() -> Iterator[Helper]:
    with wires():
        yield Helper()


def outcomes(helper: Helper, module: ModuleType) -> Iterator[tuple[str, str, Outcome, str]]:
    """Row, transport, what became of the scenario, and why."""
    for name, scenario in vars(module).items():
        if not name.startswith("test_c"):
            continue
        for transport in TRANSPORTS:
            for arguments in _cases(scenario, Variant(transport, "ip")):
                outcome, why = _run(helper, scenario, arguments)
                helper.forget()
                yield name[5:8].upper(), transport, outcome, f"{name}: {why}"


def _cases(scenario: Callable[..., None], variant: Variant) -> Iterator[dict[str, Any]]:
    """The arguments of each case over this transport; none where the scenario is not for it."""
    marks = [mark for mark in getattr(scenario, "pytestmark", ()) if mark.name == "parametrize"]
    choices: list[list[dict[str, Any]]] = []
    for mark in marks:
        names, values = mark.args
        if names == "wire":
            if variant not in [Variant(*each) for each in values]:
                return
        else:
            choices.append([{names: getattr(value, "values", (value,))[0]} for value in values])
    parameters = inspect.signature(scenario).parameters
    if not {"wire", "all_wires"} & parameters.keys():
        return
    for chosen in itertools.product(*choices):
        arguments: dict[str, Any] = {"variant": variant}
        for each in chosen:
            arguments |= each
        yield arguments


def _run(helper: Helper, scenario: Callable[..., None], arguments: dict[str, Any]) -> tuple[Outcome, str]:
    wire = Wire(helper, arguments.pop("variant"))
    named = {"all_wires": [wire]} if "all_wires" in inspect.signature(scenario).parameters else {"wire": wire}
    try:
        scenario(**named, **arguments)
    except NotComparable:
        return "—", ""
    except (AssertionError, OSError) as error:
        return "fails", str(error).partition("\n")[0][:200]
    except BaseException as error:
        if isinstance(error, pytest.fail.Exception):
            return "fails", str(error)
        raise
    finally:
        wire.finish(clean=False)
    return "works", ""
