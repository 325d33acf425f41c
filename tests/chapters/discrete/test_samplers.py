"""Kernels of the samplers of chains against enumeration, dense matrices, and each other."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy.linalg import expm

from sharpbound.chapters.discrete import chain, divergences, process, samplers, targets
from sharpbound.chapters.discrete.masked import law
from sharpbound.chapters.discrete.masked.marginals import Marginals
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.errors import InputError

RNG = np.random.default_rng(11)
RATES = [[0.0, 1.0, 0.2], [0.3, 0.0, 0.5], [0.7, 0.1, 0.0]]


def random_table(states, dim):
    table = RNG.uniform(0.1, 1.0, (states,) * dim)
    return table / table.sum()


def reverse_of(table, name="uniform-ctmc", **keys):
    times = {} if name == "d3pm" else {"horizon": 1.2, "delta": 0.1}
    return Reverse(table, process.build({"process": name} | times | keys, table.shape[0]))


def run(table, sampler, T, init="exact", forward=None, **keys):
    made = samplers.build({"name": sampler} | keys)
    return chain.Chain(reverse_of(table, **(forward or {})), made, T, init)


def dense_generator(one, dim):
    """sum_i I x ... x Q x ... x I."""
    total = 0.0
    for axis in range(dim):
        parts = [one if i == axis else np.eye(len(one)) for i in range(dim)]
        term = parts[0]
        for part in parts[1:]:
            term = np.kron(term, part)
        total = total + term
    return total


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        ("uniform-ctmc", {}),
        ("absorbing-ctmc", {}),
        ("ctmc", {"rates": RATES}),
        ("uniform-ctmc", {"noise": "linear", "low": 0.2, "high": 3.0}),
        ("absorbing-ctmc", {"noise": "log-linear", "low": 0.3}),
        ("ctmc", {"rates": RATES, "noise": "geometric", "low": 0.1, "high": 2.0}),
    ],
)
def test_marginals_rates_and_kernels_by_dense_matrices(name, keys):
    """The reverse rates are those of the time-reversed chain, R(x, y) = Q(y, x) p(y)/p(x), and its kernel is Bayes'."""
    reverse = reverse_of(random_table(3, 2), name, **keys)
    t, s, size = 0.9, 0.6, reverse.process.size
    start = reverse.table.ravel()
    # the clock by quadrature of the speed
    nodes, weights = np.polynomial.legendre.leggauss(40)

    def clock(u):
        return (
            0.5
            * u
            * sum(w * reverse.process.speed(0.5 * u * (1 + x)) for x, w in zip(nodes, weights, strict=True))
        )

    Q = dense_generator(reverse.process.sites.generator(3), 2)
    p, below = start @ expm(clock(t) * Q), start @ expm(clock(s) * Q)
    np.testing.assert_allclose(reverse.marginal(t).ravel(), p, atol=1e-14, rtol=1e-11)
    K = below[:, None] * expm((clock(t) - clock(s)) * Q) / p  # (clean, noisy)
    np.testing.assert_allclose(reverse.true_rows(slice(0, size**2), t, s), K.T, atol=1e-14, rtol=1e-10)
    R = reverse.process.speed(t) * Q.T * p / p[:, None]
    states = list(itertools.product(range(size), repeat=2))
    for axis, rates in enumerate(reverse.rates(t)):
        for n, x in enumerate(states):
            for v in range(size):
                y = (*x[:axis], v, *x[axis + 1 :])
                expected = 0.0 if y == x else R[n, states.index(y)]
                assert rates[n, v] == pytest.approx(expected, rel=1e-10, abs=1e-13)


@pytest.mark.parametrize("forward", [{}, {"name": "absorbing-ctmc"}, {"name": "ctmc", "rates": RATES}])
def test_tweedie_has_the_true_law_of_every_coordinate(forward):
    """Its factors are the marginals of the true kernel, and with one coordinate it is exact."""
    reverse = reverse_of(random_table(3, 2), **forward)
    N, size = reverse.size, reverse.process.size
    true = reverse.true_rows(slice(0, N), 0.9, 0.5).reshape(N, size, size)
    found = samplers.build({"name": "tweedie-tau-leaping"}).factors(reverse, 0.9, 0.5)
    for axis in (0, 1):
        np.testing.assert_allclose(found[axis], true.sum(2 - axis), rtol=1e-11, atol=1e-14)
    alone = run(random_table(3, 1), "tweedie-tau-leaping", 3, forward=forward)
    np.testing.assert_allclose(alone.output_law(), alone.truth(), rtol=1e-12, atol=1e-15)


def poisson(mean, n):
    return math.exp(-mean) * mean**n / math.factorial(n)


