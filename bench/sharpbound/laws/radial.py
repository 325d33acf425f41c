"""Deterministic samplers on a sphere of R^d: the problem is one-dimensional in the radius.

The score is x/|x| times a radial score, so a start at radius r goes along its ray: Phi(r e) = R(r) e.
Starting from N(0, std^2 I), whose radius is std times a chi variable with d degrees of freedom, the
output's radius has density chi(r)/R'(r) at R(r), against p's radial density

    |S^{d-1}| rho^{d-1} p(rho).

All distances of the laws on R^d are those of the radii: f-divergences because the angles are alike,
W1 and W2 because |x - y| >= ||x| - |y||, with equality for the coupling along rays.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import chdtr, chdtrc, chdtri, gammaincinv, gammaln
from torch import Tensor

from sharpbound.distances.ratio import RadialRatio, Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.laws.transport import flow
from sharpbound.marginals.panels import tensor
from sharpbound.numerics.quadrature import Array, Panels, resolve
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import differentiable
from sharpbound.targets.sphere import Sphere

_TAIL = 1e-30
"""Mass of the start beyond either end of the panels."""
_TOLERANCE = 1e-11
"""Unresolved part of int |q - p|, relative to it, at which refinement stops."""
_ROUNDS = 6


@dataclass(frozen=True)
class RadialScore(ScoreField):
    """The exact score along one ray, as a score field on the line: r -> d/dr log p(r e), odd in r.

    Samplers see a ray as they see R^d: Jacobians act along it, and the gradient of the divergence,
    which knows the dimension, is that of R^d.
    """

    target: Sphere
    ladder: Ladder

    def __call__(self, t: int, y: Tensor) -> Tensor:
        """Radial score, shape (..., 1)."""
        return self.between(self.ladder.level(t), y)

    def between(self, level: Level, y: Tensor) -> Tensor:
        """The same at any (a, sigma)."""

        def jet(y: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
            score, slope = self.target.radial_score_jet(y.abs(), *level)
            return torch.sign(y) * score, slope * dy

        return differentiable(y, lambda y: torch.sign(y) * self.target.radial_score(y.abs(), *level), jet)

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        """Its derivative, shape (..., 1, 1)."""

        def jet(y: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
            slope, bend = self.target.radial_score_derivative_jet(y.abs(), *level)
            return slope.unsqueeze(-1), (torch.sign(y) * bend * dy).unsqueeze(-1)

        level = self.ladder.level(t)
        return differentiable(
            y, lambda y: self.target.radial_score_derivative(y.abs(), *level).unsqueeze(-1), jet
        )

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        """grad of the divergence in R^d along the ray, shape (..., 1)."""

        def jet(y: Tensor, dy: Tensor) -> tuple[Tensor, Tensor]:
            value, slope = self.target.radial_grad_divergence_jet(y.abs(), *self.ladder.level(t))
            return torch.sign(y) * value, slope * dy

        return differentiable(y, lambda y: jet(y, y)[0], jet)


def radial_law(target: Sphere, ladder: Ladder, sampler: Sampler, init: str = "normal") -> Ratio1D:
    """Radius of a deterministic sampler's output (exact score) against the radius of the true marginal.

    The coordinate is the radius of the start. Raises NotMeasured for stochastic samplers and where R is
    not increasing.
    """
    if not sampler.deterministic:
        raise NotMeasured("radial laws are available for deterministic samplers")
    truth = Radius(target, *ladder.level(ladder.stop))
    start = _Exact(target, ladder) if init == "exact" else Chi(target.dim, ladder.prior_std)
    score = RadialScore(target, ladder)

    def law(panels: Panels) -> Ratio1D:
        r = panels.nodes
        y, slope = flow(sampler, ladder, score, r)
        if not ((slope > 0) & (y > 0)).all():
            raise NotMeasured(
                f"the radial map of {sampler.name} is not increasing at T = {ladder.T}: use a larger T"
            )
        log_p = truth.log_density(y) + np.log(slope)
        partner = truth.partner(y, *start.masses(r))
        outside = truth.mass_outside(float(y.flat[0]), float(y.flat[-1]))
        return RadialRatio(panels, y, partner, log_p, start.log_density(r) - log_p, outside, 2 * _TAIL)

    def unresolved(panels: Panels) -> NDArray[np.bool_]:
        difference = law(panels).difference
        share = panels.half * panels.tails(difference)
        return share > max(_TOLERANCE * panels.integrate(np.abs(difference)), 1e-16)

    return law(resolve(unresolved, start.edges, rounds=_ROUNDS))


def log_area(dim: int) -> float:
    """log |S^{dim-1}|."""
    return math.log(2) + dim / 2 * math.log(math.pi) - float(gammaln(dim / 2))


def log_shell(r: Array, dim: int) -> Array:
    """log |S^{dim-1}| r^{dim-1}: from a density in R^dim to that of the radius."""
    return log_area(dim) + (dim - 1) * np.log(r)


class Chi:
    """Radius of N(0, std^2 I_d)."""

    def __init__(self, dim: int, std: float) -> None:
        self.dim, self.std = dim, std
        # both ends at a mass of 1e-30; towards the origin the density is a power, r^{d-1}: geometric panels
        lo, body = (math.sqrt(2 * gammaincinv(dim / 2, mass)) for mass in (_TAIL, 1e-3))
        hi = math.sqrt(chdtri(dim, _TAIL))
        self.edges: Array = std * np.concatenate([_geometric(lo, body)[:-1], np.linspace(body, hi, 17)])

    def log_density(self, r: Array) -> Array:
        x = r / self.std
        constant = (self.dim / 2 - 1) * math.log(2) + float(gammaln(self.dim / 2)) + math.log(self.std)
        return (self.dim - 1) * np.log(x) - 0.5 * x**2 - constant

    def masses(self, r: Array) -> tuple[Array, Array]:
        """Mass below and above r."""
        return chdtr(self.dim, (r / self.std) ** 2), chdtrc(self.dim, (r / self.std) ** 2)


class Radius:
    """The law of |a X0 + sigma W|, on panels of its own."""

    def __init__(self, target: Sphere, a: float, sigma: float) -> None:
        self.target, self.a, self.sigma = target, a, sigma
        # |a X0 + sigma W| lies within sigma chi_d of the sphere; the chi quantile bounds its spread
        reach = sigma * math.sqrt(chdtri(target.dim, _TAIL))
        lo = max(a * target.radius - reach, 1e-12 * reach)
        self.edges = np.linspace(lo, a * target.radius + reach, 65)

        def unresolved(panels: Panels) -> NDArray[np.bool_]:
            density = np.exp(self.log_density(panels.nodes))
            # log_density is a sum of terms that grow with the dimension, and so does its rounding
            return panels.half * panels.tails(density) > 1e-16 * (1 + target.dim)

        self.panels = resolve(unresolved, self.edges)
        self.density = np.exp(self.log_density(self.panels.nodes))
        self.below, _ = self.panels.cumulative(self.density)
        self.above, _ = self.panels.cumulative_from_right(self.density)

    def log_density(self, r: Array) -> Array:
        radial = self.target.radial_log_density(tensor(r), self.a, self.sigma).numpy()
        return radial + log_shell(r, self.target.dim)

    def masses(self, r: Array) -> tuple[Array, Array]:
        """Mass below and above r, by the running integrals of the panels."""
        inside = np.clip(r, self.panels.lo[0], self.panels.hi[-1])
        return self.panels.interpolate(self.below, inside), self.panels.interpolate(self.above, inside)

    def mass_outside(self, lo: float, hi: float) -> float:
        """Mass below lo plus mass above hi."""
        points = np.array([lo, hi])
        below, above = self.masses(points)
        return float(max(below[0], 0.0) + max(above[1], 0.0))

    def partner(self, y: Array, below: Array, above: Array) -> Array:
        """The radius with these masses below and above, by Newton's method from the nearest nodes.

        Far out in the tails of y, where the masses are rounding, it stays as far from y as it was.
        """
        known = np.minimum(below, above) > 1e-13
        y_known, below, above = y[known], below[known], above[known]
        nodes = self.panels.nodes.ravel()
        lower = np.interp(below, self.below.ravel(), nodes)
        upper = np.interp(above, self.above.ravel()[::-1], nodes[::-1])
        rho = np.where(below < above, lower, upper)
        for _ in range(8):
            mine_below, mine_above = self.masses(rho)
            excess = np.where(below < above, mine_below - below, above - mine_above)
            step = excess / np.maximum(np.exp(self.log_density(rho)), 1e-300)
            rho = np.clip(rho - np.clip(step, -self.sigma, self.sigma), 0.5 * rho, 2.0 * rho)
        return y + np.interp(y, y_known, rho - y_known)


class _Exact(Radius):
    """The start at the true p_T."""

    def __init__(self, target: Sphere, ladder: Ladder) -> None:
        super().__init__(target, *ladder.level(ladder.T))
        # the flow leaves the centre fast: geometric panels where they reach it
        self.edges = np.concatenate([_geometric(self.edges[0], self.edges[1])[:-1], self.edges[1:]])


def _geometric(lo: float, hi: float) -> Array:
    """Edges from lo to hi whose ratios are at most 4."""
    return np.geomspace(lo, hi, 2 + math.ceil(math.log(hi / lo) / math.log(4)))
