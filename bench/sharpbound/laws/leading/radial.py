"""Radial laws on the line: |X_t| as the coordinate, its log tails with it, and the score of R^d along a ray.

The radius of a law on R^d that is alike in all directions has the density f(r) = |S^{d-1}| r^{d-1} p(r). What leading
terms ask of a law on the line it has too: log f and its derivatives, quantiles and log tails. A sampler that is given
the score of R^d moves every ray in itself and carries f from one level to the next.

Tails come from Mills ratios, which are smooth and of moderate size wherever the tails are: with F the mass below r,

    F/(r f) = 1/d + O(r^2) at the origin,    (1 - F)/f  in the other tail,

each a running integral of f over panels on which f changes by a few e-folds, so that nothing is lost in a far tail.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.errors import NotMeasured
from sharpbound.laws.radial_density import log_kernel
from sharpbound.marginals.panels import tensor
from sharpbound.numerics.quadrature import Array, Panels, resolve
from sharpbound.processes.ladder import Level
from sharpbound.targets import Sphere
from sharpbound.targets.base import Moments, Target1D
from sharpbound.targets.facts import Facts

SEEN, FAR = 18.0, 150.0
"""Noises about its centre on which the law of a radius is tabulated, and log f relative to its maximum down to which
it is resolved: twice as far as anything is seen."""
CENTRE = 1e-7
"""Radius, in units of sigma and of sigma^2/(a radius), below which F/(r f) = 1/d to rounding."""
NEAREST, FARTHEST = 1e-300, 1e150
"""A radius that is none, and one where nothing is."""
WIDTH, STEEP = 0.75, 4.0
"""Widest panel, in noises, and most e-folds of f on it: polynomials of 16 nodes then have f to rounding."""
NEWTON, SETTLED = 6, 1e-9
"""Most steps of Newton's method for a quantile, from an interpolated one, and the relative step after which the next is
rounding."""
MARKS = np.arange(-8.0, 9.0, 2.0)
"""Landmarks of a radius about its centre, in noises."""


class RadialLine(Target1D):
    """The radius of a X0 + sigma W as a law on the half-line r > 0; its score is that of R^d along a ray."""

    family = "radius"

    def __init__(self, target: Sphere) -> None:
        self.target = target
        self.has_density = target.has_density
        self._tails = lru_cache(maxsize=64)(lambda a, sigma: _Tails.of(self, (a, sigma)))

    # -- the law of the radius ------------------------------------------------------------------
    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        if not set(orders) <= {0, 1, 2}:
            raise NotMeasured(f"a radius has no derivatives of log p of order {max(orders)}")
        of_order = (
            lambda: self.log_f(x, a, sigma),
            lambda: self.slope(x, a, sigma),
            lambda: self.target.radial_score_derivative(x, a, sigma) - (self.target.dim - 1) / x**2,
        )
        return [of_order[order]() for order in orders]

    def slope(self, r: Tensor, a: float, sigma: float) -> Tensor:
        """(log f)'."""
        return self.target.radial_score(r, a, sigma) + (self.target.dim - 1) / r

    def log_f(self, r: Tensor, a: float, sigma: float) -> Tensor:
        """log f, a non-central chi density: without the quadrature that its slope takes."""
        log_r = np.log(np.fmin(np.fmax(r.numpy(), NEAREST), FARTHEST))  # also where an iteration went astray
        log_f = log_kernel(log_r, math.log(max(a * self.target.radius, NEAREST)), sigma, self.target.dim)
        return torch.where(r > 0, torch.from_numpy(log_f), -math.inf)

    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._tails(a, sigma).log_tail(x, upper=False)

    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._tails(a, sigma).log_tail(x, upper=True)

    def quantile_from_log(self, log_p: Tensor, a: float, sigma: float, *, upper: bool) -> Tensor:
        tails, log_p = self._tails(a, sigma), torch.as_tensor(log_p, dtype=torch.float64)
        far, r = log_p <= math.log(0.5), torch.empty_like(log_p)
        r[far] = tails.quantile(log_p[far], upper)
        r[~far] = tails.quantile(torch.log(-torch.expm1(log_p[~far])), not upper)
        return r

    def tail_end(self, log_p: float, a: float, sigma: float, *, upper: bool) -> float:
        return float(self.quantile_from_log(torch.tensor(log_p), a, sigma, upper=upper))

    def landmarks(self, a: float, sigma: float) -> Tensor:
        marks = self.centre(a, sigma) + sigma * MARKS
        return tensor(marks[marks > 0.25 * sigma])

    def centre(self, a: float, sigma: float) -> float:
        """About which the radius lies within a few noises sigma, in any dimension."""
        return math.hypot(a * self.target.radius, sigma * math.sqrt(self.target.dim - 0.5))

    @property
    def flattened(self) -> float:
        """How much farther in lambda than for laws on the line the clean end has to be for what is left of the
        sphere's curvature, of the order of d sigma^2/(a radius)^2, to be nothing.
        """
        return max(0.0, 1.0 + 0.5 * math.log(self.target.dim) - math.log(self.target.radius))

    # -- what samplers see of R^d along a ray, odd in r -------------------------------------------
    def _score(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return torch.sign(x) * self.target.radial_score(x.abs(), a, sigma)

    def _score_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        score, slope = self.target.radial_score_jet(x.abs(), a, sigma)
        return torch.sign(x) * score, slope * dx

    def _score_jacobian(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self.target.radial_score_derivative(x.abs(), a, sigma).unsqueeze(-1)

    def _score_jacobian_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        slope, bend = self.target.radial_score_derivative_jet(x.abs(), a, sigma)
        return slope.unsqueeze(-1), (torch.sign(x) * bend * dx).unsqueeze(-1)

    def _grad_divergence(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._grad_divergence_jet(x, x, a, sigma)[0]

    def _grad_divergence_jet(self, x: Tensor, dx: Tensor, a: float, sigma: float) -> tuple[Tensor, Tensor]:
        value, slope = self.target.radial_grad_divergence_jet(x.abs(), a, sigma)
        return torch.sign(x) * value, slope * dx

    # -- X0 itself ------------------------------------------------------------------------------
    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        return self.target.sample(n, generator).norm(dim=-1, keepdim=True)

    def facts(self) -> Facts:
        return self.target.facts()

    def moments(self) -> Moments:
        radius = torch.tensor([self.target.radius], dtype=torch.float64)
        return Moments(radius, torch.zeros(1, 1, dtype=torch.float64))


@dataclass(frozen=True)
class _Tails:
    """Mills ratios of the radius at one level, as polynomials on panels that begin near the origin or far out."""

    law: RadialLine
    level: Level
    panels: Panels
    lower: Array
    """log F/(r f) at the nodes ..."""
    upper: Array
    """... and log (1 - F)/f, (P, n)."""
    median: float

    def log_tail(self, x: Tensor, *, upper: bool) -> Tensor:
        """log of the mass below x, or above; shape of x."""
        r = x.reshape(-1).numpy()
        out = np.full(len(r), 0.0 if upper else -math.inf)
        for side in (False, True):
            which = (r > 0) & ((r > self.median) == side)
            if not which.any():
                continue
            tail = self._nearer(r[which], side)
            with np.errstate(divide="ignore"):
                out[which] = tail if side == upper else np.log1p(-np.exp(tail))
        return torch.from_numpy(out.reshape(x.shape))

    def _nearer(self, r: Array, upper: bool) -> Array:
        log_f = self.law.log_f(tensor(r), *self.level).numpy()
        within = (r >= self.panels.lo[0]) & (r <= self.panels.hi[-1])
        ratio = np.empty_like(r)
        ratio[within] = self.panels.interpolate(self.upper if upper else self.lower, r[within])
        if not within.all():
            slope = self.law.slope(tensor(r[~within]), *self.level).numpy()
            ratio[~within] = _beyond(r[~within], slope, upper)
        return log_f + ratio if upper else log_f + np.log(r) + ratio

    def quantile(self, log_p: Tensor, upper: bool) -> Tensor:
        """The radius beyond which exp(log_p) of the mass lies, by Newton's method on the log tail, which is concave."""
        r = tensor(self._nearest(log_p.numpy(), upper))
        for _ in range(NEWTON):
            log_tail = self.log_tail(r, upper=upper)
            step = (log_tail - log_p) * torch.exp(log_tail - self.law.log_f(r, *self.level))
            r = torch.maximum(r + step if upper else r - step, 0.5 * r)
            if bool((step.abs() <= SETTLED * r).all()):
                break
        return r

    def _nearest(self, log_p: Array, upper: bool) -> Array:
        """To a fraction of a panel."""
        nodes, level = self.panels.nodes, self.level
        log_f = self.law.log_f(tensor(nodes), *level).numpy()
        if upper:
            return np.interp(-log_p, -(log_f + self.upper).ravel(), nodes.ravel())
        tail = (log_f + np.log(nodes) + self.lower).ravel()
        below = np.minimum(log_p - tail[0], 0.0) / self.law.target.dim
        return np.interp(log_p, tail, nodes.ravel()) * np.exp(below)

    @classmethod
    def of(cls, law: RadialLine, level: Level) -> _Tails:
        """On as much of the half-line as is seen: a radius is a 1-Lipschitz function of the noise sigma W, so that
        within SEEN sigma of its centre lies all but 1e-70 of its mass.
        """
        panels = resolve(lambda panels: _rough(law, level, panels), _edges(law, *level))
        ends = np.array([panels.lo[0], panels.hi[-1]])
        log_f, slope = (one(tensor(ends), *level).numpy() for one in (law.log_f, law.slope))
        below = log_f[0] + np.log(ends[0]) + _beyond(ends, slope, False)[0]
        above = log_f[1] + _beyond(ends, slope, True)[1]
        at_nodes = law.log_f(tensor(panels.nodes), *level).numpy()
        log_below = _log_cumulative(panels, at_nodes, float(below))
        mirrored = Panels(-panels.hi[::-1], -panels.lo[::-1])
        log_above = _log_cumulative(mirrored, at_nodes[::-1, ::-1], float(above))[::-1, ::-1]
        median = float(panels.nodes.flat[np.argmax(log_below > log_above)])
        lower, upper = log_below - at_nodes - np.log(panels.nodes), log_above - at_nodes
        return cls(law, level, panels, lower, upper, median)


def _beyond(r: Array, slope: Array, upper: bool) -> Array:
    """The logs of both ratios far out, and at the origin, from ``slope`` = (log f)'."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return -np.log(-slope) if upper else -np.log1p(r * slope)


def _edges(law: RadialLine, a: float, sigma: float) -> Array:
    rho, centre = a * law.target.radius, law.centre(a, sigma)
    lo, hi = centre - SEEN * sigma, centre + SEEN * sigma
    body = np.linspace(max(lo, sigma), hi, math.ceil((hi - max(lo, sigma)) / (WIDTH * sigma)) + 1)
    if lo >= sigma:
        return body
    nearest = CENTRE * sigma * min(1.0, sigma / max(rho, NEAREST))
    return np.concatenate(
        [np.geomspace(nearest, sigma, 1 + math.ceil(math.log2(sigma / nearest)))[:-1], body]
    )


def _rough(law: RadialLine, level: Level, panels: Panels) -> NDArray[np.bool_]:
    log_f = law.log_f(tensor(panels.nodes), *level).numpy()
    top = log_f.max(1)
    return (top > top.max() - FAR) & (np.ptp(log_f, axis=1) > STEEP)


def _log_cumulative(panels: Panels, log_f: Array, start: float) -> Array:
    """log of the running integral of f at the nodes, exp(start) at the first edge; relative to itself exact."""
    top = log_f.max(1)
    f = np.exp(log_f - top[:, None])
    at_edges = np.logaddexp.accumulate(np.concatenate([[start], top + np.log(panels.masses(f))]))
    found: Array = np.logaddexp(at_edges[:-1, None], top[:, None] + np.log(panels.running(f).clip(1e-300)))
    return found
