"""How large a given error is: eps_score, eps_jacobi and D^delta, per level and aggregated."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import brentq

from sharpbound.marginals.panels import tensor
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.numerics.roots import bisect, roots
from sharpbound.scores.expectation import Expectations
from sharpbound.scores.frame import Frame
from sharpbound.scores.perturbed import LineError

RESOLVED, HALVINGS = 1e-10, 12
"""Share of an integral over levels that a panel may leave unresolved, and how often one is halved at most."""


def level_rms(error: LineError) -> Array:
    """||e_t||_{L2(q_t)} at t = 0..T (0 at t = 0), (T+1,)."""
    return _per_level(error, Expectations.of(error.shape).rms)


def level_slopes(error: LineError) -> Array:
    """E_{q_t} |e_t'| at t = 0..T, (T+1,)."""
    return _per_level(error, Expectations.of(error.shape).mean_slope)


def _per_level(error: LineError, expectation: Callable[[Frame], float]) -> Array:
    sizes = [
        abs(amplitude) * expectation(frame) if amplitude else 0.0
        for frame, amplitude in zip(error.frames, error.amplitude, strict=True)
    ]
    return np.array(sizes)


class Exceedance:
    """u -> P(|f(X)| >= u) for a derivative f of the error at one level, X ~ q_t, exactly.

    The line is cut at nodes fine enough to see every swing of f, at the extrema of f and at its zeros;
    on each piece |f| is monotone, the level u is crossed at most once, and the mass is a difference of
    distribution functions.
    """

    def __init__(self, error: LineError, t: int, order: int = 0) -> None:
        self.frame, self.size = error.frames[t], abs(error.amplitude[t])
        self._f = lambda x: self.size * error.shape.derivative(self.frame, tensor(x), order).numpy()

        def slope(x: Array) -> Array:
            return error.shape.derivative(self.frame, tensor(x), order + 1).numpy()

        panels = Expectations.of(error.shape).panels(self.frame)
        x = np.unique(np.concatenate([panels.nodes.ravel(), panels.lo, panels.hi]))
        for f in (slope, self._f):
            x = np.unique(np.concatenate([x, roots(f, x)]))
        self.x, self.height = x, np.abs(self._f(x))
        self.cdf = self._cdf(x)

    def _cdf(self, x: Array) -> Array:
        return self.frame.target.cdf(tensor(x), self.frame.a, self.frame.sigma).numpy()

    def __call__(self, u: float) -> float:
        return float(self.at(np.array([u]))[0])

    def at(self, u: Array) -> Array:
        """P(|f| >= u) for levels u of shape (n,), all crossings of all levels bisected together."""
        high = self.height >= u[:, None]
        lower, upper = np.where(high[:, :-1], self.cdf[:-1], 0.0), np.where(high[:, :-1], self.cdf[1:], 0.0)
        level, crossed = np.nonzero(high[:, :-1] != high[:, 1:])
        if len(crossed):
            wanted, falling = u[level], high[level, crossed]
            at = self._cdf(
                bisect(lambda x: np.abs(self._f(x)) - wanted, self.x[crossed], self.x[crossed + 1])
            )
            lower[level, crossed] = np.where(falling, self.cdf[crossed], at)
            upper[level, crossed] = np.where(falling, at, self.cdf[crossed + 1])
        return (upper - lower).sum(1) + high[:, 0] * self.cdf[0] + high[:, -1] * (1 - self.cdf[-1])

    @property
    def turns(self) -> Array:
        """0, the heights of all extrema of |f| in order, and the largest height: P is smooth between them."""
        held = (self.cdf > 0) & (self.cdf < 1)
        height, before, after = (self.height[held][cut] for cut in (slice(1, -1), slice(-2), slice(2, None)))
        extrema = height[(height - before) * (after - height) <= 0]
        heights = np.unique(np.append(extrema, [0.0, self.height[held].max(initial=0.0)]))
        apart = np.diff(heights, prepend=-1.0) > 1e-9 * max(heights[-1], 1e-300)
        return heights[apart]

    def quantile(self, delta: float) -> float:
        """min {u : P(|f| >= u) <= delta}."""
        top = float(self.height[(self.cdf > 0) & (self.cdf < 1)].max(initial=0.0))
        if top == 0.0 or self(1e-12 * top) <= delta * (1 + 1e-9):
            return 0.0
        if self(top) > delta:
            return top
        return float(brentq(lambda u: self(u) - delta, 1e-12 * top, top, xtol=1e-14 * top, rtol=1e-12))


def robust_error(error: LineError, t: int, delta: float) -> float:
    """D^delta(s_t, s_t + e_t), the (1 - delta)-quantile of |e_t| under q_t (Gupta et al., 2311.13745)."""
    return Exceedance(error, t).quantile(delta) if error.amplitude[t] else 0.0


def largest_slope(errors: Sequence[tuple[LineError, int]], t: int) -> float:
    """E max_i |e_t'(X_i)| over independent coordinates, each kind with how often it occurs: the operator norm of
    a diagonal Jacobian.

    int_0^top [1 - prod_k (1 - P(|e_k'| >= u))^{n_k}] du. P has roots where |e'| turns: with
    u = mid - half cos(pi s) between neighbouring turns the integrand is smooth in s.
    """
    kinds = [(Exceedance(error, t, order=1), n) for error, n in errors if error.amplitude[t]]
    turns = np.unique(np.concatenate([[0.0], *(kind.turns for kind, _ in kinds)]))
    if turns[-1] == 0.0:
        return 0.0

    def integrand(s: Array) -> Array:
        i = np.minimum(s.astype(int), len(turns) - 2)
        half, mid = 0.5 * (turns[i + 1] - turns[i]), 0.5 * (turns[i + 1] + turns[i])
        u = (mid - half * np.cos(np.pi * (s - i))).ravel()
        with np.errstate(divide="ignore"):
            log_none = sum(n * np.log1p(-kind.at(u).clip(0.0, 1.0)) for kind, n in kinds)
        return -np.expm1(log_none).reshape(s.shape) * half * np.pi * np.sin(np.pi * (s - i))

    panels = Panels.between(np.arange(len(turns), dtype=np.float64))
    values = integrand(panels.nodes)
    for _ in range(HALVINGS):
        flagged = panels.half * panels.tails(values) > RESOLVED * panels.integrate(values)
        if not flagged.any():
            break
        panels = panels.halved(flagged).panels
        values = integrand(panels.nodes)
    return panels.integrate(values)
