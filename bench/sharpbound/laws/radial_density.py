"""Stochastic samplers on a sphere of R^d: the density of the radius, pushed through one transition after another.

A stage y -> m(|y|) y/|y| + s Z keeps a law radial, and its radius is a Markov chain on the half-line: from
radius m, isotropic noise leads to radius r with the non-central chi density

    k(r|m) = N(r; m, s^2) (r/m)^{(d-1)/2} D(r m/s^2),    D(x) = sqrt(2 pi x) e^{-x} I_{d/2-1}(x) -> 1,

so that f'(r) = int f(rho) k(r | m(rho)) drho: one Gauss-Legendre sum over panels cut until they resolve k,
which is never narrower than s. What is held is log q in R^d along a ray, f = |S^{d-1}| r^{d-1} q: it is an
even and smooth function of r, where log f is singular at the origin.

Stages without noise are composed with the stage that follows them, and those that end a sampler move the
coordinate of the result, so nothing is ever inverted. Memory does not depend on T.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, reduce
from typing import Any

import numpy as np
import torch
from numpy.polynomial import chebyshev
from scipy.interpolate import make_interp_spline

from sharpbound.distances.gaussian import EPS
from sharpbound.distances.ratio import RadialRatio, Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.laws.radial import Chi, RadialScore, Radius, log_area, log_shell
from sharpbound.marginals.panels import FollowingPanels, tensor
from sharpbound.numerics.dual import derivative
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.samplers.base import Sampler, Stage
from sharpbound.targets.sphere import Sphere, log_angular_mean


@dataclass(frozen=True)
class RadialTolerances:
    """How far `radial_density_law` goes."""

    reach: float = 9.0
    """Standard deviations of a noise beyond which nothing of a bulk is seen, exp(-40)."""
    piece: float = 4.0
    """Widest panel of a sum over k, in units of s/m'."""
    held: float = -100.0
    """log f relative to its maximum down to which a law is followed."""
    resolved: float = 1e-14
    """Last Legendre coefficients of f, times the panel's width, at which a panel counts as resolved ..."""
    overshoot: float = 1e-3
    """... and those of log q."""
    rounds: int = 12
    """Most bisections of a panel, and most panels added at either end, per transition."""

    def halved(self) -> RadialTolerances:
        """Half of every tolerance, and twice the work allowed; masses a factor of two farther out."""
        return RadialTolerances(
            math.hypot(self.reach, math.sqrt(2 * math.log(2))),
            self.piece / 2,
            self.held - math.log(2),
            self.resolved / 2,
            self.overshoot / 2,
            2 * self.rounds,
        )


SUNK = -300.0
"""log f relative to its maximum where a law has no mass: zero for all purposes, yet near enough for polynomials."""
MASS_LOST = 1e-3
"""Mass defect beyond which a law is not given at all; below it, it is part of every floor."""

TOGETHER = 64
"""Radii at which a law is summed at once."""
NARROW, BETWEEN = 0.18, 12
"""Half the width in log r up to which log D is interpolated, and the nodes of that: rounding, 18^-12."""

LogDensity = Callable[[Array], Array]
"""log q in R^d at |x| = r."""
Map = Callable[[Any], Any]


