"""Distances between product laws: divergences add or multiply, total variation is an integral over H.

KL adds; 1 + chi^2 and 1 - H^2 (the Bhattacharyya coefficient) multiply; W2^2 adds. For TV, with
min(p, q) = sqrt(pq) e^{-|l|/2} and e^{-|l|/2} the Fourier transform of a Cauchy density,

    TV = 1/pi int_0^oo (1 - Re H(1/2 + i tau)) / (tau^2 + 1/4) dtau,      H = exp(sum n_i log H_i),

at a cost that does not depend on the dimension.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from sharpbound.distances.base import Measured
from sharpbound.errors import InputError
from sharpbound.quadrature import Panels

if TYPE_CHECKING:
    from sharpbound.laws.iid_sum import ProductLaw

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
    return Measured(
        value, math.sqrt(math.fsum(n * part.floor**2 for part, n in zip(parts, counts, strict=True)))
    )


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
    return Measured(
        value, min(squared.floor / value, math.sqrt(squared.floor)) if value else math.sqrt(squared.floor)
    )


def _multiplied(
    law: ProductLaw, metric: str, log: Callable[[Measured], float], error: Callable[[Measured], float]
) -> Measured:
    """expm1(sum n_i log(...)) with the floor that the errors of the logarithms give."""
    parts = [f.divergence(metric) for f in law.factors]
    exponent = math.fsum(n * log(part) for part, n in zip(parts, law.counts, strict=True))
    if exponent > 700.0:
        return Measured(math.inf, 0.0)
    value = math.expm1(exponent)
    return Measured(
        value, (1 + value) * sum(n * error(part) for part, n in zip(parts, law.counts, strict=True))
    )


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
        # what H itself added over the last range bounds what it adds over all later ones
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
