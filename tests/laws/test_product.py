"""Product laws of samplers: against the Gaussian engine, against a run in all dimensions, across engines."""

from __future__ import annotations

import pytest

from sharpbound import processes, samplers, targets
from sharpbound.distances import gaussian, one_dimensional, products, sampled
from sharpbound.distances.products import GaussianFactor, LineFactor, ProductLaw
from sharpbound.errors import InputError
from sharpbound.laws import output_law, qmc
from sharpbound.laws.engines import line_law
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.samplers import ExactScore

MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
OU = {"schedule": "ou-uniform", "horizon": 2.0, "delta": 0.05}


@pytest.mark.parametrize("dim", [2, 16, 100_000])
def test_gaussian_factors_held_by_quadrature_against_moments(dim: int) -> None:
    """The same law twice: as a general law on the line to the power d, and in closed form."""
    target = targets.build({"family": "gaussian", "mean": 0.3, "std": 2.0})
    ladder, sampler = processes.build({"schedule": "li2024"}, 200), samplers.SAMPLERS["pf-ode"]
    line = LineFactor(line_law(target, ladder, sampler, ExactScore(target, ladder)))
    block = GaussianFactor(gaussian_law(target, ladder, sampler, ExactScore(target, ladder)))
    by_line, by_moments = (ProductLaw([factor], [dim]) for factor in (line, block))
    for metric in ("tv", "kl", "hellinger", "w2"):
        measured, exact = (products.METRICS[metric](law) for law in (by_line, by_moments))
        # two engines; TV of two factors is cut at a relative 1e-8
        assert measured.value == pytest.approx(exact.value, rel=2e-8, abs=measured.floor + exact.floor), (
            metric
        )


def test_repeated_block_is_one_gaussian_in_all_dimensions() -> None:
    ladder, sampler = processes.build({"schedule": "li2024"}, 200), samplers.SAMPLERS["ddpm"]
    one = {"family": "gaussian", "mean": 0.3, "std": 2.0}
    law = output_law(targets.build({"family": "product", "factor": one, "dim": 64}), ladder, sampler)
    whole = targets.build({**one, "dim": 64})
    pair = gaussian_law(whole, ladder, sampler, ExactScore(whole, ladder))
    for metric in ("tv", "kl", "chi2", "hellinger", "w2"):
        assert products.METRICS[metric](law).value == pytest.approx(
            gaussian.METRICS[metric](pair).value, rel=1e-9
        )


@pytest.mark.parametrize("name", ["pf-ode", "heun"])
def test_against_transport_in_all_dimensions(name: str) -> None:
    other = {"family": "gaussian", "mean": 1.0, "std": 0.7}
    target = targets.build({"family": "product", "factors": [MIXTURE, other, MIXTURE]})
    ladder, sampler = processes.build(OU, 8), samplers.SAMPLERS[name]
    law = output_law(target, ladder, sampler)
    assert sorted(law.counts) == [1, 2]
    sample = qmc.qmc_law(target, ladder, sampler, ExactScore(target, ladder), points=1024, replicates=16)
    for metric in ("tv", "kl", "kl-reverse", "hellinger"):
        estimate = sampled.METRICS[metric](sample)
        assert abs(products.METRICS[metric](law).value - estimate.value) < 4 * estimate.floor, metric


def test_tv_grows_like_the_square_root_of_the_dimension() -> None:
    ladder, sampler = processes.build(OU, 64), samplers.SAMPLERS["heun"]
    target = targets.build(MIXTURE)
    factor = LineFactor(line_law(target, ladder, sampler, ExactScore(target, ladder), "exact"))
    tv = [products.tv(ProductLaw([factor], [d])).value for d in (64, 256)]
    # the central limit: 2 Phi(sqrt(d) s/2) - 1, still in its linear part
    assert tv[1] / tv[0] == pytest.approx(2.0, rel=0.01)


def test_a_single_factor_is_the_law_on_the_line() -> None:
    ladder, sampler = processes.build(OU, 16), samplers.SAMPLERS["pf-ode"]
    target = targets.build(MIXTURE)
    law = output_law(targets.build({"family": "product", "factor": MIXTURE, "dim": 1}), ladder, sampler)
    line = line_law(target, ladder, sampler, ExactScore(target, ladder))
    for metric in ("tv", "kl", "kl-reverse", "chi2", "hellinger", "w2"):
        assert products.METRICS[metric](law).value == pytest.approx(
            one_dimensional.METRICS[metric](line).value, rel=1e-12
        )


def test_a_mixture_of_transitions_on_a_gaussian_factor_is_a_law_on_the_line() -> None:
    ladder, sampler = processes.build(OU, 8), samplers.SAMPLERS["randomized-midpoint"]
    one = {"family": "gaussian", "mean": 0.3, "std": 0.7}
    law = output_law(targets.build({"family": "product", "factors": [one, MIXTURE]}), ladder, sampler)
    target = targets.build(one)
    line = line_law(target, ladder, sampler, ExactScore(target, ladder))
    other = output_law(targets.build({"family": "product", "factor": MIXTURE, "dim": 1}), ladder, sampler)
    assert products.kl(law).value == pytest.approx(one_dimensional.kl(line).value + products.kl(other).value)


def test_w1_of_one_factor_only() -> None:
    ladder, sampler = processes.build(OU, 8), samplers.SAMPLERS["ddpm"]
    one, two = (
        output_law(targets.build({"family": "product", "factor": MIXTURE, "dim": d}), ladder, sampler)
        for d in (1, 2)
    )
    assert products.w1(one).value == one.factors[0].divergence("w1").value
    with pytest.raises(InputError, match="does not split"):
        products.w1(two)
