"""Mutants of the solvers: what goes wrong when stages, past values and inner steps are put together.

With those of `table` and `accelerated` beside it every sampler has one but
randomized-midpoint, whose law at the steps used takes longer than all the others together.
"""

from __future__ import annotations

import math

from torch import Tensor

from sharpbound.chapters.detection.making import Mutant, formula, mutant, noise_times
from sharpbound.samplers.adams_bashforth import AdamsBashforth
from sharpbound.samplers.base import Stage, Step
from sharpbound.samplers.ddim import DDIM
from sharpbound.samplers.dpm_solver_multistep import (
    DPMSolverPlusPlus2M,
    DPMSolverPlusPlus3M,
    SDEDPMSolverPlusPlus1,
)
from sharpbound.samplers.exponential import DataForm, Form, ScoreForm, first_order
from sharpbound.samplers.heun import Heun
from sharpbound.samplers.lagrange import LagrangeSampler


def _midpoint(form: Form, *, reach: float = 0.5, level: float = 0.5) -> list[Stage]:
    """A two-stage step whose midpoint is reached by ``reach`` of the step and taken to be at ``level`` of it."""

    def mean(y: Tensor) -> Tensor:
        middle = first_order(form, y, form.nonlinear(0.0, y), reach)
        return first_order(form, y, form.nonlinear(level, middle))

    return [Stage(mean)]


def _same_level(step: Step, made: list[Stage]) -> list[Stage]:
    return [made[0], *Heun().stages(step)]


def _one_exponential(step: Step) -> float:
    return math.sqrt(math.expm1(-step.h) / math.expm1(-2 * step.h))


HALF_THE_VARIANCE = noise_times(lambda step: math.sqrt(0.5))

SOLVERS: tuple[Mutant, ...] = (
    mutant(
        "dpm-solver++-2s",
        "wrong middle",
        "the middle state has gone the whole step",
        program=formula(lambda s: _midpoint(DataForm(s), reach=1.0)),
    ),
    mutant(
        "exponential-rk",
        "wrong level",
        "the middle score is taken at the level of the start",
        program=formula(lambda s: _midpoint(ScoreForm(s), level=0.0)),
        order=2,
    ),
    mutant(
        "lagrange",
        "one node too few",
        "two nodes and one sweep instead of three and two",
        program=formula(LagrangeSampler(order=2).stages),
        order=3,
    ),
    mutant(
        "deis",
        "forgotten past",
        "the polynomial has its newest value alone",
        program=formula(DDIM().stages),
        order=2,
    ),
    mutant(
        "dpm-solver++-3m",
        "missing term",
        "the line through two values instead of the parabola through three",
        program=formula(DPMSolverPlusPlus2M().stages),
    ),
    mutant(
        "dpm-solver++-3m-exact",
        "forgotten factor 2",
        "half of the parabola's integral",
        program=formula(DPMSolverPlusPlus3M(start="third-order").stages),
        start="third-order",
    ),
    mutant(
        "sde-dpm-solver++-1",
        "forgotten factor 2",
        "noise sqrt(1 - e^{-h}) instead of sqrt(1 - e^{-2h})",
        program=noise_times(_one_exponential),
    ),
    mutant(
        "sde-dpm-solver++-2m",
        "missing term",
        "the difference of the predictions is left out",
        program=formula(SDEDPMSolverPlusPlus1().stages),
    ),
    mutant(
        "edm-heun",
        "level not raised",
        "noise is added, and the step starts from the level without it",
        program=_same_level,
        churn=5.0,
    ),
    mutant(
        "predictor-corrector-underdamped",
        "forgotten factor 2",
        "Langevin noise sqrt(e) instead of sqrt(2e)",
        program=HALF_THE_VARIANCE,
    ),
    mutant(
        "predictor-corrector-kinetic",
        "wrong variance",
        "the velocity is drawn with half its variance",
        program=noise_times(lambda step: math.sqrt(0.5), 0),
    ),
    mutant(
        "predictor-corrector-snr",
        "forgotten factor 2",
        "Langevin noise sqrt(e) instead of sqrt(2e)",
        program=HALF_THE_VARIANCE,
    ),
    mutant(
        "pndm",
        "forgotten past",
        "a line through two values instead of the weights of four",
        program=formula(AdamsBashforth(order=2).stages),
    ),
    mutant(
        "sa-solver",
        "missing correction",
        "the corrector's step is left out",
        program=lambda step, made: made[:1],
        corrector=2,
        tau=0.0,
    ),
    mutant(
        "langevin",
        "forgotten factor 2",
        "noise sqrt(e) instead of sqrt(2e)",
        program=HALF_THE_VARIANCE,
    ),
)
