"""Distances between product laws: divergences add or multiply, total variation is an integral over H.

KL adds; 1 + chi^2 and 1 - H^2 (the Bhattacharyya coefficient) multiply; W2^2 adds. For TV, with
min(p, q) = sqrt(pq) e^{-|l|/2} and e^{-|l|/2} the Fourier transform of a Cauchy density,

    TV = 1/pi int_0^oo (1 - Re H(1/2 + i tau)) / (tau^2 + 1/4) dtau,      H = exp(sum n_i log H_i),

at a cost that does not depend on the dimension.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from sharpbound.distances import gaussian, one_dimensional
from sharpbound.distances.base import FloorKind, Law, Measured, worst
from sharpbound.distances.gaussian import GaussianPair
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import InputError, NotMeasured
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.quadrature import Array, Panels

_ACCURACY = 1e-10
"""Relative size of the rest of the integral at which it is cut."""
_LAST = 512.0
"""Largest tau, in units of 1/(spread of l): H has decayed there like tau^{-d/2} at the slowest."""


def kl(law: ProductLaw) -> Measured:
    """KL(p || q), the sum over factors."""
    return law.total("kl")


def kl_reverse(law: ProductLaw) -> Measured:
    """KL(q || p), the sum over factors."""
    return law.total("kl-reverse")


def w2(law: ProductLaw) -> Measured:
    """W2 with W2^2 the sum over factors: the optimal coupling of products is the product of couplings."""
    parts = [f.divergence("w2") for f in law.factors]
    counts = law.counts
    value = math.sqrt(math.fsum(n * part.value**2 for part, n in zip(parts, counts, strict=True)))
    # |sqrt(sum x^2) - sqrt(sum (x + e)^2)| <= sqrt(sum e^2)
    floor = math.sqrt(math.fsum(n * part.floor**2 for part, n in zip(parts, counts, strict=True)))
    return Measured(value, floor, worst(part.kind for part in parts))


def chi2(law: ProductLaw) -> Measured:
    """chi^2(q || p) = prod (1 + chi^2_i)^{n_i} - 1."""
    return _multiplied(law, "chi2", lambda x: math.log1p(x.value), lambda x: x.floor / (1 + x.value))


def hellinger(law: ProductLaw) -> Measured:
    """H = sqrt(1 - prod (1 - H_i^2)^{n_i})."""
    squared = _multiplied(
        law,
        "hellinger",
        lambda x: math.log1p(-min(x.value**2, 1.0)) if x.value < 1 else -math.inf,
        lambda x: 2 * x.value * x.floor + x.floor**2,
    )
    value = math.sqrt(max(-squared.value, 0.0))
    floor = math.sqrt(squared.floor)
    return Measured(value, min(squared.floor / value, floor) if value else floor, squared.kind)


def _multiplied(
    law: ProductLaw, metric: str, log: Callable[[Measured], float], error: Callable[[Measured], float]
) -> Measured:
    """expm1(sum n_i log(...)) with the floor that the errors of the logarithms give."""
    parts = [f.divergence(metric) for f in law.factors]
    exponent = math.fsum(n * log(part) for part, n in zip(parts, law.counts, strict=True))
    kind = worst(part.kind for part in parts)
    if exponent > 700.0:
        return Measured(math.inf, 0.0, kind)
    value = math.expm1(exponent)
    errors = sum(n * error(part) for part, n in zip(parts, law.counts, strict=True))
    return Measured(value, (1 + value) * errors, kind)


def tv(law: ProductLaw) -> Measured:
    """TV by the transform: uniform panels of the width that the spread of l asks for, doubled range by range
    until the rest no longer matters. Its floor adds that rest to the factors' own floors.
    """
    if sum(law.counts) == 1:
        return law.factors[int(np.argmax(law.counts))].divergence("tv")
    # 8 (1 - BC) is the variance of l where the laws are close, and the right scale where they are not
    spread_squared = sum(
        n * 8 * f.divergence("hellinger").value ** 2 for f, n in zip(law.factors, law.counts, strict=True)
    )
    inherited = law.total("tv").floor
    if spread_squared == 0.0:
        return Measured(0.0, inherited)
    spread = math.sqrt(spread_squared)
    total, lo, hi, before = 0.0, 0.0, 16.0, math.inf
    while True:
        panels = Panels.between(np.arange(lo, hi + 1, 2.0) / spread)
        cauchy = 1 / (panels.nodes**2 + 0.25)
        h = np.expm1(law.log_transform(panels.nodes)).real
        total += panels.integrate(-h * cauchy) / math.pi
        rest = 2 * math.atan(0.5 * spread / hi) / math.pi
        # what H itself added over the last range is more than what it adds over all later ones
        last = abs(panels.integrate((1 + h) * cauchy)) / math.pi
        error = max(last, before / 4)
        if hi >= _LAST or error < _ACCURACY * (total + rest):
            return Measured(total + rest, error + inherited)
        lo, hi, before = hi, 2 * hi, last


def w1(law: ProductLaw) -> Measured:
    """W1 of a single factor; it does not split over several."""
    if sum(law.counts) > 1:
        raise InputError(
            f"w1 of a product does not split over its {sum(law.counts)} factors: use w2", key="measure.metric"
        )
    return law.factors[int(np.argmax(law.counts))].divergence("w1")


METRICS = {
    "tv": tv,
    "kl": kl,
    "kl-reverse": kl_reverse,
    "chi2": chi2,
    "hellinger": hellinger,
    "w1": w1,
    "w2": w2,
}
"""Metric name of a case file -> distance."""


_PHASE = 8.0
"""Radians that e^{i tau l} may turn within a panel of 16 nodes and still be integrated to rounding."""


_LEAST_MASS = 1e-13
"""Panels with less are left as they are: all that a wrong phase can do there is 1e-13."""


_BLOCK = 2048
"""Nodes worked on at once: the temporaries then stay in cache."""


class Factor(ABC):
    """One factor (p, q) of a product, through its log-ratio."""

    @abstractmethod
    def log_transform(self, tau: Array) -> Any:
        """log H(1/2 + i tau), complex, for ``tau`` of shape (P, n) with equally spaced rows."""

    @abstractmethod
    def divergence(self, metric: str) -> Measured:
        """A distance of the factor alone, by metric name."""


@dataclass(frozen=True)
class GaussianFactor(Factor):
    """A Gaussian block of any dimension, in closed form."""

    pair: GaussianPair

    def log_transform(self, tau: Array) -> Any:
        excess, shift, count = self.pair.distinct
        total = np.zeros(np.shape(tau), dtype=complex)
        for e, d, n in zip(excess, shift, count, strict=True):
            total += n * gaussian.log_transform(e, d, 0.5 + 1j * tau)
        return total

    def divergence(self, metric: str) -> Measured:
        return gaussian.METRICS[metric](self.pair)


@dataclass(frozen=True)
class LineFactor(Factor):
    """A law on the line against its target, held by a quadrature."""

    law: Ratio1D

    def divergence(self, metric: str) -> Measured:
        return one_dimensional.METRICS[metric](self.law)

    def _nodes(self, tau: float) -> tuple[Array, Array]:
        """sqrt(pq) dx and l at nodes that resolve e^{i tau l}: panels on which the phase turns are cut."""
        law, n = self.law, self.law.panels.n
        with np.errstate(over="ignore"):
            mass = (law.panels.weights * np.exp(law.log_p + 0.5 * law.log_ratio)).sum(1)
        turn = tau * np.ptp(np.where(mass[:, None] > _LEAST_MASS, law.log_ratio, 0.0), axis=1)
        pieces = np.maximum(np.ceil(turn / _PHASE), 1).astype(int)
        x, w = gauss_legendre(n)
        roots, ratios = [], []
        for k in np.unique(pieces):
            mine = pieces == k
            log_p, log_ratio = law.log_p[mine], law.log_ratio[mine]
            if k > 1:
                local = (2 * np.arange(k)[:, None] + 1 - k + x).ravel() / k
                basis = np.polynomial.legendre.legvander(local, n - 1).T
                log_p = law.panels.coefficients(law.log_p)[mine] @ basis
                log_ratio = law.panels.coefficients(law.log_ratio)[mine] @ basis
            weights = law.panels.half[mine, None] / k * np.tile(w, k)
            root = weights * np.exp(log_p + 0.5 * log_ratio)
            held = root > 1e-20
            roots.append(root[held])
            ratios.append(log_ratio[held])
        return np.concatenate(roots), np.concatenate(ratios)

    def log_transform(self, tau: Array) -> Any:
        """log H, from 1 - H(1/2 + i tau) = h^2 + int sqrt(pq) (1 - e^{i tau l}), h the Hellinger distance.

        The real part is a sum of positive terms, 2 sin^2(tau l / 2), so 1 - H keeps its digits when
        it is 1e-12 and is then raised to a power of 1e6.
        """
        root, ratio = self._nodes(float(tau.max()))
        hellinger_squared = self.divergence("hellinger").value ** 2
        lost = np.full(tau.shape, hellinger_squared, dtype=complex)
        for start in range(0, root.size, _BLOCK):
            weight, half = 2 * root[start : start + _BLOCK], 0.5j * ratio[start : start + _BLOCK]
            # rows of tau are equally spaced: e^{i tau l / 2} goes from one to the next by one factor
            turn, step = (
                np.exp(tau[0][:, None] * half),
                np.exp((tau[-1, 0] - tau[0, 0]) / max(len(tau) - 1, 1) * half),
            )
            for row in lost:
                row += (turn.imag**2) @ weight - 1j * ((turn.imag * turn.real) @ weight)
                turn *= step
        # log(1 - lost) by log1p of the squared modulus, which is positive but for rounding
        modulus = np.maximum(np.abs(lost) ** 2 - 2 * lost.real, -1 + gaussian.EPS)
        return 0.5 * np.log1p(modulus) + 1j * np.arctan2(-lost.imag, 1 - lost.real)


@dataclass(frozen=True)
class ProductLaw(Law):
    """Independent factors, factor i occurring ``counts[i]`` times."""

    factors: Sequence[Factor]
    counts: Sequence[int]
    engine: str = ""

    held_by: ClassVar[FloorKind] = "closed-form"  # its floors are those of its factors

    @classmethod
    def of(cls, laws: Sequence[Law], counts: Sequence[int]) -> ProductLaw:
        """The product of Gaussian pairs and laws on the line; NotMeasured where a factor has no densities."""
        return cls([_factor(law) for law in laws], counts, f"product of {_named(laws)}")

    @property
    def metrics(self) -> Mapping[str, Callable[[Any], Measured]]:
        return METRICS

    def log_transform(self, tau: Array) -> Any:
        """log H_total(1/2 + i tau) = sum n_i log H_i."""
        return sum(n * f.log_transform(tau) for f, n in zip(self.factors, self.counts, strict=True))

    def total(self, metric: str) -> Measured:
        """sum n_i D_i of an additive divergence."""
        parts = [f.divergence(metric) for f in self.factors]
        return Measured(
            math.fsum(n * part.value for part, n in zip(parts, self.counts, strict=True)),
            math.fsum(n * part.floor for part, n in zip(parts, self.counts, strict=True)),
            worst(part.kind for part in parts),
        )


def _factor(law: Law) -> Factor:
    if isinstance(law, GaussianPair):
        return GaussianFactor(law)
    if isinstance(law, Ratio1D):
        return LineFactor(law)
    raise NotMeasured(f"a factor of the product has no densities ({type(law).__name__})")


def _named(laws: Sequence[Law]) -> str:
    return " and ".join(dict.fromkeys(law.engine for law in laws))
