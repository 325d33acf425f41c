"""Predictor-corrector: a DDIM step, then Langevin steps at the new level."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.samplers.base import Past, PastStage, Program, Sampler, Stage, Step
from sharpbound.samplers.ddim import DDIM
from sharpbound.samplers.exponential import phi


@dataclass(frozen=True)
class PredictorCorrector(Sampler):
    """DDIM to level t-1, then one step of the unadjusted Langevin algorithm there,

    Y <- Y + e s_{t-1}(Y) + sqrt(2 e) Z,    e = strength sigma_{t-1}^2 h,

    h the step in lambda: as T grows the corrector runs for a fixed time in all, and its bias vanishes with h.
    """

    strength: float = 1.0

    name = "predictor-corrector"
    title = "predictor-corrector (ULA)"
    deterministic = False
    nfe = 2
    order = 1
    source = "Song et al., arXiv:2011.13456, Algorithm 1; step as in Chen et al., arXiv:2305.11798"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def __post_init__(self) -> None:
        if not (math.isfinite(self.strength) and self.strength > 0):
            raise InputError(f"must be a positive number, got {self.strength:g}", key="sampler.strength")

    def langevin_time(self, step: Step) -> float:
        return self.strength * step.sigma_next**2 * step.h

    def stages(self, step: Step) -> Program:
        (predictor,) = DDIM().stages(step)
        if step.to_data:
            return [predictor]
        t, e = step.t - 1, self.langevin_time(step)
        corrector = Stage(lambda y: y + e * step.score(t, y), math.sqrt(2 * e))
        return [
            Stage(predictor.mean, lands=(step.a_next, step.sigma_next)),
            corrector,
        ]


@dataclass(frozen=True)
class UnderdampedCorrector(PredictorCorrector):
    """One step of underdamped Langevin dynamics from a fresh velocity, of friction g and duration r.

    With the score frozen over the step and the velocity drawn from N(0, I) before it, the position moves by
    e s + sqrt(2 e) Z with e = (x - 1 + e^{-x})/g^2, x = g r: the overdamped step of another length. Here
    r = sigma_{t-1} sqrt(2h) and x = strength h, so that e = sigma_{t-1}^2 h (1 + O(h)).
    """

    name = "predictor-corrector-underdamped"
    title = "predictor-corrector (underdamped)"
    source = "Chen et al., arXiv:2305.11798, Section 3 (DPUM), velocity refreshed at each corrector step"

    def langevin_time(self, step: Step) -> float:
        return step.sigma_next**2 * step.h * 2 * phi(2, -self.strength * step.h)


@dataclass(frozen=True)
class KineticCorrector(UnderdampedCorrector):
    """``steps`` steps of underdamped Langevin dynamics that share one velocity, drawn from N(0, I) at each level.

    The state is (position y, velocity v). A step of duration r and friction g freezes the score; with x = g r,

    v' = e^{-x} v + r phi_1(-x) s + xi_v,    y' = y + r phi_1(-x) v + r^2 phi_2(-x) s + xi_y,

    Var xi_v = 2x phi_1(-2x), Cov = r x phi_1(-x)^2, Var xi_y = r^2 x (8 phi_3(-2x) - 4 phi_3(-x)), which is exact
    for the linear part. Together the steps last r = sigma_{t-1} sqrt(2h), with x = strength h, as above: one
    step is `UnderdampedCorrector`, many are the flow that leaves the marginal as it is.
    """

    steps: int = 3

    name = "predictor-corrector-kinetic"
    title = "predictor-corrector (underdamped, velocity kept)"
    source = "Chen et al., arXiv:2305.11798, Section 3 (DPUM); Cheng et al., arXiv:1707.03663"
    history = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps < 1:
            raise InputError(f"must be at least 1, got {self.steps}", key="sampler.steps")

    @property
    def nfe(self) -> int:  # type: ignore[override]
        return 1 + self.steps

    def stages(self, step: Step) -> Program:
        (predictor,) = DDIM().stages(step)
        if step.to_data:
            return [predictor]
        t = step.t - 1
        r, x = step.sigma_next * math.sqrt(2 * step.h) / self.steps, self.strength * step.h / self.steps
        var_v, cov = 2 * x * phi(1, -2 * x), r * x * phi(1, -x) ** 2
        var_y = r**2 * x * (8 * phi(3, -2 * x) - 4 * phi(3, -x))

        # the past is (position, velocity): a stage adds its noise to the state, and the next one recovers the draw
        def predict(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            position = predictor.mean(y)
            return position, (position, None)

        def draw_velocity(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            position, _ = past
            return position, (position, y - position)

        def drift(y: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
            s = step.score(t, y)
            return y + r * phi(1, -x) * v + r**2 * phi(2, -x) * s, math.exp(-x) * v + r * phi(1, -x) * s

        def kick(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            position, velocity = drift(y, past[1])
            return velocity, (position, velocity)

        def move(v: Tensor, past: Past) -> tuple[Tensor, Past]:
            position, velocity = past
            return position + cov / var_v * (v - velocity), (position, v)

        def arrive(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            return drift(y, past[1])[0], ()  # nothing reads the last velocity

        inner = [PastStage(kick, math.sqrt(var_v)), PastStage(move, math.sqrt(var_y - cov**2 / var_v))]
        return [
            PastStage(predict, 1.0),
            PastStage(draw_velocity),
            *inner * (self.steps - 1),
            PastStage(arrive, math.sqrt(var_y)),
        ]


@dataclass(frozen=True)
class SignalToNoiseCorrector(PredictorCorrector):
    """The corrector's step from a signal-to-noise ratio r that does not depend on T: e = 2 (r sigma_{t-1})^2.

    This is the rule 2 (r |Z|/|s|)^2 with |s| at its typical value |Z|/sigma. The bias of the Langevin steps
    stays as T grows, so the sampler has no order.
    """

    strength: float = 0.16

    name = "predictor-corrector-snr"
    title = "predictor-corrector (constant signal-to-noise ratio)"
    order = 0
    source = "Song et al., arXiv:2011.13456, Algorithms 4 and 5"

    def langevin_time(self, step: Step) -> float:
        return 2 * (self.strength * step.sigma_next) ** 2
