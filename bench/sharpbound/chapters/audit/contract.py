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

*landing*. If E[X0 | x] = c and E[W | x] = w are constant, a c + sigma w solves the equation of every convention, and
every consistent method is exact. So from the exact state of one level a step must go to a c + sigma w at the next:
c = 1 and w = 1 show a and sigma of where it goes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.chapters.audit.declared import Declared, declared, shifted
from sharpbound.chapters.audit.drive import Loop, copied, doubled, working
from sharpbound.chapters.audit.networks import Convention, Flow
from sharpbound.errors import NotMeasured
from sharpbound.laws.probe import Tape
from sharpbound.processes.ladder import Level
from sharpbound.targets import Gaussian1D

Array = NDArray[np.float64]
Found = tuple[str, str]
Gap = tuple[float, int, float, float]

STEPS = (5, 10, 20, 30, 60)
"""Numbers of steps; 30 and 60 do not divide a table of 1000."""
ALL = 1024
"""A table of at most so many levels is asked for all of them too: T = N."""
TARGET = Gaussian1D(0.5, 0.5)
NEAR = 2e-4
"""Relative difference of sigmas up to which they are the same: float32 tables, of betas multiplied up."""
SAME = 1e-6
"""Relative difference of levels that are one."""
HALF = 0.51
"""A timestep is rounded to the nearest whole one."""
SHARE = 0.01
"""A step lands on its level if it misses it by less than this share of itself; timesteps cut off miss by more."""
NOTHING = 1e-10
"""A call changes nothing if the output's response to it is this much smaller than the largest."""
KEPT, BROKEN, UNDECIDED = "kept", "broken", "undecided"


@dataclass
class Trial:
    """The scheduler after ``set_timesteps(T)``."""

    loop: Loop
    T: int
    scheduler: Any = field(init=False)
    convention: Convention = field(init=False)

    def __post_init__(self) -> None:
        self.scheduler = self.loop.fresh(self.T)
        self.convention = self.loop.convention(self.scheduler)

    @cached_property
    def levels(self) -> list[Level]:
        return self.convention.levels()

    @cached_property
    def n(self) -> Array:
        """sigma/a of the states, (calls + 1,); infinite where a = 0."""
        return np.array([sigma / a if a > 0 else math.inf for a, sigma in self.levels])

    @cached_property
    def asked(self) -> Array:
        return np.array([float(t) for t in self.scheduler.timesteps])

    @property
    def calls(self) -> int:
        return len(self.asked)

    @property
    def table(self) -> Array | None:
        return getattr(self.convention, "log_sigma", None)

    @property
    def size(self) -> float:
        """N of the training levels, in units of timesteps."""
        if self.table is not None:
            return float(len(self.table))
        return float(getattr(self.convention, "N", 1.0))

    @property
    def flow(self) -> bool:
        return isinstance(self.convention, Flow)


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
            start = torch.linspace(-1, 1, 3, dtype=torch.float64)
            output = loop.run(trial.scheduler, TARGET, start, Tape())
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


# -- the levels ------------------------------------------------------------------------------------


def _declared(trial: Trial) -> Found:
    said = declared(trial.convention.config, trial.table, trial.T)
    if said is None:
        return UNDECIDED, "its configuration does not say how the levels are made"
    if said.unit == "timestep":
        used = trial.asked
    elif said.unit == "sigma":
        used = np.array([sigma / (a + sigma) for a, sigma in trial.levels[:-1]])
    else:
        used = trial.n[:-1]
    gaps = [_gap(used, wanted, said.unit) for wanted in said.variants]
    best = min(gaps, key=lambda gap: gap[0])
    if best[0] <= 1:
        return KEPT, said.words
    for fault, levels in said.faults.items():
        if _gap(used, levels, said.unit)[0] <= 1:
            return BROKEN, f"{_miss(said, gaps[0])}: as with {fault}"
    return BROKEN, _miss(said, best)


