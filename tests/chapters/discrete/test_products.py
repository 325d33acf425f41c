"""Independent coordinates: each by itself against all of them in one table, and large numbers of them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import binom

from sharpbound.chapters.discrete import divergences, laws, products, samplers, targets
from sharpbound.chapters.discrete.chain import Chain
from sharpbound.chapters.discrete.process import build
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.distances.products import ProductLaw
from sharpbound.distances.products import tv as integral

FORWARD = {"process": "uniform-ctmc", "horizon": 1.5, "delta": 0.1}
FACTORS = [[0.6, 0.3, 0.1], [0.2, 0.2, 0.6], [0.6, 0.3, 0.1]]


@pytest.mark.parametrize("name", ["euler-ctmc", "tau-leaping", "theta-trapezoidal", "exact-reverse"])
@pytest.mark.parametrize("init", ["exact", "uniform"])
def test_all_metrics_are_those_of_the_table(name, init):
    target = targets.product_of_categoricals(FACTORS)
    sampler = {"name": name, "init": init}
    found = laws.Problem(target, FORWARD, sampler, 6).solve()
    assert found.engine == "product"
    chain = Chain(Reverse(target.table(), build(FORWARD, 3)), samplers.build({"name": name}), 6, init)
    p, q = chain.truth(), chain.output_law()
    for metric, of in divergences.OF_LAWS.items():
        assert found.value(metric).value == pytest.approx(of(p, q), rel=1e-9, abs=3e-14), metric
    assert found.value("path-kl").value == pytest.approx(chain.path_kl(), rel=1e-10, abs=1e-13)


def test_a_million_binary_coordinates():
    """Divergences add or multiply, and total variation is a sum over the number of ones."""
    p, q, n = np.array([0.3, 0.7]), np.array([0.3002, 0.6998]), 10**6
    kl = n * divergences.kl(p, q)
    assert products.distance("kl", [(p, q)], [n]).value == pytest.approx(kl, rel=1e-12)
    k = np.arange(n + 1)
    brute = 0.5 * np.abs(binom.pmf(k, n, q[1]) - binom.pmf(k, n, p[1])).sum()
    assert products.distance("tv", [(p, q)], [n]).value == pytest.approx(brute, rel=1e-8)
    target = targets.product_of_categoricals([[0.3, 0.7]], dim=n)
    found = laws.Problem(target, FORWARD, {"name": "euler-ctmc"}, 64).solve()
    alone = targets.product_of_categoricals([[0.3, 0.7]])
    one = laws.Problem(alone, FORWARD, {"name": "euler-ctmc"}, 64).solve()
    assert found.value("kl").value == pytest.approx(n * one.value("kl").value, rel=1e-12)
    assert found.value("tv").floor < 1e-6 * found.value("tv").value


def test_total_variation_by_the_integral_where_counts_are_too_many():
    """400 coordinates in three states, both ways: apart by no more than the lattice's part, 1/n."""
    p, q, n = np.array([0.5, 0.3, 0.2]), np.array([0.49, 0.31, 0.2]), 400
    summed = products.distance("tv", [(p, q)], [n])
    transform = integral(ProductLaw([products.Coordinate(p, q)], [n]))
    assert summed.kind == "closed-form"
    assert transform.value == pytest.approx(summed.value, rel=1 / n)


def test_what_only_one_of_the_laws_has():
    """Two coordinates, with states that p or q has not, against the table."""
    p, q = np.array([0.5, 0.5, 0.0]), np.array([0.5, 0.2, 0.3])
    tables = [np.multiply.outer(law, law) for law in (p, q)]
    for one, other in (tables, tables[::-1]):
        pair = [(p, q)] if one is tables[0] else [(q, p)]
        assert products.distance("tv", pair, [2]).value == pytest.approx(
            divergences.total_variation(one, other)
        )
    assert products.distance("sequence-error", [(p, q)], [2]).value == pytest.approx(1 - 0.7**2)
    assert math.isinf(divergences.kl(q, p))
