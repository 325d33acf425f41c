import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from sharpbound.chapters.learning.intervals import mean_estimate, slope_over_range
from sharpbound.chapters.learning.networks import Training, robust_distance, score_errors, together, train
from sharpbound.errors import InputError
from sharpbound.targets import build

NORMAL = build({"family": "gaussian", "mean": 0.5, "std": 0.6})
SMALL = Training(width=8, depth=2, steps=200)


@pytest.fixture(scope="module")
def trained():
    return train(NORMAL, 0.8, 0.6, 512, SMALL, seeds=4, seed=0)


def test_networks_learn_the_score(trained):
    errors = score_errors(trained, NORMAL, 0.8, 0.6, [0.05, 0.5])
    norm = float(np.sqrt(1 / (0.8**2 * 0.36 + 0.36)))  # E s^2 = 1/variance
    assert (errors.l2 < 0.5 * norm).all()  # an untrained network is off by more than the score itself
    assert (errors.robust[:, 1] <= errors.robust[:, 0]).all()
    assert (errors.robust[:, 0] <= errors.l2 / np.sqrt(0.05)).all()


def test_the_empirical_risk_is_below_that_of_the_true_score(trained):
    """ERM over-fits: its training risk lies below the Bayes risk sigma^2 E|s + z/sigma|^2 on average."""
    # 1 - sigma^2/variance: the residual variance of z given y
    bayes = 1 - 0.36 / (0.64 * 0.36 + 0.36)
    assert (
        trained.loss.mean() < bayes * 1.1
    )  # 512 samples: the risk itself fluctuates by 6 %, 3 % over 4 seeds


def test_seeds_do_not_depend_on_their_number(trained):
    fewer = train(NORMAL, 0.8, 0.6, 512, SMALL, seeds=2, seed=0)
    y = torch.linspace(-2, 2, 7, dtype=torch.float64).unsqueeze(-1)
    # batched products may be summed in another order
    torch.testing.assert_close(fewer.scores(y), trained.scores(y)[:2], rtol=1e-6, atol=1e-8)
    torch.testing.assert_close(fewer.score(1, y), fewer.scores(y)[1])


def test_training_is_reproducible():
    first, second = (train(NORMAL, 0.8, 0.6, 32, Training(4, 1, 5), seeds=2, seed=3).loss for _ in range(2))
    assert np.array_equal(first, second)


def test_networks_together_are_each_by_itself(trained):
    y = torch.linspace(-3, 3, 7, dtype=torch.float64)[:, None]
    seeds = len(trained.sigma)
    found = together(trained.parameters, y.expand(seeds, -1, -1)) / trained.sigma[:, None, None]
    for seed in range(seeds):
        assert torch.allclose(found[seed], trained.score(seed, y), rtol=1e-14, atol=1e-14)


def test_several_dimensions():
    target = build({"family": "gaussian", "mean": [0.0, 1.0], "cov": [[1.0, 0.0], [0.0, 0.5]]})
    networks = train(target, 0.8, 0.6, 64, Training(8, 1, 50), seeds=2, seed=0)
    errors = score_errors(networks, target, 0.8, 0.6, [0.1])
    assert errors.l2.shape == (2,)
    assert errors.robust.shape == (2, 1)
    assert np.isfinite(errors.l2).all()


@given(
    st.lists(st.tuples(st.floats(0, 100), st.floats(0.01, 1)), min_size=1, max_size=30),
    st.floats(1e-3, 0.999),
)
def test_the_robust_distance_is_a_quantile_and_below_l2_over_root_delta(points, delta):
    gap, weight = (np.array(column) for column in zip(*points, strict=True))
    weight /= weight.sum()
    distance = robust_distance(gap, weight, delta)
    assert weight[gap > distance].sum() <= delta + 1e-12
    assert weight[gap >= distance].sum() > delta - 1e-12
    assert distance <= np.sqrt(gap**2 @ weight / delta) * (1 + 1e-9) + 1e-12


def test_the_slope_over_a_range_and_its_interval():
    m = np.array([10, 20, 40, 80])
    exact = slope_over_range(m, 3 * m**-0.7, np.zeros(4))
    assert exact.value == pytest.approx(-0.7, abs=1e-12)
    assert exact.high - exact.low < 1e-12
    rng, error = np.random.default_rng(1), 0.05 * m**-0.7
    fits = [slope_over_range(m, m**-0.7 + error * rng.standard_normal(4), error) for _ in range(2000)]
    hits = np.mean([fit.low <= -0.7 <= fit.high for fit in fits])
    # four sigma of the count; first-order propagation of a 5 % error leaves less than that
    assert abs(hits - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)


def test_student_intervals_cover():
    rng = np.random.default_rng(0)
    hits = sum(e.low <= 1 <= e.high for e in (mean_estimate(1 + rng.standard_normal(6)) for _ in range(2000)))
    assert abs(hits / 2000 - 0.95) < 4 * np.sqrt(0.95 * 0.05 / 2000)


def test_bad_training_is_refused():
    with pytest.raises(InputError, match="positive integer"):
        Training(width=0)
    with pytest.raises(InputError, match="positive"):
        Training(rate=0.0)
