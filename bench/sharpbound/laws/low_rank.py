"""Mixtures of equal isotropic normals with means in a subspace of R^d: a law there times a Gaussian.

The score of `LowRankMixture` is the score of its core in the subspace of the means and that of
N(0, (a^2 std^2 + sigma^2) I) across it. A sampler built from scores and isotropic noise therefore acts on
the two parts separately, and its output is the product of the core's output and of d - k equal
Gaussian coordinates: exact in any ambient dimension d for k = 1.

A core in R^k, k > 1, is sampled (`sharpbound.laws.qmc`, `sharpbound.laws.particles`); the Gaussian part stays
exact. With l = l_core + l_rest and l_rest a function of a chi-square variable alone,

    TV = 1/2 E_core E_rest |1 - e^{-l}|,    the inner expectation in closed form.
"""

from __future__ import annotations

from sharpbound.distances.low_rank import SampledCore
from sharpbound.distances.products import ProductLaw
from sharpbound.errors import NotMeasured
from sharpbound.laws import particles, qmc
from sharpbound.laws.gaussian import NotAffine, gaussian_law
from sharpbound.laws.product import factor_law
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ExactScore
from sharpbound.targets.base import Target1D
from sharpbound.targets.gaussian import Gaussian1D
from sharpbound.targets.low_rank_mixture import LowRankMixture


def low_rank_law(
    target: LowRankMixture, ladder: Ladder, sampler: Sampler, init: str = "normal"
) -> ProductLaw | SampledCore:
    """The law of the sampler's output, with the exact score, as core times d - k equal Gaussian coordinates."""
    rest = Gaussian1D(0.0, target.std**2)
    count = target.dim - target.k
    if isinstance(target.core, Target1D):
        factors = [factor_law(target.core, ladder, sampler, init)]
        if count:
            factors.append(factor_law(rest, ladder, sampler, init))
        return ProductLaw(factors, [1, count][: len(factors)])
    try:
        rest_law = gaussian_law(rest, ladder, sampler, ExactScore(rest, ladder), init)
    except NotAffine:
        raise NotMeasured(
            f"{sampler.name} is a mixture of transitions, and the means span {target.k} dimensions: use another sampler"
        ) from None
    engine = qmc.qmc_law if sampler.deterministic else particles.particle_law
    core = engine(target.core, ladder, sampler, ExactScore(target.core, ladder), init)
    return SampledCore(core, rest_law, count)
