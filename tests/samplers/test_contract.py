"""What every registered sampler must keep: its declarations are true, and its two ways of running agree."""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from sharpbound import laws, processes, samplers, targets
from sharpbound.errors import InputError
from sharpbound.laws import NotMeasured
from sharpbound.laws.density import density_law
from sharpbound.laws.engines import line_law
from sharpbound.laws.gaussian import gaussian_law
from sharpbound.laws.probe import Quantiles, measure_deterministic
from sharpbound.processes import PROCESSES, schedules
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.samplers import SAMPLERS, ExactScore, Sampler, run
from sharpbound.samplers.base import Past

MIXTURE = targets.build(
    {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
)
GAUSSIAN = targets.build({"family": "gaussian", "mean": 0.7, "std": 0.4})
VP = {"schedule": "benton", "horizon": 2.0, "delta": 0.05}
VE = {"schedule": "edm", "sigma_min": 0.1, "sigma_max": 20.0}
SUB_VP = {"schedule": "sub-vp", "beta_max": 8.0, "delta": 0.05}
NAMES = sorted(SAMPLERS)


def uneven(T: int, kind: str = "vp") -> Ladder:
    """A ladder uniform in lambda but for every second step, which is twice as long."""
    steps = np.where(np.arange(T) % 2, 2.0, 1.0)
    lam = 1.8 - 4.0 * np.concatenate([[0.0], np.cumsum(steps)]) / steps.sum()
    a, sigma = np.array([PROCESSES[kind].level_at(x) for x in lam]).T
    return schedules._from_log_a("uneven", np.log(a), sigma, PROCESSES[kind], {})


class Counted:
    """The exact score that counts its evaluations (one for any number of points)."""

    def __init__(self, ladder: Ladder) -> None:
        self.exact, self.calls = ExactScore(MIXTURE, ladder), 0

    def __call__(self, t: int, y: Tensor) -> Tensor:
        self.calls += 1
        return self.exact(t, y)

    def between(self, level: Level, y: Tensor) -> Tensor:
        self.calls += 1
        return self.exact.between(level, y)

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        return self.exact.jacobian(t, y)

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        return self.exact.grad_divergence(t, y)


def ladder_of(sampler: Sampler, T: int) -> Ladder:
    return processes.build(VP if "vp" in sampler.kinds else VE, T)


def outputs(sampler: Sampler, ladder: Ladder, target: Any = MIXTURE, n: int = 7) -> Tensor:
    start = ladder.prior_std * torch.linspace(-2, 2, n, dtype=torch.float64)[:, None]
    return run(sampler, ladder, ExactScore(target, ladder), start, torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", NAMES)
def test_declares_itself(name: str) -> None:
    sampler = SAMPLERS[name]
    assert sampler.name == name
    assert sampler.title
    assert any(mark in sampler.source for mark in ("arXiv", "derived", "(20"))
    assert sampler.order >= 0
    assert sampler.kinds <= {"vp", "sub-vp", "ve"}


@pytest.mark.parametrize("name", NAMES)
def test_evaluations_per_step_are_as_declared(name: str) -> None:
    sampler, T = SAMPLERS[name], 12
    ladder = ladder_of(sampler, T)
    score = Counted(ladder)
    start = torch.zeros(3, 1, dtype=torch.float64)
    run(sampler, ladder, score, start, torch.Generator().manual_seed(0))
    branches = 6 if name == "randomized-midpoint" else 1  # particles evaluate all branches and keep one
    declared = sampler.nfe * (ladder.T - ladder.stop) * branches
    # accelerated-ode has no level above its first
    assert score.calls == declared - (1 if name == "accelerated-ode" else 0)


@pytest.mark.parametrize("name", NAMES)
def test_deterministic_means_no_noise(name: str) -> None:
    sampler = SAMPLERS[name]
    ladder = ladder_of(sampler, 4)
    stages = [stage for _, made in sampler.path(ladder, ExactScore(MIXTURE, ladder)) for stage in made]
    assert all(stage.deterministic for stage in stages) == sampler.deterministic


@pytest.mark.parametrize("name", NAMES)
def test_only_samplers_with_a_history_need_their_past(name: str) -> None:
    """Steps taken one by one, each from no past, give the same as a path."""
    sampler = SAMPLERS[name]
    ladder = ladder_of(sampler, 6)
    score = ExactScore(MIXTURE, ladder)
    whole = outputs(sampler, ladder)
    y, generator = (
        ladder.prior_std * torch.linspace(-2, 2, 7, dtype=torch.float64)[:, None],
        torch.Generator().manual_seed(0),
    )
    for t in range(ladder.T, ladder.stop, -1):
        past: Past = ()
        for stage in sampler.stages(samplers.Step(t, ladder, score)):
            y, past = samplers.base._moved(stage, y, past, generator)
    # the kinetic corrector draws a new velocity at every level, and hands on nothing else
    assert torch.equal(y, whole) == (not sampler.history or name == "predictor-corrector-kinetic")


def same(one: Any, other: Any) -> bool:
    """Equality of pasts to the bit."""
    if isinstance(one, tuple):
        return len(one) == len(other) and all(itertools.starmap(same, zip(one, other, strict=True)))
    return torch.equal(one, other) if isinstance(one, Tensor) else one == other


@pytest.mark.parametrize("name", [name for name in NAMES if SAMPLERS[name].history])
@pytest.mark.parametrize("t", [7, 4, 1])
def test_stages_are_functions_of_state_and_past_alone(name: str, t: int) -> None:
    """A second run of the same stages from the same (y, past) gives the same, and leaves what it was given."""
    sampler = SAMPLERS[name]
    ladder = ladder_of(sampler, 8)
    score = ExactScore(MIXTURE, ladder)
    y, past = torch.linspace(-2, 2, 7, dtype=torch.float64)[:, None], ()
    for k in range(ladder.T, t, -1):
        for stage in sampler.stages(samplers.Step(k, ladder, score)):
            y, past = stage.advance(y, past)
    given = y.clone(), copy.deepcopy(past)
    stages = sampler.stages(samplers.Step(t, ladder, score))
    ends = []
    for _ in range(2):
        at = y, past
        for stage in stages:
            at = stage.advance(*at)
        ends.append(at)
    assert same(ends[0], ends[1])
    assert same((y, past), given)


LOCAL: list[tuple[dict[str, Any], str, int]] = [
    ({"name": "adams-bashforth", "order": 2}, "noise", 2),
    ({"name": "adams-bashforth", "order": 4}, "noise", 4),
    ({"name": "deis", "order": 3}, "noise", 3),
    ({"name": "dpm-solver++-2m"}, "data", 2),
    ({"name": "dpm-solver++-3m-exact"}, "data", 3),
    ({"name": "unipc", "p": 2}, "data", 3),
]


@pytest.mark.parametrize(("spec", "kept", "order"), LOCAL)
def test_one_step_from_the_exact_past_is_off_by_one_order_more(
    spec: dict[str, Any], kept: str, order: int
) -> None:
    """The flow of N(m, s^2) is known: y_t = a_t m + sqrt(a_t^2 s^2 + sigma_t^2) z along each trajectory.

    The slope from h to h/2 to h/4, extrapolated, at one and the same level.
    """
    m, s, z, sampler = 0.3, 0.8, 1.3, samplers.build(spec)
    target = targets.build({"family": "gaussian", "mean": m, "std": s})
    errors = []
    for T in (40, 80, 160):
        ladder = processes.build({"schedule": "log-snr-uniform", "lambda_min": -2.0, "lambda_max": 2.0}, T)
        score = ExactScore(target, ladder)

        def exact(t: int, ladder: Ladder = ladder) -> Tensor:
            a, sigma = ladder.level(t)
            return torch.tensor([[a * m + math.hypot(a * s, sigma) * z]], dtype=torch.float64)

        t = T // 2
        newest = t if spec["name"] == "unipc" else t + 1  # whose step before has evaluated level t already
        past = tuple(
            (k, getattr(samplers.Step(k, ladder, score), kept)(exact(k))) for k in range(newest, newest + 3)
        )[: spec.get("order", {"unipc": spec.get("p"), "dpm-solver++-2m": 2}.get(spec["name"], 3))]
        (stage,) = sampler.stages(samplers.Step(t, ladder, score))
        y, _ = stage.advance(exact(t), past)
        errors.append(abs(float(y - exact(t - 1))))
    coarse, fine = (math.log2(a / b) for a, b in itertools.pairwise(errors))
    assert 2 * fine - coarse == pytest.approx(order + 1, abs=0.05)


@pytest.mark.parametrize(
    "name", [name for name in NAMES if SAMPLERS[name].history and SAMPLERS[name].nfe == 1]
)
def test_first_step_of_a_multistep_sampler_is_its_first_order_step(name: str) -> None:
    """With one step there is no past: the output is DDIM's (or that of the stochastic first-order method)."""
    sampler = SAMPLERS[name]
    first = SAMPLERS["ddim" if sampler.deterministic else "sde-dpm-solver++-1"]
    ladder = processes.build(VE, 1)
    torch.testing.assert_close(outputs(sampler, ladder), outputs(first, ladder), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_level_zero_is_the_denoiser(name: str) -> None:
    """A step that ends at sigma = 0 returns finite points; what works by levels alone, exactly E[X0 | y]."""
    sampler = SAMPLERS[name]
    if "ve" not in sampler.kinds:
        pytest.skip("written for variance-preserving processes")
    ladder = processes.build({"schedule": "edm-to-zero", "sigma_min": 0.1, "sigma_max": 20.0}, 8)
    assert torch.isfinite(outputs(sampler, ladder)).all()
    if sampler.deterministic and name != "heun":
        *_, (t, stages) = sampler.path(ladder, ExactScore(MIXTURE, ladder))
        if not sampler.history:
            y = torch.linspace(-2, 2, 5, dtype=torch.float64)[:, None]
            expected = y + ladder.sigma[t] ** 2 * MIXTURE.score(y, 1.0, float(ladder.sigma[t]))
            torch.testing.assert_close(stages[0].mean(y), expected, rtol=1e-13, atol=1e-13)


# -- special cases of one another ----------------------------------------------------------------

SAME: list[tuple[dict[str, Any], dict[str, Any], dict[str, Any]]] = [
    ({"name": "deis", "order": 1}, {"name": "ddim"}, VP),
    ({"name": "adams-bashforth", "order": 1}, {"name": "ddim"}, VP),
    ({"name": "deis", "order": 3}, {"name": "adams-bashforth", "order": 3}, VE),
    ({"name": "edm-heun", "churn": 0.0}, {"name": "heun"}, VP),
    ({"name": "edm-heun", "churn": 0.0}, {"name": "heun"}, VE),
    ({"name": "ancestral-euler", "eta": 0.0}, {"name": "ddim"}, VP),
    ({"name": "ancestral-euler"}, {"name": "ddpm-posterior"}, VP),
    ({"name": "ancestral-euler"}, {"name": "sde-dpm-solver++-1"}, VE),
    ({"name": "ancestral-euler"}, {"name": "sde-dpm-solver++-1"}, VP),
    ({"name": "churned", "churn": 0.0}, {"name": "ddim"}, VP),
    ({"name": "churned", "churn": 0.0}, {"name": "ddim"}, SUB_VP),
    ({"name": "churned", "churn": 0.0}, {"name": "ddim"}, VE),
    ({"name": "churned"}, {"name": "ddpm"}, VP),
    ({"name": "churned"}, {"name": "euler-maruyama"}, VE),
]


@pytest.mark.parametrize(("one", "other", "spec"), SAME)
def test_special_cases_are_equal(one: dict[str, Any], other: dict[str, Any], spec: dict[str, Any]) -> None:
    """The same formula written in two ways: equal to rounding, for the same noise."""
    ladder = processes.build(spec, 9)
    torch.testing.assert_close(
        outputs(samplers.build(one), ladder), outputs(samplers.build(other), ladder), rtol=1e-11, atol=1e-12
    )


# -- orders on an uneven ladder --------------------------------------------------------------------

ORDERS: list[tuple[dict[str, Any], int]] = [
    ({"name": "ddim"}, 1),
    ({"name": "heun"}, 2),
    ({"name": "dpm-solver-2"}, 2),
    ({"name": "dpm-solver-3"}, 3),
    ({"name": "dpm-solver++-2s"}, 2),
    ({"name": "dpm-solver++-2m"}, 2),
    ({"name": "dpm-solver++-3m", "start": "third-order"}, 2),  # half of the quadratic's integral is missing
    ({"name": "dpm-solver++-3m-exact", "start": "third-order"}, 3),
    ({"name": "dpm-solver++-3m-exact"}, 2),  # what one first-order step at the start leaves
    ({"name": "unipc", "p": 1, "variant": "B1"}, 2),
    ({"name": "unipc", "p": 2, "variant": "B2"}, 3),
    ({"name": "unipc", "p": 3, "start": "third-order"}, 4),
    ({"name": "deis", "order": 3, "start": "third-order"}, 3),
    ({"name": "adams-bashforth", "order": 4, "start": "third-order"}, 4),
    ({"name": "lagrange", "order": 3}, 3),
    ({"name": "exponential-rk", "order": 2}, 2),
    ({"name": "exponential-rk", "order": 3}, 3),
    ({"name": "sde-dpm-solver++-2m"}, 2),
]


@pytest.mark.parametrize(("spec", "order"), ORDERS)
def test_order_on_a_ladder_of_short_and_long_steps(spec: dict[str, Any], order: int) -> None:
    """The slope extrapolated from T = 200, 400, 800: its own error, O(1/T^2), is below 0.02 for all of these.

    The target is one on which no method's leading terms nearly cancel.
    """
    sampler = samplers.build(spec)
    target = targets.build({"family": "gaussian", "mean": 0.3, "std": 0.8})
    errors = [
        laws.distance(laws.output_law(target, uneven(T), sampler, init="exact"), "w2").value
        for T in (200, 400, 800)
    ]
    coarse, fine = (math.log2(a / b) for a, b in itertools.pairwise(errors))
    assert 2 * fine - coarse == pytest.approx(order, abs=0.02)


@pytest.mark.parametrize("kind", ["vp", "sub-vp", "ve"])
@pytest.mark.parametrize("churn", [0.0, 0.5, 1.0, 2.0])
def test_any_churn_is_of_first_order_on_every_process(churn: float, kind: str) -> None:
    """As above: in continuous time no amount of noise moves the marginals."""
    sampler = samplers.build({"name": "churned", "churn": churn})
    target = targets.build({"family": "gaussian", "mean": 0.3, "std": 0.8})
    errors = [
        laws.distance(laws.output_law(target, uneven(T, kind), sampler, init="exact"), "w2").value
        for T in (200, 400, 800)
    ]
    coarse, fine = (math.log2(a / b) for a, b in itertools.pairwise(errors))
    assert 2 * fine - coarse == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(
    ("spec", "order"),
    [
        ({"name": "adams-bashforth", "order": 3, "start": "third-order"}, 3),
        ({"name": "dpm-solver++-3m-exact", "start": "third-order"}, 3),
        ({"name": "unipc", "p": 2, "start": "third-order"}, 3),
        ({"name": "dpm-solver-2"}, 2),
        ({"name": "dpm-solver-3"}, 3),
        ({"name": "dpm-solver++-2s"}, 2),
        ({"name": "edm-heun"}, 2),
    ],
)
def test_order_between_levels_of_sub_vp(spec: dict[str, Any], order: int) -> None:
    """As above. Scores at levels of another process would leave an error of order 1 or 2."""
    target, sampler = targets.build({"family": "gaussian", "mean": 0.3, "std": 0.8}), samplers.build(spec)
    errors = [
        laws.distance(laws.output_law(target, uneven(T, "sub-vp"), sampler, init="exact"), "w2").value
        for T in (100, 200, 400)
    ]
    coarse, fine = (math.log2(a / b) for a, b in itertools.pairwise(errors))
    assert 2 * fine - coarse == pytest.approx(order, abs=0.05)


def test_randomized_midpoint_between_levels_of_sub_vp() -> None:
    """It converges on a mixture; at levels of another process it would not."""
    errors = [
        laws.distance(
            laws.output_law(
                MIXTURE, processes.build(SUB_VP, T), SAMPLERS["randomized-midpoint"], init="exact"
            ),
            "w2",
        ).value
        for T in (6, 12)
    ]
    assert math.log2(errors[0] / errors[1]) > 1.5


# -- laws -----------------------------------------------------------------------------------------


def affine_cases() -> Iterator[str]:
    yield from (name for name in NAMES if name != "randomized-midpoint")


@pytest.mark.parametrize("name", list(affine_cases()))
def test_particles_agree_with_the_gaussian_law(name: str) -> None:
    sampler = SAMPLERS[name]
    ladder = ladder_of(sampler, 6)
    score = ExactScore(GAUSSIAN, ladder)
    pair = gaussian_law(GAUSSIAN, ladder, sampler, score)
    n = 40_000
    generator = torch.Generator().manual_seed(3)
    start = ladder.prior_std * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    y = run(sampler, ladder, score, start, generator).numpy()[:, 0]
    mean, var = float(pair.mean[0] + pair.mean_error[0]), float(pair.cov[0] + pair.cov_error[0])
    # 4 standard errors of a mean and of a Gaussian sample variance
    assert abs(y.mean() - mean) < 4 * math.sqrt(var / n)
    assert abs(y.var() - var) < 4 * var * math.sqrt(2 / n)


ON_THE_LINE = [name for name in NAMES if not SAMPLERS[name].deterministic and not SAMPLERS[name].history]


@pytest.mark.parametrize("name", [*ON_THE_LINE, "dpm-solver-3", "lagrange", "unipc"])
def test_particles_agree_with_the_law_on_the_line(name: str) -> None:
    """Characteristic functions at three frequencies, 4 standard errors."""
    sampler = SAMPLERS[name]
    ladder = ladder_of(sampler, 8)
    score = ExactScore(MIXTURE, ladder)
    law = line_law(MIXTURE, ladder, sampler, score)
    n = 40_000
    generator = torch.Generator().manual_seed(4)
    start = ladder.prior_std * torch.randn(n, 1, generator=generator, dtype=torch.float64)
    y = run(sampler, ladder, score, start, generator).numpy()[:, 0]
    for k in (0.7, 1.5, 3.0):
        for wave in (np.cos, np.sin):
            expected = law.panels.integrate(law.q * wave(k * law.y))
            assert abs(wave(k * y).mean() - expected) < 4 * wave(k * y).std() / math.sqrt(n)


@pytest.mark.parametrize("name", ["dpm-solver++-2m", "unipc", "deis"])
def test_gaussian_law_of_a_deterministic_history_is_that_of_transport(name: str) -> None:
    ladder = processes.build(VP, 20)
    score = ExactScore(GAUSSIAN, ladder)
    pair = gaussian_law(GAUSSIAN, ladder, SAMPLERS[name], score)
    line = line_law(GAUSSIAN, ladder, SAMPLERS[name], score)
    mean = line.panels.integrate(line.q * line.y)
    var = line.panels.integrate(line.q * (line.y - mean) ** 2)
    assert float(pair.mean[0] + pair.mean_error[0]) == pytest.approx(mean, rel=1e-10)
    assert float(pair.cov[0] + pair.cov_error[0]) == pytest.approx(var, rel=1e-9)


@pytest.mark.parametrize("spec", [VP, VE], ids=["vp", "ve"])
@pytest.mark.parametrize("name", [name for name in NAMES if SAMPLERS[name].deterministic])
def test_w2_on_a_mixture_is_that_of_the_quantiles_pushed_through(name: str, spec: dict[str, Any]) -> None:
    """The law's W2 against the coupling of equal quantiles, which takes no density and no derivative.

    The coupling leaves out what lies beyond six standard deviations, some 1e-7 of W2.
    """
    sampler, ladder = SAMPLERS[name], processes.build(spec, 16)
    if ladder.kind not in sampler.kinds:
        pytest.skip("written for variance-preserving processes")
    score = ExactScore(MIXTURE, ladder)
    law = laws.output_law(MIXTURE, ladder, sampler, init="exact")
    start, end = (ladder.level(t) for t in (ladder.T, ladder.stop))

    def pushed(x: Tensor) -> Tensor:
        return run(sampler, ladder, score, x[:, None], torch.Generator())[:, 0]

    found = measure_deterministic(Quantiles(MIXTURE), pushed, start, end, 2.0**-53, ladder.T)
    assert laws.distance(law, "w2").value == pytest.approx(found.value, rel=2e-6)


def test_response_of_a_markov_sampler_is_its_recursion() -> None:
    """The batch of trajectories of `response_law` against the moment recursion, on a coupled 3-d Gaussian."""
    target = targets.build(
        {
            "family": "gaussian",
            "mean": [1.0, 0.0, -0.5],
            "cov": [[1.0, 0.4, 0.0], [0.4, 0.5, 0.1], [0.0, 0.1, 0.3]],
        }
    )
    ladder = processes.build(VP, 16)
    score = ExactScore(target, ladder)

    class Remembering(type(SAMPLERS["ddpm"])):  # type: ignore[misc]
        history = True

    for init in ("normal", "exact"):
        recursion = gaussian_law(target, ladder, SAMPLERS["ddpm"], score, init)
        response = gaussian_law(target, ladder, Remembering(), score, init)
        np.testing.assert_allclose(response.mean_error, recursion.mean_error, rtol=1e-11, atol=1e-14)
        np.testing.assert_allclose(response.cov_error, recursion.cov_error, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", ["sde-dpm-solver++-2m", "predictor-corrector-kinetic"])
def test_noisy_history_has_particles_on_the_line_and_no_density(name: str) -> None:
    ladder, sampler = processes.build(VP, 3), SAMPLERS[name]
    law = laws.output_law(MIXTURE, ladder, sampler)
    # steps as coarse as these are seen above what 100 000 draws blur; distances of densities are not made up
    assert laws.distance(law, "w2").value > 3 * laws.distance(law, "w2").floor > 0
    with pytest.raises(NotMeasured, match="tv is not available"):
        laws.distance(law, "tv")
    with pytest.raises(NotMeasured, match="keeps predictions"):
        density_law(MIXTURE, ladder, sampler, ExactScore(MIXTURE, ladder))
    with pytest.raises(InputError, match="Markov"):
        laws.path_kl(MIXTURE, ladder, sampler, ExactScore(MIXTURE, ladder))


def test_score_fields_on_levels_only_are_refused_in_words() -> None:
    class LevelsOnly:
        def __init__(self, ladder: Ladder) -> None:
            self.exact = ExactScore(MIXTURE, ladder)

        def __call__(self, t: int, y: Tensor) -> Tensor:
            return self.exact(t, y)

    ladder = processes.build(VP, 4)
    start = torch.zeros(2, 1, dtype=torch.float64)
    with pytest.raises(InputError, match="between two ladder levels"):
        run(SAMPLERS["dpm-solver-2"], ladder, LevelsOnly(ladder), start, torch.Generator())  # type: ignore[arg-type]


# -- parameters -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"name": "ddim", "order": 2}, "ddim has no such key"),
        ({"name": "unipc", "order": 2}, "it takes name, init, start, p, variant"),
        ({"name": "unipc", "p": 2.0}, "must be a whole number"),
        ({"name": "unipc", "p": True}, "must be a whole number"),
        ({"name": "unipc", "p": 7}, "1, 2 or 3"),
        ({"name": "unipc", "variant": "B3"}, "B1 or B2"),
        ({"name": "unipc", "start": "cold"}, "lower-order or third-order"),
        ({"name": "edm-heun", "churn": -1.0}, ">= 0"),
        ({"name": "edm-heun", "churn": float("nan")}, "must be finite"),
        ({"name": "ancestral-euler", "eta": 2}, "in \\[0, 1\\]"),
        ({"name": "lagrange", "order": 1}, "2, 3 or 4"),
        ({"name": "exponential-rk", "order": 4}, "1, 2 or 3"),
        ({"name": "predictor-corrector", "strength": 0}, "positive"),
        ({"name": "nonesuch"}, "choose from"),
    ],
)
def test_bad_parameters_are_named(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message) as error:
        samplers.build(spec)
    assert str(error.value.key).startswith("sampler.")


def test_parameters_reach_the_sampler() -> None:
    built = samplers.build({"name": "unipc", "p": 3, "variant": "B1", "init": "exact"})
    assert (built.order, samplers.parameters(built)) == (4, {"start": "lower-order", "p": 3, "variant": "B1"})
    assert samplers.build({"name": "edm-heun", "churn": 0}).deterministic
