"""A law from its density alone, against the closed forms of the families."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from sharpbound import processes
from sharpbound.errors import InputError
from sharpbound.numerics.dual import derivative
from sharpbound.samplers import SAMPLERS, ExactScore
from sharpbound.targets import Density1D, Gaussian1D, Laplace, Target1D, Uniform


class Normal(Density1D):
    knots = (-16.0, 16.0)

    def log_p0(self, x: Tensor) -> Tensor:
        return 7.0 - x * x / 2


class TwoSided(Density1D):
    knots = (-90.0, 0.0, 90.0)

    def log_p0(self, x: Tensor) -> Tensor:
        return -x.abs()


class Flat(Density1D):
    knots = (-1.0, 1.0)

    def log_p0(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


PAIRS = [(Normal(), Gaussian1D(0.0, 1.0)), (TwoSided(), Laplace(1.0)), (Flat(), Uniform(-1.0, 1.0))]
X = torch.linspace(-6.1, 6.3, 63, dtype=torch.float64)


@pytest.mark.parametrize(("own", "exact"), PAIRS, ids=["normal", "laplace", "uniform"])
@pytest.mark.parametrize(("a", "sigma"), [(0.9, 0.4), (0.3, 0.95), (1.0, 0.05), (0.0, 1.0)])
def test_the_smoothed_law(own: Density1D, exact: Target1D, a: float, sigma: float) -> None:
    known = exact.derivatives(X, a, sigma, range(5))
    near = known[0] > -150  # within 20 sigma of the support
    for order, (found, value) in enumerate(zip(own.derivatives(X, a, sigma, range(5)), known, strict=True)):
        allowed = 1e-13 + 1e-14 * sigma**-order * (1 + X.abs() / sigma) ** 2
        assert bool(((found - value).abs() <= allowed * (1 + value.abs()))[near].all()), order
    for tail in ("log_cdf", "log_sf"):
        found, value = getattr(own, tail)(X, a, sigma), getattr(exact, tail)(X, a, sigma)
        keep = near & (value > -150)
        assert bool(((found - value).abs() <= 1e-12 * (1 + value.abs()))[keep].all()), tail


@pytest.mark.parametrize("sigma", [0.03, 0.001])
def test_a_step_that_takes_third_derivatives_keeps_its_digits(sigma: float) -> None:
    """They lose sigma^-3 and the map's slope, of order 4, sigma^-4; their factor in (27) is at most sigma^4/8."""
    delta = sigma**2 / 2
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 2 * delta, "delta": delta}, 1)
    found = []
    for target in (Normal(), Gaussian1D(0.0, 1.0)):
        [(_, (stage,))] = SAMPLERS["accelerated-ode-li2024"].path(ladder, ExactScore(target, ladder))
        found.append(derivative(stage.mean, X[:, None], torch.ones_like(X[:, None])))
    for own, exact in zip(*found, strict=True):
        torch.testing.assert_close(own, exact, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("own", "exact"), PAIRS, ids=["normal", "laplace", "uniform"])
def test_without_noise_and_its_moments(own: Density1D, exact: Target1D) -> None:
    x = torch.tensor([-0.73, -0.2, 0.41, 0.77], dtype=torch.float64)
    for found, value in zip(
        own.derivatives(x, 0.8, 0.0, (0, 1, 2)), exact.derivatives(x, 0.8, 0.0, (0, 1, 2)), strict=True
    ):
        torch.testing.assert_close(found, value, rtol=1e-13, atol=1e-13)
    torch.testing.assert_close(own.cdf(x, 0.8, 0.0), exact.cdf(x, 0.8, 0.0), rtol=1e-13, atol=1e-14)
    torch.testing.assert_close(own.moments().cov, exact.moments().cov, rtol=1e-13, atol=0.0)
    u = torch.tensor([1e-9, 0.3, 0.5, 0.99], dtype=torch.float64)
    torch.testing.assert_close(own.quantile(u, 0.9, 0.4), exact.quantile(u, 0.9, 0.4), rtol=1e-11, atol=1e-12)
    drawn = own.sample(4000, torch.Generator().manual_seed(0))
    mean_error = float(drawn.mean()) / math.sqrt(float(exact.moments().cov[0, 0]) / 4000)
    assert drawn.shape == (4000, 1) and abs(mean_error) < 4.5  # standard errors


def test_what_is_not_resolved_is_refused() -> None:
    class Kinked(Density1D):
        knots = (-1.0, 1.0)

        def log_p0(self, x: Tensor) -> Tensor:
            return -(x - 0.1234).abs()

    class Empty(Kinked):
        knots = (1.0, -1.0)

    class Infinite(Kinked):
        def log_p0(self, x: Tensor) -> Tensor:
            return 1 / (x - x)

    for law, message in ((Kinked(), "add a knot"), (Empty(), "increasing"), (Infinite(), "nan or infinite")):
        with pytest.raises(InputError, match=message):
            law.log_density(torch.zeros(1, 1, dtype=torch.float64), 0.9, 0.4)
