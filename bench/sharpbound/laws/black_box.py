"""What is known of a plain function's output law: W2 from the exact start, by noise-free probes.

The contract of a plain function is in `sharpbound.samplers.own`. `check_contract` tries it on a small problem and
names what is broken; `measured_w2` measures one ladder, `measure_rows` a sweep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from sharpbound import processes
from sharpbound.distances.base import Measured
from sharpbound.errors import NotMeasured
from sharpbound.laws.probe import Impulses, Quantiles, Tape, measure_deterministic, measure_stochastic
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.own import PlainSampler
from sharpbound.targets import Gaussian1D, Target, Target1D


def check_contract(sampler: PlainSampler, target: Target1D, ladder: Ladder) -> float:
    """Try the sampler on a small problem; InputError says which part of the contract it breaks.

    Returns the unit roundoff of its output's numbers: of float64 if it follows the contract to the letter.
    """
    level = ladder.level(ladder.T)
    x = torch.from_numpy(Quantiles(target).at(level)[480:1440:8].copy())
    first, again = (sampler.moved(target, ladder, x) for _ in range(2))
    if not torch.isfinite(first).all():
        steps = ladder.T - ladder.stop
        raise sampler.mistake(f"its output is not finite with {steps} steps")
    if not torch.equal(first, again):
        raise sampler.mistake(
            "two calls gave two results: draw randomness from a fifth argument, noise, or with torch.randn_like"
            if sampler.caught
            else "two calls gave two results: draw randomness from a fifth argument, noise"
        )
    half = sampler.moved(target, ladder, x[::2].clone())
    if not torch.allclose(half, first[::2], rtol=1e-6, atol=1e-6):
        raise sampler.mistake("a particle's path depends on the others: treat the rows of x one by one")
    return torch.finfo(first.dtype).eps / 2


def measured(sampler: PlainSampler, target: Target1D, ladder: Ladder, unit: float) -> Measured:
    """W2 of the sampler's output from the exact law of the first level, against the last.

    unit : roundoff of its arithmetic. Raises NotMeasured where the output or its W2 is not finite.
    """
    top = ladder.level(ladder.T)
    bottom = ladder.level(ladder.stop)

    def run(x: Tensor, noise: Tape | Impulses | None = None) -> Tensor:
        return sampler.moved(target, ladder, x, noise)

    measure = measure_stochastic if sampler.stochastic else measure_deterministic
    found = measure(Quantiles(target), run, top, bottom, unit, ladder.T - ladder.stop)
    if not math.isfinite(found.value + found.floor):
        raise NotMeasured("W2 is not finite: the output is too large")
    return found


def measured_w2(sampler: PlainSampler, target: Target, ladder: Ladder, init: str) -> Measured:
    """W2 on one ladder. Raises NotMeasured for a start or a target on which a function cannot be measured."""
    reason = cannot_measure(sampler, target, init)
    if reason:
        raise NotMeasured(f"a plain function is measured {reason}")
    assert isinstance(target, Target1D)
    return measured(sampler, target, ladder, check_contract(sampler, target, ladder))


def cannot_measure(sampler: PlainSampler, target: Target, init: str) -> str | None:
    """What a plain function would need to be measured here, or None."""
    if not isinstance(target, Target1D):
        return "on a target on the line"
    if sampler.stochastic and not isinstance(target, Gaussian1D):
        return "on a Gaussian target, as it draws noise"
    if init != "exact":
        return 'from the exact start, init = "exact"'
    return None


def measure_rows(
    sampler: PlainSampler, target: Target1D, schedule: dict[str, Any], steps: Sequence[int]
) -> list[dict[str, Any]]:
    """Rows T, w2, w2_floor and floor, one per number of steps; what cannot be measured is None with a note.

    Raises InputError where the sampler breaks the contract.
    """
    unit = check_contract(sampler, target, processes.build(schedule, min(steps)))
    rows: list[dict[str, Any]] = []
    for T in steps:
        try:
            found = measured(sampler, target, processes.build(schedule, T), unit)
            rows.append({"T": T, "w2": found.value, "w2_floor": found.floor, "floor": found.floor})
        except NotMeasured as reason:
            rows.append({"T": T, "w2": None, "w2_floor": None, "floor": None, "note": str(reason)})
    return rows
