"""The leading term of a sampler's law on the line: the sum of its one-step defects, carried by the exact flow.

With u the quantile coordinate, x_t(u) = F_t^{-1}(u), and p_t the true marginals:

* deterministic sampler, Y_{t-1} = Phi_t(Y_t): the defect of a step is delta_t(u) = Phi_t(x_t(u)) - x_{t-1}(u);
  the exact flow carries a displacement with p_t(x_t) dx_t constant, so

      F_Y - F_X = -G,    G(u) = sum_t p_{t-1}(x_{t-1}(u)) delta_t(u),    R = -dG/du;

  for samplers that keep predictions delta_t is that of a step on exact history, starting steps included;
* stochastic sampler with kernels K_t: eps_t(x) = (K_t p_t)(x)/p_{t-1}(x) - 1 is carried on by the sampler's
  own kernels, p_{t-1} R_{t-1} = K_t (p_t R_t) + p_{t-1} eps_t: with q = K_t p_t,

      R_{t-1}(x) = eps_t(x) + q(x)/p_{t-1}(x) E[R_t(X_t) | X_{t-1} = x],    F_Y - F_X = int_{-oo}^x p R,

  the mean under q; which keeps int p R = 0. (For a sampler of full noise that mean tends to the one under the
  forward process.)

Steps may be given weights (`clock`), for which the sum is linear in the defects and the exact law is not.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.errors import NotMeasured
from sharpbound.laws.base import Problem
from sharpbound.laws.density import DensityTolerances, Grid, landing
from sharpbound.laws.leading.response import LineResponse
from sharpbound.laws.modes import SMOOTH
from sharpbound.laws.pushforward import push, push_with
from sharpbound.laws.stages import Density
from sharpbound.marginals.panels import log_density, marginal_panels, tensor
from sharpbound.numerics.dual import Dual
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Level
from sharpbound.samplers.base import Past, Transition
from sharpbound.targets.base import Target1D

NEWTON = 6
"""Most steps of Newton's method for a quantile."""
EXACT, NEAR = 1e-8, 1e-4
"""The step, relative to the local scale, after which the next one, its square, is rounding, or next to nothing."""


Weights = Callable[[int], Sequence[float]]
"""Several factors, each for a sum of its own, for the defect of the step t -> t-1."""


# -- deterministic samplers ---------------------------------------------------------------------------
UNSEEN = -75.0
"""log p relative to its maximum below which a point of X_stop is left out."""
SAME_LEVEL = 11
"""Digits of log(a/sigma) in which levels are the same."""
CROWDED = 1e9
"""Mass on the lighter side of a point, in units of what lies within sigma of it, from which on u does not tell it from
its neighbours: it is left out too, as in the gap between two atoms."""


class _Quantiles:
    """x_t(u) = F_t^{-1}(u) for the u of fixed points of X_stop, given by the smaller of their log tails."""

    def __init__(self, target: Target1D, x: Tensor, level: Level) -> None:
        self.target = target
        below, above = target.log_cdf(x, *level), target.log_sf(x, *level)
        self.lower, self.log_tail = below < above, torch.minimum(below, above)

    def at(self, level: Level, guess: Tensor | None = None, settled: float = EXACT) -> Tensor:
        """Newton's method from ``guess``, which the image of the step before is up to its defect, until a step is
        ``settled``; where it is not, or without a guess, from scratch.
        """
        x = torch.empty_like(self.log_tail) if guess is None else guess.clone()
        going = torch.ones_like(self.lower)
        for _ in range(NEWTON if guess is not None else 0):
            y, log_tail, upwards = x[going], self.log_tail[going], self.lower[going]
            found = self._each(y, level, upwards)
            scale = torch.exp(found - self.target.derivative(y, *level, 0))
            step = torch.where(upwards, 1.0, -1.0) * (found - log_tail) * scale
            x[going] = y - step
            going[going.clone()] = ~(step.abs() <= settled * scale.clamp(max=level[1]))
            if not bool(going.any()):
                return x
        for which, upper in ((self.lower & going, False), (~self.lower & going, True)):
            x[which] = self.target.quantile_from_log(self.log_tail[which], *level, upper=upper)
        return x

    def _each(self, x: Tensor, level: Level, lower: Tensor) -> Tensor:
        """The log tail below where ``lower``, and above elsewhere."""
        found = torch.empty_like(x)
        for which, tail in ((lower, self.target.log_cdf), (~lower, self.target.log_sf)):
            found[which] = tail(x[which], *level)
        return found


