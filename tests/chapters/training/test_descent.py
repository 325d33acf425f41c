"""Gradient descent against the linearised dynamics, weights, and the exact population loss."""

import math

import numpy as np
import pytest
import torch

from sharpbound import targets
from sharpbound.chapters.training.descent import descend, kernel_drift, predict
from sharpbound.chapters.training.network import Network, features
from sharpbound.chapters.training.objective import Objective, curvature_at
from sharpbound.chapters.training.population import population_loss
from sharpbound.chapters.training.weighting import WEIGHTINGS, edm_density, weights
from sharpbound.errors import InputError

SIGMA = np.geomspace(0.5, 2.0, 3)


def problem(width, dim=8, points=3, seed=1):
    data = np.random.default_rng(0).standard_normal((points, dim))
    objective = Objective.draw(data, SIGMA, np.array([1.0, 2.0, 0.5]), seed=2)
    return Network.initial(dim, width, 1, seed), objective


def test_loss_is_the_weighted_sum_of_its_definition():
    network, objective = problem(16)
    total = 0.0
    for i, x in enumerate(objective.data):
        for j, sigma in enumerate(SIGMA):
            xi = objective.noise[i, j]
            output = network(features((x + sigma * xi)[None], np.array([sigma])))[0]
            total += objective.beta[j] * ((sigma * output + xi) ** 2).sum() / (2 * len(objective.data))
    residuals = objective.residuals(network(objective.inputs))
    assert objective.loss(residuals) == pytest.approx(total, rel=1e-13)
    assert objective.level_losses(residuals).sum() == pytest.approx(total, rel=1e-13)


def test_curvature_is_the_gauss_newton_matrix_of_the_residuals():
    network, objective = problem(16)
    h = 1e-6

    def residuals(hidden):
        return objective.residuals(Network(network.first, hidden, network.last)(objective.inputs)).ravel()

    # J J^T / n applied to r is the change of the residuals along the gradient: first-order descent
    r = residuals(network.hidden)
    gradient = np.stack(
        network.gradient(
            network.forward(objective.inputs),
            objective.row_scale * r.reshape(objective.inputs.shape[0], -1) / 3,
        )
    )
    moved = (residuals(network.hidden + h * gradient) - residuals(network.hidden - h * gradient)) / (2 * h)
    np.testing.assert_allclose(moved, curvature_at(network, objective) @ r, rtol=1e-5, atol=1e-6)


def test_prediction_is_the_linear_recursion():
    network, objective = problem(64)
    prediction = predict(network, objective)
    h = curvature_at(network, objective)
    r = objective.residuals(network(objective.inputs)).ravel()
    step, losses = 0.7 * prediction.stable_step, []
    for _ in range(31):
        losses.append((r**2).sum() / (2 * len(objective.data)))
        r = r - step * h @ r
    np.testing.assert_allclose(prediction.losses(step, np.arange(31)), losses, rtol=1e-10)


def test_wide_networks_follow_the_prediction_and_keep_their_kernel():
    misses, drifts = np.zeros(2), np.zeros(2)
    for column, width in enumerate((64, 1024)):
        for seed in range(4):
            network, objective = problem(width, dim=4, points=2, seed=seed)
            prediction = predict(network, objective)
            step = prediction.stable_step
            run = descend(network, objective, step, 12)
            curve = prediction.losses(step, np.arange(13))
            misses[column] += np.abs(run.losses - curve).max() / curve[0] / 4
            drifts[column] += kernel_drift(network, run.network, objective) / 4
    # both fall as width^-1/2, by 4; half of that allows for four draws of the weights
    assert drifts[1] < drifts[0] / 2
    assert drifts[1] < 0.1
    assert misses[1] < misses[0] / 2
    assert misses[1] < 0.02


def test_late_rate_is_the_slowest_eigenvalue():
    network, objective = problem(64)
    prediction = predict(network, objective)
    step = prediction.stable_step
    k = np.array([10**5, 10**5 + 1])
    late = prediction.losses(step, k)
    assert -math.log(late[1] / late[0]) == pytest.approx(prediction.late_rate(step), rel=1e-6)


def test_descent_repeats_bit_for_bit():
    network, objective = problem(32)
    runs = [descend(network, objective, 1e-3, 5).losses for _ in range(2)]
    np.testing.assert_array_equal(*runs)


@pytest.mark.parametrize(("measure", "peak"), [("log-sigma", 5.227), ("sigma", 0.0762), ("network", 0.301)])
def test_where_the_bell_peaks_depends_on_the_measure(measure, peak):
    sigma = np.geomspace(1e-4, 1e2, 400_001)
    assert sigma[np.argmax(edm_density(sigma, measure))] == pytest.approx(peak, rel=2e-3)


def test_weights():
    sigma = np.geomspace(0.1, 10, 7)
    # equal on a log-uniform grid, and on no other
    np.testing.assert_allclose(weights("song", sigma), weights("uniform", sigma))
    assert not np.allclose(weights("song", sigma**1.5 + 0.1), 1)
    network = Network.initial(2, 64, 2, seed=0)
    objective = Objective.draw(np.random.default_rng(0).standard_normal((3, 2)), sigma, np.ones(7), seed=1)
    diagonal = np.diag(network.tangent_kernel(objective.inputs)).reshape(3, 7, 2)
    for name in WEIGHTINGS:
        beta = weights(name, sigma, diagonal)
        assert beta.mean() == pytest.approx(1)
        assert (beta > 0).all()
    equal = Objective(objective.data, sigma, weights("equalising", sigma, diagonal), objective.noise)
    traces = np.diag(curvature_at(network, equal)).reshape(3, 7, 2).sum((0, 2))
    np.testing.assert_allclose(traces, traces[0], rtol=1e-12)
    with pytest.raises(InputError, match="unknown weighting"):
        weights("flat", sigma)
    with pytest.raises(InputError, match="tangent kernel"):
        weights("equalising", sigma)


def test_population_loss_against_samples_and_the_bayes_floor():
    target = targets.build(
        {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
    )
    network = Network.initial(1, 32, 1, seed=0)
    sigma = np.array([0.4, 2.0])
    exact = population_loss(network, target, sigma)
    generator = torch.Generator().manual_seed(0)
    for level, total in zip(sigma, exact.total, strict=True):
        x = target.sample(200_000, generator).numpy()
        xi = torch.randn(len(x), 1, generator=generator, dtype=torch.float64).numpy()
        output = network(features(x + level * xi, np.full(len(x), level)))
        values = ((level * output + xi) ** 2)[:, 0]
        assert total == pytest.approx(values.mean(), abs=4 * values.std() / math.sqrt(len(values)))
    assert (exact.bayes > 0).all()
    assert (exact.score_error > 0).all()
