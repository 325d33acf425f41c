"""Stochastic samplers with a rough score on the line: the output density on panels laid by the score itself.

A noisy stage y -> m(y) + s Z turns q into q'(x) = int q(y) N(x; m(y), s^2) dy. The integral is done by
Gauss-Legendre panels in y that resolve the field, break where it does, reach to where q has no mass left,
and are cut until m moves by no more than 2.5 s over each: then the integrand is a polynomial to rounding,
however rough or steep the field is, and whether m increases or folds. All terms are positive, so q' keeps
its *relative* accuracy far into the tails.

`sharpbound.laws.density` holds log q and m themselves as polynomials: fewer points, and any noise. But it
needs an increasing m, which a fast wave does not leave, and m resolved on panels laid by the marginal. The
two agree where both apply (tests); each covers what the other refuses.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.laws.coupling import coupled
from sharpbound.laws.resolving import Reach, field_panels, widened
from sharpbound.laws.transport import Start
from sharpbound.marginals.panels import LOG_TAIL, log_density, marginal_panels, mass_outside, tensor
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.samplers.base import Sampler, Stage
from sharpbound.scores.base import ScoreField
from sharpbound.scores.perturbed import LineError
from sharpbound.targets.base import Target1D


@dataclass(frozen=True)
class GridTolerances:
    """How far `grid_laws` goes."""

    width: float = 2.5
    """Widest panel, in standard deviations of the noise: 16 nodes resolve a Gaussian there to 1e-14."""
    band: float = 10.0
    """Half width of a kernel, in standard deviations, beyond which it is exp(-50)."""
    spent: float = 1e-15
    """Mass on either side beyond which a law is not followed."""
    nothing: float = 1e-80
    """Mass of a node that adds nothing, however far in a tail."""
    resolved: float = 1e-13
    """Mass that an output panel may leave unresolved ..."""
    rounds: int = 30
    """... and how often one is halved to that end at most."""

    def halved(self) -> GridTolerances:
        """Half of every tolerance, and twice the work allowed; kernels to where they are half as large."""
        return GridTolerances(
            self.width / 2,
            math.hypot(self.band, math.sqrt(2 * math.log(2))),
            self.spent / 2,
            self.nothing / 2,
            self.resolved / 2,
            2 * self.rounds,
        )


MAX_NODES = 400_000
BLOCK = 64
"""Neighbouring points worked on at once."""

Mean = Callable[[Tensor], Tensor]


def transitions(
    sampler: Sampler, ladder: Ladder, score: ScoreField
) -> Iterator[tuple[int, Mean, float, Level]]:
    """(t, mean, std, (a, sigma) of the state before it) of all stages in order.

    Raises NotMeasured for stages without constant noise of their own.
    """
    for t, stages in sampler.path(ladder, score):
        level = ladder.level(t)
        for stage in stages:
            if not isinstance(stage, Stage) or callable(stage.std) or stage.std == 0.0 or sampler.history:
                raise NotMeasured(f"{sampler.name} has stages without constant noise of their own")
            yield t, stage.mean, stage.std, level
            level = (level[0], float(np.hypot(level[1], stage.std)))


def at(mean: Mean, y: Array) -> Array:
    """m(y) of a stage on the line, any shape."""
    with torch.no_grad():
        return mean(tensor(y.reshape(-1, 1)))[:, 0].numpy().reshape(y.shape)


def grid_laws(
    target: Target1D,
    ladder: Ladder,
    sampler: Sampler,
    scores: Sequence[ScoreField],
    error: LineError,
    init: str,
    tolerances: GridTolerances = GridTolerances(),
) -> list[Ratio1D]:
    """The output laws under several scores on the same panels, which resolve ``error`` and the mean of each.

    Mass that a field drives off so fast that no panels can follow counts as lying outside. Raises
    NotMeasured for stages without constant noise, and for noise too small for panels of this number.
    """
    start = Start(target, ladder, init)
    spent, rest = np.log(tolerances.spent), np.log1p(-tolerances.spent)
    low, high = start.quantile(np.array([spent, rest]), np.array([rest, spent]))
    reach = (float(low), float(high))
    laws: list[Callable[[Array], Array]] = [lambda x: np.exp(start.log_density(x))] * len(scores)
    strays: list[float] = []
    for stages in zip(*(transitions(sampler, ladder, score) for score in scores), strict=True):
        t, _, std, level = stages[0]
        means = [mean for _, mean, _, _ in stages]
        panels, left = source_panels(error, t, means, std, level, reach, tolerances)
        strays = at(means[-1], np.array(strays + left)).tolist()
        pushed = [
            Pushed(
                (law(panels.nodes) * panels.weights).ravel(), at(mean, panels.nodes).ravel(), std, tolerances
            )
            for law, mean in zip(laws, means, strict=True)
        ]
        reach = min(one.reach[0] for one in pushed), max(one.reach[1] for one in pushed)
        laws = list(pushed)
    level = ladder.level(ladder.stop)
    panels = output_panels(target, error, level, ladder.stop + 1)
    if any(panels.lo[0] < y < panels.hi[-1] for y in strays):
        raise NotMeasured("the error drives states farther off than they can be followed, and back again")
    edges = widened(np.append(panels.lo, panels.hi[-1]), reach, 2 * panels.half.max())
    if edges[0] < panels.lo[0]:  # an end without mass, so that none is continued beyond it
        edges = np.append(2 * edges[0] - edges[1], edges)
    if edges[-1] > panels.hi[-1]:
        edges = np.append(edges, 2 * edges[-1] - edges[-2])
    panels, densities = resolved(Panels.between(edges), laws, tolerances)
    lost = [max(1 - panels.integrate(q), 0.0) if strays else 0.0 for q in densities]
    return [against(target, level, panels, q, mass) for q, mass in zip(densities, lost, strict=True)]


def source_panels(
    error: LineError,
    t: int,
    means: Sequence[Mean],
    std: float,
    level: Level,
    reach: Reach,
    tolerances: GridTolerances,
) -> tuple[Panels, list[float]]:
    """Panels at ``level`` that resolve the field of level t and the kernels N(.; m(y), std^2), out to ``reach``.

    Where that takes too many, the outermost are left out; also the ends at which that happened.
    """
    frame = error.frame(t, *level)
    panels = field_panels(error, frame, LOG_TAIL, reach)
    left: list[float] = []
    low, high = frame.reach(LOG_TAIL)
    while True:
        swing = np.max([np.ptp(at(mean, panels.nodes), axis=1) for mean in means], axis=0)
        with np.errstate(invalid="ignore"):
            pieces = np.ceil(np.maximum(swing, 2 * panels.half) / (tolerances.width * min(std, level[1])))
        if pieces.sum() * panels.n <= MAX_NODES:
            return panels.cut(pieces.astype(int)).panels, left
        right = panels.hi[-1] - high > low - panels.lo[0]
        kept = slice(0, -1) if right else slice(1, None)
        panels = panels.only(kept)
        if not (panels.lo[0] <= low and panels.hi[-1] >= high):
            raise NotMeasured(f"the noise is too small to be resolved (standard deviation {std:.2g})")
        left.append(float(panels.hi[-1] if right else panels.lo[0]))


class Pushed:
    """x -> q'(x) = sum_i w_i q(y_i) N(x; m_i, std^2), over the band of the kernel."""

    def __init__(self, mass: Array, mean: Array, std: float, tolerances: GridTolerances) -> None:
        held = np.flatnonzero(np.isfinite(mean) & (mass > tolerances.nothing))
        order = held[np.argsort(mean[held])]
        self.mass, self.mean, self.std = mass[order], mean[order], std
        self.spent, self.band = tolerances.spent, tolerances.band * std

    @property
    def reach(self) -> Reach:
        """The interval outside which there is no mass to follow."""
        first = int(np.searchsorted(np.cumsum(self.mass), self.spent))
        last = self.mass.size - 1 - int(np.searchsorted(np.cumsum(self.mass[::-1]), self.spent))
        return float(self.mean[first]) - self.band, float(self.mean[last]) + self.band

    def __call__(self, x: Array) -> Array:
        flat = x.ravel()
        out = np.empty_like(flat)
        scale = np.sqrt(0.5) / self.std
        for part in np.array_split(np.arange(flat.size), 1 + flat.size // BLOCK):
            ends = flat[part].min() - self.band, flat[part].max() + self.band
            near = slice(*np.searchsorted(self.mean, ends))
            kernel = (flat[part, None] - self.mean[near]) * scale
            np.multiply(kernel, -kernel, out=kernel)
            out[part] = np.exp(kernel, out=kernel) @ self.mass[near]
        return (out / (self.std * np.sqrt(2 * np.pi))).reshape(x.shape)


def output_panels(target: Target1D, error: LineError, level: Level, last: int) -> Panels:
    """Panels that resolve the final marginal, and the field of the last step where there is one."""
    panels = marginal_panels(target, *level)
    if not error.active(last):
        return panels
    own = field_panels(error, error.frame(last, *level), LOG_TAIL)
    return Panels.between(np.union1d(np.append(panels.lo, panels.hi[-1]), own.lo[1:]))


def resolved(
    panels: Panels, densities: Sequence[Callable[[Array], Array]], tolerances: GridTolerances
) -> tuple[Panels, list[Array]]:
    """``panels``, halved until all densities are polynomials on them, and the values there."""
    values = np.stack([q(panels.nodes) for q in densities])
    for _ in range(tolerances.rounds):
        flagged = np.max([panels.half * panels.tails(q) for q in values], axis=0) > tolerances.resolved
        if not flagged.any():
            break
        halves = panels.halved(flagged)
        panels, y = halves.panels, halves.new_nodes
        values = halves.merged(values, np.stack([q(y) for q in densities]))
    return panels, list(values)


def against(target: Target1D, level: Level, panels: Panels, q: Array, lost: float) -> Ratio1D:
    """The ratio of q (at the nodes) to the true marginal, and the monotone coupling from both tails of q."""
    y = panels.nodes
    log_p = log_density(target, y, *level)
    below, above = panels.cumulative(q)[0], panels.cumulative_from_right(q)[0]
    partner, held = y.copy(), q > 0
    partner[held] = coupled(target, level, y[held], below[held], above[held])
    outside = mass_outside(target, *level, panels.lo[0], panels.hi[-1])
    log_q = np.log(np.maximum(q, np.finfo(float).tiny))
    return Ratio1D(panels, y, partner, log_p, log_q - log_p, outside, lost)
