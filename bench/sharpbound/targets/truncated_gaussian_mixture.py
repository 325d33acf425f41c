"""A mixture of normals kept in an interval, smoothed: a law of bounded support with a density.

X0 has density sum_k w_k N(u; m_k, C_k)/Z on (low, high). Given X = a X0 + sigma W = x and component k, X0
is normal with mean mu_k = m_k + a C_k (x - a m_k)/v_k and variance tau_k^2 = C_k sigma^2/v_k,
v_k = a^2 C_k + sigma^2, kept in (low, high). So log p is a log-sum-exp of

    log w_k/Z + log N(x; a m_k, v_k) + log(Phi((high - mu_k)/tau_k) - Phi((low - mu_k)/tau_k)),

and its derivatives are joint cumulants of those of the terms under the posterior weights. Each term is
taken from the nearer end e of the interval, as N(e; m_k, C_k) N(x; a e, sigma^2) tau_k int exp(-y s - s^2/2) ds,
y_k = (mu_k - high)/tau_k or (low - mu_k)/tau_k, unless both ends are far; all are measured from exp(-z^2/(2 sigma^2)),
z the distance of x from the interval a (low, high). Then no term is a difference of large numbers.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from torch import Tensor

from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.stable import log_sum_exp
from sharpbound.targets import parameters
from sharpbound.targets.base import Moments, Target1D
from sharpbound.targets.facts import Facts, of_mixture
from sharpbound.targets.gaussian_mixture_line import bends_up_between, mixture_derivatives, thinned
from sharpbound.targets.symmetric import log_normal_density
from sharpbound.targets.truncated_normal import Array, TruncatedNormal, UpToVariance, up_to_variance
from sharpbound.targets.uniform import LogMass

_DEEP = -2.0
"""Standard deviations from the nearer end (inside) from where the closed form loses no digits."""
_NODES, _WEIGHTS = gauss_legendre(16)
_STEPS = np.array([-9.5, -6.5, -4.0, -2.0, 0.0, 2.0, 4.0, 6.5, 9.5])
"""Ends of the panels of a tail integral, in units of each scale that its integrand has."""
_OFFSETS = torch.tensor([0.0, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0], dtype=torch.float64)
_BLOCK = 1 << 12
"""Points worked on at once."""


class TruncatedGaussianMixture(Target1D):
    """sum_k w_k N(m_k, s_k^2) kept in (low, high), or in (-radius, radius); one component: a truncated normal.

    The weights are those before truncation. Raises InputError unless all s_k > 0, low < high, and exactly one of
    (low, high) and radius is given.
    """

    family = "truncated-gaussian-mixture"

    def __init__(
        self, weights: Any, means: Any, stds: Any, low: Any = None, high: Any = None, radius: Any = None
    ) -> None:
        self.weights = parameters.weights(weights)
        count = len(self.weights)
        self.means = parameters.vector(means, "means", length=count)
        self.stds = parameters.vector(stds, "stds", length=count, least=0.0)
        if not bool((self.stds > 0).all()):
            raise parameters.mistake("stds", "must all be positive; a truncated mixture has a density")
        if (radius is None) == (low is None and high is None):
            raise parameters.mistake("radius", "give either low and high, or radius")
        if radius is not None:
            self.high = parameters.number(radius, "radius", above=0.0)
            self.low = -self.high
        else:
            self.low = parameters.number(low, "low")
            self.high = parameters.number(high, "high")
            if not self.low < self.high:
                raise parameters.mistake(
                    "high", f"must be greater than low = {self.low:g}, got {self.high:g}"
                )
        self.variances = self.stds**2
        if not bool(((self.variances > 0) & self.variances.isfinite()).all()):
            raise parameters.mistake("stds", "must have squares that are positive and finite")
        self._m, self._c = self.means.numpy(), self.variances.numpy()
        # each component seen from the end nearer to its mean, +1 for high and -1 for low
        side, std = _side(self._m, self.low, self.high), self.stds.numpy()
        y = np.where(side > 0, self._m - self.high, self.low - self._m) / std
        kept = TruncatedNormal.at(y, (self.high - self.low) / std)
        log_weights = np.log(self.weights.numpy())
        with np.errstate(divide="ignore"):
            log_shares = log_weights + log_normal_density(np.maximum(y, 0.0)) + np.log(kept.mass)
        self.log_mass = float(log_sum_exp(log_shares))
        """log Z, Z the probability that the mixture gives to the interval."""
        if not math.isfinite(self.log_mass):
            raise parameters.mistake("means", "are too far from the interval: the mixture has no mass there")
        self._log_w = log_weights - self.log_mass
        self.shares = torch.from_numpy(np.exp(log_shares - self.log_mass))
        """Weights of the components in X0."""
        end = _end(side, self.low, self.high)
        self._centres = torch.from_numpy(end - side * std * kept.mean())
        self._spreads = torch.from_numpy(self._c * kept.cumulant(2))

    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        if sigma == 0:
            return self._without_noise(x, a, orders)
        flat = x.detach().numpy().reshape(-1)
        with np.errstate(all="ignore"):
            parts = [
                self._block(flat[i : i + _BLOCK], a, sigma, orders)
                for i in range(0, max(flat.size, 1), _BLOCK)
            ]
        whole = [np.concatenate(of_order) for of_order in zip(*parts, strict=True)]
        return [torch.from_numpy(values.reshape(x.shape)) for values in whole]

    def _without_noise(self, x: Tensor, a: float, orders: Sequence[int]) -> list[Tensor]:
        outside = (x < a * self.low) | (x > a * self.high)
        log_w = torch.from_numpy(self._log_w)
        values = mixture_derivatives(x, orders, log_w, self.means, self.variances, a, 0.0)
        return [
            value.masked_fill(outside, -math.inf if order == 0 else math.nan)
            for order, value in zip(orders, values, strict=True)
        ]

    def _block(self, x: Array, a: float, sigma: float, orders: Sequence[int]) -> list[Array]:
        terms = _Terms.at(self, x, a, sigma)
        top = terms.log_weight.max(0)
        pi = np.exp(terms.log_weight - top)
        mass = pi.sum(0)
        found = {}
        if 0 in orders:
            found[0] = top + np.log(mass) - 0.5 * (terms.z / sigma) ** 2
        if max(orders) == 0:
            return [found[0] for _ in orders]
        pi /= mass
        slope = terms.slope
        mean_slope = (pi * slope).sum(0)
        found[1] = mean_slope - terms.z / sigma**2
        if max(orders) > 1:
            reference, bend = terms.bend(pi.argmax(0))
            mean_bend = (pi * bend).sum(0)
            s = slope - mean_slope
            variance = (pi * s * s).sum(0)
            found[2] = variance + (mean_bend + reference)
        if max(orders) > 2:
            b = bend - mean_bend
            third = terms.higher(3)
            mean_third = (pi * third).sum(0)
            found[3] = mean_third + (pi * s * (3 * b + s * s)).sum(0)
        if max(orders) > 3:
            rest = 4 * s * (third - mean_third) + 3 * b * b + 6 * s * s * b + (s * s) ** 2
            found[4] = (pi * (terms.higher(4) + rest)).sum(0) - 3 * variance**2
        return [found[order] for order in orders]

    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._log_tail(-x, a, sigma, -1.0)

    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._log_tail(x, a, sigma, 1.0)

    def _log_tail(self, x: Tensor, a: float, sigma: float, sign: float) -> Tensor:
        """log P(sign (a X0 + sigma W) > x)."""
        low, high = (self.low, self.high) if sign > 0 else (-self.high, -self.low)
        flat = x.numpy().reshape(-1)
        out = np.empty_like(flat)
        with np.errstate(all="ignore"):
            for i in range(0, flat.size, _BLOCK):
                part = flat[i : i + _BLOCK, None]
                log_tails = _log_tails(part, a, sigma, sign * self._m, self._c, low, high)
                out[i : i + _BLOCK] = log_sum_exp(self._log_w + log_tails)
        return torch.from_numpy(np.minimum(out, 0.0).reshape(x.shape))

    def landmarks(self, a: float, sigma: float) -> Tensor:
        ends = a * torch.tensor([self.low, self.high], dtype=torch.float64)
        edges = ends.unsqueeze(-1) + sigma * torch.cat([-_OFFSETS, _OFFSETS])
        offsets = torch.cat([-_OFFSETS, _OFFSETS])
        if len(self.means) > 16:
            offsets = offsets[[0, 2, 5, 10, 13]]
        std = torch.sqrt(a * a * self.variances + sigma * sigma)
        inner = (a * self.means).unsqueeze(-1) + std.unsqueeze(-1) * offsets
        reach = 13 * sigma
        inner = inner[(inner > ends[0] - reach) & (inner < ends[1] + reach)]
        points = torch.unique(torch.cat([edges.reshape(-1), inner.reshape(-1)]))
        smallest = float(std.min()) if sigma == 0 else min(float(std.min()), sigma)
        return thinned(points, 0.45 * smallest)

    def sample(self, n: int, generator: torch.Generator) -> Tensor:
        component = torch.multinomial(self.shares, n, replacement=True, generator=generator)
        m, s = self.means[component], self.stds[component]
        start, stop = (self.low - m) / s, (self.high - m) / s
        # from the left tail, where the distribution function keeps its digits
        flip = start + stop > 0
        start, stop = torch.where(flip, -stop, start), torch.where(flip, -start, stop)
        u = torch.rand(n, generator=generator, dtype=torch.float64)
        below, above = torch.special.ndtr(start), torch.special.ndtr(stop)
        z = torch.special.ndtri(below + u * (above - below)).clamp(start, stop)
        return (m + s * torch.where(flip, -z, z)).clamp(self.low, self.high).unsqueeze(-1)

    def facts(self) -> Facts:
        # the density is that of the mixture times an indicator, which is log-concave
        whole = of_mixture(
            self.means.unsqueeze(-1),
            self.variances.reshape(-1, 1, 1),
            bends_up_between(self, self.low, self.high),
        )
        seen = whole.log_concave
        if seen is False and not bends_up_between(self, self.low, self.high):
            seen = None  # the part that bends up may have been cut off
        return Facts(
            radius=max(abs(self.low), abs(self.high)),
            low_dimensional=False,
            smooth=False,
            lipschitz_score=False,
            log_concave=seen,
            strongly_log_concave=seen and whole.strongly_log_concave,
            sub_gaussian=True,
            gaussian=False,
        )

    def moments(self) -> Moments:
        mean = self.shares @ self._centres
        variance = self.shares @ (self._spreads + (self._centres - mean) ** 2)
        return Moments(mean.reshape(1), variance.reshape(1, 1))


@dataclass(frozen=True)
class _Terms:
    """The terms of p at points x, as (components, points), less -z^2/(2 sigma^2) and its derivatives."""

    z: Array
    log_weight: Array
    base: Array
    """d/dx of the term without its mass."""
    mass: _Masses
    rate: Array
    """dy/dx."""
    precision: Array
    """1/v_k of the normal density where the term is seen as one, or 1/sigma^2 of that at the end."""

    @classmethod
    def at(cls, target: TruncatedGaussianMixture, x: Array, a: float, sigma: float) -> _Terms:
        low, high, m, c = target.low, target.high, target._m[:, None], target._c[:, None]
        square = sigma * sigma
        v = a * a * c + square
        tau = np.sqrt(c / v) * sigma
        near = np.minimum(np.maximum(x / a, low), high) if a > 0 else np.full_like(x, high)
        z = np.where((near > low) & (near < high), 0.0, x - a * near)
        upper = 2 * (m + a * c * (x - a * m) / v) >= low + high
        end = np.where(upper, high, low)
        steepness = a * tau / square
        rate = np.where(upper, steepness, -steepness)
        # (mu - end)/tau, without the difference of large numbers where x is far
        y = rate * (x - a * end) - np.where(upper, high - m, m - low) * tau / c
        mass = _Masses.at(y, (high - low) / tau)

        # seen as a normal density around m, or around the end
        inside = mass.inside
        precision = np.where(inside, 1 / v, 1 / square)
        lift = np.where(inside, a * a * c / (square * v), 0.0)
        to = a * (near - np.where(inside, m, end))
        at_ends = -0.5 * np.log(2 * math.pi * c) - math.log(sigma * math.sqrt(2 * math.pi)) + np.log(tau)
        height = np.where(upper, *(at_ends - 0.5 * (at - m) ** 2 / c for at in (high, low)))
        height = np.where(inside, -0.5 * np.log(2 * math.pi * v), height) + target._log_w[:, None]
        log_weight = height + 0.5 * z * z * lift - (z + to / 2) * to * precision + mass.derivative(0)
        return cls(z, log_weight, z * lift - to * precision, mass, rate, precision)

    @property
    def slope(self) -> Array:
        """First derivatives of the terms' logarithms."""
        return self.base + self.rate * self.mass.derivative(1)

    def bend(self, leader: NDArray[np.intp]) -> tuple[Array, Array]:
        """(r, second derivatives less r): r that of the leading term's normal factor, (points,), (K, points)."""
        leading = self.precision[leader, np.arange(len(leader))]
        return -leading, self.rate**2 * self.mass.derivative(2) + (leading - self.precision)

    def higher(self, order: int) -> Array:
        """Derivatives of order 3 or 4: those of the mass alone."""
        return self.rate**order * self.mass.derivative(order)


