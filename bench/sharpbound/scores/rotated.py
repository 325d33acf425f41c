"""The exact score plus a rotation, which moves points along the level sets of a density and no mass across them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from sharpbound.scores.base import ExactScore, ScoreField
from sharpbound.targets.base import Target


@dataclass(frozen=True)
class RotatedScore(ScoreField):
    """s_t(y) = exact score + rate_t J (y - a_t m), J the quarter turn of the planes (1, 2), (3, 4), ...

    Around the centre a_t m of a density that depends on |y - a_t m| alone the field is solenoidal in the weighted
    sense, div(p e) = 0: in continuous time no marginal moves (Khelifa, Turner & Venkataramanan, 2606.06179).
    ``rate`` has one number per level 0..T; d is even.
    """

    exact: ExactScore
    centre: Tensor
    """m, shape (d,)."""
    rate: tuple[float, ...]

    def __call__(self, t: int, y: Tensor) -> Tensor:
        moved = y - self.exact.ladder.level(t)[0] * self.centre
        turned = torch.stack([-moved[..., 1::2], moved[..., ::2]], -1).flatten(-2)
        return self.exact(t, y) + self.rate[t] * turned

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        quarter = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=torch.float64)
        return self.exact.jacobian(t, y) + self.rate[t] * torch.block_diag(
            *[quarter] * (len(self.centre) // 2)
        )

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        return self.exact.grad_divergence(t, y)

    def exact_for(self, target: Target) -> bool:
        return not any(self.rate) and self.exact.exact_for(target)

    @property
    def affine(self) -> bool:
        return True
