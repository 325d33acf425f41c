"""One step of a stochastic sampler on a radial law, and its defects carried to the clean end.

Isotropic noise s takes the radius m to r with the density k(r|m) of a non-central chi law (`radial_density`). It is
integrated over panels that resolve it: in the radius before a step for K p, and in the radius at a noisier level for
what the forward process, taken backwards, makes of a defect there,

    E[f(|X_s|) | |X| = x] = int f(r) k(r | (a_s/a) x) dr.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, cast

import numpy as np

from sharpbound.errors import NotMeasured
from sharpbound.laws.density import landing
from sharpbound.laws.leading.clock import StepDensity
from sharpbound.laws.leading.density import DensityIntegrals
from sharpbound.laws.leading.kernels import FULL, PROBED, REACH, WIDE, inverse
from sharpbound.laws.leading.radial import RadialLine
from sharpbound.laws.leading.single import SingleStep
from sharpbound.laws.radial import log_shell
from sharpbound.laws.radial_density import log_kernel, pushed_profile
from sharpbound.marginals.panels import tensor
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Sampler, Stage

HELD, WIDTH = 13.0, 0.5
"""Noises about its centre that hold a radius but for exp(-80), and the widest panel on which log q is interpolated."""


@dataclass(frozen=True)
class RadialIntegrals(DensityIntegrals):
    """Of a stochastic one-step sampler whose noise tends to that of the forward process, on a radial law."""

    def _ends(self, level: Level) -> None:
        """Those of the law itself: noise moves the radius outwards too, as far as the dimension says."""
        return

    def _pushed(self, step: SingleStep, x: Array, more: int) -> Array:
        return pushed(cast(RadialLine, self.target), step, x, WIDTH / (1 + more))

    def _carried(self, lam: float, finenesses: Sequence[int], x: Array) -> Array:
        source = self._source(lam, finenesses)
        return self._backwards(lam, np.stack([source.eps[one] for one in finenesses]), x)

    def _wrong(self, lam: float, fineness: int, x: Array) -> Array:
        """What panels of half the width would add to that of one fineness."""
        source = self._source(lam, [fineness])
        more = self._eps(lam, fineness, source.panels.nodes, more=1)
        return self._backwards(lam, (more - source.eps[fineness])[None], x)[0]

    def _backwards(self, lam: float, f: Array, x: Array) -> Array:
        """E[f(|X_s|) | |X| = x] of several f, given at the nodes of the level's panels, at increasing x (...)."""
        ratio, std = self._forward(lam)
        dim = cast(RadialLine, self.target).target.dim
        return carried(self.sources[lam].panels, f, ratio * x.ravel(), std, dim).reshape(-1, *x.shape)


def pushed(law: RadialLine, step: SingleStep, x: Array, width: float = WIDTH) -> Array:
    """log of the density of the radius after a step from the exact law, at x (n,).

    width : of panels on which log q is interpolated, at most, in noises.
    Raises NotMeasured for noise that depends on the state and for mixtures of transitions.
    """
    level, shell = step.ladder.level(step.t), log_shell(x, law.target.dim)
    panels = _body(law, level, width)
    log_q = law.target.radial_log_density(tensor(panels.nodes), *level).numpy()
    maps: list[Callable[[Any], Any]] = []
    for stage in isotropic(step):
        maps.append(stage.mean)
        last = stage is step.stages[-1]
        if stage.deterministic:
            continue
        after = pushed_profile(panels, log_q, law.target.dim, _composed(maps), float(cast(float, stage.std)))
        maps, level = [], landing(stage, level, step.ladder, step.t, last)
        if last:
            return after(x) + shell
        panels = _body(law, level, width)
        log_q = after(panels.nodes)
    y, slope = inverse(Stage(_composed(maps)), x, x * (level[0] / step.ladder.level(step.t - 1)[0]))
    return panels.interpolate(log_q, y) + log_shell(y, law.target.dim) - np.log(slope)


def isotropic(step: SingleStep) -> list[Stage]:
    """The stages of a step, each with noise that is the same in all directions and at all points."""
    for stage in step.stages:
        if not isinstance(stage, Stage) or callable(stage.std):
            raise NotMeasured("a radial law needs steps with isotropic noise")
    return list(step.stages)


def of_full_noise(law: RadialLine, sampler: Sampler, density: StepDensity) -> bool:
    """Whether a short step draws as much noise as the forward process does."""
    lam = 0.5 * (density.breaks[0] + density.breaks[-1])
    step = SingleStep.of(law, sampler, density.process, lam - PROBED, PROBED)
    variance = math.fsum(float(cast(float, stage.std)) ** 2 for stage in isotropic(step))
    return abs(variance / step.ladder.noise_variance(step.t) - 1) <= FULL


def carried(panels: Panels, f: Array, m: Array, std: float, dim: int) -> Array:
    """E f(|m e + std Z|), Z in R^dim, of several f, (k, P, n) at the nodes of ``panels``, at increasing m: (k, n)."""
    fine = panels.narrowed(WIDE * std)
    nodes, weights = fine.nodes.ravel(), fine.weights.ravel()
    values, log_r = (panels.interpolate(f, nodes) * weights).T, np.log(nodes)
    centre = np.clip(np.hypot(m, math.sqrt(dim - 1) * std), nodes[0], nodes[-1])
    out = np.empty((len(f), len(m)))
    for part in np.array_split(np.arange(len(m)), 1 + len(m) // 64):
        seen = slice(*np.searchsorted(nodes, (centre[part[0]] - REACH * std, centre[part[-1]] + REACH * std)))
        log_k = log_kernel(log_r[seen], np.log(m[part, None]), std, dim)
        kernel = np.exp(log_k - log_k.max(1, keepdims=True))
        out[:, part] = ((kernel @ values[seen]) / (kernel @ weights[seen])[:, None]).T
    return out


def _body(law: RadialLine, level: Level, width: float) -> Panels:
    """Panels on which log q of a law close to that of a level is a polynomial."""
    centre, noise = law.centre(*level), level[1]
    lo, hi = max(centre - HELD * noise, 0.0), centre + HELD * noise
    return Panels.between(np.linspace(lo, hi, 1 + math.ceil((hi - lo) / (width * noise))))


def _composed(maps: list[Callable[[Any], Any]]) -> Callable[[Any], Any]:
    """The maps one after another."""
    found = list(maps)
    return lambda y: reduce(lambda y, mean: mean(y), found, y)
