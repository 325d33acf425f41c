"""The two engines on the line against closed recursions, each other's routes, and plain Monte Carlo."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special

from sharpbound import laws, processes, samplers, targets
from sharpbound.distances import one_dimensional
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import InputError
from sharpbound.laws.density import DensityTolerances, _unresolved, density_law
from sharpbound.laws.engines import line_law
from sharpbound.laws.transport import flow
from sharpbound.numerics.quadrature import Panels
from sharpbound.samplers import ExactScore

LI = {"schedule": "li2024"}
OU = {"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}
MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
FOUR = ("pf-ode", "ddpm", "accelerated-ode", "accelerated-ddpm")


def recursion(name: str, ladder: processes.Ladder, mean: float, var: float, init: str) -> tuple[float, float]:
    """Mean and variance of the output on N(mean, var): the papers' formulas, written out once more."""
    a, v = ladder.a, ladder.a**2 * var + ladder.sigma**2
    m, V = (a[-1] * mean, v[-1]) if init == "exact" else (0.0, 1.0)
    for t in range(ladder.T, ladder.stop, -1):
        beta = float(ladder.beta[t])
        alpha, slope, shift = 1 - beta, -1 / v[t], a[t] * mean / v[t]
        root = math.sqrt(alpha)
        if name == "pf-ode":
            gain, add, noise = (1 + beta / 2 * slope) / root, beta / 2 * shift / root, 0.0
        elif name == "ddpm":
            gain, add, noise = (1 + beta * slope) / root, beta * shift / root, beta / alpha
        elif name == "accelerated-ddpm":
            V += beta / 2
            gain, add, noise = (1 + beta * slope) / root, beta * shift / root, beta / 2 / alpha
        else:
            gain, add, noise = 1 + beta / 2 * slope, beta / 2 * shift, 0.0
            if t < ladder.T:
                up = float(ladder.beta[t + 1])
                root_up, slope_up, shift_up = math.sqrt(1 - up), -1 / v[t + 1], a[t + 1] * mean / v[t + 1]
                back, moved = root_up * (1 - up / 2 * slope), -root_up * up / 2 * shift
                weight = beta**2 / (4 * up)
                gain += weight * (slope - root_up * slope_up * back)
                add += weight * (shift - root_up * (slope_up * moved + shift_up))
            gain, add = gain / root, add / root
        m, V = gain * m + add, gain**2 * V + noise
    return m, V


@pytest.mark.parametrize("name", FOUR)
@pytest.mark.parametrize(("spec", "init"), [(LI, "normal"), (OU, "exact")])
def test_both_engines_reproduce_the_gaussian_recursion(name: str, spec: dict, init: str) -> None:
    target, ladder = targets.build({"family": "gaussian", "mean": 0.7, "std": 0.4}), processes.build(spec, 64)
    sampler = samplers.build({"name": name})
    law = line_law(target, ladder, sampler, ExactScore(target, ladder), init)
    m, V = recursion(name, ladder, 0.7, 0.16, init)
    a, s = ladder.level(ladder.stop)
    mp, Vp = 0.7 * a, 0.16 * a**2 + s**2
    found = laws.distances(law, ("kl", "kl-reverse", "w2"))
    # 1e-9: rounding of 64 steps against distances of 1e-2 and more
    assert found["kl"].value == pytest.approx(
        0.5 * (Vp / V - 1 - math.log(Vp / V) + (m - mp) ** 2 / V), rel=1e-9
    )
    assert found["kl-reverse"].value == pytest.approx(
        0.5 * (V / Vp - 1 - math.log(V / Vp) + (m - mp) ** 2 / Vp), rel=1e-9
    )
    assert found["w2"].value == pytest.approx(math.hypot(m - mp, math.sqrt(V) - math.sqrt(Vp)), rel=1e-9)
    closed = laws.distances(laws.output_law(target, ladder, sampler, init=init), ("tv", "hellinger"))
    for metric, value in laws.distances(law, ("tv", "hellinger")).items():
        assert value.value == pytest.approx(closed[metric].value, rel=1e-9)


@pytest.mark.parametrize("family", ["mixture", "laplace", "atoms"])
def test_the_two_quadratures_of_the_density_engine_agree(family: str) -> None:
    specs = {
        "mixture": MIXTURE,
        "laplace": {"family": "laplace", "scale": 0.5},
        "atoms": {"family": "atoms", "points": [-1.0, 1.0], "weights": [0.3, 0.7]},
    }
    target, ladder = targets.build(specs[family]), processes.build(OU, 24)
    arguments = (target, ladder, samplers.build({"name": "ddpm"}), ExactScore(target, ladder), "exact")
    default, direct = density_law(*arguments), density_law(*arguments, smooth=0.0)
    assert default.mass_defect < 1e-9
    for metric in ("tv", "kl", "w2"):
        one, other = (laws.distance(law, metric).value for law in (default, direct))
        assert one == pytest.approx(other, rel=1e-9)


