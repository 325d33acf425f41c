"""Lagrange interpolation of the score along the step, with successive refinement of its nodes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Sampler, Stage, Step
from sharpbound.samplers.multistep import NODES, lagrange


@dataclass(frozen=True)
class LagrangeSampler(Sampler):
    """With tau = sigma^2 the variance-preserving flow is, exactly,

    y(tau)/sqrt(1 - tau) = Y_t/sqrt(1 - tau_t) + 1/2 int_tau^{tau_t} s/(1 - tau')^{3/2} dtau'.

    The score is interpolated at K = ``order`` equidistant nodes from tau_t to tau_{t-1}, at first by its
    value at tau_t; each of K - 1 sweeps evaluates it at the nodes' latest positions, which gains one order.
    """

    order: int = 3

    name = "lagrange"
    title = "Lagrange interpolation with successive refinement"
    deterministic = True
    source = "Li, Zhou, Wei & Chen, arXiv:2506.24042 (the abstract's scheme; equidistant nodes, K - 1 sweeps)"

    def __post_init__(self) -> None:
        if self.order not in (2, 3, 4):
            raise InputError(f"must be 2, 3 or 4, got {self.order}", key="sampler.order")

    @property
    def nfe(self) -> int:
        return 1 + (self.order - 1) ** 2

    def stages(self, step: Step) -> Sequence[Stage]:
        if step.to_data:
            return [Stage(step.data)]
        tau = np.linspace(step.sigma**2, step.sigma_next**2, self.order)
        levels: list[Level] = [(math.sqrt(1 - v), math.sqrt(v)) for v in tau]

        def weights(end: float) -> list[float]:
            """1/2 int_end^{tau_t} l_j(tau) (1 - tau)^{-3/2} dtau."""
            x, w = gauss_legendre(NODES, end, float(tau[0]))
            return [float(v) for v in 0.5 * lagrange(tau, x) @ (w * (1 - x) ** -1.5)]

        gains = [weights(float(end)) for end in tau[1:]]

        def integrate(y: Tensor, gain: list[float], scores: list[Tensor]) -> Tensor:
            return y / step.a + sum(w * s for w, s in zip(gain, scores, strict=True))

        def mean(y: Tensor) -> Tensor:
            scores = [step.score(step.t, y)] * self.order
            for _ in range(self.order - 1):
                nodes = [integrate(y, gain, scores) for gain in gains]
                scores[1:] = [
                    step.score_between(at, at[0] * x) for at, x in zip(levels[1:], nodes, strict=True)
                ]
            return step.a_next * integrate(y, gains[-1], scores)

        return [Stage(mean)]
