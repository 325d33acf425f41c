"""Learning two Gaussians: exact gradient, its power-iteration limit, EM."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm as norm_law

from sharpbound.chapters.training.two_gaussians import descend, em_step, gradient, loss

MU = np.array([1.2, 0.5, 0.0])


def test_loss_against_samples():
    theta = np.array([0.3, -0.2, 0.4])
    rng = np.random.default_rng(3)
    x = rng.standard_normal((400_000, 3)) + MU * rng.choice([-1, 1], (400_000, 1))
    values = ((np.tanh(x @ theta)[:, None] * theta - np.tanh(x @ MU)[:, None] * MU) ** 2).sum(1)
    assert loss(theta, MU) == pytest.approx(values.mean(), abs=4 * values.std() / np.sqrt(len(values)))


@pytest.mark.parametrize("theta", [[0.3, -0.2, 0.4], [1.1, 0.6, 0.05], [0.6, 0.25, 0.0], [-2.0, 1.5, 1.0]])
def test_gradient_is_the_derivative_of_the_loss(theta):
    theta, h = np.array(theta), 1e-4
    numeric = [(loss(theta + h * e, MU) - loss(theta - h * e, MU)) / (2 * h) for e in np.eye(3)]
    np.testing.assert_allclose(gradient(theta, MU), numeric, atol=1e-7)  # h^2 times a third derivative of 10


@pytest.mark.parametrize("size", [1e-2, 1e-3])
def test_small_gradient_is_a_power_iteration(size):
    theta = size * np.array([0.6, -0.3, 0.9])
    # the correction is cubic in theta
    np.testing.assert_allclose(gradient(theta, MU), -4 * (theta @ MU) * MU, atol=20 * size**3)


def test_the_truth_is_stationary():
    np.testing.assert_allclose(gradient(MU, MU), 0, atol=1e-14)
    np.testing.assert_allclose(em_step(MU, MU), MU, atol=1e-14)
    assert loss(MU, MU) == pytest.approx(0, abs=1e-15)
    assert loss(-MU, MU) == pytest.approx(0, abs=1e-15)


def test_power_phase_turns_theta_towards_mu():
    start = 1e-5 * np.array([1.0, 1.0, 1.0])
    learning = descend(start, np.array([1.0, 0.0, 0.0]), time=1.5, step=0.5, iterations=40)
    growth = learning.tangents[:-1] / learning.tangents[1:]
    # <theta, mu> grows by 1 + 4 step |mu_t|^2 while theta is small; corrections are of order |theta|^2
    np.testing.assert_allclose(growth, 1 + 4 * 0.5 * learning.centre @ learning.centre, rtol=1e-4)


def test_descent_ends_at_mu():
    learning = descend(np.array([1e-3, 1e-3]), np.array([1.0, 0.0]), time=0.5, step=0.3, iterations=150)
    assert learning.distances[0] > 0.5
    assert learning.distances[-1] < 1e-8
    assert learning.iterates.shape == (151, 2)


@pytest.mark.parametrize("norm", [0.7, 1.5])
def test_em_contracts_at_its_rate(norm):
    mu = np.array([norm, 0.0])
    # along mu by E[sech^2(<mu, x>) <mu, x>^2]/|mu|^2; either class gives the same
    rate, _ = quad(lambda x: norm_law.pdf(x, norm) * (x / np.cosh(norm * x)) ** 2, -12, 12, epsabs=1e-12)
    error = em_step(mu * (1 + 1e-6), mu) - mu
    assert error[0] / (1e-6 * norm) == pytest.approx(rate, rel=1e-5)  # second order: 1e-6
    assert 0 < rate < 1