def test_the_quadratures_agree_where_noise_mixes_bulk_and_heavy_tail() -> None:
    """Few steps with noise wider than the law: points of its tail are fed by the bulk too, and hold W2.

    Gauss-Hermite about one mode would miss the other; less of the work is left to it in the second law.
    """
    target = targets.build({"family": "student-t", "nu": 5, "scale": 0.1})
    ladder = processes.build(LI, 24)
    arguments = (target, ladder, samplers.build({"name": "accelerated-ddpm"}), ExactScore(target, ladder))
    default, finer = density_law(*arguments), density_law(*arguments, smooth=0.03)
    for metric, accuracy in (("tv", 1e-10), ("kl", 1e-9), ("w2", 1e-7)):
        one, other = (laws.distance(law, metric).value for law in (default, finer))
        assert one == pytest.approx(other, rel=accuracy), metric


@pytest.mark.parametrize("name", FOUR)
def test_monte_carlo_of_the_same_sampler_falls_within_its_error(name: str) -> None:
    """Probabilities of five cells under the exact law against 100,000 particles, 4 standard errors."""
    target, ladder = targets.build(MIXTURE), processes.build(LI, 32)
    sampler, score, n = samplers.build({"name": name}), ExactScore(target, ladder), 100_000
    law = line_law(target, ladder, sampler, score)
    generator = torch.Generator().manual_seed(1)
    start = torch.randn(n, 1, generator=generator, dtype=torch.float64)
    y = samplers.run(sampler, ladder, score, start, generator).numpy().ravel()
    cuts = np.array([-np.inf, -1.2, -0.5, 0.3, 1.3, np.inf])
    order = np.argsort(law.y.ravel())
    mass = (law.panels.weights * law.q).ravel()[order]
    cumulative = np.cumsum(mass) - 0.5 * mass
    exact = np.interp(cuts[1:-1], law.y.ravel()[order], cumulative)
    share = np.array([(y <= c).mean() for c in cuts[1:-1]])
    # the running sum at a node is known to half a node's mass, at most 1 % here: it is added to 4 sigma
    resolution = mass.max()
    assert (np.abs(share - exact) < 4 * np.sqrt(exact * (1 - exact) / n) + resolution).all()
    first, second = (
        float((mass * law.y.ravel()[order]).sum()),
        float((mass * law.y.ravel()[order] ** 2).sum()),
    )
    assert abs(y.mean() - first) < 4 * y.std() / math.sqrt(n)
    assert abs((y**2).mean() - second) < 4 * (y**2).std() / math.sqrt(n)


def test_printed_total_variations_at_4000_steps() -> None:
    """N(0, 4) on the schedule of Li et al. with (2, 5)."""
    target, ladder = targets.build({"family": "gaussian", "mean": 0.0, "std": 2.0}), processes.build(LI, 4000)
    for name, printed in zip(FOUR, ("1.5e-02", "1.5e-03", "7.4e-05", "5.5e-06"), strict=True):
        law = laws.output_law(target, ladder, samplers.build({"name": name}))
        assert f"{laws.distance(law, 'tv').value:.1e}" == printed


def test_heavy_tails_are_followed_or_called_infinite() -> None:
    """Cauchy has no second moment: KL(p||q), W2 are infinite, TV is not; with nu = 3 all are finite."""
    ladder, sampler = processes.build(LI, 32), samplers.build({"name": "pf-ode"})
    found = {}
    for nu in (1.0, 3.0):
        target = targets.build({"family": "student-t", "nu": nu})
        law = line_law(target, ladder, sampler, ExactScore(target, ladder))
        found[nu] = {metric: laws.distance(law, metric).value for metric in ("tv", "kl", "w2")}
    assert math.isinf(found[1.0]["kl"])
    assert math.isinf(found[1.0]["w2"])
    assert 0 < found[1.0]["tv"] < 1
    assert all(math.isfinite(value) for value in found[3.0].values())


def test_li2024_is_the_papers_recursion_and_refuses_small_T_naming_the_smallest() -> None:
    T, c0, c1 = 50, 2.0, 5.0
    ladder = processes.build(LI, T)
    step, betas = c1 * math.log(T) / T, [T**-c0]
    betas += [step * min(betas[0] * (1 + step) ** t, 1.0) for t in range(1, T)]
    assert ladder.a**2 == pytest.approx(np.cumprod([1.0] + [1 - b for b in betas]), rel=1e-12)
    with pytest.raises(InputError, match=r"use T >= (\d+)") as refused:
        processes.build(LI, 8)
    smallest = int(str(refused.value).split("use T >= ")[1].split(" ")[0])
    processes.build(LI, smallest)
    with pytest.raises(InputError):
        processes.build(LI, smallest - 1)


