"""Output laws under a wrong score: closed forms, second routes, Monte Carlo."""

import math

import numpy as np
import pytest
import torch
from scipy import stats

from sharpbound import laws, processes, samplers, scores, targets
from sharpbound.chapters.score_error import laws as law
from sharpbound.chapters.score_error.iid_noise import NoisyScore
from sharpbound.laws.density import density_law
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.laws.grid import GridTolerances, grid_laws
from sharpbound.laws.resolving import Resolving
from sharpbound.numerics.dual import Dual
from sharpbound.samplers.base import run
from sharpbound.scores import PerturbedScore
from sharpbound.scores.base import ExactScore
from sharpbound.scores.learned import LearnedScore
from sharpbound.scores.scaling import Window, level_norms

ODE, DDPM = (samplers.build({"name": name}) for name in ("pf-ode", "ddpm"))


def build(target, ladder, **spec):
    return scores.build(spec, target, ladder)


def wrong_score(injection):
    part = injection.parts[0]
    return PerturbedScore(ExactScore(part.target, injection.ladder), part.error)


def value(found, metric="tv"):
    return laws.distance(found, metric).value


def test_perturbed_score_carries_its_derivatives(mixture, ladder):
    score = wrong_score(build(mixture, ladder, field="fourier", omega=3.0, eps=0.3))
    y = torch.tensor([[-0.4], [0.9]], dtype=torch.float64)
    up = Dual(y, torch.ones_like(y))
    assert torch.equal(score(5, up).value, score(5, y))
    torch.testing.assert_close(score(5, up).tangent, score.jacobian(5, y)[..., 0], rtol=1e-14, atol=0)
    torch.testing.assert_close(
        score.jacobian(5, up).tangent[..., 0], score.grad_divergence(5, y), rtol=1e-14, atol=0
    )
    h = 1e-5
    numeric = (score.grad_divergence(5, y + h) - score.grad_divergence(5, y - h)) / (2 * h)
    # 1e-6: central differences at this step
    torch.testing.assert_close(score.grad_divergence(5, up).tangent, numeric, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("sampler", [ODE, DDPM], ids=["pf-ode", "ddpm"])
def test_constant_and_linear_fields_on_gaussians_in_closed_form(normal, ladder, sampler):
    """One affine recursion written out: mean and variance of y -> (y + w(s + e))/sqrt(alpha) + noise."""
    for name in ("constant", "linear"):
        injection = build(normal, ladder, field=name, eps=0.2)
        m, v = 0.7, 0.4**2
        mean, var = ladder.a[-1] * m, ladder.a[-1] ** 2 * v + ladder.sigma[-1] ** 2
        for t in range(ladder.T, ladder.stop, -1):
            centre, marginal = ladder.a[t] * m, ladder.a[t] ** 2 * v + ladder.sigma[t] ** 2
            beta, alpha = ladder.beta[t], ladder.alpha(t)
            weight = beta if sampler is DDPM else beta / 2
            slope = -1 / marginal + (0.2 / math.sqrt(marginal) if name == "linear" else 0.0)
            offset = 0.2 if name == "constant" else 0.0
            mean = (mean + weight * (slope * (mean - centre) + offset)) / math.sqrt(alpha)
            var = ((1 + weight * slope) ** 2 * var + (beta if sampler is DDPM else 0.0)) / alpha
        found = law.output_law(injection, sampler, "exact")
        assert float(found.mean[0] + found.mean_error[0]) == pytest.approx(mean, rel=1e-13)
        assert float(found.cov[0] + found.cov_error[0]) == pytest.approx(var, rel=1e-13)
        assert value(found, "kl") == pytest.approx(
            0.5
            * (
                math.log(var / float(found.cov[0]))
                + (float(found.cov[0]) + (mean - float(found.mean[0])) ** 2) / var
                - 1
            ),
            rel=1e-10,
        )


def test_three_engines_agree(normal, ladder):
    """The first Hermite mode is the linear field, but goes through transport and the grid, not through moments."""
    for sampler in (ODE, DDPM):
        exact = build(normal, ladder, field="linear", eps=0.1)
        other = build(normal, ladder, field="hermite", mode=1, eps=0.1)
        for metric in ("tv", "kl", "w2"):
            moments = value(law.output_law(exact, sampler, "exact"), metric)
            assert value(law.output_law(other, sampler, "exact"), metric) == pytest.approx(moments, rel=1e-9)
        for metric in ("tv", "kl"):
            moments = value(law.added_law(exact, sampler, "exact"), metric)
            assert value(law.added_law(other, sampler, "exact"), metric) == pytest.approx(moments, rel=1e-9)


def test_grid_and_density_engine_agree(mixture, ladder):
    injection = build(mixture, ladder, field="fourier", omega=2.0, eps=0.2)
    score, error = wrong_score(injection), injection.parts[0].error
    (grid,) = grid_laws(mixture, ladder, DDPM, [score], error, "exact")
    density = density_law(Resolving(mixture, error), ladder, DDPM, score, "exact")
    for metric in ("tv", "kl", "chi2", "w2"):
        assert value(grid, metric) == pytest.approx(value(density, metric), rel=1e-9)


@pytest.mark.parametrize("spec", [{"field": "tail", "delta": 0.1}, {"field": "fourier", "omega": 9.0}])
def test_grid_is_fine_enough(mixture, ladder, spec):
    """Kinks, fast waves, steep means: panels of half the width change nothing but rounding."""
    for eps in (0.2, 3.0):
        (part,) = build(mixture, ladder, eps=eps, **spec).parts
        score = PerturbedScore(ExactScore(mixture, ladder), part.error)
        coarse, fine = (
            grid_laws(mixture, ladder, DDPM, [score], part.error, "exact", tolerances)[0]
            for tolerances in (GridTolerances(), GridTolerances(width=1.25))
        )
        assert value(coarse) == pytest.approx(value(fine), rel=1e-9)


def test_monte_carlo(mixture):
    """10^6 particles through the same stages: histogram cells within 4 standard deviations."""
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, 4)
    n, generator = 1_000_000, torch.Generator().manual_seed(7)
    for sampler in (ODE, DDPM):
        injection = build(mixture, ladder, field="fourier", omega=3.0, eps=0.4)
        start = torch.randn(n, 1, generator=generator, dtype=torch.float64)
        with torch.no_grad():
            y = run(sampler, ladder, wrong_score(injection), start, generator)[:, 0].numpy()
        found = law.output_law(injection, sampler, "normal")
        edges = np.linspace(-2.0, 2.5, 25)
        # the law's own distribution function at the edges, from its nodes
        order = np.argsort(found.y.ravel())
        running = found.panels.cumulative(found.q)[0].ravel()[order]
        cdf = np.interp(edges, found.y.ravel()[order], running)
        mass, counts = np.diff(cdf), np.histogram(y, edges)[0]
        # the interpolation of the distribution function between nodes adds 1e-4
        assert (np.abs(counts / n - mass) < 4 * np.sqrt(mass / n) + 1e-4).all()


