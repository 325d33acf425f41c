"""Deterministic samplers on the line: the output law by transport of the initial law, without noise or grid.

The sampler is a map Phi of its start x. Its law has log q(Phi(x)) = log r(x) - log Phi'(x), r being
the density of the start and Phi' obtained by forward-mode differentiation through all steps.

Coordinate: u is a point of the *target*, and the start that belongs to it is x(u) = F_r^{-1}(F_p(u)).
Then q has density p(u) with respect to u; Phi(x(u)) = u + O(h) is the optimal transport map from p to
q (both maps are monotone), and panels that resolve p resolve everything. Where p reaches farther than
the sampler's law does, x itself goes on as the coordinate: KL(p||q) of a heavy tail lives there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special

from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.marginals.panels import log_density, marginal_panels, tensor
from sharpbound.numerics.dual import derivative
from sharpbound.numerics.quadrature import Array, Panels, Refinement, resolve
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.samplers.base import Past, Sampler
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target1D


@dataclass(frozen=True)
class TransportTolerances:
    """How far `transport_law` goes."""

    relative: float = 1e-11
    """Accuracy asked of int |q - p| and of the transport cost before refinement stops."""
    absolute: float = 1e-14
    """Rounding of the integrands, below which refinement would chase noise."""
    negligible: float = -45.0
    """log of a mass of p beyond the image of its own panels that need not be followed farther."""
    rounds: int = 8

    def halved(self) -> TransportTolerances:
        """Half of every tolerance, and twice the work allowed."""
        return TransportTolerances(
            self.relative / 2, self.absolute / 2, self.negligible - math.log(2), 2 * self.rounds
        )


ROUNDED, TINY = 2**10 * float(np.finfo(float).eps), float(np.finfo(float).tiny)
"""Relative distance of starts that differ by rounding only, and the least slope of the map."""
SPARE = 0.01
"""Share of what a panel may leave unresolved that it leaves of p and p' at first."""
ROUGH = 1e-4
"""Last coefficients, relative to the values, of a panel that holds a jump, or as good as one (between atoms)."""
AROUND = 64
"""Pieces of the stretch between two nodes where the jump is; the rest of the panel widens with the distance from it. A
round of refinement is a whole pass over the steps, which takes about as long for one panel as for that many."""


class StartLaw(Protocol):
    """A law on the line that a sampler may start from."""

    def log_density(self, x: Array) -> Array:
        """log density, elementwise."""

    def quantile(self, log_cdf: Array, log_sf: Array) -> Array:
        """The x with these log tail probabilities, from the smaller of the two."""


@dataclass(frozen=True)
class Start:
    """The start by name: N(0, prior_std^2) for "normal", the true marginal p_T for "exact"."""

    target: Target1D
    ladder: Ladder
    init: str

    @property
    def _level(self) -> Level:
        return self.ladder.level(self.ladder.T)

    def log_density(self, x: Array) -> Array:
        if self.init == "exact":
            return log_density(self.target, x, *self._level)
        std = self.ladder.prior_std
        return -0.5 * (x / std) ** 2 - np.log(std * np.sqrt(2 * np.pi))

    def quantile(self, log_cdf: Array, log_sf: Array) -> Array:
        """The x with these log tail probabilities, from the smaller of the two."""
        x = np.empty_like(log_cdf)
        lower = log_cdf < log_sf
        for mask, log_p, upper in ((lower, log_cdf, False), (~lower, log_sf, True)):
            if self.init == "exact":
                x[mask] = self.target.quantile_from_log(
                    tensor(log_p[mask]), *self._level, upper=upper
                ).numpy()
            else:
                x[mask] = self.ladder.prior_std * special.ndtri_exp(log_p[mask]) * (-1 if upper else 1)
        return x


def start_law(target: Target1D, ladder: Ladder, init: str | StartLaw) -> StartLaw:
    """The law that ``init`` names, or that it is."""
    return Start(target, ladder, init) if isinstance(init, str) else init


def flow(sampler: Sampler, ladder: Ladder, score: ScoreField, x: Array) -> tuple[Array, Array]:
    """Phi(x) and Phi'(x) of a deterministic sampler, for x of any shape, in one forward-mode pass."""
    start = tensor(x.reshape(-1, 1))

    def phi(y: Any) -> Any:
        past: Past = ()
        for _, stages in sampler.path(ladder, score):
            for stage in stages:
                y, past = stage.advance(y, past)
        return y

    with torch.no_grad():
        value, slope = derivative(phi, start, torch.ones_like(start))
    return value.numpy().reshape(x.shape), slope.numpy().reshape(x.shape)


@dataclass(frozen=True)
class _Pieces:
    """Panels with, for each, whether its coordinate is u (a point of p) or x (beyond the range of u)."""

    panels: Panels
    beyond: NDArray[np.bool_]
    x: Array
    y: Array
    slope: Array

    def joined(self, right: _Pieces) -> _Pieces:
        """The panels of both, side by side."""
        values = (
            np.concatenate([getattr(self, name), getattr(right, name)])
            for name in ("beyond", "x", "y", "slope")
        )
        return _Pieces(Panels.joined(self.panels, right.panels), *values)


