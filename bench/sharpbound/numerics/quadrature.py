"""Composite Gauss-Legendre panels on the line: the one discretisation that every exact law uses.

A function is held by its values at the nodes of each panel, which is the same as a polynomial of
degree n - 1 per panel. So integrals, running integrals, derivatives, values in between, and the
integral of an absolute value (between the roots of the polynomials) all come at spectral accuracy,
and the last coefficients of the polynomials say whether the function is resolved.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.polynomial import chebyshev, legendre
from numpy.typing import NDArray

from sharpbound.numerics.gauss import gauss_legendre

Array = NDArray[np.float64]

ORDER = 16
"""Nodes per panel."""
GRADE = 2.1
"""How much wider than its neighbour a panel may be where they are graded: twice, up to rounding."""


@lru_cache(maxsize=8)
def _rule(n: int) -> tuple[Array, Array, Array, Array]:
    """Nodes, weights, values -> Legendre coefficients, and node values -> integral from -1 to each node."""
    x, w = gauss_legendre(n)
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


@lru_cache(maxsize=16)
def legendre_at_edge(n: int, side: int) -> Array:
    """P_k, P_k' and P_k'' at ``side`` = -1 or 1, shape (n, 3)."""
    k = np.arange(n)
    parts = [np.ones(n), k * (k + 1) / 2, (k - 1) * k * (k + 1) * (k + 2) / 8]
    return np.stack([part * float(side) ** (k + order) for order, part in enumerate(parts)], axis=1)


@lru_cache(maxsize=8)
def to_chebyshev(n: int) -> Array:
    """Matrix from Legendre coefficients to Chebyshev's, which are quicker to sum (`chebyshev_values`)."""
    x, *_ = _rule(n)
    matrix = np.linalg.solve(chebyshev.chebvander(x, n - 1), legendre.legvander(x, n - 1))
    return np.asarray(matrix, dtype=np.float64)


def chebyshev_values(x: Array, n: int) -> Array:
    """T_0(x), ..., T_{n-1}(x), shape (n, *x.shape), n >= 2."""
    out = np.empty((n, *x.shape))
    out[0], out[1] = 1.0, x
    twice = 2 * x
    for k in range(2, n):
        np.multiply(twice, out[k - 1], out=out[k])
        out[k] -= out[k - 2]
    return out


