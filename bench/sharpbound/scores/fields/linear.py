"""An error that grows with the distance from the centre: it moves the sampler's variance."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import Standardised


class Linear(Standardised):
    """e(z) = z."""

    name = "linear"
    affine = True

    def of_z(self, z: Tensor, order: int) -> Tensor:
        return z.clone() if order == 0 else torch.full_like(z, 1.0 if order == 1 else 0.0)

    def sizes(self, frame: Frame) -> tuple[float, float] | None:
        return (1.0, 1.0 / frame.spread) if frame.has_variance else None