def test_panels_do_not_chase_rounding_where_q_underflows() -> None:
    """A start far lighter than a heavy target has log q of minus millions there, good to some digits only."""
    panels = Panels.between(np.linspace(-2000.0, 2000.0, 101))
    noise = np.random.default_rng(1).uniform(-1, 1, panels.nodes.shape)
    log_q = -0.5 * panels.nodes**2
    share = panels.masses(np.exp(log_q))
    share /= share.sum()
    rest = share, share, np.ones(len(panels), dtype=bool), DensityTolerances()
    assert not _unresolved(panels, log_q * (1 + 1e-3 * noise), *rest)[np.abs(panels.mid) > 40].any()
    assert _unresolved(panels, np.maximum(log_q, -1e4) * (1 + 1e-1 * noise), *rest).any()


def test_a_jump_between_atoms_is_followed_to_its_own_width() -> None:
    """Against an integral over the starts, on panels that halve towards both jumps: that of the sampler's map, found by
    bisection, and that of the start's quantile among the atoms.
    """
    target = targets.build(ATOMS)
    ladder, sampler = processes.build(LI, 96), samplers.SAMPLERS["pf-ode"]
    score, level = ExactScore(target, ladder), ladder.level(ladder.stop)

    def moved(x: np.ndarray) -> np.ndarray:
        return flow(sampler, ladder, score, x)[0]

    low, high = -2.0, 2.0
    for _ in range(7):
        x = np.linspace(low, high, 500)
        j = int(np.searchsorted(moved(x), 0.0))
        low, high = x[j - 1], x[j]
    jumps, distances = (low, float(special.ndtri(0.3))), 2.0 ** -np.arange(48.0)
    around = [jump + side * distances for jump in jumps for side in (-1, 1)]
    edges = np.unique(np.concatenate([np.linspace(-9, 9, 181), *around, jumps]))
    panels = Panels.between(edges[np.append(True, np.diff(edges) > 1e-15)])
    x = panels.nodes
    lower = torch.from_numpy(special.log_ndtr(-np.abs(x)))
    tails = [target.quantile_from_log(lower, *level, upper=upper).numpy() for upper in (False, True)]
    gap = moved(x) - np.where(x < 0, *tails)
    density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    law = laws.output_law(target, ladder, sampler, score, "normal")
    w1, w2 = law.distance("w1"), law.distance("w2")
    assert w1.value == pytest.approx(panels.integrate_abs(gap * density), abs=w1.floor, rel=1e-12)
    assert w2.value == pytest.approx(math.sqrt(panels.integrate(gap**2 * density)), abs=w2.floor, rel=1e-12)
    assert max(w1.floor, w2.floor) < 1e-11


@pytest.mark.parametrize("name", ["pf-ode", "accelerated-ode"])
def test_layers_at_the_edges_of_a_support_take_few_panels(name: str) -> None:
    """The steep map near the edges is met by panels that widen away from them; against an integral over the starts."""
    target = targets.build({"family": "uniform", "low": -1.0, "high": 1.0})
    ladder, sampler = processes.build(LI, 96), samplers.SAMPLERS[name]
    score, level = ExactScore(target, ladder), ladder.level(ladder.stop)
    law = line_law(target, ladder, sampler, score, "normal")
    assert len(law.panels) < 100
    panels = Panels.between(np.linspace(-9, 9, 151))
    x = panels.nodes
    lower = torch.from_numpy(special.log_ndtr(-np.abs(x)))
    tails = [target.quantile_from_log(lower, *level, upper=upper).numpy() for upper in (False, True)]
    gap = flow(sampler, ladder, score, x)[0] - np.where(x < 0, *tails)
    density = np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)
    w2 = one_dimensional.METRICS["w2"](law)
    assert w2.value == pytest.approx(math.sqrt(panels.integrate(gap**2 * density)), rel=1e-11)
    assert w2.floor < 1e-10 * w2.value


ATOMS = {"family": "atoms", "points": [-1.0, 1.0], "weights": [0.3, 0.7]}


def solved(name: str, T: int) -> Ratio1D:
    """The law of a sampler on two atoms and the schedule of Li et al., from N(0, 1)."""
    target, ladder = targets.build(ATOMS), processes.build(LI, T)
    return line_law(target, ladder, samplers.SAMPLERS[name], ExactScore(target, ladder), "normal")


@pytest.mark.parametrize("name", ["accelerated-ddpm", "accelerated-ddpm-li2024"])
def test_what_polynomials_make_of_log_q_in_a_gap_does_not_feed_on_itself(name: str) -> None:
    """To second order in log(q/p) chi^2 is twice KL; next to no mass where p is next to nothing makes it infinite."""
    law = solved(name, 256)
    kl, chi2 = (one_dimensional.METRICS[metric](law) for metric in ("kl", "chi2"))
    assert chi2.value == pytest.approx(2 * kl.value, rel=0.01)
    assert chi2.floor < 1e-10 * chi2.value


def test_slopes_between_starts_that_differ_by_rounding_are_no_fold() -> None:
    """Panels around the jump between two atoms end at such starts."""
    law = solved("accelerated-ode-li2024", 256)
    w1, w2 = (one_dimensional.METRICS[metric](law).value for metric in ("w1", "w2"))
    mass = w1 / 2  # what crosses goes from one atom to the other
    assert w2 == pytest.approx(2 * math.sqrt(mass), rel=0.02)
