"""Stochastic samplers on the line: the output density, pushed through one Gaussian transition after another.

log q is held at the nodes of panels that resolve the true marginal of the level, and q itself where it is
rougher or reaches farther; `pushforward` does each stage. Nothing but the current density is kept, so memory
does not depend on T.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.laws.coupling import against
from sharpbound.laws.direct_sum import HELD
from sharpbound.laws.modes import SMOOTH
from sharpbound.laws.pushforward import LogDensity, push
from sharpbound.laws.stages import ROUNDS, SUNK, Density, beyond_rounding
from sharpbound.laws.transport import StartLaw, start_law
from sharpbound.marginals.joined import joined
from sharpbound.marginals.panels import LOG_TAIL, FollowingPanels, log_density, marginal_panels
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.samplers.base import Mixture, Sampler, Transition
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target1D


@dataclass(frozen=True)
class DensityTolerances:
    """How far `density_law` goes."""

    resolved: float = 1e-12
    """Last Legendre coefficients of log q, weighted with the panel's mass, at which a panel counts as resolved."""
    overshoot: float = 1.0
    """The same for log q itself on every panel that is alive ..."""
    overshoot_share: float = 1e-8
    """... and the share of its size that is rounding there."""
    bent_below: float = 0.02
    """The share of its depth that log q may be off by where q underflows ..."""
    bent_unseen: float = 0.2
    """... and where neither law has mass that counts."""
    in_gaps: float = 1.1 * LOG_TAIL
    """log p relative to its maximum down to which panels are followed between seen ones ..."""
    in_tails: float = 2 * LOG_TAIL
    """... and outside them."""
    outer_drop: float = 4.0
    """Panels beyond those of the marginal double in width while log q falls by less than this on one."""
    max_outer: int = 100
    """The number of those panels."""
    farthest_width: float = 1e10
    """How many narrowest panels they may be wide: heavy tails are cut there and extrapolated."""
    rounds: int = 2 * ROUNDS
    """Most bisections of a panel: joined ones may be a thousand times as wide as the edge of a law."""
    most_panels: int = 20_000
    """Where a map folds a heavy tail, its density has ever more branches: the law is given up there."""

    def halved(self) -> DensityTolerances:
        """Half of every tolerance, and twice the work allowed; log p a factor of two farther down."""
        return DensityTolerances(
            self.resolved / 2,
            self.overshoot / 2,
            self.overshoot_share / 2,
            self.bent_below / 2,
            self.bent_unseen / 2,
            self.in_gaps - math.log(2),
            self.in_tails - math.log(2),
            self.outer_drop / 2,
            2 * self.max_outer,
            2 * self.farthest_width,
            2 * self.rounds,
            2 * self.most_panels,
        )


UNDERFLOW = 745.0
"""Depth of log q below its maximum where q underflows."""
FINER = 3.0
"""How much less of what weighs in a distance may be unresolved than of q's mass: tails are pushed on by every step."""
MASS_LOST = 1e-3
"""Mass defect beyond which a law is not given at all; below it, it is part of every floor."""


