"""Laws in R^d against automatic differentiation of brute-force densities, and against samples."""

from __future__ import annotations

import math
from typing import Any

import mpmath as mp
import pytest
import torch
from torch import Tensor
from torch.autograd import forward_ad

from sharpbound.targets import LowRankMixture, Product, Sphere, Target, build

COVS = [[[1.0, 0.3], [0.3, 0.4]], [[0.1, 0.0], [0.0, 0.2]]]
LAPLACE = {"family": "laplace", "scale": 1.0}
LAWS: dict[str, dict[str, Any]] = {
    "gaussian": {"family": "gaussian", "mean": [0.0, 1.0], "cov": COVS[0]},
    "gaussian-diagonal": {"family": "gaussian", "mean": 0.5, "std": [0.2, 0.4, 1.0]},
    "mixture": {
        "family": "gaussian-mixture",
        "weights": [0.4, 0.6],
        "means": [[-1.0, 0.0], [1.2, 2.0]],
        "covs": COVS,
    },
    "mixture-diagonal": {
        "family": "gaussian-mixture",
        "weights": [0.4, 0.6],
        "means": [[-1.0, 0.0], [1.2, 2.0]],
        "stds": [0.3, [0.2, 0.1]],
    },
    "atoms": {"family": "atoms", "points": [[0.0, 1.0, 2.0], [1.0, 1.0, 0.0]]},
    "low-rank": {
        "family": "low-rank-mixture",
        "weights": [0.5, 0.5],
        "means": [[1.0, 0.0], [-1.0, 0.5]],
        "std": 0.3,
        "dim": 4,
    },
    "low-rank-line": {
        "family": "low-rank-mixture",
        "weights": [0.3, 0.7],
        "means": [[1.0], [-1.0]],
        "std": 0.3,
        "dim": 3,
    },
    "product": {
        "family": "product",
        "factors": [LAPLACE, {"family": "uniform", "low": -1, "high": 1}, LAPLACE],
    },
    "product-equal": {"family": "product", "factor": {"family": "student-t", "nu": 5}, "dim": 3},
    "circle": {"family": "sphere", "radius": 1.5, "dim": 2},
    "sphere": {"family": "sphere", "radius": 0.7, "dim": 3},
    "sphere-12": {"family": "sphere", "radius": 2.0, "dim": 12},
}
NOISES = [(0.9, 0.4), (0.3, 0.95)]


@pytest.fixture(params=LAWS)
def law(request: pytest.FixtureRequest) -> Target:
    return build(LAWS[request.param])


def cloud(law: Target, a: float, sigma: float, n: int = 40) -> Tensor:
    """Samples of a X0 + 2 sigma W: the bulk and some tail."""
    generator = torch.Generator().manual_seed(1)
    noise = torch.randn(n, law.dim, generator=generator, dtype=torch.float64)
    return a * law.sample(n, generator) + 2 * sigma * noise


def normal_log_density(x: Tensor, mean: Tensor, cov: Tensor) -> Tensor:
    return torch.distributions.MultivariateNormal(mean, cov, validate_args=False).log_prob(x)


def brute_force(spec: dict[str, Any], x: Tensor, a: float, sigma: float) -> Tensor:
    """log density of a mixture as torch differentiates it, from the case file's own numbers."""
    noise = sigma**2 * torch.eye(2, dtype=torch.float64)
    parts = [
        math.log(w)
        + normal_log_density(
            x, a * torch.tensor(m, dtype=torch.float64), a * a * torch.tensor(c, dtype=torch.float64) + noise
        )
        for w, m, c in zip(spec["weights"], spec["means"], spec["covs"], strict=True)
    ]
    return torch.logsumexp(torch.stack(parts), 0)