def leap_by_enumeration(x, means, several="clamp"):
    """The law of a coordinate after Poisson numbers of jumps to each state, one list of numbers after the other."""
    out = np.zeros(len(means))
    for counts in itertools.product(range(14), repeat=len(means)):
        chance = math.prod(poisson(m, n) for m, n in zip(means, counts, strict=True))
        to = x + sum(n * (v - x) for v, n in enumerate(counts))
        to = min(max(to, 0), len(means) - 1)
        out[x if several == "reject" and sum(counts) > 1 else to] += chance
    return out


@pytest.mark.parametrize("several", ["clamp", "reject"])
def test_tau_leaping_by_enumeration(several):
    reverse = reverse_of(np.array([0.5, 0.2, 0.3]))
    rates = reverse.rates(0.7)[0]
    (found,) = samplers.build({"name": "tau-leaping", "several": several}).factors(reverse, 0.7, 0.2)
    for x in range(3):
        np.testing.assert_allclose(found[x], leap_by_enumeration(x, 0.5 * rates[x], several), atol=1e-13)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-14)


def test_tau_leaping_on_four_states_by_enumeration():
    reverse = reverse_of(np.array([0.1, 0.4, 0.3, 0.2]))
    rates = reverse.rates(0.7)[0]
    (found,) = samplers.build({"name": "tau-leaping"}).factors(reverse, 0.7, 0.6)
    np.testing.assert_allclose(found[1], leap_by_enumeration(1, 0.1 * rates[1]), atol=1e-13)


def test_frozen_exponential_is_the_first_jump_at_frozen_rates():
    """exp of the generator in which only x has rates."""
    reverse = reverse_of(np.array([0.5, 0.2, 0.3]))
    rates = reverse.rates(0.7)[0]
    (found,) = samplers.build({"name": "exponential-ctmc"}).factors(reverse, 0.7, 0.2)
    for x in range(3):
        G = np.zeros((3, 3))
        G[x] = rates[x]
        G[x, x] = -rates[x].sum()
        np.testing.assert_allclose(found[x], expm(0.5 * G)[x], rtol=1e-13)


@pytest.mark.parametrize("name", ["theta-trapezoidal", "theta-rk2"])
@pytest.mark.parametrize("theta", [0.3, 0.5])
def test_two_stages_by_enumeration(name, theta):
    """Two coordinates of two states, one step, every number of jumps."""
    table = np.array([[0.4, 0.1], [0.2, 0.3]])
    reverse, h, t = reverse_of(table), 0.4, 0.8
    first, second = reverse.rates(t), reverse.rates(t - theta * h)
    states = list(itertools.product(range(2), repeat=2))

    def flips(
        x, means
    ):  # a flip is one displacement, up from 0 or down from 1: clamped, one or more jumps make it
        """means by coordinate: of jumps up and down."""
        laws = []
        for at, (up, down) in zip(x, means, strict=True):
            one = np.zeros(2)
            for n, m in itertools.product(range(16), repeat=2):
                one[min(max(at + n - m, 0), 1)] += poisson(up, n) * poisson(down, m)
            laws.append(one)
        return np.array([laws[0][y[0]] * laws[1][y[1]] for y in states])

    def by_displacement(rates, n, x):
        return [
            (rates[i][n, 1] if x[i] == 0 else 0.0, rates[i][n, 0] if x[i] == 1 else 0.0) for i in range(2)
        ]

    a1 = 1 / (2 * theta * (1 - theta))
    a2 = ((1 - theta) ** 2 + theta**2) / (2 * theta * (1 - theta))
    expected = np.zeros((4, 4))
    for n, x in enumerate(states):
        mu = by_displacement(first, n, x)
        leap = flips(x, [(theta * h * up, theta * h * down) for up, down in mu])
        for k, y in enumerate(states):
            nu = by_displacement(second, k, y)
            if name == "theta-trapezoidal":
                means = [
                    tuple((1 - theta) * h * max(a1 * b - a2 * a, 0) for a, b in zip(u, w, strict=True))
                    for u, w in zip(mu, nu, strict=True)
                ]
                expected[n] += leap[k] * flips(y, means)
            else:
                c = 1 / (2 * theta)
                means = [
                    tuple(h * max((1 - c) * a + c * b, 0) for a, b in zip(u, w, strict=True))
                    for u, w in zip(mu, nu, strict=True)
                ]
                expected[n] += leap[k] * flips(x, means)
    (kernel,) = samplers.build({"name": name, "theta": theta}).kernels(reverse, t, t - h)
    np.testing.assert_allclose(kernel(slice(0, 4)), expected, atol=1e-13)


