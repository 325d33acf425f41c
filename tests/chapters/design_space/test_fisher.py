"""Fisher information against closed forms, brute quadrature and de Bruijn's identity."""

import math

import numpy as np
import pytest
import torch

from sharpbound import targets
from sharpbound.errors import InputError
from sharpbound.marginals.expectation import law_nodes
from sharpbound.marginals.fisher import GaussianInformation, LineInformation, ProductInformation, information

RANGE = (1e-3, 1e3)
ATOMS = {"family": "atoms", "points": [-1.0, 0.5, 2.0], "weights": [0.2, 0.5, 0.3]}


@pytest.fixture(scope="module")
def atoms():
    target = targets.build(ATOMS)
    return target, LineInformation(target, *RANGE)


@pytest.fixture(params=["mixture", "atoms"])
def line(request):
    return request.getfixturevalue(request.param)


def brute(target, v, order):
    """E (d^order log p)^2 by the trapezoidal rule, exponentially accurate for laws smoother than its step."""
    sigma = math.sqrt(v)
    x = torch.arange(-8 - 12 * sigma, 8 + 12 * sigma, min(0.005, sigma / 8), dtype=torch.float64)
    density = target.derivative(x, 1.0, sigma, 0).exp()
    return float((density * target.derivative(x, 1.0, sigma, order) ** 2).sum() * (x[1] - x[0]))


@pytest.mark.parametrize("v", [2e-3, 0.3, 40.0])
def test_line_information_is_the_integral(line, v):
    target, info = line
    # 1e-11: the Chebyshev tolerance on a logarithm, with room
    assert info.value(v) == pytest.approx(brute(target, v, 1), rel=1e-11)
    assert info.decay(v) == pytest.approx(brute(target, v, 2), rel=1e-11)


def test_decay_is_minus_the_derivative(line):
    _, info = line
    v = np.geomspace(2e-3, 1e2, 7)
    h = 1e-4 * v
    # fourth-order difference of step 1e-4: truncation 1e-16, rounding 1e-12/1e-4
    f = info.value
    slope = (8 * (f(v + h) - f(v - h)) - (f(v + 2 * h) - f(v - 2 * h))) / (12 * h)
    np.testing.assert_allclose(-slope, info.decay(v), rtol=1e-7)


def test_a_gaussian_on_the_line_by_quadrature_is_its_closed_form():
    target = targets.build({"family": "gaussian", "mean": 0.7, "std": 0.4})
    v = np.geomspace(*RANGE, 30)
    exact, table = GaussianInformation([0.16]), LineInformation(target, *RANGE)
    # 3e-12: the Chebyshev tolerance on a logarithm, twice the exponent of v
    np.testing.assert_allclose(table.value(v), exact.value(v), rtol=3e-12)
    np.testing.assert_allclose(table.decay(v), exact.decay(v), rtol=3e-12)


def test_information_adds_over_dimensions_and_finds_eigenvalues():
    cov = [[2.0, 0.5], [0.5, 1.0]]
    v = np.array([0.1, 1.0, 10.0])
    plane = information(targets.build({"family": "gaussian", "mean": [0.0, 1.0], "cov": cov}), *RANGE)
    smoothed = [np.linalg.inv(np.array(cov) + u * np.eye(2)) for u in v]
    np.testing.assert_allclose(plane.value(v), [np.trace(s) for s in smoothed], rtol=1e-13)
    np.testing.assert_allclose(plane.decay(v), [np.trace(s @ s) for s in smoothed], rtol=1e-13)
    product = ProductInformation([plane, GaussianInformation([0.0])], [3, 4])
    np.testing.assert_allclose(product.value(v), 3 * plane.value(v) + 4 / v, rtol=1e-14)
    np.testing.assert_allclose(product.decay(v), 3 * plane.decay(v) + 4 / v**2, rtol=1e-14)
    assert product.dim == 10


def test_cramer_rao_and_the_range_of_the_bayes_loss(line):
    target, info = line
    v = np.geomspace(*RANGE, 50)
    variance = float(target.moments().cov[0, 0])
    assert (info.value(v) >= 1 / (variance + v) * (1 - 1e-12)).all()
    bayes_loss = 1 - v * info.value(v)
    assert (bayes_loss > -1e-12).all()
    assert (bayes_loss < 1).all()


def test_bayes_loss_is_the_posterior_variance_of_the_noise():
    """min_S E |sqrt(v) S(X) + xi|^2 = 1 - v I(v)."""
    # two atoms +-1: E[xi|x] = (x - tanh(x/v))/sigma
    target = targets.build({"family": "atoms", "points": [-1.0, 1.0]})
    v = 0.7
    x, weight = law_nodes(target, 1.0, math.sqrt(v))
    explained = float(weight @ ((x - torch.tanh(x / v)) ** 2)) / v
    assert v * LineInformation(target, 0.5, 1.0).value(v) == pytest.approx(explained, abs=1e-12)


def test_law_nodes_carry_mass_and_moments(mixture):
    target, _ = mixture
    x, weight = law_nodes(target, 0.8, 0.6)
    mean, variance = float(target.moments().mean[0]), float(target.moments().cov[0, 0])
    assert float(weight.sum()) == pytest.approx(1, abs=1e-13)
    assert float(weight @ x) == pytest.approx(0.8 * mean, abs=1e-13)
    assert float(weight @ x**2) == pytest.approx(0.64 * (variance + mean**2) + 0.36, abs=1e-12)


def test_out_of_range_and_unknown_targets_are_refused(line):
    _, info = line
    with pytest.raises(InputError, match="tabulated"):
        info.value(1e-7)
    plane = targets.build(
        {"family": "gaussian-mixture", "weights": [1.0], "means": [[0.0, 0.0]], "stds": [1.0]}
    )
    with pytest.raises(InputError, match="not available"):
        information(plane, *RANGE)
    with pytest.raises(InputError, match="eigenvalues"):
        GaussianInformation([-1.0])