class Grid(FollowingPanels):
    """The panels of the current density, which are those of the marginal, refined and widened where q needs it."""

    def __init__(self, target: Target1D, ladder: Ladder, tolerances: DensityTolerances) -> None:
        quartiles = target.quantile(
            torch.tensor([0.25, 0.75], dtype=torch.float64), 1.0, float(ladder.sigma[1])
        )
        super().__init__(self.carrying, float(quartiles[1] - quartiles[0]))
        self.target, self.tolerances = target, tolerances
        self.largest: tuple[Panels, Array] | None = None
        """The largest log p on each of the panels, at a level no farther off than that for which they were built."""

    def carrying(self, level: Level) -> Panels:
        """As few panels as hold a law near the marginal of the level on its way."""
        return joined(self.target, level, marginal_panels(self.target, *level))

    def density(
        self, log_q: LogDensity, level: Level, error: float = 0.0, *, exactly: bool = False
    ) -> Density:
        """log q, which is in error by ``error``, on the panels of the level, and beyond them where q goes on.

        Panels are halved until they resolve q too, which may be narrower than the marginal, and are marked
        dead where neither law has mass, as between well separated atoms.
        """
        # the law is measured on the panels of its marginal
        panels = marginal_panels(self.target, *level) if exactly else self.at(level)
        if self.largest is None or self.largest[0] is not panels:
            self.largest = panels, self._log_p(panels.nodes, level)
        log_p = self.largest[1]
        values = log_q(panels.nodes, -np.inf)
        if not np.isfinite(values.max()):
            raise NotMeasured(
                f"the density was lost at a = {level[0]:.3g}, sigma = {level[1]:.3g}: steps too long for it; take more"
            )
        for end in (0, -1):
            inner = len(panels)
            panels, values = _followed(log_q, panels, values, end, self.tolerances)
            if added := len(panels) - inner:
                outer = self._log_p((panels.nodes[inner:] if end else panels.nodes[:added]), level)
                log_p = np.concatenate([log_p, outer] if end else [outer, log_p])
        share, alive, seen = self._alive(panels, values, log_p)
        for _ in range(self.tolerances.rounds):
            weight = _weight(panels, share, log_p)
            flagged = alive & _unresolved(panels, values, share, weight, seen, self.tolerances)
            if not flagged.any():
                break
            if len(panels) + flagged.sum() > self.tolerances.most_panels:
                raise NotMeasured(
                    f"the density takes more than {self.tolerances.most_panels} panels at a = {level[0]:.3g}, sigma = "
                    f"{level[1]:.3g}: the sampler's map folds its tails there; use a larger T"
                )
            halves, peak = panels.halved(flagged), float(values.max())
            panels, values = halves.panels, halves.merged(values, log_q(halves.new_nodes, peak))
            log_p = log_p[halves.parent]
            log_p[halves.new] = self._log_p(halves.new_nodes, level)
            share, alive, seen = self._alive(panels, values, log_p)
        self.panels, self.largest = panels, (panels, log_p)
        error += _truncated(panels, values, share, self.tolerances)
        return Density(panels, np.where(alive[:, None], values, values.max() + SUNK), ~alive, error)

    def _log_p(self, nodes: Array, level: Level) -> Array:
        """The largest log p on each of several panels with these nodes."""
        return log_density(self.target, nodes, *level).max(1)

    def _alive(
        self, panels: Panels, log_q: Array, log_p: Array
    ) -> tuple[Array, NDArray[np.bool_], NDArray[np.bool_]]:
        """Each panel's share of q; panels that are followed, and those of them on which either law has mass that
        counts.

        Outwards, heavy tails are followed far below that. In a gap they are not: there log q soon is what
        polynomials and missed modes make of it.
        """
        peak = log_q.max()
        p, q = log_p - log_p.max(), log_q.max(1) - peak
        share = panels.masses(np.exp(log_q - peak))
        seen = (p > HELD) | (q > HELD)
        first, last = np.flatnonzero(seen)[[0, -1]]
        depth = np.full(len(panels), self.tolerances.in_tails)
        depth[first + 1 : last] = self.tolerances.in_gaps
        return share / share.sum(), (p > depth) | (q > HELD), seen


def _weight(panels: Panels, q: Array, log_p: Array) -> Array:
    """What an error of log q on each panel does to a distance, relative to what it does in all: its share of q and of p
    (total variation, KL) and of x^2 q (W2), whichever is largest.
    """
    p = 2 * panels.half * np.exp(log_p - log_p.max())
    squares = (panels.nodes.mean(1) - panels.nodes[q.argmax()].mean()) ** 2 + panels.half**2
    return np.max([each / each.sum() for each in (q, p, squares * q)], axis=0)