class Coordinates:
    """The quantile coordinates u that nodes of panels have at a level, and where X_t is at these u.

    panels : which carry the law at the level ``stop``.
    peak : the maximum of log p there, where these are but some of the panels that carry p.
    Raises NotMeasured where u tells no node from its neighbours.
    """

    def __init__(self, target: Target1D, panels: Panels, stop: Level, peak: float | None = None) -> None:
        self.target, self.panels = target, panels
        nodes = tensor(panels.nodes)
        everywhere = target.derivative(nodes, *stop, 0)
        log_tail = torch.minimum(*(tail(nodes, *stop) for tail in (target.log_cdf, target.log_sf)))
        highest = float(everywhere.max()) if peak is None else peak
        self._seen = (everywhere > highest + UNSEEN) & (log_tail - everywhere < math.log(CROWDED * stop[1]))
        if not bool(self._seen.any()):
            raise NotMeasured("the law is too wide beside the least noise for the panels that resolve it")
        self.x, self.log_p = nodes[self._seen], everywhere[self._seen]
        """The nodes that are seen, and log p there."""
        self.gaps = across(self._seen.numpy())
        self.quantiles = _Quantiles(target, self.x, stop)
        self.places: dict[float, Tensor] = {}
        """x_t(u) by log(a/sigma), where that is known exactly: ladders share levels."""
        self.density = everywhere.exp().numpy()

    def place(self, level: Level, guess: Tensor | None = None) -> Tensor:
        """x_t(u)."""
        lam = round(math.log(level[0] / level[1]), SAME_LEVEL)
        if lam not in self.places:
            self.places[lam] = self.quantiles.at(level, guess)
        return self.places[lam]

    def response(self, relative: Tensor, shift: Tensor | None = None) -> LineResponse:
        """From R and F_q - F_p at the nodes that are seen; F_q - F_p is the integral of p R where it is not given."""
        r = self.filled(relative)
        moved = integrated(self.panels, self.density * r) if shift is None else self.filled(shift)
        flat = moved.reshape(-1)
        for left, right in self.gaps:
            flat[left + 1 : right] = np.linspace(flat[left], flat[right], right - left + 1)[1:-1]
        return LineResponse(self.panels, self.density, r, moved, self.gaps)

    def of_seen(self, values: Array) -> Tensor:
        """At the nodes that are seen, of values (P, n) at all."""
        return tensor(values)[self._seen]

    def filled(self, values: Tensor) -> Array:
        """At all nodes (P, n), of values at those that are seen."""
        return torch.zeros(self._seen.shape, dtype=values.dtype).masked_scatter(self._seen, values).numpy()


def transported(problem: Problem, at: Coordinates) -> Iterator[LineResponse]:
    """What each step of a deterministic sampler adds to the leading term, t = T, ..., stop + 1; the start is exact."""
    target, ladder = problem.target, problem.ladder
    assert isinstance(target, Target1D)
    x = at.place(ladder.level(ladder.T))
    log_here = target.derivative(x, *ladder.level(ladder.T), 0)
    past: Past = ()
    with torch.no_grad():
        for t, stages in problem.sampler.path(ladder, problem.score):
            y: Any = Dual(x.unsqueeze(-1), torch.exp(at.log_p - log_here).unsqueeze(-1))
            for stage in stages:
                y, past = stage.advance(y, past)
            image, slope = y.value.squeeze(-1), y.tangent.squeeze(-1)
            below = ladder.level(t - 1)
            x = at.place(below, image)
            log_here, drift = target.derivatives(x, *below, (0, 1))
            defect = image - x
            relative = -(drift * defect + (slope * torch.exp(log_here - at.log_p) - 1.0))
            yield at.response(relative, -torch.exp(log_here) * defect)


