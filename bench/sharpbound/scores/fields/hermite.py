"""Hermite modes, the eigenfunctions of the forward process on Gaussian data."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.scores.perturbed import Standardised

MAX_MODE = 12


class Hermite(Standardised):
    """e(z) = He_k(z)/sqrt(k!), of unit norm under N(0, 1); k = 0 and 1 are the constant and linear fields."""

    name = "hermite"

    def __init__(self, mode: int) -> None:
        if not 0 <= mode <= MAX_MODE:
            raise InputError(f"must lie between 0 and {MAX_MODE}, got {mode}", key="score_error.mode")
        self.mode = mode

    def of_z(self, z: Tensor, order: int) -> Tensor:
        """He_k' = k He_{k-1}, and He_{k+1} = z He_k - k He_{k-1}."""
        degree = self.mode - order
        if degree < 0:
            return torch.zeros_like(z)
        before, here = torch.zeros_like(z), torch.ones_like(z)
        for k in range(degree):
            before, here = here, z * here - k * before
        return math.perm(self.mode, order) / math.sqrt(math.factorial(self.mode)) * here
