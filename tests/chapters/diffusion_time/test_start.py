"""What a start from N(0, 1) leaves in the output, against closed forms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

from sharpbound.chapters.base import Cell
from sharpbound.chapters.diffusion_time.studies.start import Start, ladder_to
from sharpbound.errors import InputError
from sharpbound.run.cases import validate_case
from sharpbound.suite.loading import case_of
from whole_suite import CASES, THEORY

BY_ID = {case.id: case for case in CASES}
OPTIONS = {"study": "start", "step": 0.05, "delta": 0.1}
MIXTURE = {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}


def row(target, sampler, horizon):
    params = {"target": target, "sampler": {"name": sampler}, "options": OPTIONS, "metrics": ["tv", "kl"]}
    (found,) = Start().measure(Cell("diffusion-time", params | {"horizon": horizon}))
    return found


@pytest.mark.parametrize("horizon", [1.0, 3.0, 6.0])
def test_a_shifted_normal_under_an_exact_sampler(horizon):
    """On N(m, 1) `ddpm-beta` is exact: the start is off by a_T m, and each step shrinks that by sqrt(alpha)."""
    found = row({"family": "gaussian", "mean": 0.7, "std": 1.0}, "ddpm-beta", horizon)
    a, a_end = math.exp(-horizon / 2), math.exp(-0.1)
    shift = a**2 * 0.7 / a_end
    assert found["tv"] == pytest.approx(2 * norm.cdf(shift / 2) - 1, rel=1e-9)
    assert found["kl"] == pytest.approx(shift**2 / 2, rel=1e-9)
    assert found["bound"] == pytest.approx(a * 0.7 / 2, rel=1e-9)  # sqrt(KL/2) of the start itself


@pytest.mark.parametrize("horizon", [2.0, 6.0])
def test_the_flow_keeps_the_distance_of_the_start(horizon):
    """For deterministic maps total variation does not change: that of N(0, 1) to p_T."""
    found = row({"family": "gaussian", "mean": 0.7, "std": 1.0}, "heun", horizon)
    assert found["tv"] == pytest.approx(2 * norm.cdf(math.exp(-horizon / 2) * 0.35) - 1, rel=1e-9)


@pytest.mark.parametrize(("name", "gain"), [("ode", 1), ("sde", 2)])
def test_a_gaussian_start_in_continuous_time(name, gain):
    """Var: the reverse flow multiplies N(0, 1) by sigma^2/v_T; the diffusion shrinks 1 - v_T by (a sigma^2/v_T)^2."""
    case = BY_ID[f"time-start-gaussian-{name}"]
    sigma, a = case.target["std"], math.exp(-1.0)
    v = a**2 * sigma**2 + 1 - a**2
    variance = sigma**2 / v if gain == 1 else sigma**2 + (a * sigma**2 / v) ** 2 * (1 - v)
    options = {"study": "start", "step": 0.01, "delta": 1e-6}
    params = {"target": case.target, "sampler": case.sampler, "options": options, "metrics": ["w2"]}
    (found,) = Start().measure(Cell("diffusion-time", params | {"horizon": 2.0}))
    assert found["w2"] == pytest.approx(abs(math.sqrt(variance) - sigma), rel=2e-4)  # 100 steps of order 2
    assert Start().conclude(case, THEORY[case.claim], [found]).verdict == "confirmed"
    doubled = Start().conclude(case, THEORY[case.claim], [{**found, "w2": 2 * found["w2"]}])
    assert doubled.verdict == "refuted"


def test_the_constant_on_a_mixture():
    """a^2/a_end E|m (X - a_end m)|/2 with X the law at the end, up to O(a) and the steps."""
    horizon, a_end = 8.0, math.exp(-0.1)
    weights, means = np.array(MIXTURE["weights"]), a_end * np.array(MIXTURE["means"])
    stds = np.sqrt(a_end**2 * np.array(MIXTURE["stds"]) ** 2 + 1 - a_end**2)
    mean = float(weights @ means)

    def integrand(x):
        return abs(x - mean) * float(weights @ norm.pdf(x, means, stds))

    expected = (
        0.5 * math.exp(-horizon) / a_end * mean / a_end * quad(integrand, -8, 8, points=[mean], limit=200)[0]
    )
    assert row(MIXTURE, "ddpm-beta", horizon)["tv"] == pytest.approx(expected, rel=0.03)


def test_steps_are_uniform_and_end_at_half_the_time():
    ladder = ladder_to(2.0, OPTIONS)
    assert (ladder.T, ladder.a[-1]) == (18, pytest.approx(math.exp(-1.0)))
    assert ladder.a[0] == pytest.approx(math.exp(-0.1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sweep": {"horizon": [2, 1]}}, "sweep.horizon: must hold increasing times"),
        ({"sweep": {"horizon": [0.1, 1]}}, "sweep.horizon: must hold increasing times above 2 delta"),
        ({"measure": {"metric": "w2"}}, "measure.metric: unknown metric 'w2'; choose from tv, kl"),
        ({"diffusion_time": {"study": "start", "steps": 3}}, "diffusion_time.steps"),
        ({"diffusion_time": {"study": "start", "step": 0.0}}, "diffusion_time.step: must be positive"),
        (
            {"diffusion_time": {"study": "start", "step": 1e-9}},
            "diffusion_time.step: makes .* at most 10000000",
        ),
        ({"diffusion_time": {"study": "start", "delta": 0.0}}, "diffusion_time.delta: must be positive"),
    ],
)
def test_mistakes_are_told(change, message):
    with pytest.raises(InputError, match=message):
        validate_case(case_of(BY_ID["time-start-sde"].spec | change), THEORY)


def test_it_goes_with_exponential_claims():
    spec = BY_ID["time-start-sde"].spec
    other = spec | {"case": spec["case"] | {"claim": "franzese2023.gap"}}
    with pytest.raises(InputError, match=r"case\.claim: goes with a claim of an exponential rate"):
        validate_case(case_of(other), THEORY)
