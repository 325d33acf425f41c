import math

import numpy as np
import pytest
from scipy.special import ndtr

from sharpbound.chapters.learning.cascade import cascade_ladder, cascade_law, scales
from sharpbound.errors import InputError


@pytest.mark.parametrize(("gamma", "steps"), [(0.1, 5), (0.03, 7), (1e-4, 8), (1e-12, 8)])
def test_the_pushes_add_up_as_a_plain_recursion_says(gamma, steps):
    """The mean of each coordinate alone is off: m <- E[X_{t-1} | X_t = m] + push, and TV = 2 Phi(|m|/2) - 1."""
    eps, std, ladder = 0.02, scales(gamma), cascade_ladder(gamma, steps)
    variance = ladder.a[:, None] ** 2 * std**2 + ladder.sigma[:, None] ** 2
    mean = np.zeros(len(std))
    for t in range(ladder.T, 0, -1):
        alpha = 1 - ladder.beta[t]
        mean *= math.sqrt(alpha) * variance[t - 1] / variance[t]
        nearest = math.floor(0.5 + 1e-9 - math.log10(ladder.sigma[t] / ladder.a[t]))
        mean[min(max(nearest, 0), len(std) - 1)] += ladder.beta[t] / math.sqrt(alpha) * eps / ladder.sigma[t]
    distance = math.sqrt((mean**2 / variance[0]).sum())
    found = cascade_law(gamma, eps, steps).distance("tv")
    assert found.value == pytest.approx(2 * ndtr(distance / 2) - 1, rel=1e-11)
    assert found.floor < 1e-11


def test_every_scale_adds_the_same():
    """The squared distance grows by the same amount with every decade (up to 1 %: the ends of the range)."""
    squares = [cascade_law(10.0**-k, 1e-4, 8).distance("tv").value ** 2 for k in (8, 12, 16, 20)]
    assert np.diff(squares) == pytest.approx(np.full(3, squares[-1] - squares[-2]), rel=0.01)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0, 1e-120])
def test_gamma_out_of_range(gamma):
    with pytest.raises(InputError, match="must lie in"):
        scales(gamma)