@pytest.mark.parametrize(("stay", "order"), [(0.6, 2.0), (0.8, 1.0)])
def test_the_trapezoidal_rule_is_of_second_order_only_where_no_intensity_is_cut_off(stay, order):
    """Where a neighbour's jump lowers a rate by more than alpha_1/alpha_2 = 2, the positive part costs an order."""
    table = targets.markov_chain(3, 2, stay).table()
    tv = [
        divergences.total_variation(found.truth(), found.output_law())
        for found in (run(table, "theta-trapezoidal", T) for T in (64, 128))
    ]
    assert math.log2(tv[0] / tv[1]) == pytest.approx(order, abs=0.2)


@pytest.mark.parametrize("T", [1, 2, 4])
def test_tweedie_on_absorbing_d3pm_is_unmasking_in_random_blocks(T):
    """With abar_k = 1 - k/T every token loses its mask in one of T steps at random: two engines, one law."""
    table = random_table(2, 3)
    forward = {"name": "d3pm", "transition": "absorbing", "schedule": "linear"}
    q = run(table, "tweedie-tau-leaping", T, forward=forward).output_law()
    expected = law.random_sizes(Marginals.of(table), T)
    np.testing.assert_allclose(q[:2, :2, :2], expected, rtol=1e-12)
    assert q[:2, :2, :2].sum() == pytest.approx(1, rel=1e-14)


def test_uniform_d3pm_by_its_own_formula():
    """p(x_{k-1} | x_k) = sum_{x_0} q(x_{k-1} | x_k, x_0) p(x_0 | x_k) in each coordinate, with its matrices Q_k."""
    T, S = 4, 3
    table = random_table(S, 2)
    f = [math.cos((k / T + 0.008) / 1.008 * math.pi / 2) ** 2 for k in range(T + 1)]
    alive = [value / f[0] for value in f]
    alive[T] = 0.0
    keep = [alive[k] / alive[k - 1] for k in range(1, T + 1)]
    step = [a * np.eye(S) + (1 - a) / S for a in keep]
    total = [a * np.eye(S) + (1 - a) / S for a in alive]
    q = np.full((S, S), 1 / S**2)
    for k in range(T, 0, -1):
        joint = np.einsum("ab,ax,by->abxy", table, total[k], total[k])  # x_0, x_k
        new = np.zeros((S, S))
        for x, y in itertools.product(range(S), repeat=2):
            posterior = joint[:, :, x, y] / joint[:, :, x, y].sum()
            laws = []
            for clean, at in ((posterior.sum(1), x), (posterior.sum(0), y)):
                back = total[k - 1] * step[k - 1][:, at] / total[k][:, [at]]  # (x_0, x_{k-1})
                laws.append(clean @ back)
            new += q[x, y] * np.outer(*laws)
        q = new
    found = run(table, "tweedie-tau-leaping", T, forward={"name": "d3pm"})
    np.testing.assert_allclose(found.output_law(), q, rtol=1e-11)
    np.testing.assert_allclose(found.truth(), table, rtol=1e-14)


def test_one_coordinate_in_two_states_in_closed_form():
    """Rates a from 0 and b from 1: exp(cQ) has the eigenvalue e^{-(a + b) c}."""
    a, b, c = 0.3, 0.8, 0.7
    made = process.build({"process": "ctmc", "rates": [[0, a], [b, 0]], "horizon": 2.0}, 2)
    limit, gone = np.array([b, a]) / (a + b), math.exp(-(a + b) * c)
    np.testing.assert_allclose(made.limit(), limit, rtol=1e-12)
    np.testing.assert_allclose(made.kernel(0.0, c), gone * np.eye(2) + (1 - gone) * limit, rtol=1e-12)


def test_simulated_euler_steps_fall_within_their_error():
    """200,000 draws of two factorised Euler steps."""
    found = run(random_table(3, 2), "euler-ctmc", 4)
    draws = 200_000
    x = RNG.choice(9, draws, p=found.start().ravel())
    for t, s in found.steps:
        rates = found.reverse.rates(t)
        new = []
        for axis, at in enumerate(np.unravel_index(x, (3, 3))):
            chances = (t - s) * rates[axis][x]
            u, edges = RNG.uniform(size=draws), np.cumsum(chances, axis=1)
            jumped = (u[:, None] > edges).sum(1)
            new.append(np.where(jumped < 3, jumped, at))
        x = np.ravel_multi_index(new, (3, 3))
    q = found.output_law().ravel()
    counts = np.bincount(x, minlength=9)
    chi2 = ((counts - draws * q) ** 2 / (draws * q)).sum()
    assert chi2 < 26.1  # 99.9 % of chi^2 with 8 degrees


def test_a_start_where_the_process_never_is():
    table = targets.uniform_set([[0, 0], [1, 1]], 2).table()
    found = run(table, "exact-reverse", 3, "uniform", {"name": "absorbing-ctmc"})
    with pytest.raises(InputError, match=r"sampler.init: starts where the process never is"):
        found.output_law()


