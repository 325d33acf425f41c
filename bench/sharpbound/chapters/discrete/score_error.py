"""Errors of exactly known shape in what a sampler is given of the data.

``of = "ratio"``: the ratios p_t(y)/p_t(x), the concrete score, are exp(eps f) times the true ones.
``of = "denoiser"``: the conditionals P(X_0^i = v | X_t = x) are, and their sums brought back to 1; ratios follow from
them, sum_u P(X_0^i = u | x) K_t(u, v)/K_t(u, x_i).

f(x, i, v) is the field: of the state x, the coordinate i that changes and the value v that it changes to, the same at
all times. ``constant``: 1.  ``checkerboard``: (-1)^(sum of x + i + v).  ``random``: standard normal draws, by ``seed``.

Its size is the score entropy (SEDD, 2310.16834),

    int_delta^horizon E_{p_t} sum_{y != x} Q_t(y, x) (s^ - s - s log(s^/s)) dt,        s = p_t(y)/p_t(x),

the KL divergence of the paths of the true reverse chain against those of the chain with the estimated rates in
continuous time (Girsanov), and so a bound on that of their ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.integrate import solve_ivp

from sharpbound.chapters.discrete.process import normalised
from sharpbound.chapters.discrete.reverse import Places, Reverse
from sharpbound.errors import InputError
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.quadrature import Array
from sharpbound.options import made

Field = Literal["constant", "checkerboard", "random"]
PANELS, NODES = 8, 12
"""Of the integral over time: panels grow with the time, and integrands are smooth in its logarithm."""
MOST_STATES = 1024
"""Of a law in continuous time, found by an adaptive solver."""


@dataclass(frozen=True)
class Estimated(Reverse):
    """A reverse chain with wrong ratios."""

    eps: float
    field: tuple[Array, ...]
    """f for each coordinate, (N, S')."""

    def rates(self, t: float) -> list[Array]:
        return [np.exp(self.eps * f) * rate for f, rate in zip(self.field, super().rates(t), strict=True)]

    def back(self, t: float, s: float) -> list[Array]:
        """Tweedie's formula with the estimated ratios s^(v), s^(x_i) = 1: sum_u s^(u) K^{-1}(u, v) K(v, x_i), what is
        negative of it cut off, over its sum.
        """
        K = self.process.kernel(s, t)
        if np.linalg.cond(K) > 1e12:
            raise InputError("ratios say nothing of what is before a time without end", key="score_error")
        inverse, size = np.linalg.inv(K), self.process.size
        found = []
        states = np.unravel_index(np.arange(self.size), self.shape)
        for f, at, law in zip(self.field, states, self.redrawn(t), strict=True):
            here = law[np.arange(self.size), at][:, None]
            ratio = np.exp(self.eps * f) * law / np.where(here > 0, here, 1.0)
            ratio[np.arange(self.size), at] = 1.0
            joint = np.maximum((ratio @ inverse) * K.T[at], 0.0)
            found.append(normalised(joint, 1, np.eye(size)[at]))
        return found

    def clean(self, t: float) -> list[Array]:
        raise InputError(
            "a kernel of one's own is given conditionals, not ratios; use denoiser", key="score_error.of"
        )


@dataclass(frozen=True)
class Denoised(Estimated):
    """A reverse chain with wrong conditionals of the data."""

    def clean(self, t: float) -> list[Array]:
        S, found = self.process.states, []
        for f, exact in zip(self.field, Reverse(self.data, self.process).clean(t), strict=True):
            law = np.exp(self.eps * f[:, :S]) * exact
            found.append(law / law.sum(1, keepdims=True))
        return found

    def _ends(self, t: float) -> list[tuple[Places, Array]]:
        """For each coordinate x_i, and P(X_0^i = u | x)/K_t(u, x_i), 0 where u cannot come to x_i."""
        K = self.process.kernel(0.0, t)[: self.process.states]
        found: list[tuple[Places, Array]] = []
        for at, law in zip(np.unravel_index(np.arange(self.size), self.shape), self.clean(t), strict=True):
            come = K.T[at]
            found.append((at, np.where(come > 0, law / np.where(come > 0, come, 1.0), 0.0)))
        return found

    def rates(self, t: float) -> list[Array]:
        K, back = self.process.kernel(0.0, t)[: self.process.states], self.process.rates(t).T
        found = []
        for at, weight in self._ends(t):
            rate = (weight @ K) * back[at]
            rate[np.arange(self.size), at] = 0.0
            found.append(rate)
        return found

    def back(self, t: float, s: float) -> list[Array]:
        """sum_u P(X_0^i = u | x) P(X_s^i = v | X_0^i = u, X_t^i = x_i)."""
        early, step = self.process.kernel(0.0, s)[: self.process.states], self.process.kernel(s, t)
        found = []
        for at, weight in self._ends(t):
            found.append(normalised((weight @ early) * step.T[at], 1, np.eye(self.process.size)[at]))
        return found


def build(spec: Mapping[str, Any], reverse: Reverse) -> Estimated:
    """The reverse chain with the error of a ``[score_error]``; InputError, naming its key, for every mistake."""

    def estimated(
        field: Field, eps: float = 1.0, seed: int = 0, of: Literal["ratio", "denoiser"] = "ratio"
    ) -> Estimated:
        kind = Estimated if of == "ratio" else Denoised
        return kind(reverse.data, reverse.process, eps, tuple(_field(field, reverse, seed)))

    found: Estimated = made(estimated, spec, name="score_error", who="a score error")
    return found


def _field(name: Field, reverse: Reverse, seed: int) -> list[Array]:
    shape = (reverse.size, reverse.process.size)
    if name == "constant":
        return [np.ones(shape)] * reverse.data.ndim
    if name == "random":
        draws = np.random.default_rng(seed)
        return [draws.standard_normal(shape) for _ in range(reverse.data.ndim)]
    total = np.array(np.unravel_index(np.arange(reverse.size), reverse.shape)).sum(0)
    v = np.arange(shape[1])
    return [1.0 - 2.0 * ((total[:, None] + i + v) % 2) for i in range(reverse.data.ndim)]


def score_entropy(true: Reverse, estimated: Reverse, start: float, end: float) -> float:
    """The integral from ``end`` to ``start``, end < start, with what it lacks of end = 0 counted from 1e-9 of start."""
    edges = np.geomspace(max(end, 1e-9 * start), start, PANELS + 1)
    x, w = gauss_legendre(NODES)
    total = 0.0
    for lo, hi in zip(np.log(edges[:-1]), np.log(edges[1:]), strict=True):
        for node, weight in zip(x, w, strict=True):
            t = float(np.exp(0.5 * (lo + hi) + 0.5 * (hi - lo) * node))
            total += 0.5 * (hi - lo) * weight * t * _entropy_rate(true, estimated, t)
    return total


def _entropy_rate(true: Reverse, estimated: Reverse, t: float) -> float:
    p, total = true.marginal(t).ravel(), 0.0
    for rate, guess in zip(true.rates(t), estimated.rates(t), strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            off = guess / rate - 1
            total += float(p @ np.where(rate > 0, rate * (off - np.log1p(off)), guess).sum(1))
    return total


def continuous_law(reverse: Reverse, q: Array, start: float, end: float) -> Array:
    """The law q at the time ``start`` carried to ``end`` by the chain with the rates of ``reverse``: no steps."""
    if reverse.size > MOST_STATES:
        raise InputError(
            f"{reverse.size} states; a chain in continuous time with wrong rates takes at most {MOST_STATES}",
            key="target",
        )

    def flow(u: float, law: Array) -> Array:
        change = np.zeros(reverse.shape)
        for axis, rate in enumerate(reverse.rates(start - u)):
            moved = law[:, None] * rate
            change -= moved.sum(1).reshape(reverse.shape)
            # what leaves x for v in the place of x_i comes in there, whatever x_i was
            into = np.moveaxis(moved.reshape((*reverse.shape, -1)), axis, 0).sum(0)
            change += np.moveaxis(into, -1, axis)
        return change.ravel()

    found = solve_ivp(flow, (0.0, start - end), q.ravel(), method="DOP853", rtol=1e-11, atol=1e-15)
    return np.asarray(found.y[:, -1]).reshape(reverse.shape)