def test_added_error_is_bracketed_by_the_triangle_inequality(mixture, ladder):
    for sampler in (ODE, DDPM):
        injection = build(mixture, ladder, field="hermite", mode=2, eps=0.1)
        whole, exact = (value(law.output_law(injection, sampler, exact=e)) for e in (False, True))
        added = value(law.added_law(injection, sampler))
        assert abs(whole - exact) <= added <= whole + exact


def test_added_law_against_brute_force(mixture, ladder):
    """Both ODE outputs by root finding on a dense table, TV by the trapezoidal rule."""
    from sharpbound.laws.transport import flow

    injection = build(mixture, ladder, field="fourier", omega=2.0, eps=0.3)
    x = np.linspace(-8, 8, 40001)
    start = stats.norm.pdf(x)
    densities = []
    grid = np.linspace(-6, 6, 40001)
    for score in (ExactScore(mixture, ladder), wrong_score(injection)):
        y, slope = flow(ODE, ladder, score, x)
        densities.append(np.interp(grid, y, start / slope))
    brute = 0.5 * np.trapezoid(np.abs(densities[1] - densities[0]), grid)
    # 1e-6: linear interpolation on 40000 points
    assert value(law.added_law(injection, ODE)) == pytest.approx(brute, rel=1e-6)


def test_many_dimensions_against_the_dense_gaussian_engine(ladder):
    """A rotated covariance with an affine field along its eigenvectors, as one d-dimensional affine recursion."""
    cov = [[0.5, 0.2, 0.0], [0.2, 0.7, 0.1], [0.0, 0.1, 0.3]]
    target = targets.build({"family": "gaussian", "mean": [1.0, -1.0, 0.3], "cov": cov})
    injection = build(target, ladder, field="linear", eps=0.3)
    basis = np.linalg.eigh(np.array(cov))[1]
    means = [float(part.target.mean[0]) for part in injection.parts]
    basis = basis[:, [int(np.argmin(np.abs(basis.T @ [1.0, -1.0, 0.3] - mean))) for mean in means]]
    rotate = torch.from_numpy(basis)
    exact = ExactScore(target, ladder)

    def score(t, y):
        along = y @ rotate
        errors = [part.error.derivative(t, along[..., i], 0) for i, part in enumerate(injection.parts)]
        return exact(t, y) + torch.stack(errors, -1) @ rotate.T

    for sampler in (ODE, DDPM):
        dense = gaussian_law(target, ladder, sampler, LearnedScore(score))
        for metric in ("tv", "kl", "w2"):
            assert value(law.output_law(injection, sampler), metric) == pytest.approx(
                value(dense, metric), rel=1e-8
            )