@pytest.mark.parametrize(("a", "sigma"), NOISES)
def test_mixture_against_autograd_of_its_density(a: float, sigma: float) -> None:
    law = build(LAWS["mixture"])
    x = cloud(law, a, sigma).requires_grad_(True)
    log_p = brute_force(LAWS["mixture"], x, a, sigma)
    score = torch.autograd.grad(log_p.sum(), x, create_graph=True)[0]
    jacobian = torch.stack(
        [torch.autograd.grad(score[:, i].sum(), x, create_graph=True)[0] for i in range(2)], -2
    )
    trace = jacobian.diagonal(dim1=-2, dim2=-1).sum()
    gradient = torch.autograd.grad(trace, x)[0]
    x = x.detach()
    for got, expected in [
        (law.log_density(x, a, sigma), log_p),
        (law.score(x, a, sigma), score),
        (law.score_jacobian(x, a, sigma), jacobian),
        (law.grad_divergence(x, a, sigma), gradient),
    ]:
        # rounding of third derivatives through a Cholesky factor
        torch.testing.assert_close(got, expected.detach(), rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize(("a", "sigma"), NOISES)
def test_each_derivative_is_the_derivative_of_the_last(law: Target, a: float, sigma: float) -> None:
    x = cloud(law, a, sigma)
    h = 1e-5

    def difference(f: Tensor, g: Tensor) -> Tensor:
        return (f - g) / (2 * h)

    def divergence(y: Tensor) -> Tensor:
        return law.score_jacobian(y, a, sigma).diagonal(dim1=-2, dim2=-1).sum(-1)

    score, jacobian = law.score(x, a, sigma), law.score_jacobian(x, a, sigma)
    third = law.grad_divergence(x, a, sigma)
    for i in range(law.dim):
        e = torch.zeros(law.dim, dtype=torch.float64)
        e[i] = h
        for got, f in [
            (score[:, i], lambda y: law.log_density(y, a, sigma)),
            (jacobian[:, :, i], lambda y: law.score(y, a, sigma)),
            (third[:, i], divergence),
        ]:
            # Central differences: h^2 times two derivatives more (of order 1/sigma each), eps/h in rounding.
            room = 1e-7 * (1 + float(got.abs().max()))
            assert float((difference(f(x + e), f(x - e)) - got).abs().max()) < room


def test_forward_mode_uses_the_closed_forms(law: Target) -> None:
    a, sigma = 0.9, 0.4
    x = cloud(law, a, sigma)
    dx = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    with forward_ad.dual_level():
        value, slope = forward_ad.unpack_dual(law.score(forward_ad.make_dual(x, dx), a, sigma))
    torch.testing.assert_close(value, law.score(x, a, sigma), rtol=1e-13, atol=1e-13)
    expected = torch.einsum("nij,nj->ni", law.score_jacobian(x, a, sigma), dx)
    torch.testing.assert_close(slope, expected, rtol=1e-12, atol=1e-12)


def test_shapes(law: Target) -> None:
    x = cloud(law, 0.9, 0.4, 6).reshape(2, 3, law.dim)
    assert law.log_density(x, 0.9, 0.4).shape == (2, 3)
    assert law.score(x, 0.9, 0.4).shape == x.shape
    assert law.score_jacobian(x, 0.9, 0.4).shape == (2, 3, law.dim, law.dim)
    assert law.grad_divergence(x, 0.9, 0.4).shape == x.shape
    torch.testing.assert_close(law.score(x, 0.9, 0.4)[1, 2], law.score(x[1, 2], 0.9, 0.4))


def test_moments_match_samples(law: Target) -> None:
    n = 40_000
    x = law.sample(n, torch.Generator().manual_seed(3))
    moments = law.moments()
    centred = x - moments.mean
    products = centred.unsqueeze(-1) * centred.unsqueeze(-2)
    # 4 standard errors for each of at most 144 entries; 1e-12 where an entry is constant.
    assert bool((centred.mean(0).abs() <= 4 * x.std(0) / math.sqrt(n) + 1e-12).all())
    error = (products.mean(0) - moments.cov).abs()
    assert bool((error <= 4.5 * products.std(0) / math.sqrt(n) + 1e-12).all())
    assert moments.second_moment == pytest.approx(
        float(torch.trace(moments.cov)) + float(moments.mean.norm() ** 2)
    )


def test_density_is_the_average_of_the_noise_kernel(law: Target) -> None:
    """p(x) = E N(x; a X0, sigma^2 I): Monte Carlo over X0, at the points where p is large."""
    a, sigma, n = 0.6, 0.9, 100_000
    x0 = law.sample(n, torch.Generator().manual_seed(4))
    for x in a * law.sample(3, torch.Generator().manual_seed(6)):
        kernel = torch.exp(-((x - a * x0) ** 2).sum(-1) / (2 * sigma**2)) / (2 * math.pi * sigma**2) ** (
            law.dim / 2
        )
        got = float(law.log_density(x, a, sigma).exp())
        assert abs(got - float(kernel.mean())) < 4.5 * float(kernel.std()) / math.sqrt(n) + 1e-12 * got


def test_factors_are_repeated_up_to_dim() -> None:
    uniform = {"family": "uniform", "low": -1, "high": 1}
    law = build({"family": "product", "factors": [LAPLACE, uniform], "dim": 6})
    assert [factor.family for factor in law.factors] == ["laplace", "uniform"] * 3
    assert [count for _, count in law.counts] == [3, 3]


def test_product_groups_equal_factors() -> None:
    law = build(LAWS["product"])
    assert isinstance(law, Product)
    assert [count for _, count in law.counts] == [2, 1]
    assert [factor.family for factor in law.factors] == ["laplace", "uniform", "laplace"]
    assert law.factors[0] is law.factors[2]
    x = cloud(law, 0.9, 0.4)
    alone = sum(f.log_density(x[:, i : i + 1], 0.9, 0.4) for i, f in enumerate(law.factors))
    torch.testing.assert_close(law.log_density(x, 0.9, 0.4), alone, rtol=1e-14, atol=1e-14)


def test_low_rank_is_the_mixture_it_abbreviates() -> None:
    law = build(LAWS["low-rank"])
    assert isinstance(law, LowRankMixture)
    assert (law.k, law.dim, law.std, law.core.dim) == (2, 4, 0.3, 2)
    full = build(
        {
            "family": "gaussian-mixture",
            "weights": [0.5, 0.5],
            "means": [[1.0, 0.0, 0.0, 0.0], [-1.0, 0.5, 0.0, 0.0]],
            "stds": [0.3, 0.3],
        }
    )
    x = cloud(law, 0.9, 0.4)
    for name in ("log_density", "score", "score_jacobian", "grad_divergence"):
        got, expected = getattr(law, name)(x, 0.9, 0.4), getattr(full, name)(x, 0.9, 0.4)
        torch.testing.assert_close(got, expected, rtol=1e-11, atol=1e-11)
    torch.testing.assert_close(law.moments().cov, full.moments().cov)


@pytest.mark.parametrize("dim", [2, 3, 7, 100, 2000])
@pytest.mark.parametrize(
    ("r", "a", "sigma"),
    [(0.0, 1.0, 0.5), (1e-4, 1.0, 1.0), (1.0, 1.0, 0.05), (3.0, 0.7, 0.3), (1e4, 1.0, 1e-2)],
)
def test_sphere_against_bessel_functions(dim: int, r: float, a: float, sigma: float) -> None:
    law = build({"family": "sphere", "radius": 1.3, "dim": dim})
    assert isinstance(law, Sphere)
    with mp.workdps(60):
        rho, s, half = mp.mpf(a) * mp.mpf(1.3), mp.mpf(sigma), mp.mpf(dim) / 2
        kappa = mp.mpf(r) * rho / s**2

        def ratio(k: mp.mpf, order: mp.mpf) -> mp.mpf:
            """I_order(k) Gamma(order + 1) (2/k)^order."""
            return mp.hyp0f1(order + 1, k * k / 4)

        log_p = mp.log(ratio(kappa, half - 1)) - (mp.mpf(r) ** 2 + rho**2) / (2 * s**2)
        log_p -= half * mp.log(2 * mp.pi * s**2)
        mean = kappa / (2 * half) * ratio(kappa, half) / ratio(kappa, half - 1)  # E cos
        square = 1 - (2 * half - 1) * (mean / kappa if kappa else 1 / (2 * half))  # E cos^2
        score = (rho * mean - mp.mpf(r)) / s**2
        slope = (rho / s**2) ** 2 * (square - mean**2) - 1 / s**2
    point = torch.tensor([r], dtype=torch.float64)
    # Rounding of r^2/sigma^2, and of a score that is a difference of r/sigma^2 and rho/sigma^2.
    unit = 1e-13 * (r + 1.3) / sigma**2
    assert float(law.radial_log_density(point, a, sigma)) == pytest.approx(
        float(log_p), rel=1e-12, abs=1e-12 * dim
    )
    assert float(law.radial_score(point, a, sigma)) == pytest.approx(float(score), rel=1e-11, abs=unit)
    assert float(law.radial_score_derivative(point, a, sigma)) == pytest.approx(
        float(slope), rel=1e-11, abs=1e-12 / sigma**2
    )


def test_sphere_at_the_centre_is_smooth() -> None:
    law = build(LAWS["sphere"])
    x = torch.tensor([[0.0, 0.0, 0.0], [1e-9, 0.0, 0.0]], dtype=torch.float64)
    for name in ("log_density", "score", "score_jacobian", "grad_divergence"):
        values = getattr(law, name)(x, 0.9, 0.4)
        assert bool(values.isfinite().all())
        torch.testing.assert_close(values[0], values[1], rtol=1e-7, atol=1e-7)
