import numpy as np
import pytest
import torch
import torch.autograd.forward_ad as forward_ad

from sharpbound import samplers
from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.chapters.learning.learned_score import pair_targets, wrong_score
from sharpbound.chapters.learning.networks import Training, train
from sharpbound.distances import one_dimensional
from sharpbound.errors import InputError
from sharpbound.laws.transport import transport_law
from sharpbound.processes.schedules import li2024, ou_uniform
from sharpbound.scores.base import ExactScore
from sharpbound.scores.learned import LearnedScore
from sharpbound.targets import build

LADDER = li2024(40)
TARGET = build(
    {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
)


def test_the_wrong_score_is_p2s_at_every_level():
    pair = HardPair(0.05, 6.0)
    y = np.linspace(-8, 8, 33)
    field = wrong_score(pair, LADDER)
    for t in (1, 20, 40):
        level = pair.at(float(LADDER.a[t]), float(LADDER.sigma[t]))
        score = field(t, torch.tensor(y).unsqueeze(-1)).squeeze(-1).numpy()
        np.testing.assert_allclose(score, level.score(y, 2), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("R", [10.0, 20.0])
def test_the_wrong_score_costs_eta_in_tv_however_large_its_l2_error(R):
    """The sampler aims at p2, so TV is TV(p1, p2) up to its own discretisation error with the right score."""
    pair, ladder = HardPair(0.01, R), ou_uniform(128, horizon=6.0, delta=0.01)
    truth, heun = pair_targets(pair)[0], samplers.build({"name": "heun"})
    wrong, right = (
        one_dimensional.tv(transport_law(truth, ladder, heun, score, "normal")).value
        for score in (wrong_score(pair, ladder), ExactScore(truth, ladder))
    )
    last = pair.at(*ladder.level(0))
    assert right < 1e-3
    assert abs(wrong - last.tv) <= right * (
        1 + 1e-6
    )  # the triangle inequality; by symmetry TV(q2, p2) = right
    assert last.l2 > 0.09 * R
    assert last.robust(0.02) < 1e-10


def test_a_function_gets_the_exact_fields_derivatives():
    exact = ExactScore(TARGET, LADDER)
    learned = LearnedScore(exact)
    y = torch.linspace(-3, 3, 9, dtype=torch.float64).unsqueeze(-1)
    torch.testing.assert_close(learned(5, y), exact(5, y), rtol=0, atol=0)
    torch.testing.assert_close(learned.jacobian(5, y), exact.jacobian(5, y), rtol=1e-13, atol=1e-13)


def test_a_linear_function_in_two_dimensions():
    matrix = torch.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=torch.float64)
    learned = LearnedScore(lambda t, y: y @ matrix.T)
    y = torch.zeros(3, 2, dtype=torch.float64)
    torch.testing.assert_close(learned.jacobian(1, y), matrix.expand(3, 2, 2))


def test_a_network_is_differentiable_in_forward_mode():
    networks = train(TARGET, 0.8, 0.6, 32, Training(4, 1, 5), seeds=1, seed=0)
    learned = LearnedScore(lambda t, y: networks.score(0, y))
    y = torch.tensor([[0.3], [-0.2]], dtype=torch.float64)
    with forward_ad.dual_level():
        tangent = forward_ad.unpack_dual(learned(1, forward_ad.make_dual(y, torch.ones_like(y)))).tangent
    step = 1e-6  # ReLU networks are piecewise linear: central differences are exact to rounding
    difference = (learned(1, y + step) - learned(1, y - step)) / (2 * step)
    torch.testing.assert_close(tangent, difference, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(learned.jacobian(1, y).squeeze(-1), tangent)


def test_second_derivatives_are_refused_in_one_line():
    with pytest.raises(InputError, match="sampler"):
        LearnedScore(lambda t, y: y).grad_divergence(1, torch.zeros(1, 1))
