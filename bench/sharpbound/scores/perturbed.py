"""What a score error is: a fixed field e_t(x), with derivatives, added to the exact score.

A *shape* is a function on the line, up to size. Its amplitude at each level is set by quadrature so that
||e_t||_{L2(q_t)} is what was asked for (`sharpbound.scores.scaling`); in d dimensions a field acts
on each coordinate by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from sharpbound.numerics.dual import differentiable
from sharpbound.scores.base import ExactScore, LineProblem, ScoreField
from sharpbound.scores.frame import Frame
from sharpbound.targets.base import Target, Target1D
from sharpbound.targets.parts import own_coordinates


class Shape(ABC):
    """A field on the line up to its size. Subclasses are one small file each."""

    name: ClassVar[str]
    affine: ClassVar[bool] = False
    """Whether the field is a + b x at every level: laws of Gaussians then stay Gaussian."""

    @abstractmethod
    def derivative(self, frame: Frame, x: Tensor, order: int) -> Tensor:
        """(d/dx)^order of the shape at x (any shape), order 0..3."""

    def sizes(self, frame: Frame) -> tuple[float, float] | None:
        """(||e||_{L2(p)}, E |e'|) where they are known in closed form."""
        return None

    def cuts(self, frame: Frame) -> Sequence[float]:
        """Points at which the shape is not smooth."""
        return ()


class Standardised(Shape):
    """A shape that is one function of z = (x - centre)/spread at every level."""

    @abstractmethod
    def of_z(self, z: Tensor, order: int) -> Tensor:
        """(d/dz)^order of the shape."""

    def derivative(self, frame: Frame, x: Tensor, order: int) -> Tensor:
        return self.of_z((x - frame.centre) / frame.spread, order) / frame.spread**order


@dataclass(frozen=True)
class LineError:
    """e_t(x) = amplitude_t shape_t(x) on the line; in R^d, of each coordinate."""

    shape: Shape
    frames: Sequence[Frame]
    amplitude: Sequence[float]
    """One number per level 0..T."""

    def derivative(self, t: int, x: Tensor, order: int) -> Tensor:
        """(d/dx_i)^order e_t(x_i), the shape of x."""
        return self.amplitude[t] * self.shape.derivative(self.frames[t], x, order)

    def frame(self, t: int, a: float, sigma: float) -> Frame:
        """The frame of the marginal (a, sigma) near level t: the level's own, with what it remembers, if it is."""
        return self.frames[t].at(a, sigma)

    def active(self, t: int) -> bool:
        """Whether there is any error at level t."""
        return self.amplitude[t] != 0.0


@dataclass(frozen=True)
class PerturbedScore(ScoreField):
    """s_t = exact score + e_t, the same field on each coordinate, as every sampler and engine accepts it."""

    exact: ExactScore
    error: LineError

    def __call__(self, t: int, y: Tensor) -> Tensor:
        score = self.exact(t, y)
        if not self.error.active(t):
            return score
        return score + differentiable(
            y,
            lambda y: self.error.derivative(t, y, 0),
            lambda y, dy: (self.error.derivative(t, y, 0), self.error.derivative(t, y, 1) * dy),
        )

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        jacobian = self.exact.jacobian(t, y)
        if not self.error.active(t):
            return jacobian

        def slope(y: Tensor) -> Tensor:
            return torch.diag_embed(self.error.derivative(t, y, 1))

        return jacobian + differentiable(
            y, slope, lambda y, dy: (slope(y), torch.diag_embed(self.error.derivative(t, y, 2) * dy))
        )

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        gradient = self.exact.grad_divergence(t, y)
        if not self.error.active(t):
            return gradient
        return gradient + differentiable(
            y,
            lambda y: self.error.derivative(t, y, 2),
            lambda y, dy: (self.error.derivative(t, y, 2), self.error.derivative(t, y, 3) * dy),
        )

    def exact_for(self, target: Target) -> bool:
        return not any(self.error.amplitude) and self.exact.exact_for(target)

    @property
    def affine(self) -> bool:
        return self.error.shape.affine

    def parts(self, target: Target) -> list[LineProblem] | None:
        if isinstance(target, Target1D):
            return [LineProblem(target, self, 1)]
        own = own_coordinates(target) if self.exact.exact_for(target) else None
        ladder = self.exact.ladder
        if own is None:
            return None
        return [LineProblem(law, PerturbedScore(ExactScore(law, ladder), self.error), n) for law, n in own]

    @property
    def field(self) -> LineError | None:
        return self.error

    def edges(self, t: int) -> Sequence[float]:
        return self.error.shape.cuts(self.error.frames[t]) if self.error.active(t) else ()
