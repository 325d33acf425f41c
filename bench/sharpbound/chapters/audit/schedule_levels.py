"""The checks of a schedule that look at its levels alone; `sharpbound.chapters.audit.contract` says what they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from sharpbound.chapters.audit.declared import Declared, declared, shifted
from sharpbound.chapters.audit.schedule_trial import BROKEN, KEPT, NEAR, UNDECIDED, Array, Check, Found, Trial

Gap = tuple[float, int, float, float]
SAME = 1e-6
"""Relative difference of levels that are one."""
OPEN = "its configuration does not say how far its levels reach"
HALF = 0.51
"""A timestep is rounded to the nearest whole one."""


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
    if trial.bounded:
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
    if trial.bounded:
        return NEAR
    offset = float(trial.convention.config.get("steps_offset") or 0)
    return trial.size / trial.T + (1.0 + offset if trial.size > 1 else NEAR)


def _first(trial: Trial) -> Found:
    if trial.open:
        return UNDECIDED, OPEN
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
    if trial.open:
        return UNDECIDED, OPEN
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


LEVELS: dict[str, Check] = {
    "declared": _declared,
    "first": _first,
    "last": _last,
    "monotone": _monotone,
    "repeats": _repeats,
    "length": _length,
    "timesteps": _timesteps,
}