def across(seen: NDArray[np.bool_]) -> tuple[tuple[int, int], ...]:
    """The nodes, counted through, on both sides of each stretch of unseen ones between seen ones."""
    inside = np.flatnonzero(seen)
    jumps = np.flatnonzero(np.diff(inside) > 1)
    return tuple((int(inside[i]), int(inside[i + 1])) for i in jumps)


# -- stochastic samplers ------------------------------------------------------------------------------


def pulled_back(
    problem: Problem, panels: Mapping[int, Panels], weights: Weights
) -> dict[int, list[LineResponse]]:
    """The leading terms of a stochastic sampler from the exact start, at the nodes of ``panels`` of some levels t.

    One for each of the ``weights``: they share the kernels. Raises NotMeasured where it keeps predictions of earlier
    steps.
    """
    if problem.sampler.history:
        raise NotMeasured(f"{problem.sampler.name} is stochastic and keeps predictions of earlier steps")
    target, ladder = problem.target, problem.ladder
    assert isinstance(target, Target1D)
    grids: dict[int, _Graded] = defaultdict(
        lambda: _Graded(target, ladder, DensityTolerances())
    )  # of each stage
    level = ladder.level(ladder.T)
    here = marginal_panels(target, *level)
    log_p = log_density(target, here.nodes, *level)
    relative = np.zeros((len(weights(ladder.T)), *log_p.shape))
    found = {}
    for t, stages in problem.sampler.path(ladder, problem.score):
        density, landed = Density(here, log_p, np.zeros(len(here), dtype=bool), 0.0), ladder.level(t)
        for i, stage in enumerate(stages[:-1]):
            landed = landing(stage, landed, ladder, t, False)
            moved = grids[1 + i].density(push(density, stage, SMOOTH)[0], landed)
            _, relative = _carried(density, stage, moved.panels.nodes, relative)
            density = moved
        below = ladder.level(t - 1)
        here = panels[t - 1] if t - 1 in panels else grids[0].at(below)
        log_p = log_density(target, here.nodes, *below)
        log_q, carried = _carried(density, stages[-1], here.nodes, relative)
        seen = log_p > log_p.max() + UNSEEN
        ratio, factors = np.where(seen, log_q - log_p, 0.0), np.array(weights(t))[:, None, None]
        relative = np.where(seen, factors * np.expm1(ratio) + np.exp(ratio) * carried, 0.0)
        if t - 1 in panels:
            p = np.exp(log_p)
            found[t - 1] = [
                LineResponse(here, p, one, integrated(here, p * one), across(seen)) for one in relative
            ]
    return found


class _Graded(Grid):
    """Panels for R too, which near an edge or an atom varies on the scale of every level before, and so on that of the
    distance from it, where the density is flat.
    """

    def carrying(self, level: Level) -> Panels:
        """All panels of the marginal: R is a small difference of densities, and is not resolved by fewer."""
        return marginal_panels(self.target, *level)

    def at(self, level: Level, *, exactly: bool = False) -> Panels:
        self.panels = super().at(level, exactly=exactly).graded()
        return self.panels


def _carried(source: Density, stage: Transition, x: Array, relative: Array) -> tuple[Array, Array]:
    """log K p, and E[R(Y) | X = x] of several R: what earlier differences are after a stage."""
    panels = source.panels
    ends = panels.lo[0], panels.hi[-1]

    def at(y: Array) -> Array:
        return panels.interpolate(relative, np.clip(y, *ends))

    return push_with(source, stage, x, at, SMOOTH)


def integrated(panels: Panels, f: Array) -> Array:
    """int_{-oo}^x f of a function whose whole integral is zero, from the nearer end."""
    below, above = panels.cumulative(f)[0], panels.cumulative_from_right(f)[0]
    mass_left = panels.cumulative(np.abs(f))[0]
    return np.where(mass_left < 0.5 * mass_left[-1, -1], below, -above)
