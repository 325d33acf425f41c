"""Which passes serve a target and a sampler: integrals over single steps where these tell all, ladders elsewhere."""

from __future__ import annotations

import torch

from sharpbound.errors import NotMeasured
from sharpbound.laws.leading import radial_kernels
from sharpbound.laws.leading.clock import UNIT, StepDensity
from sharpbound.laws.leading.density import DensityIntegrals
from sharpbound.laws.leading.flow import FlowIntegrals
from sharpbound.laws.leading.kernels import of_full_noise
from sharpbound.laws.leading.ladders import DensityPasses, FlowPasses, PathPasses
from sharpbound.laws.leading.passes import FINENESS, Passes
from sharpbound.laws.leading.path_integrals import PathIntegrals
from sharpbound.laws.leading.radial import RadialLine
from sharpbound.laws.leading.single import BEFORE, SingleStep
from sharpbound.laws.path_kl import check_chain
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ExactScore
from sharpbound.targets import Gaussian1D
from sharpbound.targets.base import Target, Target1D

MOST_ORDER = 2
"""Order up to which defects of short single steps are heard above their rounding."""


def line_passes(target: Target1D, sampler: Sampler, density: StepDensity) -> Passes:
    """Of the law of a sampler's output."""
    heard = sampler.order is not None and sampler.order <= MOST_ORDER
    if sampler.deterministic:
        if sampler.history or sampler.counts_steps or not heard:
            return FlowPasses.of(target, sampler, density)
        return FlowIntegrals.of(target, sampler, density)
    if isinstance(target, RadialLine):
        return _radial_passes(target, sampler, density)
    if isinstance(target, Gaussian1D) or sampler.history or sampler.counts_steps:
        return DensityPasses.of(target, sampler, density)
    if _alone(target, sampler, density) and of_full_noise(target, sampler, density):
        return DensityIntegrals.of(target, sampler, density)
    return DensityPasses.of(target, sampler, density)


def _radial_passes(target: RadialLine, sampler: Sampler, density: StepDensity) -> Passes:
    """Of a stochastic sampler on a radial law."""
    if sampler.history or sampler.counts_steps or not _alone(target, sampler, density):
        raise NotMeasured(f"a step of {sampler.name} depends on others, and a radius has single steps alone")
    if not radial_kernels.of_full_noise(target, sampler, density):
        raise NotMeasured(
            f"{sampler.name} draws another noise than that of the forward process, which alone carries the defects "
            "of a radius on"
        )
    return radial_kernels.RadialIntegrals.of(target, sampler, density)


def path_passes(target: Target, sampler: Sampler, density: StepDensity) -> Passes:
    """Of the divergence of its chain."""
    on_line = isinstance(target, Target1D) and not isinstance(target, Gaussian1D)
    if on_line and not (sampler.deterministic or sampler.history or sampler.counts_steps):
        ladder, _ = density.ladder(1)
        check_chain(ladder, sampler, ExactScore(target, ladder))
        if _alone(target, sampler, density):
            return PathIntegrals(target, sampler, density)
    return PathPasses(target, sampler, density)


def _alone(target: Target, sampler: Sampler, density: StepDensity) -> bool:
    """Whether a step does the same with steps before and after it and without."""
    lam, h = 0.5 * (density.breaks[0] + density.breaks[-1]), UNIT / FINENESS[-1]
    alone, among = (SingleStep.of(target, sampler, density.process, lam, h, n, n) for n in (0, BEFORE))
    return among.like(alone, torch.linspace(-1.0, 1.0, 5, dtype=torch.float64))