def _miss(said: Declared, gap: Gap) -> str:
    _, i, found, wanted = gap
    return f"{said.words}: level {i + 1} is at {said.unit} {found:.6g}, declared {wanted:.6g}"


def _gap(used: Array, wanted: Array, unit: str) -> Gap:
    """The largest miss of a declared level in units of what is allowed; which one, what is there, what is declared.

    Where more levels are used than declared, methods of several stages, each declared one must be among them.
    """
    if len(used) == len(wanted):
        near = used
    elif len(used) < len(wanted):
        return math.inf, len(used), math.nan, float(wanted[len(used)])
    else:
        near = used[np.abs(used[:, None] - wanted).argmin(0)]
    off = near - wanted
    if unit == "timestep":  # rounded to the nearest, or cut off
        ways = np.abs(off) / HALF, np.where(off > 0.01, off / 0.01, -off)
        size = min(ways, key=lambda each: float(each.max()))
    else:
        size = np.abs(off) / np.maximum(wanted, 1e-9) / NEAR
    i = int(size.argmax())
    return float(size[i]), i, float(near[i]), float(wanted[i])


def _ends(trial: Trial) -> tuple[float, float, float, float]:
    """First and last level used and those of the training range, in timesteps."""
    convention, config = trial.convention, trial.convention.config
    first, last = (
        convention.timestep_of(level) for level in (trial.levels[0], trial.levels[trial.calls - 1])
    )
    if "sigma_data" in config:
        high, low = (convention.timestep_of((1.0, float(config[key]))) for key in ("sigma_max", "sigma_min"))
        return first, last, high, low
    if trial.flow:
        N, shift = trial.size, config.get("flow_shift" if config.get("use_flow_sigmas") else "shift") or 1.0
        first, last = (N * shifted(at / N, 1 / shift) for at in (first, last))
        return first, last, N, 0.0
    if trial.table is None:
        return first, last, trial.size, 0.0
    high, low = len(trial.table) - 1.0, 0.0
    if config.get("sigma_max"):
        high = min(high, convention.timestep_of((1.0, float(config["sigma_max"]))))
    if config.get("sigma_min"):
        low = max(low, convention.timestep_of((1.0, float(config["sigma_min"]))))
    return first, last, high, low


def _step(trial: Trial) -> float:
    """How far an end may be inside the range: one step, and a timestep of rounding."""
    if "sigma_data" in trial.convention.config:
        return NEAR
    offset = float(trial.convention.config.get("steps_offset") or 0)
    return trial.size / trial.T + (1.0 + offset if trial.size > 1 else NEAR)


def _first(trial: Trial) -> Found:
    used, _, high, _ = _ends(trial)
    most = trial.size if trial.table is None or trial.flow else trial.size - 1
    if trial.asked[0] > most + HALF and trial.size > 1:
        return BROKEN, f"timestep {trial.asked[0]:g} is beyond the last of training, {most:g}"
    if used < high - _step(trial):
        return (
            BROKEN,
            f"it starts at timestep {used:.6g}, {high - used:.4g} below the noisiest: more than a step",
        )
    return KEPT, f"timestep {round(used, 3):g} at T = {trial.T}"


def _last(trial: Trial) -> Found:
    _, used, _, low = _ends(trial)
    if used > low + _step(trial):
        return BROKEN, f"its last level is at timestep {used:.6g}, more than a step above {low:g}"
    return KEPT, f"timestep {round(used, 3):g} at T = {trial.T}"


def _monotone(trial: Trial) -> Found:
    for what, values in (("sigma/a", trial.n), ("timestep", trial.asked)):
        rises = np.flatnonzero(_differences(values) > SAME * np.abs(values[1:]))
        if len(rises):
            i = int(rises[0])
            return BROKEN, f"{what} rises from {values[i]:.6g} to {values[i + 1]:.6g} at call {i + 2}"
    return KEPT, ""


