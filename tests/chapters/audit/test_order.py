"""The powers of the step in an error that is known as a function; ladders; the score of an audit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from sharpbound import processes
from sharpbound.chapters.audit.asked import MIXTURE
from sharpbound.chapters.audit.measuring import Point
from sharpbound.chapters.audit.order import lowest_power
from sharpbound.chapters.audit.quick import quick_score
from sharpbound.chapters.audit.views import HIGH, View, default_views, moved
from sharpbound.laws.probe import Probed
from sharpbound.targets import build

T = (12, 24, 48, 96, 192, 384)
U = np.linspace(-2, 2, 41)
WEIGHTS = np.full(len(U), 1 / len(U))


def points(error, doubt=1e-15):
    """Of error(h, u)."""
    found = []
    for steps in T:
        errors = error(12 / steps, U)
        w2 = float(np.sqrt(errors**2 @ WEIGHTS))
        found.append(Point(steps, w2, doubt, doubt, Probed(w2, 0.0, errors, WEIGHTS)))
    return found


@pytest.mark.parametrize("order", [0, 1, 2, 3, 4])
def test_the_lowest_power_of_an_analytic_error(order):
    found = lowest_power(points(lambda h, u: h**order * np.exp(0.3 * h * u) * np.sin(u + 1)), order)
    assert found is not None
    assert (found.order, found.takes_over) == (order, 384)
    assert found.share == pytest.approx(1, abs=0.02)


def test_a_power_that_takes_over_later():
    """h^4 + 3e-4 h^2 at h = 12/T: as large as each other where h^2 = 3e-4, at T = 693."""
    found = lowest_power(points(lambda h, u: h**4 * np.cos(u) / (1 + 0.02 * h) + 3e-4 * h**2 * np.cos(u)), 4)
    assert found is not None
    assert found.order == 2
    assert found.takes_over == pytest.approx(693, rel=0.02)


def test_rounding_feigns_no_power():
    rng = np.random.default_rng(0)
    found = lowest_power(points(lambda h, u: h**3 * np.cos(u) + 1e-7 * rng.uniform(-1, 1, len(u)), 2e-7), 3)
    assert found is None or found.order == 3


def test_uneven_steps_are_a_pattern_that_is_refined():
    high = default_views(preserving=True)[2]
    assert high.range == pytest.approx(HIGH)
    for steps in (8, 16):
        ladder = high.ladder(steps)
        lengths = np.diff(np.log(ladder.sigma / ladder.a))[::-1]
        np.testing.assert_allclose(lengths / lengths.sum(), np.resize([1, 2, 1, 3], steps) / (7 * steps / 4))
        np.testing.assert_allclose(1 - ladder.beta[1:], (ladder.a[1:] / ladder.a[:-1]) ** 2, rtol=1e-12)


def test_moved_levels_are_those_of_the_process():
    ladder = moved(View({"schedule": "log-snr-uniform"}).ladder(16))
    np.testing.assert_allclose(ladder.a**2 + ladder.sigma**2, 1, rtol=1e-14)
    old = processes.build({"schedule": "log-snr-uniform"}, 16)
    change = ladder.sigma / ladder.a / (old.sigma / old.a) - 1
    assert 1e-6 < np.abs(change).max() < 2e-6


@pytest.mark.parametrize("spec", [MIXTURE, {"family": "gaussian", "mean": 0.5, "std": 0.5}])
@pytest.mark.parametrize("level", [(1.0, 20.0), (0.05, 0.999), (1.0, 0.02)])
def test_the_quick_score_is_the_score(spec, level):
    target, x = build(spec), torch.linspace(-6, 6, 201, dtype=torch.float64).reshape(-1, 1)
    scale = float(np.hypot(*level))
    found, expected = quick_score(target)(scale * x, *level), target.score(scale * x, *level)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-13)


def test_an_error_with_one_component_feigns_no_lower_power():
    """Extrapolations of a single number agree by chance, here and there; on a longer ladder they do not again.

    A thousand random expansions of order 2.
    """
    rng, h, feigned = np.random.default_rng(7), 12 / np.array(T, dtype=float), [0, 0]
    for _ in range(1000):
        errors = h**2 * np.polynomial.polynomial.polyval(0.5 * h, rng.uniform(-2, 2, 7))
        rows = [
            Point(steps, abs(e), 1e-15, 1e-15, Probed(abs(e), 0.0, np.array([e]), np.ones(1)))
            for steps, e in zip(T, errors, strict=True)
        ]
        lower = [(found := lowest_power(rows[:n], 2.0)) is not None and found.order < 2 for n in (5, 6)]
        feigned[0] += lower[0]
        feigned[1] += all(lower)
    assert feigned[0] <= 10
    assert feigned[1] == 0