@dataclass(frozen=True)
class _Masses:
    """log int_0^L exp(-y s - s^2/2) ds, or log(Phi(y + L) - Phi(y)) ``inside``, and derivatives in y.

    Inside, both ends are more than 2 standard deviations away: the term is a normal density, slightly cut.
    """

    inside: NDArray[np.bool_]
    y: Array
    length: Array

    @classmethod
    def at(cls, y: Array, length: Array) -> _Masses:
        return cls((y < _DEEP) & (length > -2 * _DEEP), y, length)

    @cached_property
    def _law(self) -> UpToVariance:
        return up_to_variance(self.y, self.length)

    def derivative(self, order: int) -> Array:
        law = self._law
        if order == 0:
            shift = np.where(self.inside, -0.5 * math.log(2 * math.pi), 0.5 * np.minimum(self.y, 0.0) ** 2)
            return np.log(law.mass) + shift
        if order == 1:
            return -np.where(self.inside, law.mean_plus_y, law.mean)
        if order == 2:
            return law.variance_less_one + np.where(self.inside, 0.0, 1.0)
        out = np.full_like(self.y, math.nan)
        for places, kept in self._parts:
            out[places] = (
                kept.derivative(order) if isinstance(kept, LogMass) else (-1) ** order * kept.cumulant(order)
            )
        return out

    @cached_property
    def _parts(self) -> list[tuple[NDArray[np.bool_], Any]]:
        """Entries inside, with their `LogMass`; those before the end and those beyond it, with the law of S."""
        y, lengths, inside = self.y, np.broadcast_to(self.length, self.y.shape), self.inside
        edges = ~inside & (y < 0), y >= 0
        found: list[tuple[NDArray[np.bool_], Any]] = [(inside, LogMass(y[inside], lengths[inside]))]
        return found + [(at, TruncatedNormal.at(y[at], lengths[at])) for at in edges if at.any()]


