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
from typing import Any

import torch
from torch import Tensor
from torch.special import log_ndtr

from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.targets import parameters
from sharpbound.targets.base import Moments, Target1D
from sharpbound.targets.facts import Facts, of_mixture
from sharpbound.targets.gaussian_mixture_line import bends_up_between, mixture_derivatives, thinned
from sharpbound.targets.symmetric import log_normal_density
from sharpbound.targets.truncated_normal import TruncatedNormal
from sharpbound.targets.uniform import log_mass_derivative

_DEEP = -2.0
"""Standard deviations from the nearer end (inside) from where the closed form loses no digits."""
_NODES, _WEIGHTS = (torch.tensor(v) for v in gauss_legendre(16))
_STEPS = torch.tensor([-9.5, -6.5, -4.0, -2.0, 0.0, 2.0, 4.0, 6.5, 9.5], dtype=torch.float64)
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
        # each component seen from the end nearer to its mean, +1 for high and -1 for low
        side = _side(self.means, self.low, self.high)
        y = torch.where(side > 0, self.means - self.high, self.low - self.means) / self.stds
        kept = TruncatedNormal.at(y, (self.high - self.low) / self.stds)
        log_shares = torch.log(self.weights) + log_normal_density(y.clamp_min(0.0)) + torch.log(kept.mass)
        self.log_mass = torch.logsumexp(log_shares, 0)
        """log Z, Z the probability that the mixture gives to the interval."""
        if not bool(self.log_mass.isfinite()):
            raise parameters.mistake("means", "are too far from the interval: the mixture has no mass there")
        self.log_weights = torch.log(self.weights) - self.log_mass
        self.shares = torch.exp(log_shares - self.log_mass)
        """Weights of the components in X0."""
        end = _end(side, self.low, self.high)
        self._centres = end - side * self.stds * kept.mean()
        self._spreads = self.variances * kept.cumulant(2)

    def _derivatives(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        if sigma == 0:
            return self._without_noise(x, a, orders)
        parts = [self._block(part, a, sigma, orders) for part in x.reshape(-1).split(_BLOCK)]
        return [torch.cat(of_order).reshape(x.shape) for of_order in zip(*parts, strict=True)]

    def _without_noise(self, x: Tensor, a: float, orders: Sequence[int]) -> list[Tensor]:
        outside = (x < a * self.low) | (x > a * self.high)
        values = mixture_derivatives(x, orders, self.log_weights, self.means, self.variances, a, 0.0)
        return [
            value.masked_fill(outside, -math.inf if order == 0 else math.nan)
            for order, value in zip(orders, values, strict=True)
        ]

    def _block(self, x: Tensor, a: float, sigma: float, orders: Sequence[int]) -> list[Tensor]:
        terms = _Terms.at(self, x, a, sigma)
        log_ratio = terms.log_weight - terms.log_weight.amax(-1, keepdim=True)
        leader = log_ratio.argmax(-1, keepdim=True)
        found = {}
        if 0 in orders:
            top = terms.log_weight.amax(-1) + torch.logsumexp(log_ratio, -1)
            found[0] = top - 0.5 * (terms.z / sigma) ** 2
        if max(orders) == 0:
            return [found[0] for _ in orders]
        pi = torch.softmax(log_ratio, -1)
        mean_slope = (pi * terms.slope).sum(-1)
        found[1] = mean_slope - terms.z / sigma**2
        if max(orders) > 1:
            reference, bend = terms.bend(leader)
            mean_bend = (pi * bend).sum(-1)
            s = terms.slope - mean_slope.unsqueeze(-1)
            variance = (pi * s * s).sum(-1)
            found[2] = variance + (mean_bend + reference)
        if max(orders) > 2:
            b = bend - mean_bend.unsqueeze(-1)
            third = terms.higher(3)
            mean_third = (pi * third).sum(-1)
            found[3] = mean_third + (pi * s * (3 * b + s * s)).sum(-1)
        if max(orders) > 3:
            rest = 4 * s * (third - mean_third.unsqueeze(-1)) + 3 * b * b + 6 * s * s * b + (s * s) ** 2
            found[4] = (pi * (terms.higher(4) + rest)).sum(-1) - 3 * variance**2
        return [found[order] for order in orders]

    def log_cdf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._log_tail(-x, a, sigma, -1.0)

    def log_sf(self, x: Tensor, a: float, sigma: float) -> Tensor:
        return self._log_tail(x, a, sigma, 1.0)

    def _log_tail(self, x: Tensor, a: float, sigma: float, sign: float) -> Tensor:
        """log P(sign (a X0 + sigma W) > x)."""
        low, high = (self.low, self.high) if sign > 0 else (-self.high, -self.low)
        means = sign * self.means
        parts = [
            torch.logsumexp(
                self.log_weights + _log_tails(part.unsqueeze(-1), a, sigma, means, self.variances, low, high),
                -1,
            )
            for part in x.reshape(-1).split(_BLOCK)
        ]
        return torch.cat(parts).reshape(x.shape).clamp_max(0.0)

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
    """The terms of p at points x, as (points, components), less -z^2/(2 sigma^2) and its derivatives."""

    z: Tensor
    log_weight: Tensor
    slope: Tensor
    mass: _Masses
    rate: Tensor
    """dy/dx."""
    variances: Tensor
    """v_k."""
    gains: Tensor
    """1/sigma^2 - 1/v_k."""

    @classmethod
    def at(cls, target: TruncatedGaussianMixture, x: Tensor, a: float, sigma: float) -> _Terms:
        low, high, m, c = target.low, target.high, target.means, target.variances
        v = a * a * c + sigma * sigma
        gains = a * a * c / (sigma * sigma * v)
        tau = torch.sqrt(c / v) * sigma
        nearest = (x / a).clamp(low, high) if a > 0 else torch.full_like(x, high)
        z = torch.where((nearest > low) & (nearest < high), 0.0, x - a * nearest)
        x, near = x.unsqueeze(-1), nearest.unsqueeze(-1)
        side = _side(m + a * c * (x - a * m) / v, low, high)
        end = _end(side, low, high)
        # (mu - end)/tau, without the difference of large numbers where x is far
        y = side * (a * (x - a * end) / (sigma * sigma) - (end - m) / c) * tau
        rate = side * a * tau / (sigma * sigma)
        mass = _Masses.at(y, ((high - low) / tau).expand(y.shape))

        far = z.unsqueeze(-1)
        to_end, to_mean = a * (near - end), a * (near - m)
        inner = 0.5 * far * far * gains - (far + to_mean / 2) * to_mean / v - 0.5 * torch.log(2 * math.pi * v)
        outer = (
            -0.5 * (end - m) ** 2 / c
            - 0.5 * torch.log(2 * math.pi * c)
            - (far + to_end / 2) * to_end / (sigma * sigma)
            - math.log(sigma * math.sqrt(2 * math.pi))
            + torch.log(tau)
        )
        log_weight = target.log_weights + torch.where(mass.inside, inner, outer) + mass.derivative(0)
        base = torch.where(mass.inside, far * gains - to_mean / v, -to_end / (sigma * sigma))
        return cls(z, log_weight, base + rate * mass.derivative(1), mass, rate, v, gains)

    def bend(self, leader: Tensor) -> tuple[Tensor, Tensor]:
        """(r, second derivatives less r): r that of the leading term's normal factor, shapes (...), (..., K)."""
        precision = 1 / self.variances
        # 1/sigma^2 is exact in its own terms: gains + precision would round it
        at_leader, gain = precision[leader], self.gains[leader]
        leads_inside = self.mass.inside.gather(-1, leader)
        reference = torch.where(leads_inside, -at_leader, -(at_leader + gain))
        base = torch.where(
            self.mass.inside,
            torch.where(leads_inside, at_leader - precision, self.gains),
            torch.where(leads_inside, -gain, 0.0),
        )
        return reference.squeeze(-1), self.rate**2 * self.mass.derivative(2) + base

    def higher(self, order: int) -> Tensor:
        """Derivatives of order 3 or 4: those of the mass alone."""
        return self.rate**order * self.mass.derivative(order)


@dataclass(frozen=True)
class _Masses:
    """log int_0^L exp(-y s - s^2/2) ds, or log(Phi(y + L) - Phi(y)) ``inside``, and derivatives in y.

    Inside, both ends are more than 2 standard deviations away: the term is a normal density, slightly cut.
    """

    y: Tensor
    length: Tensor
    inside: Tensor
    edges: list[tuple[Tensor, TruncatedNormal]]
    """The other entries, as masks, with the law of S there: those before the end and those beyond it."""

    @classmethod
    def at(cls, y: Tensor, length: Tensor) -> _Masses:
        inside = (y < _DEEP) & (length > -2 * _DEEP)
        edges = []
        for mask in (~inside & (y < 0), y >= 0):
            if bool(mask.any()):
                edges.append((mask, TruncatedNormal.at(y[mask], length[mask])))
        return cls(y, length, inside, edges)

    def derivative(self, order: int) -> Tensor:
        out = torch.full_like(self.y, math.nan)
        out[self.inside] = log_mass_derivative(self.y[self.inside], self.length[self.inside], order)
        for mask, kept in self.edges:
            if order == 0:
                out[mask] = torch.log(kept.mass) + 0.5 * kept.y.clamp_max(0.0) ** 2
            elif order == 1:
                out[mask] = -kept.mean()
            else:
                out[mask] = (-1) ** order * kept.cumulant(order)
        return out


def _log_tails(x: Tensor, a: float, sigma: float, m: Tensor, c: Tensor, low: float, high: float) -> Tensor:
    """log int_low^high N(u; m, c) P(a u + sigma W > x) du for x (..., 1), components (K,): (..., K)."""
    if sigma == 0:
        start = (x / a).clamp(low, high)
        return _log_interval((start - m) / torch.sqrt(c), (high - start) / torch.sqrt(c))
    v = a * a * c + sigma * sigma
    tau = torch.sqrt(c / v) * sigma
    y = (a * (x - a * high) / (sigma * sigma) - (high - m) / c) * tau
    t = (x - a * high) / sigma
    # far to the right: the density's own nodes, measured from the end, times the Mills ratio
    beyond = (y >= 0) & (t >= 0)
    kept = TruncatedNormal.at(y.clamp_min(0.0), (high - low) / tau)
    u = t.clamp_min(0.0).unsqueeze(-1) + (a / sigma * tau).unsqueeze(-1) * kept.s
    mills = torch.special.erfcx(u / math.sqrt(2)) / 2
    far = (
        -0.5 * (high - m) ** 2 / c
        - 0.5 * torch.log(2 * math.pi * c)
        + torch.log(tau)
        - 0.5 * t * t
        + torch.log((kept.weights * mills).sum(-1))
    )
    if bool(beyond.all()):
        return far
    # elsewhere: panels around the mean, the posterior mean, the step of the tail and the end
    std = torch.sqrt(c)
    mu = m + a * c * (x - a * m) / v
    places = [((m + 0 * x), std), (mu, tau)]
    if a > 0:
        places.append(((x / a).expand(mu.shape), torch.full_like(std, sigma / a)))
    marks = [centre.unsqueeze(-1) + scale.unsqueeze(-1) * _STEPS for centre, scale in places]
    rising = y.clamp_min(0.0)
    stop = 90 / (torch.sqrt(rising * rising + 90) + rising) * tau
    marks.append(high - stop.unsqueeze(-1) * torch.tensor([0.05, 0.2, 0.5, 1.0], dtype=torch.float64))
    marks += [torch.full((*mu.shape, 1), end, dtype=torch.float64) for end in (low, high)]
    grid = torch.cat(marks, -1).clamp(low, high).sort(-1).values
    half = grid.diff(dim=-1) / 2
    used = (half > 0) & ~beyond.unsqueeze(-1)
    component = torch.arange(len(m)).unsqueeze(-1).expand(half.shape)[used]
    point = x.unsqueeze(-1).expand(half.shape)[used]
    nodes = grid[..., :-1][used].unsqueeze(-1) + half[used].unsqueeze(-1) * (1 + _NODES)
    log_f = (
        torch.log(half[used].unsqueeze(-1) * _WEIGHTS)
        - 0.5 * ((nodes - m[component].unsqueeze(-1)) / std[component].unsqueeze(-1)) ** 2
        + log_ndtr((a * nodes - point.unsqueeze(-1)) / sigma)
    )
    panels = torch.full_like(half, -math.inf)
    panels[used] = torch.logsumexp(log_f, -1)
    near = torch.logsumexp(panels, -1) - 0.5 * torch.log(2 * math.pi * c)
    return torch.where(beyond, far, near)


def _log_interval(start: Tensor, length: Tensor) -> Tensor:
    """log(Phi(start + length) - Phi(start)), in relative terms."""
    y = torch.where(start + length / 2 < 0, -(start + length), start)
    kept = TruncatedNormal.at(y, length)
    return log_normal_density(y.clamp_min(0.0)) + torch.log(kept.mass)


def _side(x: Tensor, low: float, high: float) -> Tensor:
    """1 where ``high`` is the nearer end, else -1."""
    return (2 * x >= low + high).double() * 2 - 1


def _end(side: Tensor, low: float, high: float) -> Tensor:
    """``high`` where side is 1, ``low`` where it is -1: exactly, in float64."""
    ends = torch.tensor([low, high], dtype=torch.float64)
    return ends[(side > 0).long()]
