"""The law of the samples that a trained network gives, on the line, by the plain trapezoidal rule.

The engines of `sharpbound.laws` need smooth scores: they differentiate them and hold them by polynomials. A
ReLU network has a kink per unit. So the frozen-score sampler's density

    q_{k+1}(x) = int q_k(y) N(x; y + D_k s_k(y), D_k) dy,     D_k = v_k - v_{k+1},

is carried on uniform grids that shrink with the law. Nothing is inverted, so the map y + D s(y) may fold.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch

from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Ladder
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target1D

REACH = 8.0
"""Half width of a grid in standard deviations of the true marginal: what leaves it is lost, and counted."""
POINTS = 1601
ENGINE = "uniform-grid"
"""The name that rows give this rule."""


@dataclass(frozen=True)
class Samples:
    """KL(true || sampled) and W1 = int |F_true - F_sampled|, and the mass that left the grid."""

    kl: float
    w1: float
    lost: float


def sampled(target: Target1D, ladder: Ladder, score: ScoreField, points: int = POINTS) -> Samples:
    """The output of the frozen-score sampler down a variance-exploding ``ladder``, started from the exact law.

    Accurate where a grid step, 2 REACH/points of the law's width, is small against the noise sqrt(D).
    """
    moments = target.moments()
    mean, variance = float(moments.mean[0]), float(moments.cov[0, 0])
    unit = np.linspace(-REACH, REACH, points)

    def grid(noise: float) -> Array:
        return mean + math.sqrt(variance + noise) * unit

    def true_density(noise: float) -> Array:
        return target.derivative(torch.from_numpy(grid(noise)), 1.0, math.sqrt(noise), 0).exp().numpy()

    v = ladder.sigma**2
    x, q = grid(v[-1]), true_density(v[-1])
    for t in range(ladder.T, 0, -1):
        drop = v[t] - v[t - 1]
        moved = x + drop * score(t, torch.from_numpy(x)[:, None])[:, 0].numpy()
        mass = q * (x[1] - x[0]) / math.sqrt(2 * math.pi * drop)
        x = grid(v[t - 1])
        q = np.exp(-0.5 * (x[:, None] - moved) ** 2 / drop) @ mass
    p, step = true_density(v[0]), x[1] - x[0]
    inside = p > 0
    kl = float((p[inside] * (np.log(p[inside]) - np.log(np.maximum(q[inside], 1e-300)))).sum()) * step
    w1 = float(np.abs(np.cumsum(p - q)).sum()) * step**2
    return Samples(float(kl), float(w1), float(1 - q.sum() * step))
