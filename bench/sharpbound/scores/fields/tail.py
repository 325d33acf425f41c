"""An error on the upper tail alone: as large as one likes in L2, and zero on all but a mass delta."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import Shape

_RISE = torch.tensor([35.0, -84.0, 70.0, -20.0], dtype=torch.float64)
"""u^4 (35 - 84 u + 70 u^2 - 20 u^3): from 0 to 1 on [0, 1] with three derivatives zero at both ends."""
WIDTH = 0.25
"""Length of the rise, in spreads of the marginal."""


class Tail(Shape):
    """0 below the quantile 1 - delta, then a smooth rise to 1.

    P(|e_t| > 0) = delta exactly, so D^delta = 0. The field rises outwards, so that no map folds.
    """

    name = "tail"

    def __init__(self, delta: float) -> None:
        self.delta = delta

    def _start(self, frame: Frame) -> float:
        return frame.upper_quantile(self.delta)

    def derivative(self, frame: Frame, x: Tensor, order: int) -> Tensor:
        width = WIDTH * frame.spread
        u = (x - self._start(frame)) / width
        inside = u.clamp(0.0, 1.0)
        out = torch.zeros_like(x)
        for i, coefficient in enumerate(_RISE):
            power = 4 + i
            falling = 1.0
            for j in range(order):
                falling *= power - j
            out = out + coefficient * falling * inside ** (power - order)
        return out / width**order if order == 0 else torch.where((u > 0) & (u < 1), out / width**order, 0.0)

    def cuts(self, frame: Frame) -> Sequence[float]:
        start, width = self._start(frame), WIDTH * frame.spread
        return [start + i * width / 2 for i in range(-1, 4)]
