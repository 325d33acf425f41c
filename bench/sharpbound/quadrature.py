"""Composite Gauss-Legendre panels on the line: the one discretisation that every exact law uses.

A function is held by its values at the nodes of each panel, which is the same as a polynomial of
degree n - 1 per panel. So integrals, running integrals, derivatives, values in between, and the
integral of an absolute value (between the roots of the polynomials) all come at spectral accuracy,
and the last coefficients of the polynomials say whether the function is resolved.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

Array = NDArray[np.float64]

ORDER = 16
"""Nodes per panel."""


@lru_cache(maxsize=8)
def _rule(n: int) -> tuple[Array, Array, Array, Array]:
    """Nodes, weights, values -> Legendre coefficients, and node values -> integral from -1 to each node."""
    x, w = legendre.leggauss(n)
    vander = legendre.legvander(x, n - 1)
    to_coefficients = (vander * w[:, None]).T * (np.arange(n) + 0.5)[:, None]
    # the integral of P_k from -1 is (P_{k+1} - P_{k-1}) / (2k + 1), and x + 1 for k = 0
    wide = legendre.legvander(x, n)
    running = np.empty((n, n))
    running[:, 0] = x + 1
    for k in range(1, n):
        running[:, k] = (wide[:, k + 1] - wide[:, k - 1]) / (2 * k + 1)
    return x, w, to_coefficients, running @ to_coefficients


@lru_cache(maxsize=8)
def legendre_derivative(n: int) -> Array:
    """Matrix from Legendre coefficients to those of the derivative on [-1, 1]."""
    return np.stack(
        [np.append(legendre.legder(row), np.zeros(n - max(n - 1, 1))) for row in np.eye(n)], axis=1
    )


class Panels:
    """Intervals [lo_i, hi_i], in order, with n Gauss-Legendre nodes each.

    ``nodes`` and ``weights`` have shape (P, n); every method takes and returns values in that shape.
    Usually the intervals are contiguous (`Panels.between`); where they are not, only integrals make sense.
    """

    def __init__(self, lo: Array, hi: Array, n: int = ORDER) -> None:
        self.lo, self.hi = np.asarray(lo, dtype=np.float64), np.asarray(hi, dtype=np.float64)
        self.n = n
        x, w, self._to_coefficients, self._running = _rule(n)
        self.half = 0.5 * (self.hi - self.lo)
        self.mid = 0.5 * (self.hi + self.lo)
        self.nodes: Array = self.mid[:, None] + self.half[:, None] * x
        self.weights: Array = self.half[:, None] * w

    @classmethod
    def between(cls, edges: Array, n: int = ORDER) -> Panels:
        """Contiguous panels between increasing edges."""
        return cls(edges[:-1], edges[1:], n)

    def __len__(self) -> int:
        return len(self.half)

    def integrate(self, f: Array) -> float:
        """int f."""
        return float((self.weights * f).sum())

    def masses(self, f: Array) -> Array:
        """int f over each panel, shape (P,)."""
        return (self.weights * f).sum(1)

    def coefficients(self, f: Array) -> Array:
        """Legendre coefficients of f on each panel, shape (P, n)."""
        return f @ self._to_coefficients.T

    def cumulative(self, f: Array) -> tuple[Array, Array]:
        """Running integral from the first edge: at the nodes (P, n) and at the edges (P+1,)."""
        at_edges = np.concatenate([[0.0], np.cumsum(self.masses(f))])
        return at_edges[:-1, None] + self.half[:, None] * (f @ self._running.T), at_edges

    def cumulative_from_right(self, f: Array) -> tuple[Array, Array]:
        """Running integral to the last edge, without cancellation in the right tail."""
        per_panel = self.masses(f)
        at_edges = np.concatenate([np.cumsum(per_panel[::-1])[::-1], [0.0]])
        # int_x^right = int over the panel reflected: the nodes are symmetric
        return at_edges[1:, None] + self.half[:, None] * (f[:, ::-1] @ self._running.T)[:, ::-1], at_edges

    def integrate_abs(self, f: Array) -> float:
        """int |f|, exact between the roots of the panel polynomials."""
        return float(self.abs_parts(f).sum())

    def abs_parts(self, f: Array) -> Array:
        """int |f| over each panel, shape (P,)."""
        plain = self.masses(np.abs(f))
        coefficients = self.coefficients(f)
        ends = np.stack([coefficients @ (-1.0) ** np.arange(self.n), coefficients.sum(1)], axis=1)
        sign = np.sign(np.concatenate([f, ends], axis=1))
        changes = (sign.max(1) > 0) & (sign.min(1) < 0) & (plain > 1e-17 * plain.sum())
        for i in np.flatnonzero(changes):
            roots = legendre.legroots(_trimmed(coefficients[i]))
            roots = np.sort(roots[(np.abs(roots.imag) < 1e-9) & (np.abs(roots.real) < 1)].real)
            points = np.concatenate([[-1.0], roots, [1.0]])
            primitive = legendre.legval(points, legendre.legint(coefficients[i]))
            plain[i] = self.half[i] * np.abs(np.diff(primitive)).sum()
        return plain

    def locate(self, x: Array) -> tuple[NDArray[np.int64], Array]:
        """Panel index and local coordinate in [-1, 1] of each x (outside: the nearest panel, extrapolated)."""
        index = np.clip(np.searchsorted(self.lo, x, side="right") - 1, 0, len(self) - 1)
        return index, (x - self.mid[index]) / self.half[index]

    def derivative_coefficients(self, coefficients: Array) -> Array:
        """Legendre coefficients of the derivative of a function given by its own, shape (P, n)."""
        return (coefficients @ legendre_derivative(self.n).T) / self.half[:, None]

    def interpolate(self, f: Array, x: Array) -> Array:
        """Values at x of the function with node values f."""
        index, local = self.locate(x)
        return np.einsum("...k,...k->...", legendre.legvander(local, self.n - 1), self.coefficients(f)[index])

    def tails(self, f: Array) -> Array:
        """Size of the two last Legendre coefficients on each panel: zero to rounding where f is resolved."""
        last = f @ self._to_coefficients[-2:].T
        return np.abs(last).max(1)

    def truncation(self, f: Array) -> Array:
        """Size of what the polynomial leaves out, the last coefficients going on as they have begun to fall.

        Where they do not fall, at a kink or in noise, that is the size of the last ones.
        """
        last = np.abs(f @ self._to_coefficients[-4:].T)
        before, after = last[:, :2].max(1), last[:, 2:].max(1)
        return after * np.minimum(after / np.maximum(before, np.finfo(float).tiny), 1.0)

    def split(self, flagged: NDArray[np.bool_], pieces: int | NDArray[np.int64] = 2) -> Panels:
        """The panels in order, every flagged one cut into equal pieces (one number, or one per panel)."""
        count = np.where(flagged, pieces, 1)
        parent = np.repeat(np.arange(len(self)), count)
        piece = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        width = (self.hi - self.lo)[parent] / count[parent]
        lo = self.lo[parent] + piece * width
        last = piece == count[parent] - 1
        return Panels(lo, np.where(last, self.hi[parent], lo + width), self.n)


def _trimmed(coefficients: Array) -> Array:
    """Without trailing coefficients at rounding level, which would put spurious roots near the panel."""
    keep = np.flatnonzero(np.abs(coefficients) > 1e-15 * np.abs(coefficients).max())
    return coefficients[: keep[-1] + 1] if len(keep) else coefficients[:1]


def resolve(
    unresolved: Callable[[Panels], NDArray[np.bool_]],
    edges: Array,
    *,
    max_panels: int = 4000,
    rounds: int = 40,
) -> Panels:
    """Bisect the panels that ``unresolved`` flags until it flags none (or the limits are reached)."""
    panels = Panels.between(edges)
    for _ in range(rounds):
        flagged = unresolved(panels)
        if not flagged.any() or len(panels) + flagged.sum() > max_panels:
            break
        panels = panels.split(flagged)
    return panels
