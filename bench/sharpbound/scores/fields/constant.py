"""The same error everywhere: it moves the sampler's mean and nothing else."""

from __future__ import annotations

import torch
from torch import Tensor

from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import Standardised


class Constant(Standardised):
    """e(z) = 1."""

    name = "constant"
    affine = True

    def of_z(self, z: Tensor, order: int) -> Tensor:
        return torch.full_like(z, 1.0 if order == 0 else 0.0)

    def sizes(self, frame: Frame) -> tuple[float, float] | None:
        return (1.0, 0.0)