class _Transport:
    """The computation for one (target, ladder, sampler, score, init)."""

    def __init__(
        self,
        target: Target1D,
        ladder: Ladder,
        sampler: Sampler,
        score: ScoreField,
        init: str | StartLaw,
        tolerances: TransportTolerances,
    ) -> None:
        self.tolerances = tolerances
        self.target, self.ladder, self.sampler, self.score = target, ladder, sampler, score
        self.start = start_law(target, ladder, init)
        self.level = ladder.level(ladder.stop)

    def pieces(self, panels: Panels, beyond: NDArray[np.bool_]) -> _Pieces:
        x = panels.nodes.copy()
        u = x[~beyond]
        x[~beyond] = self.start.quantile(self._log_cdf(u), self._log_sf(u))
        with np.errstate(all="ignore"):
            y, slope = flow(self.sampler, self.ladder, self.score, x)
        if not (np.isfinite(y) & np.isfinite(slope)).all():
            raise NotMeasured(
                f"the map of {self.sampler.name} overflows in the tails at T = {self.ladder.T}: the score grows too "
                "fast there; use a larger T, or a bounded error"
            )
        return _Pieces(panels, beyond, x, y, slope)

    def _log_cdf(self, u: Array) -> Array:
        return self.target.log_cdf(tensor(u), *self.level).numpy()

    def _log_sf(self, u: Array) -> Array:
        return self.target.log_sf(tensor(u), *self.level).numpy()

    def extended(self, core: _Pieces) -> _Pieces:
        """With geometric panels in x on each side where p has mass beyond the image of the core."""
        ends = np.array([core.panels.lo[0], core.panels.hi[-1]])
        starts = self.start.quantile(self._log_cdf(ends), self._log_sf(ends))
        for side, tail in ((0, self._log_cdf), (-1, self._log_sf)):
            y, end = core.y.flat[side], ends[side]
            if tail(np.array([y]))[0] < self.tolerances.negligible or abs(y) >= abs(end):
                continue
            count = int(np.ceil(np.log2(abs(end) / abs(y)))) + 1
            edges = np.sort(starts[side] * 2.0 ** np.arange(count + 1))
            outer = self.pieces(Panels.between(edges), np.ones(count, dtype=bool))
            core = outer.joined(core) if side == 0 else core.joined(outer)
        return core

    def refined(self, old: _Pieces, excess: Array, rough: NDArray[np.bool_]) -> _Pieces:
        """Every panel of `_excess` above 1 cut, and only the new nodes sent through the sampler."""
        flagged = excess > 1
        panels = old.panels
        cuts = [np.array(ends) for ends in zip(panels.lo, panels.hi, strict=True)]
        for i in np.flatnonzero(flagged).tolist():
            jump = _around_the_jump(panels, old.y, i) if rough[i] else None
            cuts[i] = _smaller(panels, i, float(excess[i])) if jump is None else jump
        parent = np.repeat(np.arange(len(cuts)), [len(cut) - 1 for cut in cuts])
        lo, hi = (np.concatenate([cut[piece] for cut in cuts]) for piece in (slice(-1), slice(1, None)))
        cut = Refinement(Panels(lo, hi), parent, flagged[parent])
        beyond = old.beyond[cut.parent]
        new = self.pieces(cut.panels.only(cut.new), beyond[cut.new])
        values = (cut.merged(getattr(old, name), getattr(new, name)) for name in ("x", "y", "slope"))
        return _Pieces(cut.panels, beyond, *values)

    def law(self, pieces: _Pieces) -> Ratio1D:
        # between starts that differ by rounding only, as where mass jumps a gap, the sign of a slope is rounding too
        alike = np.ptp(pieces.x, axis=1) < ROUNDED * np.abs(pieces.x).max(1)
        slope = np.where(alike[:, None], np.maximum(np.abs(pieces.slope), TINY), pieces.slope)
        if not (slope > 0).all():
            raise NotMeasured(
                f"the map of {self.sampler.name} folds at T = {self.ladder.T} (its derivative is not positive "
                "everywhere): use a larger T"
            )
        u = pieces.panels.nodes
        log_r = self.start.log_density(pieces.x)
        log_p = log_density(self.target, pieces.y, *self.level) + np.log(slope)  # with respect to x
        log_ratio = log_r - log_p
        inner = ~pieces.beyond
        # with respect to u, q's density is p(u): dx/du = p(u)/r(x)
        log_p[inner] += log_density(self.target, u[inner], *self.level) - log_r[inner]
        partner = pieces.y.copy()  # the cost beyond the range of u is extrapolated, not integrated
        partner[inner] = u[inner]
        y = pieces.y
        outside_p = np.exp(self._log_cdf(y.flat[[0]])[0]) + np.exp(self._log_sf(y.flat[[-1]])[0])
        outside_q = np.exp(self._log_cdf(u[inner].flat[[0]])[0]) + np.exp(
            self._log_sf(u[inner].flat[[-1]])[0]
        )
        if pieces.beyond.any():
            outside_q = 0.0
        return Ratio1D(pieces.panels, y, partner, log_p, log_ratio, float(outside_p), float(outside_q))


