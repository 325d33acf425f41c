"""Laws on finite spaces against dense matrices, sums over all orders, rational arithmetic and printed values."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import expm

from sharpbound.chapters.discrete import ctmc, divergences, masked, targets

RNG = np.random.default_rng(7)


def random_table(states, dim):
    table = RNG.uniform(0.1, 1.0, (states,) * dim)
    return table / table.sum()


def generator(states, dim):
    """The dense rate matrix of the forward process on [S]^d."""
    one = np.full((states, states), 1 / states) - np.eye(states)
    total = np.zeros((states**dim,) * 2)
    for axis in range(dim):
        parts = [np.eye(states)] * dim
        parts[axis] = one
        term = parts[0]
        for part in parts[1:]:
            term = np.kron(term, part)
        total += term
    return total


@pytest.mark.parametrize(("states", "dim"), [(2, 3), (3, 2), (4, 1)])
def test_marginals_and_true_kernels_by_matrix_exponentials(states, dim):
    table = random_table(states, dim)
    chain = ctmc.Chain(table, 1.3, 0.2, 5)
    Q = generator(states, dim)
    for t in (0.2, 0.9):
        dense = table.ravel() @ expm(t * Q)
        np.testing.assert_allclose(chain.marginal(t).ravel(), dense, rtol=1e-12)
    p, below = (table.ravel() @ expm(t * Q) for t in (0.9, 0.7))
    joint = below[:, None] * expm(0.2 * Q)  # (clean, noisy)
    block = ctmc.true_block(chain, slice(0, table.size), 0.9, 0.7)
    np.testing.assert_allclose(block, (joint / p).T, rtol=1e-12)


def euler_by_hand(table, horizon, delta, T):
    """The factorised Euler law and path KL by loops over states."""
    S, d = table.shape[0], table.ndim
    h = (horizon - delta) / T
    Q = generator(S, d)
    states = list(itertools.product(range(S), repeat=d))
    q, path = table.ravel() @ expm(horizon * Q), 0.0
    for step in range(T):
        t = horizon - step * h
        p = (table.ravel() @ expm(t * Q)).reshape(table.shape)
        below = table.ravel() @ expm((t - h) * Q)
        heat = expm(h * Q)
        new = np.zeros_like(q)
        for n, x in enumerate(states):
            chances = []
            for i in range(d):
                rate = np.array([p[(*x[:i], v, *x[i + 1 :])] / p[x] / S for v in range(S)])
                rate[x[i]] = 0.0
                one = h * rate
                one[x[i]] = 1 - h * rate.sum()
                chances.append(one)
            to = np.array([math.prod(chances[i][y[i]] for i in range(d)) for y in states])
            true = below * heat[:, n] / p[x]
            path += p[x] * float((true * np.log(true / to)).sum())
            new += q[n] * to
        q = new
    return q.reshape(table.shape), path


@pytest.mark.parametrize(("states", "dim"), [(2, 3), (3, 2), (3, 1)])
def test_euler_by_hand(states, dim):
    table = random_table(states, dim)
    law, path = euler_by_hand(table, 1.1, 0.15, 6)
    chain = ctmc.Chain(table, 1.1, 0.15, 6)
    np.testing.assert_allclose(ctmc.output_law(chain, "euler-ctmc", "exact"), law, rtol=1e-11)
    assert ctmc.path_kl(chain, "euler-ctmc", "exact") == pytest.approx(path, rel=1e-9)


def test_blocks_of_states_make_no_difference(monkeypatch):
    chain = ctmc.Chain(random_table(3, 3), 1.0, 0.2, 4)
    whole = ctmc.output_law(chain, "euler-ctmc", "uniform"), ctmc.path_kl(chain, "euler-ctmc", "uniform")
    monkeypatch.setattr(ctmc, "BLOCK", 100)
    np.testing.assert_allclose(ctmc.output_law(chain, "euler-ctmc", "uniform"), whole[0], rtol=1e-13)
    assert ctmc.path_kl(chain, "euler-ctmc", "uniform") == pytest.approx(whole[1], rel=1e-13)


def test_exact_reverse_is_exact_and_forgets_its_start_twice_as_fast_as_bounds_say():
    """TV of the output ~ e^{-2 horizon}, of p_T against the uniform law e^{-horizon}."""
    table = random_table(3, 2)
    tv, far = [], []
    for horizon in (3.0, 4.0):
        chain = ctmc.Chain(table, horizon, 0.0, 3)
        np.testing.assert_allclose(ctmc.output_law(chain, "exact-reverse", "exact"), table, atol=1e-14)
        tv.append(divergences.total_variation(table, ctmc.output_law(chain, "exact-reverse", "uniform")))
        uniform = np.full(table.shape, 1 / table.size)
        far.append(divergences.total_variation(chain.marginal(horizon), uniform))
    assert math.log(tv[0] / tv[1]) == pytest.approx(2, abs=0.05)
    assert math.log(far[0] / far[1]) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("length", "T", "law", "averaged"),
    [(8, 2, 0.28008, 0.53203), (8, 4, 0.03522, 0.16855), (6, 2, 0.17941, 0.35530), (6, 3, 0.04921, 0.17190)],
)
def test_masked_blocks_on_a_chain_that_stays(length, T, law, averaged):
    """Binary chain with stay probability .8, to the printed digits."""
    table = targets.markov_chain(length, 2, 0.8)
    assert divergences.kl(table, masked.output_law(table, T)) == pytest.approx(law, abs=6e-6)
    assert masked.averaged_kl(table, T) == pytest.approx(averaged, abs=6e-6)


@pytest.mark.parametrize("T", [1, 2, 4])
def test_masked_blocks_over_all_orders(T):
    """Every sequence of blocks by itself, in rational arithmetic."""
    counts = RNG.integers(1, 9, (2,) * 4)
    p = {x: Fraction(int(counts[x]), int(counts.sum())) for x in itertools.product(range(2), repeat=4)}

    def prob(fixed):
        return sum(v for x, v in p.items() if all(x[i] == s for i, s in fixed.items()))

    b, orders = 4 // T, list(itertools.permutations(range(4)))
    law, averaged = dict.fromkeys(p, Fraction(0)), 0.0
    for order in orders:
        blocks = [order[i : i + b] for i in range(0, 4, b)]
        for x in p:
            chance, seen = Fraction(1), {}
            for block in blocks:
                for i in block:
                    chance *= prob(seen | {i: x[i]}) / prob(seen)
                seen |= {i: x[i] for i in block}
            law[x] += chance / len(orders)
            averaged += float(p[x]) * math.log(p[x] / chance) / len(orders)
    table = counts / counts.sum()
    found = masked.output_law(table, T)
    expected = np.array([float(law[x]) for x in itertools.product(range(2), repeat=4)]).reshape(table.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert masked.averaged_kl(table, T) == pytest.approx(averaged, rel=1e-12)
    assert divergences.kl(table, found) <= averaged + 1e-15


def test_one_token_at_a_time_is_exact():
    table = random_table(3, 4)
    np.testing.assert_allclose(masked.output_law(table, 4), table, rtol=1e-13)
    assert masked.averaged_kl(table, 4) == pytest.approx(0, abs=1e-13)


def test_all_at_once_leaves_the_product_of_the_marginals():
    table = random_table(2, 3)
    singles = [targets.marginal(table, (i,)) for i in range(3)]
    np.testing.assert_allclose(masked.output_law(table, 1), np.einsum("i,j,k->ijk", *singles), rtol=1e-13)
    correlation = sum(map(masked.entropy, singles)) - masked.entropy(table)
    assert masked.averaged_kl(table, 1) == pytest.approx(correlation, rel=1e-12)


def test_families():
    chain = targets.markov_chain(3, 3, 0.7)
    assert chain[0, 0, 1] == pytest.approx(0.7 * 0.15 / 3)
    flat = targets.categorical([0.1, 0.2, 0.3, 0.4], states=2, dim=2)
    np.testing.assert_array_equal(flat, targets.categorical([[0.1, 0.2], [0.3, 0.4]]))
    np.testing.assert_allclose(targets.product_of_categoricals([[0.2, 0.8], [0.5, 0.5]])[1], [0.4, 0.4])
    mixed = targets.mixture_of_products([0.25, 0.75], [[[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2])
    np.testing.assert_allclose(mixed, [[0.25, 0], [0, 0.75]])
    np.testing.assert_allclose(targets.uniform_set([[0, 1], [1, 0], [0, 1]], 2), [[0, 0.5], [0.5, 0]])


def test_divergences_in_closed_form():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    assert divergences.total_variation(p, q) == pytest.approx(0.25)
    assert divergences.kl(p, q) == pytest.approx(0.5 * math.log(2), rel=1e-14)
    assert divergences.kl(q, p) == math.inf
    assert divergences.chi2(q, p) == pytest.approx(0.25 + 0.25)
    assert divergences.hellinger(p, q) ** 2 == pytest.approx(1 - math.sqrt(0.125) - 0.5)