@dataclass(frozen=True)
class _Density:
    """log q in R^d at the nodes of panels of the radius."""

    panels: Panels
    log_q: Array
    dim: int

    def log_f(self, panels: Panels) -> Array:
        """log density of the radius at the nodes of other panels within these."""
        return self.panels.interpolate(self.log_q, panels.nodes) + log_shell(panels.nodes, self.dim)

    def finer(self, log_q: LogDensity, tolerances: RadialTolerances) -> _Density:
        """The density on halves of the panels that do not resolve it, and on one more panel at either end where
        it has not died out; itself if nothing is to be done. ``log_q`` is evaluated on new panels only.
        """
        panels = self.panels
        log_f = self.log_q + log_shell(panels.nodes, self.dim)
        peak = float(log_f.max())
        f = np.exp(log_f - peak)
        alive = log_f.max(1) > peak + tolerances.held
        # log f is the sum of two terms that grow with the dimension, and so does its rounding
        rounding = 16 * EPS * float(np.abs(self.log_q[alive]).max())
        rough = panels.half * panels.tails(f) > (tolerances.resolved + rounding) * panels.integrate(f)
        rough |= alive & (panels.tails(self.log_q) > tolerances.overshoot)
        lo, hi = panels.lo[0], panels.hi[-1]
        below = [max(lo - 4 * panels.half[0], 0.0)] if lo > 0 and log_f[0, 0] > peak + tolerances.held else []
        above = [hi + 4 * panels.half[-1]] if log_f[-1, -1] > peak + tolerances.held else []
        if not (rough.any() or below or above):
            return self
        halves = panels.halved(rough)
        finer = Panels.between(np.concatenate([below, halves.panels.lo, [hi], above]))
        new = np.pad(halves.new, (len(below), len(above)), constant_values=True)
        values = np.empty_like(finer.nodes)
        values[new], values[~new] = log_q(finer.nodes[new]), self.log_q[~rough]
        return _Density.held(finer, values, self.dim)

    @classmethod
    def held(cls, panels: Panels, log_q: Array, dim: int) -> _Density:
        """With log f cut off at SUNK below its maximum, so that no polynomial sees a cliff."""
        shell = log_shell(panels.nodes, dim)
        return cls(panels, np.maximum(log_q, (log_q + shell).max() + SUNK - shell), dim)


_LEAST, _KNOTS = -30.0, 8000


@lru_cache(maxsize=4)
def _taylor(dim: int) -> tuple[float, Array]:
    """Knot spacing, and Taylor coefficients (6, knots) of log D in log x at knots from `_LEAST` on."""
    spacing = (30.0 + 2 * math.log(dim) - _LEAST) / _KNOTS
    log_x = _LEAST + spacing * np.arange(_KNOTS + 1)
    log_d = log_angular_mean(tensor(np.exp(log_x)), dim).numpy() + 0.5 * (dim - 1) * log_x
    spline = make_interp_spline(log_x, log_d + log_area(dim) - 0.5 * (dim - 1) * math.log(2 * math.pi), k=5)
    return spacing, np.stack([spline(log_x, nu=k) / math.factorial(k) for k in range(6)])


def log_bessel_factor(log_x: Array, dim: int) -> Array:
    """log D(x) at log x, to rounding: from a table, a straight line below it, and zero above it."""
    spacing, table = _taylor(dim)
    within = log_x.clip(_LEAST, _LEAST + spacing * _KNOTS)
    place = np.rint((within - _LEAST) / spacing).astype(np.intp)
    offset = within - (_LEAST + spacing * place)
    total = table[-1].take(place)
    for row in table[-2::-1]:
        total *= offset
        total += row.take(place)
    return total + 0.5 * (dim - 1) * np.minimum(log_x - _LEAST, 0.0)


def log_bessel_factors(log_x: Array, log_y: Array, dim: int) -> Array:
    """log D(x y) for all pairs, (n, m), at increasing log x.

    Between few log x it is a polynomial: log D is analytic in |Im log x| < pi/2, where I has no zeros.
    """
    middle, half = 0.5 * (log_x[0] + log_x[-1]), 0.5 * (log_x[-1] - log_x[0])
    if not 0 < half < NARROW:
        return log_bessel_factor(np.add.outer(log_x, log_y), dim)
    nodes, to_chebyshev = _chebyshev_rule()
    at = log_bessel_factor(np.add.outer(middle + half * nodes, log_y), dim)
    return chebyshev.chebvander((log_x - middle) / half, len(nodes) - 1) @ (to_chebyshev @ at)


@lru_cache(maxsize=1)
def _chebyshev_rule() -> tuple[Array, Array]:
    """Nodes, and values -> coefficients."""
    nodes = chebyshev.chebpts1(BETWEEN)
    matrix: Array = np.linalg.inv(chebyshev.chebvander(nodes, BETWEEN - 1)).astype(np.float64)
    return nodes, matrix


