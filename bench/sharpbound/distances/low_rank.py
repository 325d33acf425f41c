"""Distances of a low-rank mixture's output: its core's law times a Gaussian.

The score of `LowRankMixture` is the score of its core in the subspace of the means and that of
N(0, (a^2 std^2 + sigma^2) I) across it. A sampler built from scores and isotropic noise therefore acts on
the two parts separately, and its output is the product of the core's output and of d - k equal
Gaussian coordinates: exact in any ambient dimension d for k = 1.

A core in R^k, k > 1, is held by points; the Gaussian part stays exact. With l = l_core + l_rest and l_rest a
function of a chi-square variable alone,

    TV = 1/2 E_core E_rest |1 - e^{-l}|,    the inner expectation in closed form.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import chdtr, chdtrc

from sharpbound.distances import empirical, gaussian, sampled
from sharpbound.distances.base import FloorKind, Law, Measured, worst
from sharpbound.distances.empirical import Particles
from sharpbound.distances.gaussian import EPS, GaussianPair
from sharpbound.distances.sampled import RatioSample
from sharpbound.errors import NotMeasured
from sharpbound.numerics.quadrature import Array


@dataclass(frozen=True)
class SampledCore(Law):
    """A sampled law in the subspace of the means, times ``count`` Gaussian coordinates ``rest``."""

    core: RatioSample | Particles
    rest: GaussianPair
    count: int
    engine: str = ""

    @property
    def held_by(self) -> FloorKind:  # type: ignore[override]
        """That of the core."""
        return self.core.held_by

    @property
    def metrics(self) -> Mapping[str, Callable[[Any], Measured]]:
        return METRICS

    def ratios(self) -> RatioSample:
        """The core, where it has densities."""
        if not isinstance(self.core, RatioSample):
            raise NotMeasured(
                "a stochastic sampler on means that span more than a line has particles only, no density: "
                "w2, or a deterministic sampler"
            )
        return self.core


def tv(law: SampledCore) -> Measured:
    """1/2 E_core g(l_core) with g(a) = E_rest |1 - e^{-a - l_rest}|."""
    excess = float(law.rest.whitened[0][0])
    if law.count == 0 or excess == 0.0:
        return sampled.tv(law.ratios())
    n, scale = law.count, 1.0 + excess

    def half_g(a: Array) -> Array:
        # a + l_rest = a - n/2 log(scale) + (excess/scale) r^2/2, r^2 chi-square under p and scale times it under q
        crossing = np.maximum((n * math.log1p(excess) - 2 * a) * scale / excess, 0.0)
        shrink = np.exp(-a)
        beyond = chdtrc(n, crossing / scale) - shrink * chdtrc(n, crossing)
        within = chdtr(n, crossing / scale) - shrink * chdtr(n, crossing)
        return 0.5 * np.abs(beyond - within)

    return law.ratios().average(half_g)


def kl(law: SampledCore) -> Measured:
    """KL(p || q), the sum over the two parts."""
    return _sum(sampled.kl(law.ratios()), gaussian.kl(law.rest), law.count)


def kl_reverse(law: SampledCore) -> Measured:
    """KL(q || p), the sum over the two parts."""
    return _sum(sampled.kl_reverse(law.ratios()), gaussian.kl_reverse(law.rest), law.count)


def hellinger(law: SampledCore) -> Measured:
    """H = sqrt(1 - (1 - H_core^2)(1 - H_rest^2)^count)."""
    core, rest = sampled.hellinger(law.ratios()), gaussian.hellinger(law.rest)
    kept = max(1.0 - core.value**2, EPS), max(1.0 - rest.value**2, EPS)  # an estimate of H may reach 1
    exponent = math.log(kept[0]) + law.count * math.log(kept[1])
    error = 2 * core.value * core.floor / kept[0] + 2 * law.count * rest.value * rest.floor / kept[1]
    value = math.sqrt(-math.expm1(exponent))
    floor = math.exp(exponent) * error / (2 * value) if value else core.floor
    return Measured(value, floor, worst((core.kind, rest.kind)))


def w2(law: SampledCore) -> Measured:
    """W2 with W2^2 the sum over the two parts; of a core held by particles only."""
    if isinstance(law.core, RatioSample):
        raise NotMeasured("w2 needs a coupling; the core is held by its density ratio")
    core, rest = empirical.w2(law.core), gaussian.w2(law.rest)
    value = math.hypot(core.value, math.sqrt(law.count) * rest.value)
    floor = math.hypot(core.floor, math.sqrt(law.count) * rest.floor)
    return Measured(value, floor, worst((core.kind, rest.kind)))


def _sum(core: Measured, rest: Measured, count: int) -> Measured:
    kind = worst((core.kind, rest.kind))
    return Measured(core.value + count * rest.value, core.floor + count * rest.floor, kind)


METRICS = {"tv": tv, "kl": kl, "kl-reverse": kl_reverse, "hellinger": hellinger, "w2": w2}
"""Metric name of a case file -> distance of a law with a sampled core."""
