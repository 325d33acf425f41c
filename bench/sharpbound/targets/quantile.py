"""Quantiles from log tails: a Newton iteration that a bracket keeps safe, for all points at once.

The points are mostly one or two, on which a call of numpy takes a fraction of one of torch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
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


_FAR = np.sinh(np.linspace(-_FARTHEST, _FARTHEST, _FARTHEST + 1))

Array = NDArray[np.float64]


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
    wanted = torch.as_tensor(log_p, dtype=torch.float64).numpy()
    x = np.empty_like(wanted)
    # Above the median the other tail is the accurate one.
    near = wanted <= math.log(0.5)
    with np.errstate(all="ignore"):
        x[near] = _invert(target, wanted[near], a, sigma, upper, accuracy)
        x[~near] = _invert(target, np.log(-np.expm1(wanted[~near])), a, sigma, not upper, accuracy)
    return torch.from_numpy(x)


def _invert(target: Target1D, log_p: Array, a: float, sigma: float, upper: bool, accuracy: float) -> Array:
    if not log_p.size:
        return log_p
    sign = -1.0 if upper else 1.0
    marks = target.landmarks(a, sigma).numpy()
    centre, scale = marks[len(marks) // 2], max(float(marks[-1] - marks[0]), sigma)
    far = centre + scale * _FAR

    def tail(x: Array) -> Array:
        return (target.log_sf if upper else target.log_cdf)(torch.from_numpy(x), a, sigma).numpy()

    def rising(x: Array) -> tuple[Array, Array]:
        """The points and sign log P(tail) there, which rises; x/a overflows at the farthest where a is tiny."""
        value = sign * tail(x)
        known = ~np.isnan(value)
        return x[known], value[known]

    # tails are dear: one in fifteen of the far knots, then those between the two that bracket a root
    knots, values = rising(np.sort(np.concatenate([marks, far[::_STRIDE]])))
    if not len(knots):
        raise InputError(f"has no density at a = {a:g} and sigma = {sigma:g}: give it a width", key="target")
    low, high, x = _bracket(knots, values, sign * log_p)
    between = far[((far > low[:, None]) & (far < high[:, None])).any(0)]
    if between.size:
        more, at_more = rising(between)
        knots = np.concatenate([knots, more])
        order = np.argsort(knots)
        low, high, x = _bracket(knots[order], np.concatenate([values, at_more])[order], sign * log_p)
    out = x.copy()
    active = np.arange(len(log_p))
    last_step = high - low
    for _ in range(_MOST):
        log_tail = tail(x)
        gap = sign * (log_tail - log_p[active])
        low, high = np.where(gap >= 0, low, x), np.where(gap >= 0, x, high)
        # d log P(tail)/dx = +- p(x)/P(tail)
        newton = x - gap * np.exp(log_tail - target.derivative(torch.from_numpy(x), a, sigma, 0).numpy())
        done = (np.abs(newton - x) <= _EPS * np.abs(x)) | (
            np.abs(gap) <= accuracy * (1 + np.abs(log_p[active]))
        )
        # Newton must stay inside (but for rounding at a root that is a knot) and its steps must keep
        # halving, or else the bracket is halved.
        slack = 1e-6 * (high - low)
        outside = ~((newton >= low - slack) & (newton <= high + slack))
        halve = outside | (np.abs(newton - x) > 0.5 * last_step)
        following = np.where(halve, (low + high) / 2, np.minimum(np.maximum(newton, low), high))
        step = np.abs(following - x)
        out[active] = np.where(done, x, following)
        going = ~(done | (high - low <= _EPS * np.abs(x)))
        if not going.any():
            break
        active, x = active[going], following[going]
        low, high, last_step = low[going], high[going], step[going]
    return np.where(np.isneginf(log_p), -sign * math.inf, out)


def _bracket(knots: Array, values: Array, wanted: Array) -> tuple[Array, Array, Array]:
    """The neighbours among ``knots`` between whose ``values`` each wanted one lies, and a first guess between them.

    Rounding may make the values dip. The root of a normal tail's log is close to linear: the guess goes by it.
    """
    right = np.clip(np.searchsorted(np.maximum.accumulate(values), wanted), 1, len(knots) - 1)
    low, high = knots[right - 1], knots[right]
    before, at, after = (np.sqrt(np.abs(each)) for each in (values[right - 1], wanted, values[right]))
    share = np.clip(
        np.nan_to_num((at - before) / (after - before), nan=0.5, posinf=0.5, neginf=0.5), 0.02, 0.98
    )
    return low, high, low + share * (high - low)
