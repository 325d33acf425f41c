"""UniPC: a multistep predictor whose evaluation at the new level also corrects it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array
from sharpbound.samplers.base import Past, PastStage, Step, log_snr
from sharpbound.samplers.exponential import DataForm, phi, third_order
from sharpbound.samplers.multistep import Multistep, recalled


@dataclass(frozen=True)
class UniPC(Multistep):
    """Data prediction with ``p`` past values m_j, r_j = (lambda_j - lambda_t)/h and D_j = (m_j - m_t)/r_j:

    Y_{t-1} = (sigma_{t-1}/sigma_t) Y_t - a_{t-1} (e^{-h} - 1) m_t - a_{t-1} B(h) sum_j rho_j D_j,
    sum_j rho_j r_j^{i-1} = b_i = i! (-h) phi_{i+1}(-h)/B(h),    B = -h (B1) or e^{-h} - 1 (B2).

    The predictor (UniP) sums over past values; the corrector (UniC) adds the value at the predicted
    Y_{t-1}, r = 1, which is also kept as the next step's m_t, so a step costs one evaluation. A single
    unknown is rho = 1/2, as in the authors' code. First steps have fewer values; the last is not corrected.
    The past of the step t -> t-1 begins with (t, m_t), as the step before left it.
    """

    p: int = 2
    variant: str = "B2"

    name = "unipc"
    title = "UniPC"
    deterministic = True
    source = "Zhao et al., arXiv:2302.04867, Algorithms 1 and 2, eq. (5) and Theorem 3.1"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.p not in (1, 2, 3):
            raise InputError(f"must be 1, 2 or 3, got {self.p}", key="sampler.p")
        if self.variant not in ("B1", "B2"):
            raise InputError(f"must be B1 or B2, got {self.variant!r}", key="sampler.variant")

    @property
    def order(self) -> int:
        return self.p + 1

    def stages(self, step: Step) -> Sequence[PastStage]:
        def advance(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            past = past or ((step.t, step.data(y)),)
            if step.to_data:
                return past[0][1], past
            last = step.t == step.ladder.stop + 1
            if len(past) < self.p and self.start == "third-order":
                y_next = third_order(DataForm(step), y, past[0][1])
                return y_next, past if last else self._with_next(step, past, y_next)
            base = (step.sigma_next / step.sigma) * y - step.a_next * math.expm1(-step.h) * past[0][1]
            predicted = self._update(step, base, past, past[1:])
            if last:
                return predicted, past
            kept = self._with_next(step, past, predicted)
            return self._update(step, base, past, [*past[1:], kept[0]]), kept

        return [PastStage(advance)]

    def _with_next(self, step: Step, past: Past, y: Tensor) -> Past:
        """The past with x0 at level t - 1 as predicted from ``y``."""
        prediction = (y + step.sigma_next**2 * step.score(step.t - 1, y)) / step.a_next
        return recalled(past, step.t - 1, prediction, self.p)

    def _update(
        self,
        step: Step,
        base: Tensor,
        past: Past,
        points: Sequence[tuple[int, Tensor]],
    ) -> Tensor:
        """``base`` - a B(h) sum_j rho_j D_j over ``points``."""
        if not points:
            return base
        lam, h = log_snr(step.ladder, step.t), step.h
        r = np.array([(log_snr(step.ladder, t) - lam) / h for t, _ in points])
        scale = -h if self.variant == "B1" else math.expm1(-h)
        rho = self._coefficients(r, h, scale)
        differences = sum(
            float(rho_j / r_j) * (m_j - past[0][1])
            for rho_j, r_j, (_, m_j) in zip(rho, r, points, strict=True)
        )
        return base - step.a_next * scale * differences

    @staticmethod
    def _coefficients(r: Array, h: float, scale: float) -> Array:
        if len(r) == 1:
            return np.array([0.5])
        b = [math.factorial(i) * -h * phi(i + 1, -h) / scale for i in range(1, len(r) + 1)]
        return np.linalg.solve(r ** np.arange(len(r))[:, None], np.array(b))
