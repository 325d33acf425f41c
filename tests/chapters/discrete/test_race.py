"""Draws in reduced precision: the law of a race with uniforms that stop short of 1."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad

from sharpbound.chapters.discrete import divergences, laws, targets
from sharpbound.chapters.discrete.masked.marginals import entropy
from sharpbound.chapters.discrete.masked.race import raced

RNG = np.random.default_rng(4)


@pytest.mark.parametrize("p", [[0.9, 0.1], [0.05, 0.15, 0.8], [0.97, 0.02, 0.009, 0.001]])
@pytest.mark.parametrize("bits", [3, 8])
def test_the_winner_by_quadrature(p, bits):
    """P(i wins) = int density of E_i/p_i times the chances that all others are later, E = -log U, U < 1 - 2^-bits."""
    top = 1 - 2.0**-bits
    c = -math.log(top)

    def later(j, z):
        return math.exp(-p[j] * z) / top if p[j] * z > c else 1.0

    for i, found in enumerate(raced(np.array(p), bits)):
        kinks = sorted({c / v for v in p if c / v > c / p[i]} | {c / p[i]})
        total = sum(
            quad(
                lambda z, i=i: (
                    p[i] * math.exp(-p[i] * z) / top * math.prod(later(j, z) for j in range(len(p)) if j != i)
                ),
                a,
                b,
                epsabs=1e-13,
            )[0]
            for a, b in zip(kinks, [*kinks[1:], math.inf], strict=True)
        )
        assert found == pytest.approx(total, rel=1e-8)


def test_simulated_races():
    p, draws = np.array([0.02, 0.9, 0.08]), 400_000
    u = RNG.uniform(0, 1 - 2.0**-4, (draws, 3))
    counts = np.bincount(np.argmin(-np.log(u) / p, axis=1), minlength=3)
    expected = draws * raced(p, 4)
    assert ((counts - expected) ** 2 / expected).sum() < 13.8  # 99.9 % of chi^2 with 2 degrees


def test_rare_tokens_win_less_often_and_the_temperature_falls():
    p = 1 / np.arange(1, 20_001)
    p /= p.sum()
    q = raced(p, 24)
    assert q.sum() == pytest.approx(1, rel=1e-13)
    assert q[-1] / p[-1] == pytest.approx(math.exp(-(2.0**-24) / p[-1]), rel=0.01)
    assert entropy(q) < entropy(p)
    assert divergences.total_variation(p, raced(p, 45)) < 1e-8


def test_first_hitting_is_exact_but_for_its_draws():
    target = targets.markov_chain(3, 4, 0.97)
    exact, half = (
        laws.Problem(target, {"process": "masked"}, {"name": "first-hitting", "precision": name}, 3).solve()
        for name in ("exact", "bfloat16")
    )
    np.testing.assert_allclose(exact.q, exact.p, rtol=1e-13)
    assert half.q.sum() == pytest.approx(1, rel=1e-13)
    assert half.value("log-perplexity").value < -1e-3
