"""The adapter for diffusers: its analytic models, and schedulers whose output law is known otherwise."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from sharpbound import chapters, laws, samplers, targets
from sharpbound.chapters.audit import schedulers
from sharpbound.chapters.audit.drive import Loop
from sharpbound.chapters.audit.networks import CONVENTIONS
from sharpbound.chapters.audit.schedulers import build_scheduler
from sharpbound.chapters.base import Cell
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.probe import Quantiles
from sharpbound.processes import schedules
from sharpbound.processes.ladder import Ladder
from sharpbound.processes.process import VP
from sharpbound.run.cache import Cache
from sharpbound.run.cases import measure_cases, validate_case
from sharpbound.suite import load_case, load_cases
from whole_suite import THEORY

MIXTURE: Any = targets.build(
    {"family": "gaussian-mixture", "weights": [0.4, 0.6], "means": [-1.0, 1.2], "stds": [0.35, 0.5]}
)
GAUSSIAN: Any = targets.build({"family": "gaussian", "mean": 0.5, "std": 0.5})
CASES = Path(__file__).parents[3] / "cases" / "audit"
DDIM_CASE = sorted((CASES / "orders").glob("*ddim*.toml"))[0]
DDIM = {"clip_sample": False, "set_alpha_to_one": False}

with_diffusers = pytest.mark.skipif(
    chapters.unavailable("audit") is not None, reason="needs the extra: audit"
)


def measure(quantiles, name, T, schedule="uniform-log-snr", options=None, step=None, stochastic=False) -> Any:
    loop = Loop(build_scheduler(name, schedule, options or {}), step or {})
    return schedulers.measure(quantiles, loop, T, stochastic=stochastic)


def own_ladder(T: int) -> Ladder:
    """The levels that DDIM visits with leading spacing, as a ladder of ours."""
    import numpy as np

    scheduler = build_scheduler("DDIMScheduler", "uniform-log-snr", DDIM)
    scheduler.set_timesteps(T)
    levels = [*scheduler.timesteps.tolist(), 0]  # the last step goes from timestep 0 to alpha_bar_0: nowhere
    abar = scheduler.alphas_cumprod.double().numpy()[levels[::-1]]
    log_a = 0.5 * np.log(abar)
    return schedules._from_log_a("diffusers", log_a, np.sqrt(1 - abar), VP, {})


@with_diffusers
def test_ddim_has_the_w2_that_the_exact_law_of_our_ddim_has() -> None:
    ladder = own_ladder(20)
    law = laws.output_law(MIXTURE, ladder, samplers.build({"name": "ddim"}), init="exact")
    exact = laws.distance(law, "w2")
    found = measure(Quantiles(MIXTURE), "DDIMScheduler", 20, options=DDIM)
    # both couple equal quantiles; float32 tables, and quantiles beyond 6 standard deviations left out
    assert found.value == pytest.approx(exact.value, rel=1e-5)


@with_diffusers
@pytest.mark.parametrize("kind", ["v_prediction", "sample"])
def test_prediction_types_are_one_sampler(kind: str) -> None:
    plain = measure(Quantiles(MIXTURE), "DDIMScheduler", 20, options=DDIM)
    other = measure(Quantiles(MIXTURE), "DDIMScheduler", 20, options=DDIM | {"prediction_type": kind})
    assert other.value == pytest.approx(plain.value, abs=other.floor + plain.floor)


@with_diffusers
def test_special_cases_are_one_sampler() -> None:
    """Euler in sigma/a is DDIM is DPM-Solver-1, from the same levels to the same levels."""
    euler = measure(
        Quantiles(MIXTURE),
        "EulerDiscreteScheduler",
        20,
        options={"final_sigmas_type": "sigma_min", "timestep_spacing": "leading"},
    )
    ddim = measure(Quantiles(MIXTURE), "DDIMScheduler", 20, options=DDIM)
    # Euler's state ends in units where a = 1, at sigma = 0.02: the same up to a = 0.9998
    assert euler.value == pytest.approx(ddim.value, rel=1e-3)


@with_diffusers
def test_a_stochastic_scheduler_agrees_with_monte_carlo() -> None:
    """DDIM with eta = 1 and noise from a generator: mean and spread within four standard errors."""
    import torch

    T, n = 10, 200_000
    scheduler = build_scheduler("DDIMScheduler", "uniform-log-snr", DDIM)
    scheduler.set_timesteps(T)
    convention = CONVENTIONS["DDIMScheduler"](scheduler)
    generator = torch.Generator().manual_seed(0)
    (a0, s0), (a1, s1) = convention.start(), convention.end(T)
    x = 0.5 * a0 + math.hypot(0.5 * a0, s0) * torch.randn(
        n, 1, 1, 1, generator=generator, dtype=torch.float64
    )
    for t in scheduler.timesteps:
        x = scheduler.step(convention.predict(GAUSSIAN, x, t), t, x, eta=1.0, generator=generator).prev_sample
    mean, std = float(x.mean()), float(x.std())
    w2 = math.hypot(mean - 0.5 * a1, std - math.hypot(0.5 * a1, s1))
    exact = measure(Quantiles(GAUSSIAN), "DDIMScheduler", T, options=DDIM, step={"eta": 1.0}, stochastic=True)
    assert w2 == pytest.approx(exact.value, abs=4 * std / math.sqrt(n))


@with_diffusers
def test_trailing_spacing_stalls_where_the_steps_do_not_divide_1000() -> None:
    options = DDIM | {"timestep_spacing": "trailing"}
    w2 = {
        T: measure(Quantiles(MIXTURE), "DDIMScheduler", T, schedule="linear", options=options).value
        for T in (50, 100, 160, 320)
    }
    assert w2[100] < 0.6 * w2[50]  # divides: first order
    assert w2[320] > 0.9 * w2[160]  # 1000/T over 1000//T is 1.04 for both: no progress


@with_diffusers
def test_float32_is_recognised() -> None:
    """DEIS of order 3 cancels in float32: the error is its floor, not its order."""
    found = measure(Quantiles(MIXTURE), "DEISMultistepScheduler", 160, options={"solver_order": 3})
    assert found.floor > 0.5 * found.value
    calm = measure(Quantiles(MIXTURE), "DDIMScheduler", 160, options=DDIM)
    assert calm.floor < 1e-3 * calm.value


@with_diffusers
def test_the_suite_audits_at_least_twenty_schedulers() -> None:
    cases = load_cases(CASES)
    assert len({case.options["scheduler"] for case in cases}) >= 20
    theory = THEORY
    for case in cases:
        validate_case(case, theory)


@with_diffusers
def test_a_cell_is_reproducible() -> None:
    case = next(case for case in load_cases(CASES) if case.id == "audit-orders-ddim-eta")
    audit = chapters.get("audit")
    cell = Cell("audit", audit.cells(case)[0].params)
    assert audit.measure(cell) == audit.measure(cell)


@with_diffusers
@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("LCMScheduler", {}, "does not drive 'LCMScheduler'"),
        ("DDIMScheduler", {"nonsense": 1}, "refuses its options"),
        ("DDIMScheduler", {"beta_schedule": "nope", "trained_betas": None}, "refuses its options"),
    ],
)
def test_what_cannot_be_driven_is_told(name: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        build_scheduler(name, "uniform-log-snr", options)


def test_without_the_extra_the_kind_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(chapters.EXTRAS, "audit", ("no_such_package", "audit"))
    assert "pip install 'sharpbound[audit]'" in str(chapters.unavailable("audit"))
    with pytest.raises(InputError, match=r"pip install 'sharpbound\[audit\]'"):
        build_scheduler("DDIMScheduler", "linear", {})


@with_diffusers
def test_a_scheduler_that_breaks_at_every_T_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise NotMeasured("ValueError at T = 20: no")

    monkeypatch.setattr(schedulers, "measure", breaks)
    outcome = measure_cases([load_case(DDIM_CASE)], THEORY, Cache(None), workers=1)
    ((id, failed),) = outcome.failures.items()
    assert (failed.reason, failed.trace) == ("nothing could be measured: ValueError at T = 20: no", "")
    (document,) = outcome.documents
    assert (document.case, document.verdict) == (id, "failed")
    assert {row.measured["w2"].value for row in document.rows} == {None}
