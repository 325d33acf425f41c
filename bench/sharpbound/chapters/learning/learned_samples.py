"""Trained networks through a sampler: the exact law of what it returns, beside the errors of the score.

One network per level of the ladder, each the minimiser that Adam finds of its own empirical risk, is handed
to a stochastic sampler. A ReLU network on the line is linear between its kinks, which are found exactly and
become edges of the panels on which the law is carried (`sharpbound.laws.grid`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from sharpbound import laws
from sharpbound.chapters.learning.networks import (
    TrainedNetworks,
    Training,
    robust_distance,
    test_points,
    train,
)
from sharpbound.laws.grid import grid_laws
from sharpbound.numerics.bends import bends
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.frame import Frame, frames
from sharpbound.scores.learned import LearnedScore
from sharpbound.scores.perturbed import LineError, Shape
from sharpbound.targets.base import Target1D


@dataclass(frozen=True)
class LearnedSamples:
    """TVs and score errors of one seed's networks.

    ``eps`` is the largest sigma_t D^{delta/K} over the K levels, ``eps_score`` the root mean square L2 error.
    """

    tv: float
    tv_floor: float
    eps: float
    eps_score: float


def learned_samples(
    target: Target1D, ladder: Ladder, sampler: Sampler, init: str, m: int, delta: float,
    training: Training, seeds: int, seed: int,
) -> list[LearnedSamples]:  # fmt: skip
    """Train ``seeds`` networks at every level on m samples each, and run the sampler with each seed's."""
    levels = np.arange(ladder.stop + 1, ladder.T + 1)
    networks = train(
        target, np.repeat(ladder.a[levels], seeds), np.repeat(ladder.sigma[levels], seeds), m, training,
        len(levels) * seeds, seed,
    )  # fmt: skip
    points = [test_points(target, *ladder.level(int(t))) for t in levels]
    found, places = [], frames(target, ladder)  # the places are the same for all seeds
    for k in range(seeds):
        score = _LadderScore(networks, int(levels[0]), seeds, k)
        error = LineError(_Gap(score, ladder.T), places, [float(t in levels) for t in range(ladder.T + 1)])
        (law,) = grid_laws(target, ladder, sampler, [LearnedScore(score)], error, init)
        tv = laws.distance(law, "tv")
        robust, l2 = zip(
            *(
                _sizes(target, ladder, score, int(t), at, delta / len(levels))
                for t, at in zip(levels, points, strict=True)
            ),
            strict=True,
        )
        found.append(
            LearnedSamples(
                tv.value,
                tv.floor,
                max(robust),
                float(np.sqrt(np.mean(np.square(l2)))),
            )
        )
    return found


@dataclass(frozen=True)
class _LadderScore:
    """The networks of one seed, one for each level from ``first`` on."""

    networks: TrainedNetworks
    first: int
    seeds: int
    seed: int

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return self.networks.score(self._index(t), y)

    def kinks(self, t: int, low: float, high: float) -> Array:
        """The points of (low, high) where the network of level t is not smooth, layer by layer."""
        weights = self.networks.of(self._index(t))

        def into(layer: int, x: Array) -> Array:
            state = x[:, None]
            for k in range(layer + 1):
                state = np.maximum(state, 0.0) if k else state
                state = state @ weights[f"layers.{k}.weight"].numpy().T + weights[f"layers.{k}.bias"].numpy()
            return state

        return bends([partial(into, layer) for layer in range(len(weights) // 2 - 1)], low, high)[1:-1]

    def _index(self, t: int) -> int:
        return (t - self.first) * self.seeds + self.seed


class _Gap(Shape):
    """The network's error as a field on the line, for the panels that resolve it."""

    name = "learned"

    def __init__(self, score: _LadderScore, T: int) -> None:
        self.score, self.T = score, T

    def derivative(self, frame: Frame, x: Tensor, order: int) -> Tensor:
        if order:
            raise NotImplementedError("the law is carried without derivatives of the field")
        exact = frame.target.score(x.reshape(-1, 1), frame.a, frame.sigma)
        with torch.no_grad():
            return (self.score(round(frame.time * self.T), x.reshape(-1, 1)) - exact).reshape(x.shape)

    def cuts(self, frame: Frame) -> Sequence[float]:
        t = round(frame.time * self.T)
        return self.score.kinks(t, *frame.reach(-100.0)).tolist()


def _sizes(
    target: Target1D, ladder: Ladder, score: _LadderScore, t: int, points: tuple[Tensor, Array], delta: float
) -> tuple[float, float]:
    """(sigma_t D^delta, ||s_t - s*_t||_{L2}) at level t, from points of the marginal and their masses."""
    a, sigma = ladder.level(t)
    y, weight = points
    with torch.no_grad():
        gap = (score(t, y) - target.score(y, a, sigma)).abs()[:, 0].numpy()
    return sigma * robust_distance(gap, weight, delta), math.sqrt(float(gap**2 @ weight))
