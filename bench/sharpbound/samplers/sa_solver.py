"""SA-Solver: a stochastic Adams predictor, and a corrector that uses the evaluation at the predicted point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.samplers.base import Past, PastStage, Sampler, Step, log_snr
from sharpbound.samplers.multistep import NODES, lagrange, recalled


@dataclass(frozen=True)
class SASolver(Sampler):
    """The reverse diffusion of noise ``tau`` with past data predictions m_j interpolated in lambda = log(a/sigma):

    Y_{t-1} = (sigma_{t-1}/sigma_t) e^{-tau^2 h} Y_t + sum_j b_j m_j + sigma_{t-1} sqrt(1 - e^{-2 tau^2 h}) Z,
    b_j = (1 + tau^2) a_{t-1} int_{lambda_t}^{lambda_{t-1}} e^{(1 + tau^2)(u - lambda_{t-1})} l_j(u) du.

    The predictor sums over the ``predictor`` newest values, m_t first; with ``corrector`` > 0 the step is done again
    with the same Z, over m at the predicted point and the ``corrector`` newest values; that m is the next step's m_t,
    so that a step costs one evaluation. tau = 0 is the probability flow, tau = 1 the reverse diffusion. First steps
    have fewer values. The paper has one more term for two values, of the order of the error.
    """

    predictor: int = 2
    corrector: int = 0
    tau: float = 1.0

    name = "sa-solver"
    title = "SA-Solver"
    source = "Xue et al., arXiv:2309.05019 (stochastic Adams predictor and corrector), tau constant"
    kinds = frozenset({"vp", "sub-vp", "ve"})
    history = True
    nfe = 1

    def __post_init__(self) -> None:
        if self.predictor not in (1, 2, 3):
            raise InputError(f"must be 1, 2 or 3, got {self.predictor}", key="sampler.predictor")
        if self.corrector not in (0, 1, 2, 3):
            raise InputError(f"must be 0 (none), 1, 2 or 3, got {self.corrector}", key="sampler.corrector")
        if not (math.isfinite(self.tau) and self.tau >= 0):
            raise InputError(f"must be a number >= 0, got {self.tau:g}", key="sampler.tau")

    @property
    def deterministic(self) -> bool:
        return self.tau == 0

    @property
    def order(self) -> int:
        """Of the strong error, tau h + h^s."""
        return 1 if self.tau else max(self.predictor, self.corrector + 1 if self.corrector else 0)

    def stages(self, step: Step) -> Sequence[PastStage]:
        keep = max(self.predictor, self.corrector)
        last = step.t == step.ladder.stop + 1

        def predict(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            if not past or past[0][0] != step.t:
                past = recalled(past, step.t, step.data(y), keep)
            if step.to_data:
                return past[0][1], past
            shrink = math.exp(-(self.tau**2) * step.h) * step.sigma_next / step.sigma
            return shrink * y + self._sum(step, past[: self.predictor]), past

        def correct(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            data = (y + step.sigma_next**2 * step.score(step.t - 1, y)) / step.a_next
            kept = recalled(past, step.t - 1, data, keep)
            better = self._sum(step, ((step.t - 1, data), *past[: self.corrector]))
            return y + better - self._sum(step, past[: self.predictor]), kept

        if step.to_data:
            return [PastStage(predict)]
        stages = [PastStage(predict, step.sigma_next * math.sqrt(-math.expm1(-2 * self.tau**2 * step.h)))]
        return stages if last or not self.corrector else [*stages, PastStage(correct)]

    def _sum(self, step: Step, values: Past) -> Tensor:
        """sum_j b_j m_j over ``values``, (level, m) pairs."""
        rate, end = 1 + self.tau**2, log_snr(step.ladder, step.t - 1)
        u, w = gauss_legendre(NODES, log_snr(step.ladder, step.t), end)
        nodes = np.array([log_snr(step.ladder, t) for t, _ in values])
        b = rate * step.a_next * lagrange(nodes, u) @ (w * np.exp(rate * (u - end)))
        return sum(float(b_j) * m for b_j, (_, m) in zip(b, values, strict=True))