def _followed(
    log_q: LogDensity, panels: Panels, values: Array, end: int, tolerances: DensityTolerances
) -> tuple[Panels, Array]:
    """With panels added at the first (0) or last (-1) end until q's tail there is spent.

    A sampler that takes few steps may spread far wider than the marginal that the panels resolve.
    """
    peak, width, side = float(values.max()), 2 * panels.half[end], slice(None, None, 1 if end else -1)
    for _ in range(tolerances.max_outer):
        if not values[end, end] > peak + HELD or width > tolerances.farthest_width * panels.half.min():
            break
        edge = panels.hi[-1] if end else panels.lo[0]
        outer = Panels.between(np.sort([edge, edge + (width if end else -width)]))
        new = log_q(outer.nodes, peak)
        panels, values = Panels.joined(*[panels, outer][side]), np.concatenate([values, new][side])
        width *= 2 if np.ptp(new) < tolerances.outer_drop else 1
    return panels, values


def _truncated(panels: Panels, log_q: Array, share: Array, tolerances: DensityTolerances) -> float:
    """Total variation between q and what the panels that could not be resolved hold of it.

    Rounding in the others has either sign, and shows in the mass defect.
    """
    off = share * np.minimum(beyond_rounding(panels, log_q), 1.0)
    return float(off[off > tolerances.resolved].sum())


def _unresolved(
    panels: Panels,
    log_q: Array,
    share: Array,
    weight: Array,
    seen: NDArray[np.bool_],
    tolerances: DensityTolerances,
) -> NDArray[np.bool_]:
    """Where log q is not a polynomial: to ``resolved`` where mass is, and everywhere so far that none overshoots.

    Where q underflows, or neither law is ``seen``, halving panels would only chase the rounding of log q.
    """
    tails = panels.tails(log_q)
    flagged = tails * share > tolerances.resolved
    # an error beyond 1 is no larger: where log q is minus millions its polynomials are good to some digits only
    flagged |= np.minimum(beyond_rounding(panels, log_q), 1.0) * weight > tolerances.resolved / FINER
    if tails.max() <= tolerances.overshoot:
        return flagged
    depth = log_q.max() - log_q.max(1)
    allowed = np.where(
        depth > UNDERFLOW,
        tolerances.bent_below * depth,
        tolerances.overshoot + tolerances.overshoot_share * np.abs(log_q).max(1),
    )
    allowed = np.where(seen, allowed, np.maximum(allowed, tolerances.bent_unseen * depth))
    return flagged | (tails > allowed)


def density_law(
    target: Target1D,
    ladder: Ladder,
    sampler: Sampler,
    score: ScoreField,
    init: str | StartLaw = "normal",
    smooth: float = SMOOTH,
    tolerances: DensityTolerances = DensityTolerances(),
) -> Ratio1D:
    """The law of a stochastic sampler's output against the true marginal at ``ladder.stop``.

    ``smooth`` = 0 integrates every stage directly: the second route of the tests.
    Raises NotMeasured for samplers with a history: their state alone is not a Markov chain.
    """
    if sampler.history:
        raise NotMeasured(
            f"{sampler.name} is stochastic and keeps predictions of earlier steps, so no density of its state alone "
            "can be pushed on: its law is known for Gaussian targets, and by particles"
        )
    grid = Grid(target, ladder, tolerances)
    level = ladder.level(ladder.T)
    start = start_law(target, ladder, init)
    density = grid.density(lambda x, peak: start.log_density(x), level)
    for t, stages in sampler.path(ladder, score):
        for stage in stages:
            last = stage is stages[-1]
            level = landing(stage, level, ladder, t, last)
            log_q, error = push(density, stage, smooth)
            density = grid.density(log_q, level, error, exactly=last and t == ladder.stop + 1)
    law = against(target, level, density)
    if not law.mass_defect < MASS_LOST:
        raise NotMeasured(
            f"the density of {sampler.name} was lost at T = {ladder.T} (mass off by {law.mass_defect:.1e}): "
            "steps without noise enough to smooth it; use a smaller T"
        )
    return law


def landing(stage: Transition, level: Level, ladder: Ladder, t: int, last: bool) -> Level:
    """The (a, sigma) whose marginal the state is close to after the stage."""
    if not isinstance(stage, Mixture) and stage.lands:
        return stage.lands
    if last:
        return ladder.level(t - 1)
    if isinstance(stage, Mixture) or callable(stage.std):
        return level[0], float(np.hypot(level[1], np.sqrt(ladder.noise_variance(t))))
    return level[0], float(np.hypot(level[1], stage.std))
