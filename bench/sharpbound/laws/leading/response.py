"""A law of small error to first order, q = p (1 + R), and its distances to p.

With the shift F_q - F_p = int_{-oo}^x p R,

    TV = 1/2 E|R|,  KL = 1/2 E R^2,  chi^2 = E R^2,  H^2 = 1/8 E R^2,
    W1 = int |F_q - F_p| dx,  W2^2 = int (F_q - F_p)^2 / p dx,

all under p; each is right up to a factor 1 + O(R).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, Self

import numpy as np

from sharpbound.distances import second_order
from sharpbound.errors import NotMeasured
from sharpbound.numerics.quadrature import Array, Panels

METRICS = ("tv", "kl", "kl-reverse", "chi2", "hellinger", "w1", "w2")
"""Distances of an output law that have a leading term ..."""
PATH_METRIC = "path-kl"
"""... and the divergence of a chain, which has one of its own."""

EMPTY, EMPTY_SHARE = 1e-16, 1e-3
"""Where p is this small against its maximum the law is spent: no more than this share of W2 may come from there."""


class Field(Protocol):
    """What defects add up to: linear in them, with a distance of its own."""

    def distance(self, metric: str) -> float:
        """The leading term of a distance; NotMeasured where it has none."""

    def power(self, metric: str) -> float:
        """In which power of the field that distance begins."""

    def at_data(self, a: float) -> Self:
        """Of the law whose noise is gone, where it is that of a X0 and little noise."""

    def scaled(self, factor: float) -> Self:
        """factor times it."""

    def combined(self, others: Sequence[Self], weights: Sequence[float]) -> Self:
        """sum_k weights_k of this (the first weight) and others."""

    def doubting(self, doubt: Self) -> Self:
        """The same, of which ``doubt`` may be wrong."""

    def corrected(self) -> Self:
        """With what may be wrong of it added."""


@dataclass(frozen=True)
class LineResponse:
    """R and F_q - F_p at the nodes (P, n) of panels that carry p."""

    panels: Panels
    density: Array
    relative: Array
    """R = q/p - 1."""
    shift: Array
    """F_q - F_p."""
    gaps: tuple[tuple[int, int], ...] = ()
    """Nodes, counted through, that end stretches inside the law that were left out: its mass on either side is all but
    constant there, and so is the shift."""
    a: float | None = None
    """That of the level, where noise vanishes with 1/T: then what lies between gaps are the atoms themselves."""
    doubt: LineResponse | None = None
    """What may be wrong of it, for the rule that it was found by."""

    def distance(self, metric: str) -> float:
        """The leading term of a distance; NotMeasured where it has none."""
        p, r, panels = self.density, self.relative, self.panels
        match metric:
            case "tv":
                return 0.5 * panels.integrate_abs(p * r)
            case "kl" | "kl-reverse":
                return 0.5 * panels.integrate(p * r**2)
            case "chi2":
                return panels.integrate(p * r**2)
            case "hellinger":
                return math.sqrt(panels.integrate(p * r**2) / 8)
            case "w1" if self.gaps and self.a:
                return math.fsum(mass * across for mass, across in self._crossings(self.a))
            case "w2" if self.gaps and self.a:
                return math.sqrt(math.fsum(mass * across**2 for mass, across in self._crossings(self.a)))
            case "w2" if self.gaps:
                raise NotMeasured(
                    "w2 of a law with gaps goes like the root of the mass that crosses them, until for very large T "
                    "that is less than what lies in them"
                )
            case "w1":
                return panels.integrate_abs(self.shift)
            case "w2":
                cost = self.shift**2 / np.maximum(p, 1e-300)
                whole = panels.integrate(cost)
                if panels.integrate(np.where(p < EMPTY * p.max(), cost, 0.0)) > EMPTY_SHARE * whole:
                    raise NotMeasured("w2 has its leading term where the law is spent")
                return math.sqrt(whole)
        raise NotMeasured(f"{metric} has no leading term")

    def power(self, metric: str) -> float:
        """That of `power`; but W2 goes like the root of the mass that crosses gaps."""
        return 0.5 if metric == "w2" and self.gaps and self.a else power(metric)

    def at_data(self, a: float) -> LineResponse:
        """With the gaps between atoms in units of the data."""
        return replace(self, a=a)

    def _crossings(self, a: float) -> Iterator[tuple[float, float]]:
        """The mass that crosses each gap, and the distance of the atoms on its two sides.

        Little mass moves from one side to the other only, for what lies beyond has room: sum m_k D_k^2 is W2^2.
        """
        x, weight = self.panels.nodes.ravel(), (self.panels.weights * self.density).ravel()
        ends = [0, *(1 + left for left, _ in self.gaps), x.size]
        sides = [slice(*pair) for pair in itertools.pairwise(ends)]
        means = [float(weight[side] @ x[side] / weight[side].sum()) for side in sides]
        for (left, _), across in zip(self.gaps, np.diff(means), strict=True):
            yield abs(float(self.shift.ravel()[left])), float(across) / a

    def scaled(self, factor: float) -> LineResponse:
        """factor R."""
        return self.combined([], [factor])

    def combined(self, others: Sequence[LineResponse], weights: Sequence[float]) -> LineResponse:
        """sum_k weights_k R_k of this (the first weight) and others, all on the same nodes."""
        relative, shift = weights[0] * self.relative, weights[0] * self.shift
        for weight, one in zip(weights[1:], others, strict=True):
            relative, shift = relative + weight * one.relative, shift + weight * one.shift
        doubts = [(one.doubt, w) for one, w in zip([self, *others], weights, strict=True) if one.doubt]
        doubt = (
            doubts[0][0].combined([one for one, _ in doubts[1:]], [w for _, w in doubts]) if doubts else None
        )
        return replace(self, relative=relative, shift=shift, doubt=doubt)

    def doubting(self, doubt: LineResponse) -> LineResponse:
        """The same, of which ``doubt`` may be wrong."""
        return replace(self, doubt=doubt)

    def corrected(self) -> LineResponse:
        """With what may be wrong of it added, and as much of p as R has lost of its mass, which is to be zero."""
        found = self.combined([self.doubt], [1.0, 1.0]) if self.doubt else self
        mass = self.panels.integrate(self.density * found.relative)
        below, above = (
            f(self.density)[0] for f in (self.panels.cumulative, self.panels.cumulative_from_right)
        )
        lost = np.where(below < above, below, -above)  # from the nearer end, where the law is not spent
        lost = mass * np.where(self.density > EMPTY * self.density.max(), lost, 0.0)
        return replace(found, relative=found.relative - mass, shift=found.shift - lost)


SPREAD, PIECES = 400.0, 160
"""Frequencies, in units of 1/std of a sum, up to which its characteristic function is integrated, and panels there."""
PHASE, MOST_PIECES, NO_MASS = 12.0, 64, 1e-14
"""Phase that a panel may turn by, pieces that it is cut into at most, and mass that is none."""


def sum_distance(metric: str, parts: Sequence[tuple[LineResponse, int]]) -> float:
    """A distance of a law of independent coordinates, each response ``count`` times over: R = sum_i R_i.

    KL, chi^2, H^2 and W2^2 add; TV is 1/2 E|R| = (1/pi) int_0^oo (1 - Re phi(t))/t^2 dt with phi that of the sum.
    Raises NotMeasured where it has none.
    """
    if len(parts) == 1 and parts[0][1] == 1:
        return parts[0][0].distance(metric)
    match metric:
        case "kl" | "kl-reverse" | "chi2":
            return math.fsum(count * one.distance(metric) for one, count in parts)
        case "hellinger" | "w2":
            return math.sqrt(math.fsum(count * one.distance(metric) ** 2 for one, count in parts))
        case "tv":
            return 0.5 * _mean_size(parts)
    raise NotMeasured(f"{metric} in several dimensions has no leading term here")


def _mean_size(parts: Sequence[tuple[LineResponse, int]]) -> float:
    """E|sum_i R_i| from the characteristic function of the sum, in units of its standard deviation."""
    std = math.sqrt(math.fsum(count * one.distance("chi2") for one, count in parts))
    if std == 0:
        return 0.0
    panels = Panels.between(np.concatenate([[0.0], np.geomspace(0.05, SPREAD, PIECES)]))
    t = panels.nodes.ravel()
    phi = np.ones(len(t), dtype=complex)
    for one, count in parts:
        weight, r = _resolved(one, std)
        single = np.concatenate([np.exp(1j * np.outer(some, r)) @ weight for some in np.array_split(t, 64)])
        phi *= single**count
    integrand = ((1 - phi.real) / t**2).reshape(panels.nodes.shape)
    return std * 2 / math.pi * (panels.integrate(integrand) + 1 / SPREAD)


def _resolved(one: LineResponse, std: float) -> tuple[Array, Array]:
    """Weights and R/std at nodes that resolve exp(i SPREAD R/std)."""
    r = one.relative / std
    mass = one.panels.masses(one.density)
    turns = np.where(mass > NO_MASS, SPREAD * np.ptp(r, axis=1) / PHASE, 0.0)
    fine = one.panels.cut(np.clip(np.ceil(turns), 1, MOST_PIECES).astype(int)).panels
    weight = (fine.weights * one.panels.interpolate(one.density, fine.nodes)).ravel()
    seen = weight > NO_MASS * weight.max()
    return weight[seen] / weight[seen].sum(), one.panels.interpolate(r, fine.nodes).ravel()[seen]


def power(metric: str) -> int:
    """In which power of its field a distance begins: R, or the divergence of a chain itself."""
    return 2 if metric in METRICS and second_order(metric) else 1