def test_uniformisation_takes_at_least_the_number_of_jumps():
    """The expected number of steps is above that of the jumps of the true chain, less so in finer intervals."""
    table = random_table(3, 2)
    coarse, fine = (run(table, "uniformization", T) for T in (4, 64))
    reverse = fine.reverse
    times = np.linspace(0.1, 1.2, 401)
    rates = [float(reverse.marginal(t).ravel() @ sum(r.sum(1) for r in reverse.rates(t))) for t in times]
    jumps = np.trapezoid(rates, times)
    assert jumps < fine.poisson_steps() < coarse.poisson_steps()
    np.testing.assert_allclose(coarse.output_law(), coarse.truth(), rtol=1e-12)


@pytest.mark.parametrize("forward", [{}, {"name": "ctmc", "rates": RATES}])
def test_correctors_keep_the_marginal(forward):
    """Gibbs exactly; forward-backward to the second order of its step; informed not."""
    reverse = reverse_of(random_table(3, 2), **forward)
    p = reverse.marginal(0.5).ravel()

    def moved(size, **keys):
        made = samplers.build({"name": "exact-reverse", "corrector_size": size} | keys)
        *_, kernel = made.kernels(reverse, 0.5 + 1e-9, 0.5)
        rows = kernel(slice(0, 9))
        np.testing.assert_allclose(rows.sum(1), 1, rtol=1e-12)
        return np.abs(p @ rows - p).max()

    assert moved(1.0, corrector="gibbs") < 1e-15
    assert moved(1.0, corrector="informed") > 1e-3
    # steps are 1e-9 times the size
    coarse, fine = (moved(size, corrector="forward-backward") for size in (4e7, 2e7))
    assert coarse / fine == pytest.approx(4, rel=0.15)


def test_gibbs_by_hand():
    """Half of the time the first coordinate is drawn anew, half of the time the second."""
    reverse = reverse_of(random_table(2, 2))
    p = reverse.marginal(0.3)
    kernel = samplers.corrector.Redrawn.at(reverse, 0.3, False)(slice(0, 4))
    for n, (a, b) in enumerate(itertools.product(range(2), repeat=2)):
        expected = np.zeros((2, 2))
        expected[:, b] += 0.5 * p[:, b] / p[:, b].sum()
        expected[a, :] += 0.5 * p[a] / p[a].sum()
        np.testing.assert_allclose(kernel[n], expected.ravel(), rtol=1e-13)


def test_correctors_help_where_steps_are_long():
    table = random_table(3, 2)
    plain, corrected = (
        run(table, "euler-ctmc", 8, **keys) for keys in ({}, {"corrector": "gibbs", "corrector_steps": 4})
    )
    p = plain.truth()
    gain = divergences.kl(p, plain.output_law()) / divergences.kl(p, corrected.output_law())
    assert gain > 10
    assert corrected.path_kl() > 0


def test_uniform_d3pm_in_rational_arithmetic():
    """With abar_k = 1 - k/T and rational data all is rational: X_T uniform, three steps on two binary sites."""
    T, S = 3, 2
    p = {(0, 0): Fraction(3, 8), (0, 1): Fraction(1, 8), (1, 0): Fraction(1, 4), (1, 1): Fraction(1, 4)}
    alive = [1 - Fraction(k, T) for k in range(T + 1)]

    def heat(a):
        return [[a * (u == v) + (1 - a) / S for v in range(S)] for u in range(S)]

    q = dict.fromkeys(p, Fraction(1, 4))
    for k in range(T, 0, -1):
        late, early, step = heat(alive[k]), heat(alive[k - 1]), heat(alive[k] / alive[k - 1])
        new = dict.fromkeys(p, Fraction(0))
        for x, mass in q.items():
            joint = {c: p[c] * late[c[0]][x[0]] * late[c[1]][x[1]] for c in p}
            laws = []
            for i in (0, 1):
                law = [
                    sum(w * early[c[i]][v] * step[v][x[i]] / late[c[i]][x[i]] for c, w in joint.items())
                    / sum(joint.values())
                    for v in range(S)
                ]
                laws.append(law)
            for y in p:
                new[y] += mass * laws[0][y[0]] * laws[1][y[1]]
        q = new
    assert sum(q.values()) == 1
    table = np.array([float(v) for v in p.values()]).reshape(2, 2)
    found = run(table, "tweedie-tau-leaping", T, forward={"name": "d3pm", "schedule": "linear"})
    np.testing.assert_allclose(found.output_law().ravel(), [float(v) for v in q.values()], rtol=1e-13)
