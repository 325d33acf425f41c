"""A learned score as samplers and engines accept it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.autograd.forward_ad as forward_ad
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.scores.base import ScoreField


@dataclass(frozen=True)
class LearnedScore(ScoreField):
    """A score field from any torch function ``score(t, y)``, e.g. one trained network per ladder level.

    Derivatives come by forward-mode differentiation of the function, column by column; the function
    must be written in operations that support it.
    """

    score: Callable[[int, Tensor], Tensor]

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return self.score(t, y)

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        """grad s_t(y), shape (..., d, d); cannot be differentiated further."""
        columns = []
        for direction in torch.eye(y.shape[-1], dtype=y.dtype):
            with forward_ad.dual_level():
                dual = forward_ad.make_dual(y, direction.expand_as(y).contiguous())
                tangent = forward_ad.unpack_dual(self.score(t, dual)).tangent
            columns.append(torch.zeros_like(y) if tangent is None else tangent)
        return torch.stack(columns, dim=-1)

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        raise InputError(
            "a learned score has no second derivatives to offer; choose a sampler that does not use them",
            key="sampler.name",
        )
