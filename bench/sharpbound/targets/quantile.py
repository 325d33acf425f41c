"""Quantiles from log tails: a Newton iteration that a bracket keeps safe, for all points at once."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from sharpbound.errors import InputError

if TYPE_CHECKING:
    from sharpbound.targets.base import Target1D

_FARTHEST = 690
"""asinh of the largest distance searched, about 1e299 scales; knots are two e-folds apart."""
_STRIDE = 15
_MOST = 200
_EPS = 4.5e-16
"""Two units in the last place of x."""
_NOISE = 1e-15
"""Rounding in log P(tail): a smaller gap carries no information."""


_FAR = torch.sinh(torch.linspace(-_FARTHEST, _FARTHEST, _FARTHEST + 1, dtype=torch.float64))


_FEW = 12
"""Steps to the end of a tail before the bracket is asked for."""


def tail_end(
    target: Target1D, log_p: float, a: float, sigma: float, *, upper: bool, accuracy: float
) -> float:
    """The one point of `invert_log_tail` for ``log_p`` far out, by Newton's method from the last landmark.

    The step takes -log P(tail) for a power z^k of the distance from the centre, as it is in Gaussian (2) and
    exponential (1) tails, or for a multiple of log z where k = d log(-log P) / d log z is small, as in heavy ones.
    log P falls all the way, so that wherever the method ends is right; where it does not, the bracket finds the point.
    """
    marks = target.landmarks(a, sigma)
    centre, sign = float(marks[len(marks) // 2]), 1.0 if upper else -1.0
    tail = target.log_sf if upper else target.log_cdf
    z = sign * (float(marks[-1 if upper else 0]) - centre)
    for _ in range(_FEW):
        if not 0 < z < math.inf:
            break
        x = torch.tensor([centre + sign * z], dtype=torch.float64)
        found = float(tail(x, a, sigma))
        if abs(found - log_p) <= accuracy * (1 + abs(log_p)):
            return centre + sign * z
        if not -math.inf < found < 0:
            break
        power = z * math.exp(min(float(target.derivative(x, a, sigma, 0)) - found, 600.0)) / -found
        ratio = log_p / found
        growth = (math.log(ratio) if power > 0.5 else ratio - 1) / max(power, 1e-3)
        z *= math.exp(min(max(growth, -50.0), 50.0))
    wanted = torch.tensor(log_p, dtype=torch.float64)
    return float(invert_log_tail(target, wanted, a, sigma, upper=upper, accuracy=accuracy))


def invert_log_tail(
    target: Target1D, log_p: Tensor, a: float, sigma: float, *, upper: bool, accuracy: float = _NOISE
) -> Tensor:
    """The x with log_cdf(x) = log_p, or log_sf(x) = log_p if ``upper``; shape of ``log_p``.

    ``accuracy`` : of log_p, relative to 1 + |log_p|; by default that of the last bit.

    The tail at knots that are landmarks near the law and geometric far from it (to 1e299) brackets
    every root at once; Newton on log P(tail), which is smooth where P itself underflows, then
    finishes. Where Newton leaves the bracket (gaps between atoms), bisection takes its place.
    log_p = 0 and -inf give -+inf.
    """
    log_p = torch.as_tensor(log_p, dtype=torch.float64)
    x = torch.empty_like(log_p)
    # Above the median the other tail is the accurate one.
    near = log_p <= math.log(0.5)
    x[near] = _invert(target, log_p[near], a, sigma, upper, accuracy)
    x[~near] = _invert(target, torch.log(-torch.expm1(log_p[~near])), a, sigma, not upper, accuracy)
    return x


def _invert(target: Target1D, log_p: Tensor, a: float, sigma: float, upper: bool, accuracy: float) -> Tensor:
    if log_p.numel() == 0:
        return log_p.clone()
    sign = -1.0 if upper else 1.0
    tail = target.log_sf if upper else target.log_cdf
    marks = target.landmarks(a, sigma)
    centre, scale = marks[len(marks) // 2], max(float(marks[-1] - marks[0]), sigma)
    far = centre + scale * _FAR

    def rising(x: Tensor) -> tuple[Tensor, Tensor]:
        """The points and sign log P(tail) there, which rises; x/a overflows at the farthest where a is tiny."""
        value = sign * tail(x, a, sigma)
        known = ~torch.isnan(value)
        return x[known], value[known]

    # tails are dear: one in fifteen of the far knots, then those between the two that bracket a root
    knots, values = rising(torch.cat([marks, far[::_STRIDE]]).sort().values)
    if not len(knots):
        raise InputError(f"has no density at a = {a:g} and sigma = {sigma:g}: give it a width", key="target")
    low, high, _ = _bracket(knots, values, sign * log_p)
    between = far[((far > low.unsqueeze(-1)) & (far < high.unsqueeze(-1))).any(0)]
    more, at_more = rising(between)
    knots, order = torch.cat([knots, more]).sort()
    low, high, x = _bracket(knots, torch.cat([values, at_more])[order], sign * log_p)
    out = x.clone()
    active = torch.arange(len(log_p))
    last_step = high - low
    for _ in range(_MOST):
        log_tail = tail(x, a, sigma)
        gap = sign * (log_tail - log_p[active])
        low, high = torch.where(gap >= 0, low, x), torch.where(gap >= 0, x, high)
        # d log P(tail)/dx = +- p(x)/P(tail)
        newton = x - gap * torch.exp(log_tail - target.derivative(x, a, sigma, 0))
        done = ((newton - x).abs() <= _EPS * x.abs()) | (gap.abs() <= accuracy * (1 + log_p[active].abs()))
        # Newton must stay inside (but for rounding at a root that is a knot) and its steps must keep
        # halving, or else the bracket is halved.
        slack = 1e-6 * (high - low)
        outside = ~((newton >= low - slack) & (newton <= high + slack))
        halve = outside | ((newton - x).abs() > 0.5 * last_step)
        following = torch.where(halve, (low + high) / 2, torch.clamp(newton, low, high))
        step = (following - x).abs()
        out[active] = torch.where(done, x, following)
        settled = done | (high - low <= _EPS * x.abs())
        going = ~settled
        if not bool(going.any()):
            break
        active, x = active[going], following[going]
        low, high, last_step = low[going], high[going], step[going]
    return torch.where(torch.isneginf(log_p), -sign * math.inf, out)


def _bracket(knots: Tensor, values: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The neighbours among ``knots`` between whose ``values`` each wanted one lies, and a first guess between them.

    Rounding may make the values dip. The root of a normal tail's log is close to linear: the guess goes by it.
    """
    right = torch.searchsorted(values.cummax(0).values, wanted).clamp(1, len(knots) - 1)
    low, high = knots[right - 1], knots[right]
    before, at, after = (values[right - 1].abs().sqrt(), wanted.abs().sqrt(), values[right].abs().sqrt())
    share = ((at - before) / (after - before)).nan_to_num(0.5, 0.5, 0.5).clamp(0.02, 0.98)
    return low, high, low + share * (high - low)
