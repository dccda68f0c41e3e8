# SPDX-License-Identifier: GPL-2.0-or-later
"""Policy into the kernel and to the ALG: fill sets, swap, write the policy file, tell broker and engine.

Runs in `netadmin` only. Until the swap no rule has changed; it is one nft transaction, all or nothing, and the sets of
moving objects are full before it. What decides is what the kernel says (`standing`), not what anybody remembers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

from appliance.kernel.interception import release
from appliance.live.control import BrokerUnavailable, EngineUnavailable, ask_engine, reload_broker
from appliance.ruleset import boot, files, sets
from appliance.ruleset.compile import (
    TABLE,
    Trial,
    compile_activations,
    compile_alg,
    compile_chains,
    compile_limits,
    compile_nft,
    layout,
    shared,
)
from appliance.ruleset.compile.moving import sets as compile_sets
from appliance.ruleset.policy import Policy
from sipalg_core.contract import names
from sipalg_core.contract.policy import PolicyError
from sipalg_core.contract.running import running
from sipalg_core.nft.client import NftError
from sipalg_core.nft.ruleset import Add, Flush, Set, Transaction, to_text


class Kernel(Protocol):
    """What apply needs of sipalg_core.nft.client.Client."""

    def apply(self, transaction: Transaction, /) -> None: ...
    def chains(self, name: str, /) -> list[str]: ...
    def sets(self, name: str, /) -> list[str]: ...
    def asked(self, name: str, /, *prefixes: str) -> set[str]: ...
    def gotos(self, name: str, chain: str, /) -> list[str]: ...
    def expirations(self, name: str, set_name: str, /) -> list[float]: ...


class ApplyRefused(Exception):
    """The kernel or the disk said no, and nothing was changed; the message names the rule."""


class WindowEnded(Exception):
    """Too late: the revision before decides again."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the kernel does now: the revision that decides (None: no table), and, on trial, for how many seconds yet."""

    deciding: int | None
    left: float | None = None


@dataclass(frozen=True, slots=True)
class ApplyResult:
    """Times in seconds. `notes` says who could not be told; they read the policy file when they come back."""

    nft: str
    prepare: float
    swap: float
    tell: float
    notes: tuple[str, ...]
    window: float = 0  # how long it is on trial

    @property
    def duration(self) -> float:
        return self.prepare + self.swap + self.tell


# --- The verbs ---


def apply(policy: Policy, kernel: Kernel, fallback: Policy | None = None, window: float = 0) -> ApplyResult:
    """Let the policy decide: for good, or, where a fallback stands behind it, for `window` seconds on trial."""
    started = time.monotonic()
    policy = _with_sets(policy, kernel)
    present = _chains(kernel)
    trial = Trial(fallback.revision, window) if fallback and window else None
    missing: Transaction = ()
    if trial and fallback:
        fallback = _with_sets(fallback, kernel)
        missing = () if layout.holds(present, fallback.revision) else compile_chains(fallback)
    transaction = compile_nft(policy, present, trial)
    whole = (
        *layout.frame(),
        *_ends(policy, fallback if trial else None),
        *missing,
        *transaction,
        *_activations(policy),
    )
    prepared = time.monotonic()
    if trial and fallback:
        files.keep(compile_alg(fallback))
    swapped, notes = _swap(policy, kernel, whole, window if trial else None)
    sets.sweep(kernel)
    told = time.monotonic()
    return ApplyResult(
        to_text(transaction), prepared - started, swapped - prepared, told - swapped, notes, window if trial else 0
    )


def confirm(revision: int, kernel: Kernel) -> None:
    """Keep the revision that is on trial; raise WindowEnded where the kernel has gone back already."""
    _within_window(kernel, layout.confirm(revision, _chains(kernel)))
    files.keep_trial()
    _tell()
    sets.sweep(kernel)


def extend(kernel: Kernel, window: float) -> None:
    """The trial ends `window` seconds from now; raise WindowEnded."""
    ends = time.monotonic() + window
    _within_window(kernel, layout.extend(window))
    files.extend_trial(ends)
    _tell()


def kept(policy: Policy, kernel: Kernel) -> None:
    """Make the ALG's files say so, should netadmin have died when the kernel had it already."""
    policy = _with_sets(policy, kernel)
    _for_boot(policy)
    if files.keep(compile_alg(policy)) | files.drop_trial():
        _tell()


def revert(policy: Policy, kernel: Kernel) -> tuple[str, ...]:
    """Let the policy decide again that decided before, for good: its chains, with their counters, are there still."""
    policy = _with_sets(policy, kernel)
    present = _chains(kernel)
    kept = layout.holds(present, policy.revision) and _asks_its_sets(policy, kernel)
    transaction = layout.hand_over(policy.revision, present) if kept else compile_nft(policy, present)
    notes = _swap(policy, kernel, (*layout.frame(), *_ends(policy), *transaction, *_activations(policy)))[1]
    sets.sweep(kernel)
    return notes


def activate(policy: Policy, kernel: Kernel) -> tuple[str, ...]:
    """What acts on top of the revision, anew, and the ALG told; who decides stays, and so does every counter of its.

    `policy` is that of the revision that decides.
    """
    policy = _with_sets(policy, kernel)
    left = standing(kernel).left
    return _swap(policy, kernel, (*layout.frame(), *_activations(policy)), left)[1]


