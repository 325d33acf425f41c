"""The exact output law of (target, ladder, sampler, score), and every distance of it to the truth.

=====================================  ==========================================================
target                                 law
=====================================  ==========================================================
Gaussian, any d, exact or affine score moments (`gaussian`)
on the line                            transport (deterministic), density (stochastic)
product, exact score                   its factors' laws; log-ratios add (`iid_sum`)
low-rank mixture                       law of its core times a Gaussian (`low_rank`)
sphere                                 transport (`radial`) or density (`radial_density`) of the radius
other, deterministic sampler           quasi-Monte Carlo with exact log-determinants (`qmc`)
other, and noise with a memory         particles (`particles`)
=====================================  ==========================================================
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from sharpbound.distances import empirical, one_dimensional, products, sampled
from sharpbound.distances import gaussian as gaussian_distances
from sharpbound.distances import low_rank as low_rank_distances
from sharpbound.distances.base import Measured
from sharpbound.distances.gaussian import GaussianPair
from sharpbound.distances.products import ProductLaw
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws import low_rank, particles, qmc, radial, radial_density
from sharpbound.laws.gaussian import NotAffine, gaussian_law
from sharpbound.laws.line import line_law
from sharpbound.laws.path_kl import path_kl
from sharpbound.laws.product import product_law
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ExactScore, ScoreField
from sharpbound.targets import Gaussian1D, GaussianND, LowRankMixture, Product, Sphere, Target, Target1D

LAW_METRICS = ("tv", "kl", "kl-reverse", "chi2", "hellinger", "w1", "w2")
"""Distances between the output law and the true marginal."""
METRICS = (*LAW_METRICS, "path-kl")
"""Every metric name of a case file."""


def output_law(
    target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField | None = None, init: str = "normal"
) -> Any:
    """The law of Y_stop against X_stop; ``score`` defaults to the exact one.

    Raises NotMeasured where no engine has this law, InputError where the sampler and the ladder do not fit.
    """
    exact = score is None or isinstance(score, ExactScore)
    score = score or ExactScore(target, ladder)
    sampler.check(ladder)
    if isinstance(target, (Gaussian1D, GaussianND)):
        with suppress(NotAffine):  # an error that is not affine, or a mixture of transitions
            return gaussian_law(target, ladder, sampler, score, init)
    if exact and isinstance(target, Product):
        return product_law(target, ladder, sampler, init)
    if sampler.history and not sampler.deterministic:  # no density follows what it remembers
        return particles.particle_law(target, ladder, sampler, score, init)
    if isinstance(target, Target1D):
        return line_law(target, ladder, sampler, score, init)
    if exact and isinstance(target, LowRankMixture):
        return low_rank.low_rank_law(target, ladder, sampler, init)
    if exact and isinstance(target, Sphere):
        engine = radial.radial_law if sampler.deterministic else radial_density.radial_density_law
        return engine(target, ladder, sampler, init)
    if sampler.deterministic:
        return qmc.qmc_law(target, ladder, sampler, score, init)
    return particles.particle_law(target, ladder, sampler, score, init)


_DISTANCES: tuple[tuple[type, dict[str, Any]], ...] = (
    (GaussianPair, gaussian_distances.METRICS),
    (Ratio1D, one_dimensional.METRICS),
    (ProductLaw, products.METRICS),
    (low_rank_distances.SampledCore, low_rank_distances.METRICS),
    (sampled.RatioSample, sampled.METRICS),
    (empirical.Particles, empirical.METRICS),
)


def distance(law: Any, metric: str) -> Measured:
    """One distance of a law that `output_law` returned; NotMeasured where its engine does not give it."""
    table = next(metrics for kind, metrics in _DISTANCES if isinstance(law, kind))
    if metric not in table:
        raise NotMeasured(f"{metric} is not available for this kind of law ({type(law).__name__})")
    try:
        measured = table[metric](law)
    except InputError as error:
        raise NotMeasured(error.message) from None
    return Measured(float(measured.value), float(measured.floor))


def distances(law: Any, metrics: Sequence[str]) -> dict[str, Measured | NotMeasured]:
    """Every distance asked for; one that cannot be had is the reason why."""
    found: dict[str, Measured | NotMeasured] = {}
    for metric in metrics:
        try:
            found[metric] = distance(law, metric)
        except NotMeasured as reason:
            found[metric] = reason
    return found


def finite_or_note(measured: Measured | NotMeasured) -> tuple[float | None, float | None, str | None]:
    """(value, floor, note) for a row: what is infinite or not measured is null with the reason."""
    if isinstance(measured, NotMeasured):
        return None, None, str(measured)
    if not math.isfinite(measured.value):
        return None, None, "infinite"
    return measured.value, measured.floor if math.isfinite(measured.floor) else None, None


__all__ = [
    "LAW_METRICS",
    "METRICS",
    "NotMeasured",
    "distance",
    "distances",
    "finite_or_note",
    "output_law",
    "path_kl",
]
