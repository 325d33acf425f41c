"""Cumulants of a truncated normal, in every tail: the posterior behind Laplace and uniform targets.

S has density proportional to exp(-y s - s^2/2) on (0, L), i.e. S = Z - y for a standard normal Z
kept in (y, y + L). Its log normaliser and cumulants are what the derivatives of
log(Phi(y + L) - Phi(y)) and of the Mills ratio are made of. The textbook forms subtract nearly
equal numbers (1 - g^2 - y g with g ~ 1/y); here every quantity is an integral of one sign, done by
one Gauss-Legendre rule on the stretch of (0, L) that carries the mass.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from sharpbound.numerics.gauss import gauss_legendre

# exp(-REACH^2/2) = 2.5e-20; 48 nodes integrate a normal density over 2*REACH to machine precision, and 28 a tail of it.
_REACH = 9.5
_WHOLE, _TAIL = ([torch.tensor(v) for v in gauss_legendre(n)] for n in (48, 28))


UNIT_RULE = (_WHOLE[0] + 1) / 2, _WHOLE[1] / 2
"""The same rule for integrals over (0, 1)."""


@dataclass(frozen=True)
class TruncatedNormal:
    """S given y (...) and L: nodes ``s`` measured from its mode and unnormalised ``weights``, (..., n)."""

    y: Tensor
    s: Tensor
    weights: Tensor

    @classmethod
    def at(cls, y: Tensor, length: Tensor | float = math.inf) -> TruncatedNormal:
        """The law of S for y >= -length/2 (by symmetry no loss); a tensor of lengths broadcasts against y."""
        rising = y.clamp_min(0.0)
        mode = (-y).clamp_min(0.0)
        start = y.clamp(-_REACH, 0.0)
        # The positive root of rising*s + s^2/2 = REACH^2/2, without cancellation.
        stop = _REACH**2 / (torch.sqrt(rising * rising + _REACH**2) + rising)
        stop = torch.minimum(stop, length - mode)
        half = ((stop - start) / 2).unsqueeze(-1)
        nodes, weights = _TAIL if bool((y >= 0).all()) else _WHOLE
        s = start.unsqueeze(-1) + half * (1 + nodes)
        return cls(y, s, half * weights * torch.exp(-s * (0.5 * s + rising.unsqueeze(-1))))

    @cached_property
    def mass(self) -> Tensor:
        """int exp(-y s - s^2/2) ds * exp(-min(y, 0)^2/2): the normaliser less its value at the mode."""
        return self.weights.sum(-1)

    def expectation(self, f: Tensor) -> Tensor:
        """E f(S), for f at the nodes."""
        return (self.weights * f).sum(-1) / self.mass

    @cached_property
    def _from_mode(self) -> Tensor:
        """E S - mode."""
        return self.expectation(self.s)

    def mean_plus_y(self) -> Tensor:
        """E S + y = E[Z | y < Z < y + L]."""
        return self.y.clamp_min(0.0) + self._from_mode

    def mean(self) -> Tensor:
        """E S."""
        return (-self.y).clamp_min(0.0) + self._from_mode

    def cumulant(self, order: int) -> Tensor:
        """The cumulant of S of order 2, 3 or 4."""
        centred = self.s - self._from_mode.unsqueeze(-1)
        if order < 4:
            return self.expectation(centred**order)
        squares = centred * centred
        return self.expectation(squares * squares) - 3 * self.expectation(squares) ** 2
