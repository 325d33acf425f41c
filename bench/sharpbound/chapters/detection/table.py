"""The mutants: one mistake each, of the kinds that are made when samplers are written."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from sharpbound.chapters.detection.making import (
    Mutant,
    first_step,
    formula,
    in_single_precision,
    last_step,
    mutant,
    noise_times,
    ratio,
    scored,
    seeing,
)
from sharpbound.samplers.base import Past, PastStage, Stage, Step
from sharpbound.samplers.ddim import DDIM
from sharpbound.samplers.exponential import DataForm, NoiseForm, first_order, phi
from sharpbound.samplers.multistep import recalled


def _identity(y: Tensor) -> Tensor:
    return y


# -- programs written anew, with their mistake -------------------------------------------------


def _taylor(step: Step, half: float = 8.0, divergence: float = 1.0) -> list[Stage]:
    """`taylor-ode` with the denominator of h^2 and the weight of the divergence to choose."""
    t, score, h = step.t, step.score, -math.log(step.alpha)

    def mean(y: Tensor) -> Tensor:
        s = score(t, y)
        curvature = (score.jacobian(t, y) @ s.unsqueeze(-1)).squeeze(-1) + divergence * score.grad_divergence(
            t, y
        )
        return y + 0.5 * h * (y + s) + h**2 / half * (y - curvature)

    return [Stage(mean)]


def _heun(step: Step, weights: tuple[float, float] = (0.5, 0.5), corrector_level: int = -1) -> list[Stage]:
    """`heun` with the weights of the two slopes and the level of the second evaluation to choose."""
    t, s = step.t, step.score
    dn = step.sigma_next / step.a_next - step.sigma / step.a

    def mean(y: Tensor) -> Tensor:
        eps = step.noise(y)
        predictor = step.a_next * (y / step.a + dn * eps)
        corrected = -step.sigma_next * s(t + corrector_level, predictor)
        return step.a_next * (y / step.a + dn * (weights[0] * eps + weights[1] * corrected))

    return [Stage(mean)]


def _midpoint_elsewhere(step: Step) -> list[Stage]:
    """`dpm-solver-2` that evaluates the noise prediction at the start's level, not at the midpoint's."""
    form = NoiseForm(step)

    def mean(y: Tensor) -> Tensor:
        return first_order(form, y, step.noise(first_order(form, y, step.noise(y), 0.5)))

    return [Stage(mean)]


def _third_order(step: Step, gain: float = 1.5, first: float = 2.0) -> list[Stage]:
    """`dpm-solver-3` with the weights of its differences to choose."""
    form = NoiseForm(step)

    def mean(y: Tensor) -> Tensor:
        n0 = step.noise(y)
        n1 = form.nonlinear(1 / 3, first_order(form, y, n0, 1 / 3))
        z = 2 / 3 * form.z
        y2 = first_order(form, y, n0, 2 / 3) + form.linear(2 / 3)[1] * z * first * phi(2, z) * (n1 - n0)
        n2 = form.nonlinear(2 / 3, y2)
        return first_order(form, y, n0) + form.linear(1.0)[1] * form.z * gain * phi(2, form.z) * (n2 - n0)

    return [Stage(mean)]


def _two_step(step: Step, weight: float = 0.5, inverted: bool = False) -> list[PastStage]:
    """`dpm-solver++-2m` with the weight of its difference, or the ratio of the steps, to choose."""

    def advance(y: Tensor, past: Past) -> tuple[Tensor, Past]:
        past = recalled(past, step.t, step.data(y), 2)
        prediction = past[0][1]
        if len(past) == 2:
            earlier = Step(step.t + 1, step.ladder, step.score).h
            r = step.h / earlier if inverted else earlier / step.h
            prediction = prediction + weight / r * (past[0][1] - past[1][1])
        return first_order(DataForm(step), y, prediction), past

    return [PastStage(advance)]


def _adams_bashforth(step: Step, newest: float) -> list[PastStage]:
    """Two-step Adams-Bashforth with the constant-step weights (newest, 1 - newest) on any ladder."""

    def advance(y: Tensor, past: Past) -> tuple[Tensor, Past]:
        past = recalled(past, step.t, step.noise(y), 2)
        eps = past[0][1] if len(past) == 1 else newest * past[0][1] + (1 - newest) * past[1][1]
        increment = (step.sigma_next / step.a_next - step.sigma / step.a) * eps
        return step.a_next * (y / step.a + increment), past

    return [PastStage(advance)]


def _swapped(step: Step) -> float:
    """beta at the mirrored level: the schedule read from the wrong end."""
    return float(step.ladder.beta[step.ladder.T + step.ladder.stop + 1 - step.t])


def _skipped(step: Step, made: list[Stage]) -> list[Stage]:
    return [Stage(_identity)]


def _euler(step: Step, made: list[Stage]) -> list[Stage]:
    return list(DDIM().stages(step))


def _silent(step: Step, made: list[Stage]) -> list[Stage]:
    return [replace(stage, std=0.0) for stage in made]


def _wide(step: Step, made: list[Stage]) -> list[Stage]:
    return [Stage(lambda y: 1.05 * y, lands=(step.a, step.sigma)), *made]


def _gain_without_two(step: Step) -> list[Stage]:
    h = -math.log(step.alpha)
    growth = math.exp(0.5 * h)
    return [Stage(lambda y: growth * y + (growth - 1) * step.score(step.t, y), math.sqrt(math.expm1(h)))]


F32 = "the tables of the schedule are kept in float32"

TABLE: tuple[Mutant, ...] = (
    # probability flow
    mutant(
        "pf-ode",
        "forgotten 1/2",
        "the score enters with (1 - alpha) instead of half of it",
        seen=seeing(beta=lambda s: 2 * s.beta),
    ),
    mutant(
        "pf-ode", "dropped factor", "the division by sqrt(alpha) is missing", seen=seeing(alpha=lambda s: 1.0)
    ),
    mutant(
        "pf-ode",
        "wrong alpha",
        "divides by the root of the next level's alpha",
        seen=seeing(alpha=lambda s: s.ladder.alpha(max(s.t - 1, 1))),
    ),
    mutant(
        "pf-ode", "index off by one", "the score is taken at level t - 1", seen=scored(level=lambda t: t - 1)
    ),
    mutant(
        "pf-ode", "wrong sign", "the score enters with the wrong sign", seen=scored(value=lambda s: -1.0 * s)
    ),
    mutant(
        "pf-ode",
        "swapped schedule",
        "beta is read from the other end of the schedule",
        seen=seeing(beta=_swapped, alpha=lambda s: 1 - _swapped(s)),
    ),
    mutant("pf-ode", "float32", F32, seen=in_single_precision()),
    mutant("pf-ode", "wrong init", "starts 5 % too wide", program=first_step(_wide)),
    # DDPM
    mutant(
        "ddpm",
        "noise outside the root",
        "the noise is not divided by sqrt(alpha)",
        program=noise_times(ratio),
    ),
    mutant("ddpm", "dropped noise", "no noise at the last step", program=last_step(_silent)),
    mutant("churned", "dropped noise", "no noise at the last step", program=last_step(_silent)),
    mutant(
        "ddpm",
        "wrong variance",
        "the variance is used as a standard deviation",
        program=noise_times(lambda s: math.sqrt(s.beta / s.alpha)),
    ),
    mutant(
        "ddpm",
        "forgotten factor 2",
        "the drift of the probability flow with the noise of DDPM",
        seen=scored(value=lambda s: 0.5 * s),
    ),
    mutant(
        "ddpm-beta",
        "wrong variance",
        "the variance is used as a standard deviation",
        program=noise_times(lambda s: math.sqrt(s.beta)),
    ),
    mutant(
        "ddpm-posterior",
        "wrong variance",
        "sigma_{t-1}/sigma_t instead of its square",
        program=noise_times(lambda s: math.sqrt(s.sigma / s.sigma_next)),
    ),
    mutant(
        "ddpm-covariance",
        "forgotten factor",
        "half of the covariance correction",
        program=lambda step, made: [replace(made[0], std=lambda y: _half_covariance(step, y))],
    ),
    # DDIM and the reverse diffusion
    mutant(
        "ddim", "index off by one", "the score is taken at level t - 1", seen=scored(level=lambda t: t - 1)
    ),
    mutant(
        "ddim",
        "wrong alpha",
        "sigma is taken for the root of a sigma",
        seen=seeing(sigma_next=lambda s: math.sqrt(s.a_next) * s.sigma_next),
    ),
    mutant(
        "euler-maruyama",
        "forgotten 1/2",
        "the linear drift is doubled",
        program=lambda step, made: [
            replace(made[0], mean=lambda y: made[0].mean(y) - 0.5 * math.log(step.alpha) * y)
        ],
    ),
    mutant(
        "exponential-integrator",
        "dropped factor",
        "the gain of the score lacks its 2",
        program=formula(_gain_without_two),
    ),
    mutant(
        "exponential-integrator",
        "wrong variance",
        "the noise of Euler-Maruyama, sqrt(h)",
        program=noise_times(lambda s: math.sqrt(-math.log(s.alpha) / (1 / s.alpha - 1))),
    ),
    mutant(
        "ancestral-euler",
        "wrong variance",
        "the fresh noise keeps the full variance of the level",
        program=noise_times(lambda s: 1 / math.sqrt(1 - (s.sigma_next * s.a / (s.a_next * s.sigma)) ** 2)),
    ),
    mutant(
        "predictor-corrector",
        "forgotten factor 2",
        "Langevin noise sqrt(e) instead of sqrt(2e)",
        program=noise_times(lambda s: math.sqrt(0.5)),
    ),
    # Runge-Kutta
    mutant(
        "heun", "missing corrector", "Euler's step", program=formula(lambda s: _heun(s, weights=(1.0, 0.0)))
    ),
    mutant(
        "heun",
        "index off by one",
        "the corrector is evaluated at level t",
        program=formula(lambda s: _heun(s, corrector_level=0)),
    ),
    mutant(
        "heun",
        "forgotten 1/2",
        "the two slopes are added, not averaged",
        program=formula(lambda s: _heun(s, weights=(1.0, 1.0))),
    ),
    mutant("heun", "wrong last step", "no corrector on the last step", program=last_step(_euler)),
    mutant("heun", "skipped last step", "one step too few", program=last_step(_skipped)),
    mutant(
        "taylor-ode",
        "missing term",
        "the gradient of the divergence is left out",
        program=formula(lambda s: _taylor(s, divergence=0.0)),
    ),
    mutant(
        "taylor-ode",
        "forgotten 1/2",
        "h^2/4 instead of h^2/8",
        program=formula(lambda s: _taylor(s, half=4.0)),
    ),
    mutant("heun", "float32", F32, seen=in_single_precision()),
    mutant(
        "dpm-solver-2",
        "wrong level",
        "the midpoint is evaluated at the level of the start",
        program=formula(_midpoint_elsewhere),
    ),
    mutant(
        "dpm-solver-3",
        "wrong weight",
        "weight 1 instead of 3/2 for the last difference",
        program=formula(lambda s: _third_order(s, gain=1.0)),
    ),
    mutant(
        "dpm-solver-3",
        "wrong inner weight",
        "weight 1 instead of 2 inside the second stage",
        program=formula(lambda s: _third_order(s, first=1.0)),
    ),
    mutant("dpm-solver-3", "float32", F32, seen=in_single_precision()),
    # multistep
    mutant(
        "dpm-solver++-2m",
        "forgotten 1/2",
        "weight 1/r instead of 1/2r",
        program=formula(lambda s: _two_step(s, weight=1.0)),
    ),
    mutant(
        "dpm-solver++-2m",
        "swapped ratio",
        "r is h_t/h_{t+1} instead of h_{t+1}/h_t",
        program=formula(lambda s: _two_step(s, inverted=True)),
    ),
    mutant(
        "adams-bashforth",
        "constant-step weights",
        "3/2 and -1/2 on a ladder whose steps change",
        program=formula(lambda s: _adams_bashforth(s, 1.5)),
        order=2,
    ),
    mutant(
        "unipc",
        "missing corrector",
        "the predictor alone, which is that of DPM-Solver++(2M)",
        program=formula(_two_step),
        p=2,
    ),
    mutant("unipc", "float32", F32, seen=in_single_precision(), p=2),
)


def _half_covariance(step: Step, y: Tensor) -> Tensor:
    eye = torch.eye(y.shape[-1], dtype=y.dtype)
    jacobian = step.score.jacobian(step.t, y)
    return torch.linalg.cholesky((step.beta / step.alpha) * (eye + 0.5 * step.beta * jacobian))
