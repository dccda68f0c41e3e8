# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes wrong around the kernel: who is named, and that nothing was changed."""

import pytest

from appliance.ruleset.apply import ApplyRefused, apply
from appliance.ruleset.policy import Interface, Policy, Rule
from sipalg_core.contract import names
from sipalg_core.contract import policy as alg
from sipalg_core.contract.control import Op
from sipalg_core.nft.client import NftError

POLICY = Policy(
    9, "local", (Interface("lan0", "internal", ("192.168.0.1/24",)),), (Rule(12, 3, "RTP in", "accept"),)
)  # fmt: skip


class Kernel:
    """A kernel that fails where it is told to: the real one is in tests/lab."""

    def __init__(self, refused_at=""):
        self.refused_at, self.applied = refused_at, []

    def _errors(self, transaction):
        return [NftError("Device or resource busy", each) for each in transaction if self.refused_at in str(each)]

    def chains(self, name):
        return ["forward_r8", "forward_policy"]

    def sets(self, name):
        return []

    def apply(self, transaction):
        if self.refused_at:
            raise self._errors(transaction)[0]
        self.applied.append(transaction)


def test_refusal_names_the_rule_and_leaves_everything(run_dir):
    kernel = Kernel("rule:12")
    with pytest.raises(ApplyRefused, match=r"refused the rules \(rule 3, “RTP in”\).*Nothing was changed"):
        apply(POLICY, kernel)
    assert kernel.applied == []
    assert list(run_dir.iterdir()) == []


def test_full_disk_leaves_the_kernel_alone(monkeypatch):
    monkeypatch.setenv("PINHOLE_STATE", "/nonexistent")
    kernel = Kernel()
    with pytest.raises(ApplyRefused, match="policy file"):
        apply(POLICY, kernel)
    assert kernel.applied == []


def test_old_chains_go_and_both_are_told(run_dir, engine, broker):
    kernel = Kernel()
    result = apply(POLICY, kernel)
    assert result.notes == ()
    assert "delete chain inet appliance forward_r8\n" in result.nft
    assert "delete chain inet appliance forward_policy" not in result.nft
    assert alg.read(names.policy_file()).revision == 9
    assert names.policy_file().stat().st_mode & 0o777 == 0o640
    assert (broker.operations, engine.requests) == ([Op.RELOAD], [{"op": "reload"}])


def test_silent_engine_and_broker_are_a_note(run_dir):
    result = apply(POLICY, Kernel())
    assert [note.split(" does")[0] for note in result.notes] == ["The pinhole broker", "The SIP engine"]
