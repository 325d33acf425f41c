"""PNDM by its pseudo linear multi-step method, PLMS: Adams-Bashforth weights for even steps, whatever the steps are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from sharpbound.samplers.base import Past, PastStage, Step
from sharpbound.samplers.exponential import NoiseForm, third_order
from sharpbound.samplers.multistep import Multistep, recalled

WEIGHTS = ((1.0,), (3 / 2, -1 / 2), (23 / 12, -16 / 12, 5 / 12), (55 / 24, -59 / 24, 37 / 24, -9 / 24))
"""Of the newest predictions, the newest first, by how many there are."""


@dataclass(frozen=True)
class PNDM(Multistep):
    """DDIM's transfer, exact for a constant eps, with a mean of the last four predictions in place of eps:

    Y_{t-1}/a_{t-1} = Y_t/a_t + (n_{t-1} - n_t) (55 eps_t - 59 eps_{t+1} + 37 eps_{t+2} - 9 eps_{t+3})/24, n = sigma/a.

    The weights are right on steps that are even in n. On others smooth in t they leave a local error of third order.
    The first steps have fewer values, DDIM's first of all.
    """

    name = "pndm"
    title = "PNDM (PLMS)"
    deterministic = True
    order = 2
    source = "Liu et al., arXiv:2202.09778 (PLMS, without its Runge-Kutta start)"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def stages(self, step: Step) -> Sequence[PastStage]:
        dn = step.sigma_next / step.a_next - step.sigma / step.a

        def advance(y: Tensor, past: Past) -> tuple[Tensor, Past]:
            past = recalled(past, step.t, step.noise(y), len(WEIGHTS))
            predictions = [eps for _, eps in past]
            if len(past) < len(WEIGHTS) and self.start == "third-order":
                return third_order(NoiseForm(step), y, predictions[0]), past
            mean = sum(w * eps for w, eps in zip(WEIGHTS[len(past) - 1], predictions, strict=True))
            return step.a_next * (y / step.a + dn * mean), past

        return [PastStage(advance)]