def _differences(values: Array) -> Array:
    with np.errstate(invalid="ignore"):
        return np.nan_to_num(np.diff(values))


def _repeats(trial: Trial) -> Found:
    allowed = 1 if trial.calls <= trial.T else 2
    for what, values in (("sigma/a", trial.n), ("timestep", trial.asked)):
        run = 1
        for i in range(1, len(values)):
            run = run + 1 if math.isclose(values[i], values[i - 1], rel_tol=SAME) else 1
            if run > allowed:
                where = "the last" if i == len(values) - 1 else f"number {i + 1}"
                return BROKEN, f"{what} {values[i]:.6g} is there {run} times, {where} among them"
    return KEPT, ""


def _length(trial: Trial) -> Found:
    least, most = trial.T, max(2, getattr(trial.scheduler, "order", 1)) * trial.T + 9
    if not least <= trial.calls <= (most if _staged(trial.scheduler) else least):
        return BROKEN, f"{trial.calls} network calls"
    sigmas = getattr(trial.scheduler, "sigmas", None)
    if sigmas is not None and len(sigmas) < trial.calls + 1:
        return BROKEN, f"{len(sigmas)} sigmas for {trial.calls} calls, one more is needed"
    return KEPT, f"{trial.calls} network calls at T = {trial.T}"


def _staged(scheduler: Any) -> bool:
    """Whether it asks the network more often than once a step, and says so."""
    return getattr(scheduler, "order", 1) > 1 or hasattr(scheduler, "pndm_order")


def _timesteps(trial: Trial) -> Found:
    """In units of whole timesteps, where there are such; else to rounding."""
    for i, (level, told) in enumerate(zip(trial.levels, trial.asked, strict=False)):
        wanted = trial.convention.timestep_of(level)
        allowed = HALF if trial.size > 1 else NEAR * max(abs(wanted), 1.0)
        if abs(told - wanted) > allowed:
            return (
                BROKEN,
                f"call {i + 1}: the network is told timestep {told:.8g}, the state is at {wanted:.8g}",
            )
    return KEPT, ""


# -- the steps -------------------------------------------------------------------------------------


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
    start = torch.linspace(-1, 1, 5, dtype=torch.float64) * _size(trial)
    scheduler = copied(trial.scheduler)
    expected = loop.walk(scheduler, TARGET, start, Tape())
    if not torch.isfinite(expected).all():
        raise NotMeasured("the output is not finite")
    for words, numbers in (("again", [trial.T]), (f"after set_timesteps({other})", [other, trial.T])):
        for T in numbers:
            scheduler.set_timesteps(T)
        convention = loop.convention(scheduler)
        if convention.levels() != trial.levels or [float(t) for t in scheduler.timesteps] != list(
            trial.asked
        ):
            return BROKEN, f"set_timesteps {words} gives other levels"
        if not torch.equal(loop.walk(scheduler, TARGET, start, Tape()), expected):
            return BROKEN, f"set_timesteps {words} gives the same levels and another output"
    return KEPT, ""


def _size(trial: Trial) -> float:
    a, sigma = trial.levels[0]
    return math.hypot(a, sigma)


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
    start = torch.full((trial.calls + 1,), 0.3 * _size(trial), dtype=torch.float64)

    def moved(prediction: Tensor, call: int) -> Tensor:
        prediction = prediction.clone()
        prediction[1 + call] += 1.0
        return prediction

    output = trial.loop.walk(copied(trial.scheduler), TARGET, start, Tape(), moved)
    return (output[1:] - output[0]).abs().numpy()


Check = Callable[[Trial], Found]
LEVELS: dict[str, Check] = {
    "declared": _declared,
    "first": _first,
    "last": _last,
    "monotone": _monotone,
    "repeats": _repeats,
    "length": _length,
    "timesteps": _timesteps,
}
RUNS: dict[str, Check] = {"landing": _landing, "idempotent": _idempotent, "calls": _calls}
CHECKS = ("runs", *LEVELS, *RUNS)