def move(policy: Policy, kernel: Kernel) -> tuple[str, ...]:
    """Follow the moving objects of a revision that the kernel holds: its sets, and the ALG's peers if it decides.

    Its rules stay as they are, unless a set has a new generation.
    """
    if not layout.holds(_chains(kernel), policy.revision):
        return ()
    policy = _with_sets(policy, kernel)
    stays = _asks_its_sets(policy, kernel)
    now = standing(kernel)
    if now.deciding != policy.revision:
        kernel.apply(() if stays else _as_loaded(_chains_anew(policy), kernel))
        files.keep(compile_alg(policy))
        notes = _for_boot(policy)
        sets.sweep(kernel)
        return notes
    if stays and files.says(compile_alg(policy)):
        return ()
    anew = () if stays else (*_chains_anew(policy), *_activations(policy))
    notes = _swap(policy, kernel, anew, now.left)[1]
    sets.sweep(kernel)
    return notes


def refresh(policy: Policy, kernel: Kernel) -> None:
    """Fill the chains of a revision that the kernel holds anew, because time went on; who decides stays."""
    if not layout.holds(_chains(kernel), policy.revision):
        return
    policy = _with_sets(policy, kernel)
    now = standing(kernel)
    if now.deciding == policy.revision:
        _swap(policy, kernel, _chains_anew(policy), now.left)
    else:
        kernel.apply(_as_loaded(_chains_anew(policy), kernel))
        files.keep(compile_alg(policy))  # what comes back when the trial ends
        _for_boot(policy)


def standing(kernel: Kernel) -> Standing:
    """Read from the `goto`s of hand_over's in the base chain of forward."""
    gotos = (layout.revision_of(chain) for chain in kernel.gotos(TABLE.name, layout.FORWARD.name))
    targets = [revision for revision in gotos if revision is not None]
    left = kernel.expirations(TABLE.name, layout.CONFIRM_WINDOW.name) if len(targets) > 1 else []
    if len(targets) > 1 and left:
        return Standing(targets[0], min(left))
    return Standing(targets[-1] if targets else None)


# --- Their steps ---


def _chains_anew(policy: Policy) -> Transaction:
    return (*compile_limits(policy, time.time()), *compile_chains(policy))


def _ends(*deciding: Policy | None) -> Transaction:
    """Of their rules; those of other revisions go."""
    now = time.time()
    return (Flush(layout.LIVE_LIMITS), *(each for policy in deciding if policy for each in compile_limits(policy, now)))


def _activations(policy: Policy) -> Transaction:
    return compile_activations(policy, time.time())


def _swap(
    policy: Policy, kernel: Kernel, transaction: Transaction, window: float | None = None
) -> tuple[float, tuple[str, ...]]:
    """The kernel, then the ALG; when the kernel had it, and who could not be told. `window`: seconds on trial."""
    try:
        prepared = files.prepare(compile_alg(policy), window)
    except OSError as error:
        raise ApplyRefused(f"The policy file cannot be written: {error}. Nothing was changed.") from error
    try:
        kernel.apply(_as_loaded(transaction, kernel))
    except NftError as error:
        prepared.drop()
        raise _refused(policy, error) from error
    prepared.commit()
    return time.monotonic(), (*_tell(), *(() if window is not None else _for_boot(policy)))


def _for_boot(policy: Policy) -> tuple[str, ...]:
    """What to say where the next boot would not know it."""
    try:
        boot.write(policy)
    except OSError as error:
        return (f"The next boot would load the revision before: {error}.",)
    return ()


def _with_sets(policy: Policy, kernel: Kernel) -> Policy:
    """The policy whose rules ask sets that are there and full."""
    try:
        return sets.load(policy, kernel)
    except (OSError, NftError) as error:
        text = f"The kernel did not take the addresses of an object: {error}. No rule was changed."
        raise ApplyRefused(text) from error


def _as_loaded(transaction: Transaction, kernel: Kernel) -> Transaction:
    return shared.share(_without_sets(transaction), kernel.sets(TABLE.name))


def _without_sets(transaction: Transaction) -> Transaction:
    """They are there (`_with_sets`): to add one again, libnftables would first read all that it holds."""
    return tuple(
        command
        for command in transaction
        if not (isinstance(command, Add) and isinstance(command.what, Set) and command.what.name.startswith("s_"))
    )


def _asks_its_sets(policy: Policy, kernel: Kernel) -> bool:
    """Of this generation."""
    return sets.are_asked(compile_sets(policy), kernel)


def _within_window(kernel: Kernel, transaction: Transaction) -> None:
    """The transaction deletes the window's elements; those that have expired are not there to be deleted."""
    try:
        kernel.apply(transaction)
    except NftError as error:
        if standing(kernel).left is not None:
            raise
        raise WindowEnded from error


def _chains(kernel: Kernel) -> list[str]:
    return kernel.chains(TABLE.name)


def _refused(policy: Policy, error: NftError) -> ApplyRefused:
    rule = next((rule for rule in policy.rules if rule.key == error.comment), None)
    which = f" (rule {rule.position}, “{rule.name}”)" if rule else ""
    return ApplyRefused(f"The kernel refused the rules{which}. Nothing was changed. It said: {error.text}.")


def _tell() -> tuple[str, ...]:
    """The broker first: it grants what the engine will ask for. Signalling that nobody takes any more is let go."""
    notes: list[str] = []
    try:
        reload_broker()
    except BrokerUnavailable as error:
        notes.append(str(error))
    try:
        ask_engine({"op": "reload"}, timeout=2.0)
    except EngineUnavailable as error:
        notes.append(str(error))
    try:
        release(running(names.policy_file(), names.trial_file()).policy)
    except (OSError, PolicyError) as error:
        notes.append(f"Connections of before may be stuck: {error}.")
    return tuple(notes)
