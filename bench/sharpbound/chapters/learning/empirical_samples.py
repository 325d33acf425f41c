"""A sampler that runs on the empirical score: the exact law of what it returns.

The empirical score of the data x_1, ..., x_n is the exact score of the law (1/n) sum_i delta(x_i), so the
exact engines give the sampler's law against the memorised law (1/n) sum_i N(a x_i, sigma^2) that it
should return (Li, Chen & Li, 2401.04856). The truth that the data came from is a second yardstick: with more
steps the sampler comes as near to the memorised law as one likes, and no nearer to the truth.
"""

from __future__ import annotations

from dataclasses import dataclass

from sharpbound import laws
from sharpbound.chapters.learning.empirical import empirical_laws, memorisation_tv
from sharpbound.chapters.learning.sampling import tv_from
from sharpbound.distances.base import Measured
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.targets.base import Target1D


@dataclass(frozen=True)
class EmpiricalSamples:
    """TV between what the sampler returns, the memorised law and the smoothed truth."""

    engine: str
    to_memorised: Measured
    to_truth: float
    memorised_to_truth: float


def empirical_samples(
    target: Target1D, ladder: Ladder, sampler: Sampler, init: str, n: int, seed: int
) -> EmpiricalSamples:
    """Run ``sampler`` on the empirical score of n draws from ``target``."""
    (data,) = empirical_laws(target, n, 1, seed)
    law = laws.output_law(data, ladder, sampler, None, init)
    a, sigma = ladder.level(ladder.stop)
    return EmpiricalSamples(
        law.engine,
        laws.distance(law, "tv"),
        tv_from(law, data, target, ladder),
        memorisation_tv(target, data, a, sigma),
    )
