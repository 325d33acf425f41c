"""DPM-Solver-2 and -3 (DPM-Solver-1 is DDIM), and DPM-Solver++(2S)."""

from __future__ import annotations

from sharpbound.samplers.base import Step
from sharpbound.samplers.exponential import DataForm, NoiseForm, SingleStep


class DPMSolver2(SingleStep):
    """u = (a_s/a_t) y - sigma_s (e^{h/2} - 1) eps_t(y) at the midpoint s of the step in lambda;

    Y_{t-1} = (a_{t-1}/a_t) y - sigma_{t-1} (e^h - 1) eps_s(u).
    """

    name = "dpm-solver-2"
    title = "DPM-Solver-2"
    order = 2
    source = "Lu et al., arXiv:2206.00927, Algorithm 1 (r_1 = 1/2)"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def form(self, step: Step) -> NoiseForm:
        return NoiseForm(step)


class DPMSolver3(DPMSolver2):
    """Evaluations at 0, 1/3 and 2/3 of the step in lambda, on the noise prediction."""

    name = "dpm-solver-3"
    title = "DPM-Solver-3"
    order = 3
    source = "Lu et al., arXiv:2206.00927, Algorithm 2 (r_1 = 1/3, r_2 = 2/3)"


class DPMSolverPlusPlus2S(SingleStep):
    """u = (sigma_s/sigma_t) y - a_s (e^{-h/2} - 1) x0_t(y) at the midpoint s of the step in lambda;

    Y_{t-1} = (sigma_{t-1}/sigma_t) y - a_{t-1} (e^{-h} - 1) x0_s(u).
    """

    name = "dpm-solver++-2s"
    title = "DPM-Solver++(2S)"
    order = 2
    source = "Lu et al., arXiv:2211.01095, Algorithm 1 (r = 1/2)"
    kinds = frozenset({"vp", "sub-vp", "ve"})

    def form(self, step: Step) -> DataForm:
        return DataForm(step)
