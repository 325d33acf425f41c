"""Ways that make large spaces possible, each against the plain one on a small space, and a law at their full size."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sharpbound.chapters.discrete import chain, laws, paths, process, samplers, targets
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers import base
from sharpbound.errors import InputError

RNG = np.random.default_rng(11)
UNIFORM = {"process": "uniform-ctmc", "horizon": 1.5, "delta": 0.1}
ABSORBING = UNIFORM | {"process": "absorbing-ctmc"}
RATES = UNIFORM | {"process": "ctmc", "rates": [[0, 1.0, 0.2], [0.5, 0, 0.3], [0.1, 0.7, 0]]}


def random_table(states, dim, share=1.0):
    table = RNG.random((states,) * dim) * (RNG.random((states,) * dim) <= share)
    return table / table.sum()


def made(table, name, T=6, forward=UNIFORM, init="exact", **keys):
    reverse = Reverse(table, process.build(forward, table.shape[0]))
    return chain.Chain(reverse, samplers.build({"name": name} | keys), T, init)


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("euler-ctmc", {}),
        ("theta-rk2", {}),
        ("exact-reverse", {}),
        ("euler-ctmc", {"corrector": "gibbs"}),
        ("euler-ctmc", {"corrector": "informed"}),
    ],
)
def test_a_law_is_pushed_as_by_all_transitions(name, keys):
    found = made(random_table(3, 3), name, **keys)
    q = random_table(3, 3)
    for kernel in found.sampler.kernels(found.reverse, 1.0, 0.9):
        dense = q.ravel() @ kernel(slice(0, found.reverse.size))
        np.testing.assert_allclose(kernel.push(q).ravel(), dense, rtol=1e-12, atol=1e-16)


@pytest.mark.parametrize(
    ("table", "name", "forward"),
    [
        (random_table(3, 3), "euler-ctmc", UNIFORM),
        (random_table(2, 4, 0.4), "tau-leaping", UNIFORM),
        (random_table(2, 3), "tweedie-tau-leaping", ABSORBING),
        (random_table(2, 3), "tau-leaping", ABSORBING),
        (random_table(3, 2), "euler-ctmc", RATES),
        (random_table(4, 1), "euler-ctmc", UNIFORM),
    ],
)
def test_the_divergence_of_paths_goes_axis_by_axis(monkeypatch, table, name, forward):
    """Entropies against the sum over all pairs of states."""
    found = made(table, name, forward=forward)
    whole = found.path_kl()
    monkeypatch.setattr(paths, "ALL_PAIRS", 0)
    assert math.isfinite(whole)
    assert found.path_kl() == pytest.approx(whole, rel=1e-11, abs=1e-13)


def test_paths_that_the_sampler_never_takes_diverge_either_way(monkeypatch):
    class Stays(base.Factorised):
        name = "stays"

        def factors(self, reverse, t, s):
            return [np.eye(reverse.process.size)[at] for at in base.own_states(3, 2)]

    reverse = made(random_table(3, 2), "euler-ctmc").reverse
    found = chain.Chain(reverse, Stays(), 2)
    assert found.path_kl() == math.inf
    monkeypatch.setattr(paths, "ALL_PAIRS", 0)
    assert found.path_kl() == math.inf


def test_4096_states_of_independent_coordinates_are_their_product():
    """The chain knows nothing of the product; its law is that of each coordinate by itself."""
    rows = [[0.9, 0.1], [0.3, 0.7]]
    product = targets.product_of_categoricals(rows, dim=12)
    whole = made(product.table(), "euler-ctmc", T=4, init="uniform")
    alone = [made(np.array(row), "euler-ctmc", T=4, init="uniform") for row in rows]
    expected = np.array(1.0)
    for i in range(12):
        expected = np.multiply.outer(expected, alone[i % 2].output_law())
    np.testing.assert_allclose(whole.output_law(), expected, rtol=1e-12)
    assert whole.path_kl() == pytest.approx(6 * sum(one.path_kl() for one in alone), rel=1e-10)


def test_limits_are_told_with_the_size():
    def problem(length, states=3, **sampler):
        target = targets.markov_chain(length, states, 0.8)
        return laws.Problem(target, UNIFORM, {"name": "euler-ctmc"} | sampler, 2)

    problem(12).check_metric("path-kl")
    with pytest.raises(InputError, match=r"3\^12 = 531441 states; kl with euler-ctmc takes at most 262144"):
        problem(12).check_metric("kl")
    with pytest.raises(
        InputError, match=r"3\^11 = 177147 states; a step with tau-leaping takes at most 65536"
    ):
        problem(11, name="tau-leaping").check()
    with pytest.raises(InputError, match=r"path-kl with euler-ctmc takes at most 1024"):
        problem(7, corrector="gibbs").check_metric("path-kl")
    with pytest.raises(InputError, match="hamming-w1 takes at most 512 states"):
        problem(6).check_metric("hamming-w1")
