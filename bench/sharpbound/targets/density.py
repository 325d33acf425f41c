"""Any law on the line from its density alone: everything else by Gauss-Legendre quadrature.

On panels that resolve both p0 and the noise, of nodes y_j and weights w_j, the smoothed density is

    p(x) = int p0(y) N(x; a y, sigma^2) dy = sum_j w_j p0(y_j) N(x; a y_j, sigma^2),

a mixture of atoms to rounding, and its derivatives are those of `gaussian_mixture_line`. Panels are uniform between
the knots and no wider than 2 sigma/a; of the nodes, those within 40 sigma of a point count for it.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import cached_property

import torch
from torch import Tensor
from torch.special import log_ndtr

from sharpbound.errors import InputError
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.targets.base import Moments, Target1D
from sharpbound.targets.gaussian_mixture_line import mixture_derivatives, thinned

_NODES, _WEIGHTS = (torch.tensor(v) for v in gauss_legendre(16))
_MOST = 1 << 12
"""Panels with which p0 must be resolved."""
_REACH = 40.0
"""Noise beyond 40 sigma has a density below 1e-347."""
_BLOCK = 1 << 18


class Density1D(Target1D):
    """X0 with density proportional to exp(log_p0) between the first and the last of its ``knots``.

    A subclass sets ``knots`` and writes ``log_p0``. The law is the one cut off at the outer knots, so put them
    where the mass beyond, and in what the tails of the smoothed law come from, is negligible. Accurate to some
    1e-14 within 20 sigma of the support; derivatives of order k lose some 1e-13 sigma^-k. That is no loss to a step,
    which multiplies order k by a step in sigma^2 to the power of k/2 or more.

    Raises InputError where 4096 panels of 16 nodes do not resolve p0: it then needs a knot at each point where
    it is not smooth.
    """

    knots: Sequence[float]
    """Increasing; between two of them log_p0 is smooth."""

    @abstractmethod
    def log_p0(self, x: Tensor) -> Tensor:
        """log of the density of X0 up to a constant, elementwise, in torch operations; float64."""

    # -- quadrature ------------------------------------------------------------------------------
    @cached_property
    def _ends(self) -> Tensor:
        ends = torch.as_tensor(self.knots, dtype=torch.float64)
        if len(ends) < 2 or not bool((ends.diff() > 0).all()) or not bool(torch.isfinite(ends).all()):
            raise InputError(f"{self.family}: knots must be two or more increasing numbers, got {self.knots}")
        return ends

    def _panels(self, width: float) -> tuple[Tensor, Tensor]:
        """Nodes (M, 16) and weights of panels no wider than ``width``."""
        edges = torch.cat(
            [
                torch.linspace(low, high, max(1, math.ceil((high - low) / width)) + 1, dtype=torch.float64)[
                    :-1
                ]
                for low, high in zip(self._ends[:-1].tolist(), self._ends[1:].tolist(), strict=True)
            ]
        )
        edges = torch.cat([edges, self._ends[-1:]])
        half = edges.diff()[:, None] / 2
        return edges[:-1, None] + half * (1 + _NODES), half * _WEIGHTS

    @cached_property
    def _scale(self) -> float:
        """A width of panels that resolves p0."""
        width = float(self._ends[-1] - self._ends[0]) / 4
        while True:
            masses = self._unnormalised(width)
            total = float(masses.sum())
            if not 0 < total < math.inf:
                raise InputError(f"{self.family}: log_p0 has no mass, or no finite mass, between its knots")
            if self._settled(width, total):
                return width / 2  # for its product with the noise
            width /= 2
            if len(masses) > _MOST:
                raise InputError(
                    f"{self.family}: log_p0 is not smooth between its knots; add a knot at each kink or jump"
                )

    def _settled(self, width: float, total: float) -> bool:
        """Whether each panel has the mass of its two halves."""
        y, w = self._panels(width)
        half = w.sum(-1, keepdim=True) / 2
        low = y.mean(-1, keepdim=True) - half
        halves = [low + half * (i + (1 + _NODES) / 2) for i in (0, 1)]
        whole = (w * self._p0(y)).sum(-1)
        split = sum((w / 2 * self._p0(part)).sum(-1) for part in halves)
        # relative to the panel itself, as far tails of a smoothed law are made of what little p0 has there
        return bool(((whole - split).abs() <= 1e-12 * whole + 1e-35 * total).all())

    @cached_property
    def _top(self) -> float:
        """A value of log_p0 near its largest, which scales the rest."""
        values = self.log_p0(self._panels(float(self._ends[-1] - self._ends[0]) / 64)[0])
        top = float(values.max())
        if not math.isfinite(top) or bool(torch.isnan(values).any()):
            raise InputError(f"{self.family}: log_p0 is nan or infinite between its knots")
        return top

    def _p0(self, y: Tensor) -> Tensor:
        return torch.exp(self.log_p0(y) - self._top)

    def _unnormalised(self, width: float) -> Tensor:
        y, w = self._panels(width)
        return (w * self._p0(y)).sum(-1)

    @cached_property
    def _log_mass(self) -> float:
        """log int exp(log_p0)."""
        return self._top + math.log(float(self._unnormalised(self._scale).sum()))

    def _nodes(self, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        """Atoms y_j (J,), increasing, and their log weights, for the level (a, sigma)."""
        known = self.__dict__.setdefault("_known", {})
        width = self._scale if a == 0 else min(self._scale, 2 * sigma / a)
        if width not in known:
            if len(known) > 8:
                known.clear()
            y, w = (v.reshape(-1) for v in self._panels(width))
            known[width] = y, torch.log(w) + self.log_p0(y) - self._log_mass
        return known[width]

    def _by_window(
        self, x: Tensor, a: float, sigma: float, of: Callable[[Tensor, int, int], list[Tensor]]
    ) -> list[Tensor]:
        """``of(points, first, last)`` for x in blocks, with the range of atoms that count for them."""
        y, _ = self._nodes(a, sigma)
        flat, order = x.reshape(-1).sort()
        reach = torch.searchsorted(a * y, torch.stack([flat - _REACH * sigma, flat + _REACH * sigma]))
        last = reach[1].clamp_min(16)
        first = torch.minimum(reach[0], last - 16).clamp_max(len(y) - 16)

        def parts(i: int, j: int) -> list[list[Tensor]]:
            low, high = int(first[i]), int(last[j - 1])
            if j - i > 1 and (j - i) * (high - low) > _BLOCK:
                middle = (i + j) // 2
                return parts(i, middle) + parts(middle, j)
            return [of(flat[i:j], low, high)]

        if not len(flat):
            return [x.clone() for _ in of(flat, 0, 16)]
        found = [torch.cat(part) for part in zip(*parts(0, len(flat)), strict=True)]
        inverse = torch.argsort(order)
        return [part[inverse].reshape(x.shape) for part in found]

    # -- the contract of a target on the line ------------------------------------------------------
    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        if sigma == 0:
            return self._bare(x / a, a, orders)
        y, log_w = self._nodes(a, sigma)
        zero = torch.zeros_like(y)
        return self._by_window(
            x,
            a,
            sigma,
            lambda x, i, j: mixture_derivatives(x, orders, log_w[i:j], y[i:j], zero[i:j], a, sigma),
        )

    def _bare(self, y: Tensor, a: float, orders: Sequence[int]) -> list[Tensor]:
        """Without noise: log_p0 itself, differentiated by torch."""
        inside = (y >= self._ends[0]) & (y <= self._ends[-1])
        f: Callable[[Tensor], Tensor] = lambda y: self.log_p0(y) - self._log_mass - math.log(a)  # noqa: E731
        found = {}
        for order in range(max(orders) + 1):
            value = f(y) / a**order
            found[order] = torch.where(inside, value, -math.inf if order == 0 else 0.0)
            f = _slope(f)
        return [found[order] for order in orders]

    def _log_tail(self, x: Tensor, a: float, sigma: float, sign: float) -> Tensor:
        """log P(a X0 + sigma W <= x) for sign 1, > x for sign -1."""
        if sigma == 0:
            return self._sharp_tail(x / a, sign)
        y, log_w = self._nodes(a, sigma)
        gone = torch.logcumsumexp(log_w, 0) if sign > 0 else torch.logcumsumexp(log_w.flip(0), 0).flip(0)

        def tail(x: Tensor, i: int, j: int) -> list[Tensor]:
            z = sign * (x.unsqueeze(-1) - a * y[i:j]) / sigma
            near = torch.logsumexp(log_w[i:j] + log_ndtr(z), -1)
            beyond = i - 1 if sign > 0 else j
            return [torch.logaddexp(near, gone[beyond]) if 0 <= beyond < len(y) else near]

        return self._by_window(x, a, sigma, tail)[0].clamp_max(0.0)

    def _sharp_tail(self, y: Tensor, sign: float) -> Tensor:
        nodes, weights = self._panels(self._scale)
        half = weights.sum(-1) / 2
        low = nodes.mean(-1) - half
        masses = (weights * self._p0(nodes)).sum(-1) / math.exp(self._log_mass - self._top)
        at = y.clamp(self._ends[0], self._ends[-1])
        i = (torch.searchsorted(low, at, right=True) - 1).clamp(0, len(low) - 1)
        start, length = (low[i], at - low[i]) if sign > 0 else (at, low[i] + 2 * half[i] - at)
        inner = start.unsqueeze(-1) + length.unsqueeze(-1) * (1 + _NODES) / 2
        part = (self._p0(inner) * _WEIGHTS).sum(-1) * length / 2 / math.exp(self._log_mass - self._top)
        before = torch.cat([torch.zeros(1), masses.cumsum(0)[:-1]])
        after = torch.cat([masses.flip(0).cumsum(0).flip(0)[1:], torch.zeros(1)])
        return torch.log(((before if sign > 0 else after)[i] + part).clamp(0.0, 1.0))

    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._log_tail(x, a, sigma, 1.0)

    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._log_tail(x, a, sigma, -1.0)

    def landmarks(self, a: float, sigma: float) -> Tensor:
        inner = self._panels(self._scale)[0].mean(-1)
        inner = inner[:: max(1, len(inner) // 64)]
        steps = sigma * torch.tensor([0.0, 1.0, 2.0, 5.0, 13.0], dtype=torch.float64)
        around = a * self._ends[:, None] + torch.cat([-steps, steps])
        points = torch.unique(torch.cat([a * inner, around.reshape(-1)]))
        return thinned(points, 1e-12 * float(points[-1] - points[0]))

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        low, high = self._ends[0].expand(n).clone(), self._ends[-1].expand(n).clone()
        for _ in range(60):  # bisection of the cdf, to the last bit
            middle = (low + high) / 2
            below = self._sharp_tail(middle, 1.0).exp() < u
            low, high = torch.where(below, middle, low), torch.where(below, high, middle)
        return ((low + high) / 2).unsqueeze(-1)

    def moments(self) -> Moments:
        y, log_w = self._nodes(1.0, math.inf)
        mean = (log_w.exp() * y).sum()
        variance = (log_w.exp() * (y - mean) ** 2).sum()
        return Moments(mean.reshape(1), variance.reshape(1, 1))


def _slope(f: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The derivative of an elementwise function."""
    return lambda y: torch.func.jvp(f, (y,), (torch.ones_like(y),))[1]