def test_product_and_low_rank_add_up(mixture, ladder):
    product = targets.build(
        {
            "family": "product",
            "dim": 3,
            "factor": {
                "family": "gaussian-mixture",
                "weights": [0.4, 0.6],
                "means": [-1.0, 1.2],
                "stds": [0.35, 0.5],
            },
        }
    )
    whole = build(product, ladder, field="hermite", mode=2, eps=0.3)
    one = build(mixture, ladder, field="hermite", mode=2, eps=0.3 / math.sqrt(3))
    kl = value(law.added_law(one, DDPM), "kl")
    assert value(law.added_law(whole, DDPM), "kl") == pytest.approx(3 * kl, rel=1e-12)
    spec = {
        "family": "low-rank-mixture",
        "weights": [0.5, 0.5],
        "means": [[-1.0], [1.0]],
        "std": 0.4,
        "dim": 5,
    }
    flat = build(targets.build(spec), ladder, field="hermite", mode=2, eps=0.3, coordinates="one")
    core = build(targets.build(spec).core, ladder, field="hermite", mode=2, eps=0.3)
    assert value(law.added_law(flat, DDPM)) == pytest.approx(value(law.added_law(core, DDPM)), rel=1e-9)


def test_path_kl_adds_up(mixture, normal, ladder):
    """KL of the paths with the wrong score = with the exact score + sum beta_t E e_t^2/2, by separate routes."""
    for target in (mixture, normal):
        for spec in ({"field": "fourier", "omega": 4.0}, {"field": "linear", "profile": "sigma"}):
            injection = build(target, ladder, eps=0.3, **spec)
            exact = laws.path_kl(target, ladder, DDPM, ExactScore(target, ladder)).value
            added = law.path_added(injection, DDPM).value
            wrong = law.path_divergence(injection, DDPM).value
            assert wrong == pytest.approx(exact + added, rel=1e-11)
            by_hand = 0.5 * sum(
                ladder.beta[t] * injection.level_norms[t] ** 2 for t in range(1, ladder.T + 1)
            )
            assert added == pytest.approx(by_hand, rel=1e-12)