def log_kernel(log_r: Array, log_m: Array | float, std: float, dim: int) -> Array:
    """log k(r|m), the density of |m e + std Z| for Z in R^dim, at log r and log m."""
    normal = -0.5 * ((np.exp(log_r) - np.exp(log_m)) / std) ** 2 - math.log(std * math.sqrt(2 * math.pi))
    bent: Array = log_bessel_factor(log_r + log_m - 2 * math.log(std), dim)
    return normal + 0.5 * (dim - 1) * (log_r - log_m) + bent


def pushed_profile(panels: Panels, log_q: Array, dim: int, mean: Map, std: float) -> LogDensity:
    """log q' of the law that a stage y -> mean(|y|) y/|y| + std Z makes of log q, given at the nodes of panels of the
    radius, both as densities in R^dim.
    """
    return _Transition.of(_Density.held(panels, log_q, dim), mean, std, RadialTolerances()).log_q


@dataclass(frozen=True)
class _Transition:
    """q before a stage with noise, and the stage's kernel, on panels that resolve their product."""

    density: _Density
    std: float
    centre: Array
    """sqrt(m^2 + (d-1) s^2), about which k(.|m) lies within a few s, in increasing order."""
    log_m: Array
    log_mass: Array
    log_f: Array
    """log density of the radius at the same nodes, relative to its maximum."""
    tolerances: RadialTolerances

    @classmethod
    def of(cls, density: _Density, mean: Map, std: float, tolerances: RadialTolerances) -> _Transition:
        panels = density.panels
        image, slope = _image(mean, panels.nodes)
        width = tolerances.piece * std
        pieces = np.ceil(2 * panels.half * np.abs(slope).max(1) / width).clip(1).astype(int)
        cut = panels.cut(pieces)
        if cut.new.any():
            image = cut.merged(image, _image(mean, cut.new_nodes)[0])
        fine, m = cut.panels, np.abs(image.ravel()).clip(1e-300)
        centre = np.sqrt(m**2 + (density.dim - 1) * std**2)
        order = np.argsort(centre)
        log_f = density.log_f(fine)
        log_mass = (log_f + np.log(fine.weights)).ravel()
        log_f = log_f.ravel() - log_f.max()
        return cls(density, std, centre[order], np.log(m)[order], log_mass[order], log_f[order], tolerances)

    def log_q(self, r: Array) -> Array:
        """log q' at |x| = r, of any shape."""
        radii, dim = r.ravel(), self.density.dim
        order = np.argsort(radii)
        out = np.empty_like(radii)
        m, bend = np.exp(self.log_m), 0.5 * (dim - 1)
        log_weight = self.log_mass - bend * self.log_m
        for part in np.array_split(order, 1 + len(order) // TOGETHER):
            x = radii[part]
            # where f is e^{-k^2/2}, what is e^{-reach^2/2} of it comes from up to (reach^2 + k^2)^{1/2} s farther in
            held = self.log_f[np.searchsorted(self.centre, x[[0, -1]]).clip(0, len(self.centre) - 1)]
            reach = math.sqrt(self.tolerances.reach**2 - 2 * float(held.min())) * self.std
            near = slice(*np.searchsorted(self.centre, (x[0] - reach, x[-1] + reach)))
            log_x = np.log(x)
            exponent = log_bessel_factors(log_x, self.log_m[near] - 2 * math.log(self.std), dim)
            distance = np.subtract.outer(x, m[near])
            distance *= math.sqrt(0.5) / self.std
            distance *= distance
            exponent -= distance
            exponent += log_weight[near]
            top = exponent.max(1, initial=-1e4)
            exponent -= top[:, None]
            out[part] = top + np.log(np.exp(exponent, out=exponent).sum(1).clip(1e-300)) + bend * log_x
        out -= math.log(self.std * math.sqrt(2 * math.pi))
        return out.reshape(r.shape) - log_shell(r, dim)


def _image(mean: Map, r: Array) -> tuple[Array, Array]:
    """m(r) and m'(r), the shape of r."""
    flat = tensor(r.reshape(-1, 1))
    with torch.no_grad():
        value, slope = derivative(mean, flat, torch.ones_like(flat))
    return value.numpy().reshape(r.shape), slope.numpy().reshape(r.shape)


class _Grid(FollowingPanels):
    """The panels of the current density, which are those of the true radius, refined and widened where q needs it."""

    def __init__(self, target: Sphere, tolerances: RadialTolerances) -> None:
        super().__init__(lambda level: Radius(target, *level).panels, target.radius)
        self.target, self.tolerances = target, tolerances

    def density(self, log_q: LogDensity, level: Level, *, exactly: bool = False) -> _Density:
        """``log_q`` on the panels of the level, on halves where they do not resolve it, and on more of them
        at either end as far as it reaches.
        """
        panels = self.at(level, exactly=exactly)
        density = _Density.held(panels, log_q(panels.nodes), self.target.dim)
        for _ in range(self.tolerances.rounds):
            finer = density.finer(log_q, self.tolerances)
            if finer is density:
                break
            density = finer
        self.panels = density.panels  # the next q needs them too
        return density


def radial_density_law(
    target: Sphere,
    ladder: Ladder,
    sampler: Sampler,
    init: str = "normal",
    tolerances: RadialTolerances = RadialTolerances(),
) -> Ratio1D:
    """Radius of a stochastic sampler's output (exact score) against the radius of the true marginal.

    Raises NotMeasured for noise that depends on the state, mixtures of transitions, and samplers with a history.
    """
    if sampler.history:
        raise NotMeasured(
            f"{sampler.name} keeps predictions of earlier steps: its state is not a Markov chain"
        )
    grid, score = _Grid(target, tolerances), RadialScore(target, ladder)
    level = ladder.level(ladder.T)
    start = Radius(target, *level) if init == "exact" else Chi(target.dim, ladder.prior_std)
    density = grid.density(lambda r: start.log_density(r) - log_shell(r, target.dim), level)
    maps: list[Map] = []
    for t, stages in sampler.path(ladder, score):
        for stage in stages:
            if not isinstance(stage, Stage) or callable(stage.std):
                raise NotMeasured(f"{sampler.name}: a radial law needs steps with isotropic noise")
            maps.append(stage.mean)
            next_level = ladder.level(t - 1)
            if stage.lands or stage is stages[-1]:
                level = stage.lands or next_level
            else:
                level = level[0], math.hypot(level[1], stage.std)
            if not stage.deterministic:
                move = _Transition.of(density, _composed(maps), stage.std, tolerances)
                density = grid.density(
                    move.log_q, level, exactly=level == next_level and t == ladder.stop + 1
                )
                maps = []
    law = _against(target, ladder, density, _composed(maps))
    if not law.mass_defect < MASS_LOST:
        raise NotMeasured(
            f"the radial density of {sampler.name} was lost at T = {ladder.T} (mass off by {law.mass_defect:.1e})"
        )
    return law


def _composed(maps: list[Map]) -> Map:
    """The maps one after another."""
    return lambda y: reduce(lambda y, mean: mean(y), list(maps), y)


def _against(target: Sphere, ladder: Ladder, density: _Density, last: Map) -> Ratio1D:
    """The law of |m(r)|, r of the given density, in the coordinate r, against the true radius."""
    truth = Radius(target, *ladder.level(ladder.stop))
    panels, r = density.panels, density.panels.nodes
    y, slope = _image(last, r)
    if not ((slope > 0) & (y > 0)).all():
        raise NotMeasured(f"the last map of the sampler is not increasing at T = {ladder.T}: use a larger T")
    log_q = density.log_q + log_shell(r, target.dim)
    log_p = truth.log_density(y) + np.log(slope)
    q = np.exp(log_q)
    below, above = panels.cumulative(q)[0], panels.cumulative_from_right(q)[0]
    partner = truth.partner(y, below, above)
    outside = truth.mass_outside(float(y.flat[0]), float(y.flat[-1]))
    return RadialRatio(panels, y, partner, log_p, log_q - log_p, outside, 0.0)
