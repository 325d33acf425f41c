"""Product laws in any dimension: the log-ratio of a product is a sum of independent log-ratios.

A product pair (p, q) is a list of factors with how often each occurs. What a factor contributes to
the product is its Hellinger transform

    H(s) = int p^{1-s} q^s = E_p e^{s l},   l = log q/p,

the moment generating function of its log-ratio: transforms of independent factors multiply, so
H_total = exp(sum n_i log H_i), whatever the dimension, and every f-divergence can be read off it
(`sharpbound.distances.products`).
"""

from __future__ import annotations

from contextlib import suppress

from sharpbound.distances.products import Factor, GaussianFactor, LineFactor, ProductLaw
from sharpbound.laws.gaussian import NotAffine, gaussian_law
from sharpbound.laws.line import line_law
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ExactScore
from sharpbound.targets.base import Target1D
from sharpbound.targets.gaussian import Gaussian1D
from sharpbound.targets.product import Product


def factor_law(target: Target1D, ladder: Ladder, sampler: Sampler, init: str = "normal") -> Factor:
    """One coordinate: the sampler with the exact score of a law on the line, by the engine that fits it."""
    score = ExactScore(target, ladder)
    if isinstance(target, Gaussian1D):
        with suppress(NotAffine):  # a mixture of transitions
            return GaussianFactor(gaussian_law(target, ladder, sampler, score, init))
    return LineFactor(line_law(target, ladder, sampler, score, init))


def product_law(target: Product, ladder: Ladder, sampler: Sampler, init: str = "normal") -> ProductLaw:
    """The law of the sampler's output on a product target with its exact score.

    The score of a product acts on each coordinate alone, so the output's coordinates are independent
    and each is a problem on the line; equal factors are solved once, whatever the dimension.
    """
    factors, counts = zip(*target.counts, strict=True)
    return ProductLaw([factor_law(factor, ladder, sampler, init) for factor in factors], counts)
