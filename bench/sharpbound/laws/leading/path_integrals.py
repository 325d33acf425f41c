"""The KL divergence of a chain on the line, step by step, each an expectation under the true law of its ends."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import cast

import numpy as np
import torch

from sharpbound.distances.gaussian import EPS
from sharpbound.laws.leading.clock import UNIT
from sharpbound.laws.leading.density import noisier
from sharpbound.laws.leading.integrals import IntegralPasses, Lengths
from sharpbound.laws.leading.path import PathSum
from sharpbound.laws.leading.single import SingleStep
from sharpbound.laws.path_kl import PathTolerances, beyond_panels
from sharpbound.marginals.expectation import LineLaw
from sharpbound.marginals.panels import log_density, tensor
from sharpbound.numerics.gauss import gauss_hermite
from sharpbound.processes.ladder import Level
from sharpbound.targets.base import Target1D

LENGTHS: Lengths = (24, 32, 48, 64), (96, 128)
"""Steps in lambda, as parts of `UNIT`, whose noise is small beside what p bends on, and more."""
HERMITE_NODES = 6
"""Enough for the noise of a short step, beside what p bends on: one more tells."""
RESOLVED = 1e-11
"""What panels in x may leave unresolved of p s^2 and p (s')^2, whose sums these divergences are."""


@dataclass(frozen=True)
class PathIntegrals(IntegralPasses):
    """Of a chain on the line, from single steps that end at lambda:

    E log R(X|Y)/K(X|Y),    R(x|y) = p_{t-1}(x) N(y; sqrt(alpha) x, nu)/p_t(y),

    X of the law at lambda, and Y from it by the forward process: Gauss-Hermite.
    """

    laws: dict[float, LineLaw] = field(default_factory=dict)
    """By lambda."""

    @property
    def lengths(self) -> Lengths:
        """With noise."""
        return LENGTHS

    @property
    def _clean(self) -> Level:
        return self.density.process.level_at(self.density.breaks[-1] + UNIT)

    @cached_property
    def _clean_ends(self) -> tuple[float, float]:
        law = LineLaw.of(cast(Target1D, self.target), *self._clean)
        return float(law.panels.lo[0]), float(law.panels.hi[-1])

    def _defects(self, lam: float, finenesses: Sequence[int]) -> list[PathSum]:
        return [PathSum(self._divergence(lam, UNIT / one, HERMITE_NODES)) for one in finenesses]

    def _doubt(self, lam: float, fineness: int) -> PathSum:
        more = self._divergence(lam, UNIT / fineness, HERMITE_NODES + 1)
        return PathSum(more - cast(PathSum, self.taken[lam][fineness]).value)

    def _divergence(self, lam: float, h: float, nodes: int) -> float:
        target, level = cast(Target1D, self.target), self.density.process.level_at(lam)
        if lam not in self.laws:
            ends = noisier(self._clean, self._clean_ends, level)
            self.laws[lam] = LineLaw.of(target, *level, ends, RESOLVED)
        law = self.laws[lam]
        step = SingleStep.of(target, self.sampler, self.density.process, lam - h, h)
        (stage,), ladder, t = step.stages, step.ladder, step.t
        alpha, nu = ladder.alpha(t), ladder.noise_variance(t)
        z, w = gauss_hermite(nodes)
        x = law.panels.nodes[..., None]
        y = math.sqrt(alpha) * x + math.sqrt(2 * nu) * z
        with torch.no_grad():
            column = tensor(y.reshape(-1, 1))
            mean = stage.mean(column).numpy().reshape(y.shape)
            std = stage.std(column).numpy().reshape(y.shape) if callable(stage.std) else stage.std
        true = (
            log_density(target, x, *level)
            - z**2
            - 0.5 * math.log(nu)
            - log_density(target, y, *ladder.level(t))
        )
        parts = (true + 0.5 * ((x - mean) / std) ** 2 + np.log(std)) @ w / math.sqrt(math.pi)
        # rounding of (x - m)/s, which far out would be all there is
        parts[np.abs(parts) < 8 * EPS * np.abs(x[..., 0]) / math.sqrt(nu)] = 0.0
        rest, _ = beyond_panels(law, law.density * parts, PathTolerances().spent)
        return float((law.weights * parts).sum()) + rest
