"""DPM-Solver++(2M) and (3M), and their stochastic versions SDE-DPM-Solver++(1) and (2M)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from sharpbound.samplers.base import Past, PastStage, Program, Sampler, Stage, Step, log_snr
from sharpbound.samplers.exponential import DataForm, phi, third_order
from sharpbound.samplers.multistep import Multistep, recalled


def _slopes(step: Step, past: Past) -> list[Tensor]:
    """Divided differences (x0_i - x0_{i+1})/r_i of successive predictions, r_i = h_i/h."""
    lam = [log_snr(step.ladder, t) for t, _ in past]
    return [(past[i][1] - past[i + 1][1]) * (step.h / (lam[i] - lam[i + 1])) for i in range(len(past) - 1)]


@dataclass(frozen=True)
class DPMSolverPlusPlus2M(Multistep):
    """With r = h_{t+1}/h_t in lambda and D = x0_t + (x0_t - x0_{t+1})/2r,

    Y_{t-1} = (sigma_{t-1}/sigma_t) Y_t - a_{t-1} (e^{-h} - 1) D.

    The first step, and one that ends at sigma = 0, take D = x0_t.
    """

    name = "dpm-solver++-2m"
    title = "DPM-Solver++(2M)"
    deterministic = True
    order = 2
    source = "Lu et al., arXiv:2211.01095, Algorithm 2"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def stages(self, step: Step) -> Sequence[PastStage]:
        def advance(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            past = recalled(past, step.t, step.data(y), 2)
            prediction = past[0][1]
            if step.to_data:
                return prediction, past
            if len(past) < 2 and self.start == "third-order":
                return third_order(DataForm(step), y, prediction), past
            for slope in _slopes(step, past):
                prediction = prediction + 0.5 * slope
            return (step.sigma_next / step.sigma) * y - step.a_next * math.expm1(-step.h) * prediction, past

        return [PastStage(advance)]


@dataclass(frozen=True)
class DPMSolverPlusPlus3M(Multistep):
    """The quadratic through three predictions x0_t + D1 s + D2 s^2, s the fraction of the step:

    Y_{t-1} = (sigma_{t-1}/sigma_t) Y_t + a_{t-1} h [phi_1 x0_t + phi_2 D1 + phi_3 D2],    phi_k = phi_k(-h),

    as in the authors' code. The integral of D2 s^2 is 2 phi_3 D2, of which this has half, so that the
    third-order term is left in; the first steps, which have fewer predictions, are of lower order.
    """

    name = "dpm-solver++-3m"
    title = "DPM-Solver++(3M)"
    deterministic = True
    order = 3
    source = "Lu et al., arXiv:2211.01095, the authors' code (multistep, order 3, data prediction)"
    kinds = frozenset({"vp", "sub-vp", "ve"})
    curvature: ClassVar[float] = 1.0
    """Factor of phi_3 D2."""

    def stages(self, step: Step) -> Sequence[PastStage]:
        def advance(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            past = recalled(past, step.t, step.data(y), 3)
            if step.to_data:
                return past[0][1], past
            if len(past) < 3 and self.start == "third-order":
                return third_order(DataForm(step), y, past[0][1]), past
            integral = phi(1, -step.h) * past[0][1]
            slopes = _slopes(step, past)
            if len(slopes) == 1:
                integral = integral + 0.5 * phi(1, -step.h) * slopes[0]
            if len(slopes) == 2:
                lam = [log_snr(step.ladder, t) for t, _ in past]
                r0, r1 = (lam[0] - lam[1]) / step.h, (lam[1] - lam[2]) / step.h
                d2 = (slopes[0] - slopes[1]) * (1 / (r0 + r1))
                d1 = slopes[0] + r0 * d2
                integral = integral + phi(2, -step.h) * d1 + self.curvature * phi(3, -step.h) * d2
            return (step.sigma_next / step.sigma) * y + step.a_next * step.h * integral, past

        return [PastStage(advance)]


@dataclass(frozen=True)
class DPMSolverPlusPlus3MExact(DPMSolverPlusPlus3M):
    """The same with the quadratic integrated exactly, 2 phi_3 D2: exponential Adams-Bashforth in lambda."""

    name = "dpm-solver++-3m-exact"
    title = "DPM-Solver++(3M), quadratic integrated exactly"
    source = (
        "derived: exponential Adams-Bashforth; Hochbruck & Ostermann, Acta Numerica 19 (2010), Section 2.5"
    )
    curvature: ClassVar[float] = 2.0


class SDEDPMSolverPlusPlus1(Sampler):
    """The reverse-time diffusion with x0 frozen, which is ancestral sampling. With q = 1 - e^{-2h},

    Y_{t-1} = (sigma_{t-1}/sigma_t) e^{-h} Y_t + a_{t-1} q x0_t + sigma_{t-1} sqrt(q) Z.
    """

    name = "sde-dpm-solver++-1"
    title = "SDE-DPM-Solver++(1)"
    deterministic = False
    nfe = 1
    order = 1
    source = "Lu et al., arXiv:2211.01095, eq. (18)"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def stages(self, step: Step) -> Program:
        if step.to_data:
            return [Stage(step.data)]
        return [Stage(lambda y: _diffused(step, y, step.data(y)), _fresh_noise(step))]


class SDEDPMSolverPlusPlus2M(SDEDPMSolverPlusPlus1):
    """The same with x0_t + (x0_t - x0_{t+1})/2r in place of x0_t, as in the two-step ODE method."""

    name = "sde-dpm-solver++-2m"
    title = "SDE-DPM-Solver++(2M)"
    history = True
    order = 2
    source = "Lu et al., arXiv:2211.01095, eq. (19)"

    def stages(self, step: Step) -> Program:
        if step.to_data:
            return [Stage(step.data)]

        def advance(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            past = recalled(past, step.t, step.data(y), 2)
            prediction = past[0][1]
            for slope in _slopes(step, past):
                prediction = prediction + 0.5 * slope
            return _diffused(step, y, prediction), past

        return [PastStage(advance, _fresh_noise(step))]


def _diffused(step: Step, y: Tensor, prediction: Tensor) -> Tensor:
    """The mean of the reverse-time diffusion with x0 = ``prediction``."""
    shrink = math.exp(-step.h) * step.sigma_next / step.sigma
    return shrink * y + step.a_next * -math.expm1(-2 * step.h) * prediction


def _fresh_noise(step: Step) -> float:
    return step.sigma_next * math.sqrt(-math.expm1(-2 * step.h))