def test_iid_noise_is_a_larger_noise_and_vanishes(normal):
    """W2 shift on N(m, s^2): halves with the step, and is the closed-form variance; a fixed field's stays."""
    shifts, fixed = [], []
    for T in (64, 128, 256):
        ladder = processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, T)
        injection = build(normal, ladder, field="constant", eps=0.5)
        eps = level_norms(injection.parts[0].error.frames, 0.5, "equal", Window())
        noisy = law.noise_added_law(injection, NoisyScore(DDPM, eps), "exact")
        shifts.append(value(noisy, "w2"))
        fixed.append(value(law.added_law(injection, DDPM, "exact"), "w2"))
        extra, gain = 0.0, 1.0
        for t in range(1, T + 1):  # backwards from the last step: gain of everything below level t
            extra += (ladder.beta[t] * 0.5 * gain) ** 2 / ladder.alpha(t)
            variance = ladder.a[t] ** 2 * 0.4**2 + ladder.sigma[t] ** 2
            gain *= (1 - ladder.beta[t] / variance) / math.sqrt(ladder.alpha(t))
        assert float(noisy.cov_error[0]) == pytest.approx(extra, rel=1e-9)
    assert shifts[0] / shifts[1] == pytest.approx(2, rel=0.05)  # up to O(h)
    assert shifts[1] / shifts[2] == pytest.approx(2, rel=0.03)
    assert fixed[2] == pytest.approx(fixed[1], rel=0.02)
    assert fixed[2] > 30 * shifts[2]


def test_iid_noise_vanishes_where_a_fixed_field_stays():
    """W2 shifts on N(0, 1/4), reverse OU from 3 to 0 by Euler-Maruyama, eps = 0.5 at N = 50 and 12800 steps: fresh
    noise 8.3e-3 -> 2.9e-5, the constant field 0.39 -> 0.37 (known to two digits).
    """
    target = targets.build({"family": "gaussian", "mean": 0.0, "std": 0.5})
    sampler = samplers.build({"name": "euler-maruyama"})
    for steps, fresh, fixed in ((50, 8.3e-3, 0.39), (12800, 2.9e-5, 0.37)):
        ladder = processes.build({"schedule": "ou-uniform", "horizon": 3.0, "delta": 1e-9}, steps)
        injection = build(target, ladder, field="constant", eps=0.5)
        eps = level_norms(injection.parts[0].error.frames, 0.5, "equal", Window())
        noisy = law.noise_added_law(injection, NoisyScore(sampler, eps))
        assert float(f"{value(noisy, 'w2'):.1e}") == fresh
        assert round(value(law.added_law(injection, sampler), "w2"), 2) == fixed


def test_iid_noise_by_monte_carlo(normal):
    """Fresh normal numbers inside the score, 10^6 particles: the variance within 4 standard deviations."""
    ladder = processes.build({"schedule": "ou-uniform", "horizon": 1.0, "delta": 0.05}, 3)
    generator = torch.Generator().manual_seed(3)
    exact, n = ExactScore(normal, ladder), 1_000_000

    def score(t, y):
        return exact(t, y) + 2.0 * torch.randn(y.shape, generator=generator, dtype=y.dtype)

    injection = build(normal, ladder, field="constant", eps=2.0)
    eps = level_norms(injection.parts[0].error.frames, 2.0, "equal", Window())
    for sampler in (ODE, DDPM):
        with torch.no_grad():
            y = run(
                sampler, ladder, score, torch.randn(n, 1, generator=generator, dtype=torch.float64), generator
            )
        found = law.noisy_law(injection, NoisyScore(sampler, eps))
        variance = float(found.cov[0] + found.cov_error[0])
        assert float(y.var()) == pytest.approx(variance, rel=4 * math.sqrt(2 / n))
