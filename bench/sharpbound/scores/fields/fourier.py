"""A wave: its Jacobian error is its frequency times its L2 error."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.scores.perturbed import Standardised


class Fourier(Standardised):
    """e(z) = sqrt(2) cos(omega z + phase), with one random phase for all levels, from the seed.

    A phase that changed from level to level would average out along the trajectories.
    """

    name = "fourier"

    def __init__(self, omega: float, seed: int = 0) -> None:
        if not omega > 0:
            raise InputError(f"must be positive, got {omega:g}", key="score_error.omega")
        self.omega = float(omega)
        self.phase = 2 * math.pi * float(np.random.default_rng(seed).random())

    def of_z(self, z: Tensor, order: int) -> Tensor:
        turned = self.omega * z + self.phase + 0.5 * math.pi * order
        return math.sqrt(2) * self.omega**order * torch.cos(turned)
