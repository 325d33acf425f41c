"""Laws on finite spaces against dense matrices, sums over all orders, rational arithmetic and printed values."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import expm

from sharpbound.chapters.discrete import chain, divergences, process, samplers, targets
from sharpbound.chapters.discrete.masked import law, profile
from sharpbound.chapters.discrete.masked.marginals import Marginals, entropy
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers import base

RNG = np.random.default_rng(7)


def random_table(states, dim):
    table = RNG.uniform(0.1, 1.0, (states,) * dim)
    return table / table.sum()


def made(table, sampler, horizon, delta, T, init="exact", **keys):
    forward = {"process": "uniform-ctmc", "horizon": horizon, "delta": delta} | keys
    reverse = Reverse(table, process.build(forward, table.shape[0]))
    return chain.Chain(reverse, samplers.build({"name": sampler}), T, init)


def masked_blocks(table, T):
    """Law of the output and KL averaged over orders of T equal blocks."""
    marginals, sizes = Marginals.of(table), [table.ndim // T] * T
    return law.random_order(marginals, sizes), profile.averaged_kl(profile.OfTable(table), sizes)


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
    reverse = made(table, "euler-ctmc", 1.3, 0.2, 5).reverse
    Q = generator(states, dim)
    for t in (0.2, 0.9):
        dense = table.ravel() @ expm(t * Q)
        np.testing.assert_allclose(reverse.marginal(t).ravel(), dense, rtol=1e-12)
    p, below = (table.ravel() @ expm(t * Q) for t in (0.9, 0.7))
    joint = below[:, None] * expm(0.2 * Q)  # (clean, noisy)
    block = reverse.true_rows(slice(0, table.size), 0.9, 0.7)
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
    found = made(table, "euler-ctmc", 1.1, 0.15, 6)
    np.testing.assert_allclose(found.output_law(), law, rtol=1e-11)
    assert found.path_kl() == pytest.approx(path, rel=1e-9)


def test_blocks_of_states_make_no_difference(monkeypatch):
    found = made(random_table(3, 3), "euler-ctmc", 1.0, 0.2, 4, "uniform")
    whole = found.output_law(), found.path_kl()
    monkeypatch.setattr(base, "BLOCK", 100)
    np.testing.assert_allclose(found.output_law(), whole[0], rtol=1e-13)
    assert found.path_kl() == pytest.approx(whole[1], rel=1e-13)


def test_exact_reverse_is_exact_and_forgets_its_start_twice_as_fast_as_bounds_say():
    """TV of the output ~ e^{-2 horizon}, of p_T against the uniform law e^{-horizon}."""
    table = random_table(3, 2)
    tv, far = [], []
    for horizon in (3.0, 4.0):
        np.testing.assert_allclose(
            made(table, "exact-reverse", horizon, 0.0, 3).output_law(), table, atol=1e-14
        )
        found = made(table, "exact-reverse", horizon, 0.0, 3, "uniform")
        tv.append(divergences.total_variation(table, found.output_law()))
        far.append(
            divergences.total_variation(found.reverse.marginal(horizon), np.full(table.shape, 1 / table.size))
        )
    assert math.log(tv[0] / tv[1]) == pytest.approx(2, abs=0.05)
    assert math.log(far[0] / far[1]) == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize(
    ("length", "T", "of_law", "averaged"),
    [(8, 2, 0.28008, 0.53203), (8, 4, 0.03522, 0.16855), (6, 2, 0.17941, 0.35530), (6, 3, 0.04921, 0.17190)],
)
def test_masked_blocks_on_a_chain_that_stays(length, T, of_law, averaged):
    """Binary chain with stay probability .8, to the printed digits."""
    table = targets.markov_chain(length, 2, 0.8).table()
    output, mean = masked_blocks(table, T)
    assert divergences.kl(table, output) == pytest.approx(of_law, abs=6e-6)
    assert mean == pytest.approx(averaged, abs=6e-6)


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
    found, mean = masked_blocks(table, T)
    expected = np.array([float(law[x]) for x in itertools.product(range(2), repeat=4)]).reshape(table.shape)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert mean == pytest.approx(averaged, rel=1e-12)
    assert divergences.kl(table, found) <= averaged + 1e-15


def test_one_token_at_a_time_is_exact():
    table = random_table(3, 4)
    output, mean = masked_blocks(table, 4)
    np.testing.assert_allclose(output, table, rtol=1e-13)
    assert mean == pytest.approx(0, abs=1e-13)


def test_all_at_once_leaves_the_product_of_the_marginals():
    table = random_table(2, 3)
    singles = [targets.marginal(table, (i,)) for i in range(3)]
    output, mean = masked_blocks(table, 1)
    np.testing.assert_allclose(output, np.einsum("i,j,k->ijk", *singles), rtol=1e-13)
    assert mean == pytest.approx(sum(map(entropy, singles)) - entropy(table), rel=1e-12)


def test_families():
    assert targets.markov_chain(3, 3, 0.7).table()[0, 0, 1] == pytest.approx(0.7 * 0.15 / 3)
    flat = targets.categorical([0.1, 0.2, 0.3, 0.4], states=2, dim=2)
    np.testing.assert_array_equal(flat.table(), targets.categorical([[0.1, 0.2], [0.3, 0.4]]).table())
    product = targets.product_of_categoricals([[0.2, 0.8], [0.5, 0.5]])
    np.testing.assert_allclose(product.table()[1], [0.4, 0.4])
    longer = targets.product_of_categoricals([[0.2, 0.8], [0.5, 0.5], [0.2, 0.8]], dim=7)
    assert (len(longer.factors), longer.counts) == (2, [5, 2])
    np.testing.assert_allclose(longer.table()[1, 0, 1, 1, 1, 0, 1], 0.8**4 * 0.2 * 0.25)
    mixed = targets.mixture_of_products([0.25, 0.75], [[[1.0, 0.0]] * 2, [[0.0, 1.0]] * 2])
    np.testing.assert_allclose(mixed.table(), [[0.25, 0], [0, 0.75]])
    alike = targets.exchangeable([0.25, 0.75], [[1.0, 0.0], [0.4, 0.6]], 3)
    assert alike.table()[0, 1, 0] == pytest.approx(0.75 * 0.4 * 0.6 * 0.4)
    np.testing.assert_allclose(targets.uniform_set([[0, 1], [1, 0], [0, 1]], 2).table(), [[0, 0.5], [0.5, 0]])
    star = targets.tree([0, 0], 2, 0.9).table()
    assert star[1, 1, 0] == pytest.approx(0.5 * 0.9 * 0.1)
    np.testing.assert_array_equal(
        targets.tree([0, 1], 3, 0.7).table(), targets.markov_chain(3, 3, 0.7).table()
    )


def test_divergences_in_closed_form():
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.25, 0.5, 0.25])
    assert divergences.total_variation(p, q) == pytest.approx(0.25)
    assert divergences.kl(p, q) == pytest.approx(0.5 * math.log(2), rel=1e-14)
    assert divergences.kl(q, p) == math.inf
    assert divergences.chi2(q, p) == pytest.approx(0.25 + 0.25)
    assert divergences.hellinger(p, q) ** 2 == pytest.approx(1 - math.sqrt(0.125) - 0.5)
