"""The contract of a scheduler's schedule: what its ``set_timesteps`` promises, beside the order of its steps.

An order is measured against the scheduler's own levels, so levels that are wrong leave it as it is. Each check looks at
several numbers of steps T and says what it saw, and at which T:

    runs        set_timesteps and the loop of a pipeline raise nothing, and give finite states
    declared    the levels are those of the configuration's formula (`sharpbound.chapters.audit.declared`)
    first       the first level is the noisiest of the training range, up to one step
    last        the last level is the least noisy of it, up to one step
    monotone    noise falls
    repeats     no level twice, but for methods of two stages
    length      T steps, one level more than steps
    timesteps   the network is told the timestep of the level at which the state is
    landing     every step ends at the level at which the next one begins
    idempotent  set_timesteps again, or after another T, gives the same levels and the same output
    calls       every network call changes the output
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from sharpbound.chapters.audit.drive import Loop, working
from sharpbound.chapters.audit.schedule_levels import LEVELS
from sharpbound.chapters.audit.schedule_runs import RUNS
from sharpbound.chapters.audit.schedule_trial import BROKEN, KEPT, UNDECIDED, Found, Trial
from sharpbound.errors import NotMeasured

STEPS = (5, 10, 20, 30, 60)
"""Numbers of steps; 30 and 60 do not divide a table of 1000."""
ALL = 1024
"""A table of at most so many levels is asked for all of them too: T = N."""
CHECKS = ("runs", *LEVELS, *RUNS)


def contract(loop: Loop, steps: Sequence[int] = STEPS) -> list[dict[str, Any]]:
    """The checks, in order: ``name``, ``verdict`` (kept, broken or undecided), ``seen`` and ``T``."""
    trials: dict[int, Trial] = {}
    told = {T: _attempted(loop, T, trials) for T in steps}
    every = dict(trials)
    if trials and (N := int(next(iter(trials.values())).size)) in range(max(steps) + 1, ALL):
        try:
            every[N] = Trial(loop, N)
        except NotMeasured as reason:
            told[N] = BROKEN, str(reason)
    results = [_told("runs", told)]
    for checks, at in ((LEVELS, every), (RUNS, trials)):
        for name, check in checks.items():
            results.append(_told(name, {T: _looked(check, trial) for T, trial in at.items()}))
    return results


def _attempted(loop: Loop, T: int, trials: dict[int, Trial]) -> Found:
    """Whether T steps run; what does, goes to ``trials``."""
    try:
        trial = Trial(loop, T)
        with working(T):
            _, output = trial.walked
    except NotMeasured as reason:
        return BROKEN, str(reason)
    trials[T] = trial
    return (KEPT, "") if bool(torch.isfinite(output).all()) else (BROKEN, "the output is not finite")


def _looked(check: Callable[[Trial], Found], trial: Trial) -> Found:
    try:
        with working(trial.T):
            return check(trial)
    except NotMeasured as reason:
        return UNDECIDED, str(reason)


def _told(name: str, found: dict[int, Found]) -> dict[str, Any]:
    """Of what was found at each T: the worst, with the smallest T at which it shows and all others."""
    for verdict in (BROKEN, UNDECIDED):
        at = [T for T, (each, _) in found.items() if each == verdict]
        if at:
            return {"name": name, "verdict": verdict, "seen": found[at[0]][1], "T": at}
    if not found:
        return {"name": name, "verdict": UNDECIDED, "seen": "no T runs", "T": []}
    seen = next((seen for _, seen in found.values() if seen), "")
    return {"name": name, "verdict": KEPT, "seen": seen, "T": list(found)}
