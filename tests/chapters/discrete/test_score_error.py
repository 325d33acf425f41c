"""Wrong ratios: their size, the law in continuous time, and what they add to a sampler."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.linalg import expm

import sharpbound as sb
from sharpbound.chapters.discrete import divergences, process, samplers, score_error
from sharpbound.chapters.discrete.chain import Chain
from sharpbound.chapters.discrete.reverse import Reverse

RNG = np.random.default_rng(3)
FORWARD = {"process": "uniform-ctmc", "horizon": 1.5, "delta": 0.2}


def problem(states, dim, **error):
    table = RNG.uniform(0.2, 1.0, (states,) * dim)
    reverse = Reverse(table / table.sum(), process.build(FORWARD, states))
    return reverse, score_error.build(error, reverse)


def chain(reverse, wrong, name, T):
    return Chain(reverse, samplers.build({"name": name}), T, wrong=wrong)


def test_the_size_of_a_constant_error():
    """(e^eps - 1 - eps) times the expected number of jumps, which is that of the forward chain."""
    reverse, wrong = problem(3, 2, field="constant", eps=0.3)
    jumps = 0.0
    x, w = np.polynomial.legendre.leggauss(30)
    for node, weight in zip(x, w, strict=True):
        t = 0.85 + 0.65 * node
        jumps += 0.65 * weight * float(reverse.marginal(t).ravel() @ sum(r.sum(1) for r in reverse.rates(t)))
    expected = (math.exp(0.3) - 1.3) * jumps
    assert score_error.score_entropy(reverse, wrong, 1.5, 0.2) == pytest.approx(expected, rel=1e-10)
    # two coordinates that jump at rate 1, a third of the time to where they are
    assert jumps == pytest.approx(2 * 1.3 * 2 / 3, rel=1e-10)


@pytest.mark.parametrize("name", ["euler-ctmc", "tweedie-tau-leaping", "uniformization", "theta-rk2"])
def test_no_error_changes_nothing(name):
    reverse, wrong = problem(3, 2, field="random", eps=0.0)
    exact, same = chain(reverse, None, name, 4), chain(reverse, wrong, name, 4)
    np.testing.assert_allclose(same.output_law(), exact.output_law(), rtol=1e-9)


@pytest.mark.parametrize("field", ["constant", "checkerboard", "random"])
def test_continuous_time_by_many_matrix_exponentials(field):
    """The product of exp(h R(midpoint)) over 500 steps: an error of order h^2."""
    reverse, wrong = problem(2, 2, field=field, eps=0.4, seed=2)
    q, h = reverse.marginal(1.5).ravel(), 1.3 / 500
    for k in range(500):
        G = np.zeros((4, 4))
        for axis, rates in enumerate(wrong.rates(1.5 - (k + 0.5) * h)):
            for n in range(4):
                x = list(np.unravel_index(n, (2, 2)))
                x[axis] = 1 - x[axis]
                G[n, np.ravel_multi_index(x, (2, 2))] = rates[n, x[axis]]
        q = q @ expm(h * (G - np.diag(G.sum(1))))
    found = chain(reverse, wrong, "uniformization", 1).output_law()
    np.testing.assert_allclose(found.ravel(), q, rtol=4e-5)


def test_the_score_entropy_is_the_divergence_of_paths():
    """Of Euler's chain as its steps shrink (Girsanov), and above that of the ends."""
    reverse, wrong = problem(2, 2, field="random", eps=0.5)
    loss = score_error.score_entropy(reverse, wrong, 1.5, 0.2)
    coarse, fine = (chain(reverse, wrong, "euler-ctmc", T).path_kl() for T in (200, 400))
    assert 2 * fine - coarse == pytest.approx(loss, rel=2e-3)
    exact = chain(reverse, wrong, "uniformization", 1)
    assert exact.path_kl() == pytest.approx(loss, rel=1e-12)
    assert divergences.kl(exact.truth(), exact.output_law()) < loss


CASE = {
    "case": {"id": "mine", "title": "mine", "kind": "discrete", "claim": "discrete.euler-kl"},
    "target": {"family": "markov-chain", "length": 2, "states": 2, "stay": 0.8},
    "forward": FORWARD,
    "sampler": {"name": "euler-ctmc", "init": "uniform"},
    "score_error": {"field": "checkerboard", "eps": 0.1, "budget": True},
    "measure": {"metric": "kl"},
    "sweep": {"T": [8, 64]},
}


def test_a_budget_of_errors():
    """Each source alone: the start and the score do not depend on T, the steps fall like 1/T^2."""
    rows = [row.columns for row in sb.measure(CASE, keep=False).rows]
    for key in ("kl_start", "kl_score", "tv_stop", "score_entropy"):
        assert rows[0][key] == rows[1][key] > 0
    assert rows[0]["kl_steps"] / rows[1]["kl_steps"] == pytest.approx(64, rel=0.3)
    assert rows[0]["eps_score"] ** 2 == pytest.approx(rows[0]["score_entropy"], rel=1e-12)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"score_error": {"field": "bump"}}, "score_error.field: must be one of"),
        ({"score_error": {"field": "constant", "budget": 1}}, "score_error.budget: must be true or false"),
        ({"sampler": {"name": "exact-reverse"}}, "sampler.name: the true kernel has no score"),
        (
            {"forward": {"process": "masked"}, "sampler": {"name": "masked-blocks"}, "sweep": {"T": [2]}},
            "score_error: a masked process takes none",
        ),
    ],
)
def test_mistakes_are_told_in_a_line(changes, message):
    with pytest.raises(sb.InputError, match=message):
        sb.measure(CASE | changes, keep=False)