def _log_tails(x: Array, a: float, sigma: float, m: Array, c: Array, low: float, high: float) -> Array:
    """log int_low^high N(u; m, c) P(a u + sigma W > x) du for x (n, 1), components (K,): (n, K)."""
    if sigma == 0:
        start = np.clip(x / a, low, high)
        return _log_interval((start - m) / np.sqrt(c), (high - start) / np.sqrt(c))
    v = a * a * c + sigma * sigma
    tau = np.sqrt(c / v) * sigma
    y = (a * (x - a * high) / (sigma * sigma) - (high - m) / c) * tau
    t = (x - a * high) / sigma
    # far to the right: the density's own nodes, measured from the end, times the Mills ratio
    beyond = (y >= 0) & (t >= 0)
    kept = TruncatedNormal.at(np.maximum(y, 0.0), (high - low) / tau)
    u = np.maximum(t, 0.0) + (a / sigma * tau) * kept.s
    mills = special.erfcx(u / math.sqrt(2)) / 2
    far = (
        -0.5 * (high - m) ** 2 / c
        - 0.5 * np.log(2 * math.pi * c)
        + np.log(tau)
        - 0.5 * t * t
        + np.log((kept.weights * mills).sum(0))
    )
    if beyond.all():
        return far
    # elsewhere: panels around the mean, the posterior mean, the step of the tail and the end
    std = np.sqrt(c)
    mu = m + a * c * (x - a * m) / v
    places = [(m + 0 * x, std), (mu, tau)]
    if a > 0:
        places.append((np.broadcast_to(x / a, mu.shape), np.full_like(std, sigma / a)))
    marks = [centre[..., None] + scale[..., None] * _STEPS for centre, scale in places]
    rising = np.maximum(y, 0.0)
    stop = 90 / (np.sqrt(rising * rising + 90) + rising) * tau
    marks.append(high - stop[..., None] * np.array([0.05, 0.2, 0.5, 1.0]))
    marks += [np.full((*mu.shape, 1), end) for end in (low, high)]
    grid = np.sort(np.clip(np.concatenate(marks, -1), low, high), -1)
    half = np.diff(grid, axis=-1) / 2
    used = (half > 0) & ~beyond[..., None]
    where, component, _ = np.nonzero(used)
    nodes = grid[..., :-1][used][:, None] + half[used][:, None] * (1 + _NODES)
    log_f = (
        np.log(half[used][:, None] * _WEIGHTS)
        - 0.5 * ((nodes - m[component][:, None]) / std[component][:, None]) ** 2
        + special.log_ndtr((a * nodes - x[where]) / sigma)
    )
    panels = np.full_like(half, -math.inf)
    panels[used] = log_sum_exp(log_f)
    near = log_sum_exp(panels) - 0.5 * np.log(2 * math.pi * c)
    return np.where(beyond, far, near)


def _log_interval(start: Array, length: Array) -> Array:
    """log(Phi(start + length) - Phi(start)), in relative terms."""
    y = np.where(start + length / 2 < 0, -(start + length), start)
    kept = TruncatedNormal.at(y, length)
    return log_normal_density(np.maximum(y, 0.0)) + np.log(kept.mass)


def _side(x: Array, low: float, high: float) -> Array:
    """1 where ``high`` is the nearer end, else -1."""
    return np.where(2 * x >= low + high, 1.0, -1.0)


def _end(side: Array, low: float, high: float) -> Array:
    """``high`` where side is 1, ``low`` where it is -1: exactly, in float64."""
    return np.where(side > 0, high, low)