@lru_cache(maxsize=128)
def _on_pieces(n: int, pieces: int) -> Array:
    """Matrix from Legendre coefficients to the values at the nodes of equal pieces, (pieces n, n)."""
    x, *_ = _rule(n)
    middles = (2 * np.arange(pieces)[:, None] + 1) / pieces - 1
    matrix = legendre.legvander((middles + x / pieces).ravel(), n - 1)
    return np.asarray(matrix, dtype=np.float64)


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

    @classmethod
    def joined(cls, *parts: Panels) -> Panels:
        """The panels of all parts, one part after the other."""
        return cls(
            np.concatenate([one.lo for one in parts]), np.concatenate([one.hi for one in parts]), parts[0].n
        )

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

    def values(self, coefficients: Array) -> Array:
        """Node values of functions with these Legendre coefficients on each panel, shape (P, n)."""
        return coefficients @ _on_pieces(self.n, 1).T

    def cumulative(self, f: Array) -> tuple[Array, Array]:
        """Running integral from the first edge: at the nodes (P, n) and at the edges (P+1,)."""
        at_edges = np.concatenate([[0.0], np.cumsum(self.masses(f))])
        return at_edges[:-1, None] + self.running(f), at_edges

    def running(self, f: Array) -> Array:
        """Integral from the left edge of each panel to its nodes, (P, n)."""
        return self.half[:, None] * (f @ self._running.T)

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
        """Values at x of the functions with node values f, (..., P, n): (..., *x.shape)."""
        index, local = self.locate(x)
        basis = legendre.legvander(local, self.n - 1)
        return np.einsum("...k,...k->...", basis, self.coefficients(f)[..., index, :])

    def tails(self, f: Array) -> Array:
        """Size of the two last Legendre coefficients on each panel: zero to rounding where f is resolved."""
        last = f @ self._to_coefficients[-2:].T
        return np.abs(last).max(1)

    def excess(self, f: Array, relative: float, absolute: float = 0.0) -> Array:
        """How many times more each panel leaves unresolved of int f than ``relative`` of int |f|, or ``absolute``."""
        return self.half * self.tails(f) / max(relative * self.integrate(np.abs(f)), absolute)

    def truncation(self, f: Array) -> Array:
        """Size of what the polynomial leaves out, the last coefficients going on as they have begun to fall.

        Where they do not fall, at a kink or in noise, that is the size of the last ones.
        """
        last = np.abs(f @ self._to_coefficients[-4:].T)
        before, after = last[:, :2].max(1), last[:, 2:].max(1)
        return after * np.minimum(after / np.maximum(before, np.finfo(float).tiny), 1.0)

    def only(self, which: NDArray[np.bool_] | slice) -> Panels:
        """Some of the panels."""
        return Panels(self.lo[which], self.hi[which], self.n)

    def halved(self, flagged: NDArray[np.bool_]) -> Refinement:
        """The panels in order, every flagged one cut in two."""
        return self.cut(np.where(flagged, 2, 1))

    def narrowed(self, width: float | Array) -> Panels:
        """The same intervals in equal pieces no wider than ``width`` (one number for all, or one per panel)."""
        return self.cut(np.ceil(2 * self.half / width).astype(int)).panels

    def graded(self, least: float = 0.0) -> Panels:
        """The panels halved until none is more than twice as wide as a neighbour, or as ``least``: around a point where
        they are narrow they widen with the distance from it.
        """
        panels = self
        while True:
            half = np.pad(panels.half, 1, constant_values=np.inf)
            wide = panels.half > GRADE * np.maximum(np.minimum(half[:-2], half[2:]), 0.5 * least)
            if not wide.any():
                return panels
            panels = panels.halved(wide).panels

    def cut(self, pieces: int | NDArray[np.int64]) -> Refinement:
        """The panels in order, each cut into equal pieces (one number for all, or one per panel, 0 to leave it out)."""
        count = np.broadcast_to(pieces, len(self))
        parent = np.repeat(np.arange(len(self)), count)
        piece = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
        width = (self.hi - self.lo)[parent] / count[parent]
        lo = self.lo[parent] + piece * width
        last = piece == count[parent] - 1
        panels = Panels(lo, np.where(last, self.hi[parent], lo + width), self.n)
        return Refinement(panels, parent, (count > 1)[parent])


@dataclass(frozen=True)
class Refinement:
    """Panels of which some have been cut out of wider ones."""

    panels: Panels
    parent: NDArray[np.int64]
    """Index of the panel that each comes from, shape (P,)."""
    new: NDArray[np.bool_]
    """Whether it is a piece of that panel only, shape (P,)."""

    @property
    def new_nodes(self) -> Array:
        """Nodes of the pieces, shape (number of pieces, n)."""
        return self.panels.nodes[self.new]

    def resampled(self, coefficients: Array) -> Array:
        """Values at all nodes, (..., P, n), of functions with these Legendre coefficients on the panels before."""
        *several, before, n = coefficients.shape
        pieces = np.bincount(self.parent, minlength=before)
        out = np.empty((*several, len(self.panels), n))
        for count in set(pieces.tolist()) - {0}:
            cut = pieces == count
            values = coefficients[..., cut, :] @ _on_pieces(n, count).T
            out[..., cut[self.parent], :] = values.reshape(*several, -1, n)
        return out

    def merged(self, old: Array, values: Array) -> Array:
        """Node values on all panels: ``old`` ones (..., panels before, n) where nothing was cut, ``values``
        (..., number of pieces, n) on the pieces.
        """
        out = old[..., self.parent, :]
        out[..., self.new, :] = values
        return out


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
        panels = panels.halved(flagged).panels
    return panels
