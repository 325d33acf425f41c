"""Masked samplers: orders, sizes and profiles against sums over everything that can happen."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest

from sharpbound.chapters.discrete import divergences, laws, targets
from sharpbound.chapters.discrete.masked import counts, law, profile
from sharpbound.chapters.discrete.masked.marginals import Marginals, entropy
from sharpbound.chapters.discrete.masked.sizes import block_sizes

RNG = np.random.default_rng(5)


def random_table(states, dim):
    table = RNG.uniform(0.05, 1.0, (states,) * dim)
    return table / table.sum()


def solved(target, T, **sampler):
    return laws.Problem(target, {"process": "masked"}, {"name": "masked-blocks"} | sampler, T).solve()


def test_information_of_a_chain_that_stays():
    """L = 8, stay .8, to the printed digits."""
    facts = solved(targets.markov_chain(8, 2, 0.8), 2).facts()
    assert facts["TC"] == pytest.approx(1.3492, abs=6e-5)
    assert facts["DTC"] == pytest.approx(0.9515, abs=6e-5)
    assert facts["MI"] == pytest.approx(2.3008, abs=6e-5)


def test_mean_entropies_by_all_subsets():
    table = random_table(3, 4)
    h = Marginals.of(table).entropies()
    for k in range(5):
        values = [
            entropy(table.sum(tuple(set(range(4)) - set(seen))))
            for seen in itertools.combinations(range(4), k)
        ]
        assert h[k] == pytest.approx(np.mean(values), rel=1e-13, abs=1e-14)


@pytest.mark.parametrize(
    "target",
    [
        targets.markov_chain(7, 3, 0.7),
        targets.exchangeable([0.3, 0.7], [[0.9, 0.1], [0.2, 0.8]], 9),
        targets.product_of_categoricals([[0.2, 0.8], [0.6, 0.4]], dim=5),
    ],
)
def test_profiles_in_closed_form(target):
    found, table = profile.profile_of(target), Marginals.of(target.table()).entropies()
    np.testing.assert_allclose(found.gains, np.diff(table), rtol=1e-11)
    assert found.total == pytest.approx(table[-1], rel=1e-13)


@pytest.mark.parametrize(
    ("states", "sizes"), [(2, [1, 2, 1]), (2, [3, 1]), (2, [1, 3]), (2, [2, 2]), (3, [1, 2])]
)
def test_blocks_of_any_sizes_over_all_orders(states, sizes):
    """Law and averaged KL, every order by itself, in rational arithmetic."""
    L = sum(sizes)
    weights = RNG.integers(1, 9, (states,) * L)
    p = {x: Fraction(int(weights[x]), int(weights.sum())) for x in itertools.product(range(states), repeat=L)}

    def prob(fixed):
        return sum(v for x, v in p.items() if all(x[i] == s for i, s in fixed.items()))

    orders = list(itertools.permutations(range(L)))
    expected, averaged = dict.fromkeys(p, Fraction(0)), 0.0
    ends = np.cumsum([0, *sizes])
    for order in orders:
        parts = [order[a:b] for a, b in itertools.pairwise(ends)]
        for x in p:
            chance, seen = Fraction(1), {}
            for part in parts:
                for i in part:
                    chance *= prob(seen | {i: x[i]}) / prob(seen)
                seen |= {i: x[i] for i in part}
            expected[x] += chance / len(orders)
            averaged += float(p[x]) * math.log(p[x] / chance) / len(orders)
    found = solved(targets.Table(weights / weights.sum()), len(sizes), blocks=sizes)
    np.testing.assert_allclose(found.q.ravel(), [float(v) for v in expected.values()], rtol=1e-13)
    assert found.value("kl-averaged").value == pytest.approx(averaged, rel=1e-12)


def test_random_sizes_over_all_assignments_of_steps():
    """Every token in every step: T^L equally likely runs."""
    table, T = random_table(2, 3), 3
    marginals = Marginals.of(table)
    expected, averaged = np.zeros_like(table), 0.0
    for steps in itertools.product(range(T), repeat=3):
        run = np.ones_like(table)
        for x in itertools.product(range(2), repeat=3):
            for i in range(3):
                seen = tuple(j for j in range(3) if steps[j] < steps[i])
                run[x] *= marginals.conditional(i, seen)[(*(x[j] for j in seen), x[i])]
        expected += run / T**3
        averaged += divergences.kl(table, run) / T**3
    found = solved(targets.Table(table), T, schedule="random")
    np.testing.assert_allclose(found.q, expected, rtol=1e-13)
    assert found.value("kl-averaged").value == pytest.approx(averaged, rel=1e-12)


@pytest.mark.parametrize("by", ["confidence", "entropy"])
def test_surest_first_by_following_every_sequence(by):
    """For each x: which tokens are surest, step by step, given the values that x has."""
    table = random_table(3, 4)
    marginals = Marginals.of(table)
    expected = np.zeros_like(table)
    for x in itertools.product(range(3), repeat=4):
        seen, chance = (), 1.0
        for size in (1, 2, 1):
            given = {
                i: marginals.conditional(i, seen)[tuple(x[j] for j in seen)]
                for i in range(4)
                if i not in seen
            }
            doubt = {i: -law_i.max() if by == "confidence" else entropy(law_i) for i, law_i in given.items()}
            block = sorted(doubt, key=lambda i: (doubt[i], i))[:size]
            chance *= math.prod(given[i][x[i]] for i in block)
            seen = tuple(sorted((*seen, *block)))
        expected[x] = chance
    found = law.by_confidence(marginals, [1, 2, 1], by)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert found.sum() == pytest.approx(1, rel=1e-13)


def test_equal_doubts_are_broken_by_place():
    """The ends of a symmetric chain are as sure as each other: the first goes first."""
    table = targets.markov_chain(4, 2, 0.8).table()
    q = law.by_confidence(Marginals.of(table), [1, 3], "entropy")
    # after x_1: x_2, x_3, x_4 apart from each other
    one = np.array([[0.5, 0.5]] * 2) + np.array([[0.5, -0.5], [-0.5, 0.5]]) * 0.6
    powers = [np.linalg.matrix_power(one, k) for k in (1, 2, 3)]
    np.testing.assert_allclose(q, 0.5 * np.einsum("ab,ac,ad->abcd", *powers), rtol=1e-13)


def test_sequences_that_cannot_be_have_mass_and_no_divergence_depends_on_it():
    """Two of four points, all tokens at once and in two steps: mass is one, and what p cannot be is the error."""
    target = targets.uniform_set([[0, 0, 0, 0], [1, 1, 1, 1], [0, 1, 0, 1]], 2)
    for T in (1, 2):
        found = solved(target, T)
        assert found.q.sum() == pytest.approx(1, rel=1e-14)
        outside = 1 - found.q[found.p > 0].sum()
        assert found.value("sequence-error").value == pytest.approx(outside, rel=1e-12)
    p, q = found.p, found.q
    seen = p > 0
    assert found.value("kl").value == pytest.approx(
        float((p[seen] * np.log(p[seen] / q[seen])).sum()), rel=1e-12
    )


def test_optimal_sizes_are_the_best_of_all():
    h = profile.profile_of(targets.markov_chain(9, 2, 0.9))
    best = min(
        (profile.averaged_kl(h, sizes), sizes)
        for sizes in itertools.product(range(1, 8), repeat=3)
        if sum(sizes) == 9
    )
    found = profile.optimal_sizes(h, 3)
    assert profile.averaged_kl(h, found) == pytest.approx(best[0], rel=1e-12)
    assert sum(found) == 9


def test_counts_are_the_laws_of_tables():
    target = targets.exchangeable([0.3, 0.7], [[0.9, 0.1], [0.25, 0.75]], 8)
    sizes = [3, 1, 4]
    table = target.table()
    q = law.random_order(Marginals.of(table), sizes)
    ones = np.indices(table.shape).sum(0)
    for found, whole in ((counts.true_counts(target), table), (counts.output_counts(target, sizes), q)):
        np.testing.assert_allclose(np.exp(found), np.bincount(ones.ravel(), whole.ravel()), rtol=1e-12)
    both = counts.true_counts(target), counts.output_counts(target, sizes)
    for metric, of in counts.OF_COUNTS.items():
        assert of(*both) == pytest.approx(divergences.OF_LAWS[metric](table, q), rel=1e-10)


def test_long_sequences():
    """A thousand tokens: one step leaves the total correlation, many steps nearly nothing, and L steps nothing."""
    target = targets.exchangeable([0.5, 0.5], [[0.9, 0.1], [0.3, 0.7]], 1000)
    one = solved(target, 1)
    assert one.engine == "counts"
    assert one.value("kl-averaged").value == pytest.approx(one.facts()["TC"], rel=1e-9)
    assert one.value("kl").value == pytest.approx(
        one.facts()["TC"], rel=1e-9
    )  # one order: nothing is averaged
    assert solved(target, 1000).value("kl-averaged").value == pytest.approx(0, abs=1e-9)
    long = profile.profile_of(targets.markov_chain(3000, 4, 0.9))
    assert long.gains.sum() == pytest.approx(long.total, rel=1e-12)
    chain = solved(targets.markov_chain(1000, 4, 0.9), 1)
    assert chain.engine == "profile"
    assert chain.value("kl-averaged").value == pytest.approx(chain.facts()["TC"], rel=1e-9)


def test_cosine_sizes():
    """MaskGIT's schedule on 16 tokens and four steps: cos(pi t/8) of them stay masked."""
    target = targets.markov_chain(16, 2, 0.8)
    assert block_sizes(target, 4, "cosine", None) == [1, 4, 5, 6]
    assert sum(block_sizes(target, 16, "cosine", None)) == 16


@pytest.mark.parametrize("threshold", [0.1, 1.0, 1.7, 5.0])
def test_sums_of_entropies_by_following_every_sequence(threshold):
    """For each x: how many of the surest tokens fit, step by step, given the values that x has."""
    table = random_table(3, 4)
    marginals = Marginals.of(table)
    expected, steps = np.zeros_like(table), 0.0
    for x in itertools.product(range(3), repeat=4):
        seen, chance, taken = (), 1.0, 0
        while len(seen) < 4:
            given = {
                i: marginals.conditional(i, seen)[tuple(x[j] for j in seen)]
                for i in range(4)
                if i not in seen
            }
            order = sorted(given, key=lambda i: (entropy(given[i]), i))
            sums = np.cumsum([entropy(given[i]) for i in order])
            block = order[: max(1, int((sums <= threshold).sum()))]
            chance *= math.prod(given[i][x[i]] for i in block)
            seen, taken = tuple(sorted((*seen, *block))), taken + 1
        expected[x] = chance
        steps += chance * taken
    found, mean_steps = law.by_entropy_sum(marginals, threshold)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert mean_steps == pytest.approx(steps, rel=1e-12)
