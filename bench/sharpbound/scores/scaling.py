"""From a shape to a field of a requested size: eps_score^2 = (1/T) sum_{t=1}^T E_{q_t} ||e_t||^2, exactly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array
from sharpbound.scores.expectation import Expectations
from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import LineError, Shape

PROFILES = ("equal", "sigma", "free")
"""How the norm is shared among the levels: ``equal``, ||e_t|| the same at every t; ``sigma``,
||e_t|| ~ 1/sigma_t, what a network that predicts the noise equally well at all levels makes; ``free``, the
field as its formula gives it, times one constant."""


@dataclass(frozen=True)
class Window:
    """The levels that carry the error: low < t/T <= high."""

    low: float = 0.0
    high: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high <= 1:
            raise InputError(
                f"must be [low, high] with 0 <= low < high <= 1, got [{self.low}, {self.high}]",
                key="score_error.window",
            )

    def __contains__(self, time: float) -> bool:
        return self.low < time <= self.high


def level_norms(levels: Sequence[Frame], eps: float, profile: str, window: Window) -> Array:
    """||e_t||_{L2(q_t)} at t = 0..T for the profiles that fix it; its mean square over t = 1..T is eps^2."""
    weights = np.array([1.0 / frame.sigma if profile == "sigma" else 1.0 for frame in levels[1:]])
    weights *= [frame.time in window for frame in levels[1:]]
    if not weights.any():
        raise InputError(f"no level of {len(levels) - 1} lies in it; widen it", key="score_error.window")
    return np.concatenate([[0.0], eps * weights / math.sqrt(float(np.mean(weights**2)))])


def scaled(shape: Shape, levels: Sequence[Frame], eps: float, profile: str, window: Window) -> LineError:
    """The field of root mean square size ``eps`` over all levels."""
    measure = Expectations.of(shape)
    active = [t for t in range(1, len(levels)) if levels[t].time in window]
    norms = np.zeros(len(levels))
    norms[active] = [measure.rms(levels[t]) for t in active]
    wanted = level_norms(levels, eps, profile, window)
    if profile == "free":
        total = math.sqrt(float(np.mean(norms[1:] ** 2)))
        wanted = norms * (eps / total if total else 0.0)
    amplitude = np.divide(wanted, norms, out=np.zeros_like(norms), where=norms > 0)
    if eps > 0 and not (amplitude[active] > 0).all():
        raise InputError(
            "the field vanishes at some level, and cannot be scaled there", key="score_error.field"
        )
    return LineError(shape, levels, amplitude.tolist())
