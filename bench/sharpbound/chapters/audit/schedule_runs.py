"""The checks of a schedule that take steps: where they land, what is remembered, which calls count.

*landing*. If E[X0 | x] = c and E[W | x] = w are constant, a c + sigma w solves the equation of every convention, and
every consistent method is exact. So from the exact state of one level a step must go to a c + sigma w at the next:
c = 1 and w = 1 show a and sigma of where it goes.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from sharpbound.chapters.audit.drive import copied, doubled
from sharpbound.chapters.audit.schedule_trial import BROKEN, KEPT, TARGET, Array, Check, Found, Trial
from sharpbound.errors import NotMeasured
from sharpbound.laws.probe import Tape
from sharpbound.processes.ladder import Level

SHARE = 0.01
"""A step lands on its level if it misses it by less than this share of itself; timesteps cut off miss by more."""
NOTHING = 1e-10
"""A call changes nothing if the output's response to it is this much smaller than the largest."""


def _landing(trial: Trial) -> Found:
    for i, (a, sigma, noisy) in enumerate(_states(trial)):
        (a0, s0), (a1, s1) = trial.levels[i : i + 2]
        allowed = SHARE * max(abs(a1 - a0), abs(s1 - s0)) + 1e-5 * max(a1, s1)
        if abs(a - a1) > allowed:
            return (
                BROKEN,
                f"call {i + 1}: its state ends with a = {a:.6g}, {_where(trial, (a, sigma), (a1, s1))}",
            )
        # a process that keeps the variance may have noises of several sizes, as ancestral sampling has
        if abs(sigma - s1) > allowed and not (noisy and not _constant(trial)):
            return (
                BROKEN,
                f"call {i + 1}: its state ends with sigma = {sigma:.6g}, {_where(trial, (a, sigma), (a1, s1))}",
            )
    return KEPT, ""


def _where(trial: Trial, found: Level, wanted: Level) -> str:
    a, sigma = wanted
    told = f"the next level has a = {a:.6g}, sigma = {sigma:.6g}"
    if min(*found, sigma) <= 0 or trial.size <= 1:
        return told
    timestep = trial.convention.timestep_of
    return f"{told}: timestep {timestep(found):.5g} for {timestep(wanted):.5g}"


def _constant(trial: Trial) -> bool:
    return all(a == 1 for a, _ in trial.levels)


def _states(trial: Trial) -> Iterator[tuple[float, float, bool]]:
    """a and sigma of the state after each call from the exact state before, and whether it drew noise.

    Two more members of the batch are 0 and hear one of two draws each: their part of sigma. With tables in float64.
    """
    scheduler, convention = doubled(trial.scheduler), trial.convention
    clean, noise = torch.eye(2, 4, dtype=torch.float64)
    for i in range(trial.calls):
        (a, sigma), drawn = trial.levels[i], Drawn()
        output = convention.output(clean, noise, (a, sigma))
        state = trial.loop.step(scheduler, output, i, a * clean + sigma * noise, drawn)
        yield float(state[0]), float(torch.linalg.vector_norm(state[1:])), drawn.draws > 0


class Drawn(Tape):
    """Its draw k is an impulse of member 2 + k."""

    def __call__(self, like: Tensor, interval: tuple[float, float] | None = None) -> Tensor:
        zeros = super().__call__(like)
        if self.draws <= 2:
            zeros[1 + self.draws] = 1.0
        return zeros


def _idempotent(trial: Trial) -> Found:
    loop, other = trial.loop, trial.T + 1
    walked, expected = trial.walked
    if not torch.isfinite(expected).all():
        raise NotMeasured("the output is not finite")
    scheduler = copied(walked)
    for words, numbers in (("again", [trial.T]), (f"after set_timesteps({other})", [other, trial.T])):
        for T in numbers:
            scheduler.set_timesteps(T)
        convention = loop.convention(scheduler)
        if convention.levels() != trial.levels or [float(t) for t in scheduler.timesteps] != list(
            trial.asked
        ):
            return BROKEN, f"set_timesteps {words} gives other levels"
        if not torch.equal(loop.walk(scheduler, TARGET, trial.starts, Tape()), expected):
            return BROKEN, f"set_timesteps {words} gives the same levels and another output"
    return KEPT, ""


def _calls(trial: Trial) -> Found:
    """Member j of a batch gets another answer to call j."""
    responses = _responses(trial)
    if not np.isfinite(responses).all():
        raise NotMeasured("the output is not finite")
    idle = np.flatnonzero(responses <= NOTHING * responses.max())
    if len(idle):
        which = ", ".join(str(int(i) + 1) for i in idle[:4]) + (", ..." if len(idle) > 4 else "")
        return BROKEN, f"of {trial.calls} network calls {len(idle)} changes nothing: call {which}"
    return KEPT, f"{trial.calls} of {trial.calls} at T = {trial.T}"


def _responses(trial: Trial) -> Array:
    start = torch.full((trial.calls + 1,), 0.3 * trial.loudness, dtype=torch.float64)

    def moved(prediction: Tensor, call: int) -> Tensor:
        prediction = prediction.clone()
        prediction[1 + call] += 1.0
        return prediction

    output = trial.loop.walk(copied(trial.scheduler), TARGET, start, Tape(), moved)
    return (output[1:] - output[0]).abs().numpy()


RUNS: dict[str, Check] = {"landing": _landing, "idempotent": _idempotent, "calls": _calls}