def _smaller(panels: Panels, i: int, excess: float) -> Array:
    """Edges of the pieces of a panel: from a much narrower neighbour on, where a layer is likely, of doubling widths;
    else equal ones, as many as the excess asks for.
    """
    lo, hi, width = panels.lo[i], panels.hi[i], 2 * panels.half
    left, right = width[max(i - 1, 0)], width[min(i + 1, len(panels) - 1)]
    if width[i] <= 3 * min(left, right):
        return np.linspace(lo, hi, int(np.ceil(3 * min(excess, 1e8) ** 0.125)) + 1)
    before, after = [lo], [hi]
    while after[-1] - before[-1] > 1.5 * min(left, right):
        if left <= right:
            before.append(before[-1] + left)
            left *= 2
        else:
            after.append(after[-1] - right)
            right *= 2
    return np.array(before + after[::-1])


def _around_the_jump(panels: Panels, y: Array, i: int) -> Array | None:
    """Edges of the pieces of a panel: narrow between the two nodes where y changes most, doubling away from these.
    None where it changes there by no more than it does elsewhere.
    """
    lo, hi = panels.lo[i], panels.hi[i]
    marks = np.concatenate([[lo], panels.nodes[i], [hi]])
    left, right = y[max(i - 1, 0), -1], y[min(i + 1, len(panels) - 1), 0]
    change = np.abs(np.diff(np.concatenate([[left], y[i], [right]])))
    j = int(change.argmax())
    if 2 * change[j] < change.sum():
        return None
    inner = np.linspace(marks[j], marks[j + 1], AROUND + 1)
    offsets = (inner[1] - inner[0]) * (2.0 ** np.arange(1, 60) - 1)
    before, after = inner[0] - offsets[::-1], inner[-1] + offsets
    # the last piece on each side takes the rest, rather than leaving a sliver
    before, after = before[before - lo > offsets[0]], after[hi - after > offsets[0]]
    edges = np.concatenate([before, inner, after])
    edges = edges[(edges > lo) & (edges < hi)]
    return np.concatenate([[lo], edges, [hi]])


def _excess(panels: Panels, functions: Sequence[Array], tolerances: TransportTolerances) -> Array:
    """How many times too much each panel leaves unresolved of functions whose integrals are asked for."""
    return np.max([panels.excess(f, tolerances.relative, tolerances.absolute) for f in functions], axis=0)


def _rough(panels: Panels, functions: Sequence[Array]) -> NDArray[np.bool_]:
    """Panels on which one of the functions is no polynomial by far."""
    return np.any([panels.tails(f) > ROUGH * np.abs(f).max(1) for f in functions], axis=0)


def _core(target: Target1D, level: Level, tolerances: TransportTolerances) -> Panels:
    """Panels that resolve p, and p' as well: a sampler that moves a point u of p by delta(u) makes of it about
    p - (p delta)', so that few have to be cut when its law is known.
    """

    def unresolved(panels: Panels) -> NDArray[np.bool_]:
        log_p, score = (f.numpy() for f in target.derivatives(tensor(panels.nodes), *level, (0, 1)))
        p = np.exp(log_p)
        return _excess(panels, (p, p * score), tolerances) > SPARE

    panels = marginal_panels(target, *level)
    return resolve(unresolved, np.append(panels.lo, panels.hi[-1]), rounds=tolerances.rounds)


def transport_law(
    target: Target1D,
    ladder: Ladder,
    sampler: Sampler,
    score: ScoreField,
    init: str | StartLaw = "normal",
    tolerances: TransportTolerances = TransportTolerances(),
) -> Ratio1D:
    """The law of a deterministic sampler's output against the true marginal at ``ladder.stop``.

    Raises NotMeasured where the map folds: its law is then a sum over branches.
    """
    transport = _Transport(target, ladder, sampler, score, init, tolerances)
    core = _core(target, transport.level, tolerances)
    pieces = transport.extended(transport.pieces(core, np.zeros(len(core), dtype=bool)))
    law = transport.law(pieces)
    for _ in range(tolerances.rounds):
        moved = law.q * (law.y - law.partner) ** 2
        asked = law.difference, moved
        excess = _excess(law.panels, asked, tolerances)
        if not (excess > 1).any():
            break
        pieces = transport.refined(pieces, excess, _rough(law.panels, asked))
        law = transport.law(pieces)
    return law
