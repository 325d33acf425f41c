"""One step of a law on the line: a density pushed through a stage of a sampler.

A stage y -> m(y) + s Z turns the density q into q'(x) = int q(y) N(x; m(y), s^2) dy. log q is held at
the nodes of panels, and q' is had by one of two quadratures, which agree (tests):

* noise small against the panel in which y lies: Gauss-Hermite in y about the mode of the integrand,
  separately for each x. The mode is found by Newton's method from q's own derivatives, so it is right
  in far tails too;
* larger noise: Gauss-Legendre over q's own panels, cut until they resolve the kernel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from sharpbound.errors import NotMeasured
from sharpbound.marginals.panels import tensor
from sharpbound.numerics.dual import derivative
from sharpbound.numerics.gauss import gauss_hermite
from sharpbound.numerics.quadrature import Array, Panels, chebyshev_values, to_chebyshev
from sharpbound.samplers.base import Mixture, Stage, Transition

SMOOTH = 0.125
"""Noise, in half widths of the panels around y, up to which Gauss-Hermite is exact to rounding. Panels of little mass
are resolved to a few percent only: log q may bend by 1 there, and with noise of a quarter of a half width there
would be two modes (the bulk of a law and its heavy tail), of which Gauss-Hermite sees one."""
HERMITE_NODES = 14
NEWTON_STEPS = 3
MODE_STEPS, MODE_ACCURACY = 40, 0.02
"""Most steps of Newton's method for a mode, and its accuracy in widths of the integrand: Gauss-Hermite
needs no better."""
FLAT = 1e8
"""Distance from the origin, in noises, from where a tail too flat to feel the noise is moved without it: x - m(y)
would be rounding."""
REACH = 14.0
"""Standard deviations of the noise beyond which a panel is not seen from x (the mode is within a few)."""
SUNK = -300.0
"""log q relative to its maximum on dead panels: zero for all purposes, yet near enough for polynomials."""
BULK, HELD = -75.0, -90.0
"""log q relative to its maximum down to which larger noise is integrated directly (below: by the mode),
and down to which q counts in that integral and is followed outwards."""
STAGE_RESOLVED, STAGE_BENT = 1e-12, 1e-2
"""Last Legendre coefficients at which a panel resolves the mean and noise of a stage, in widths of the image and
weighted with the mass; and its derivative, relative to itself, on every panel that is alive."""
ROUNDING = 1e-14
"""Relative size of a last coefficient that is rounding and no sign of structure."""
ROUNDS = 8
"""Most bisections of a panel until a stage, or a density, is resolved on it."""

_Z, _W = gauss_hermite(HERMITE_NODES)
_LOG_W = np.log(_W) + _Z**2 - 0.5 * np.log(np.pi)


@dataclass(frozen=True)
class Density:
    """log q at the nodes of panels; ``dead`` panels hold no mass worth following."""

    panels: Panels
    log_q: Array
    dead: NDArray[np.bool_]
    error: float
    """Total variation lost so far to what panels did not resolve: no transition makes it larger."""

    def dead_at(self, y: Array) -> NDArray[np.bool_]:
        return self.dead[self.panels.locate(y)[0]]

    def halved(self, flagged: NDArray[np.bool_]) -> Density:
        """The same function on panels of which the flagged ones are halved."""
        halves = self.panels.halved(flagged)
        log_q = self.panels.interpolate(self.log_q, halves.panels.nodes)
        return Density(halves.panels, log_q, self.dead[halves.parent], self.error)


def beyond_rounding(panels: Panels, f: Array) -> Array:
    """What the panels leave out of f, as far as it is not rounding."""
    return np.maximum(panels.truncation(f) - ROUNDING * np.abs(f).max(1), 0.0)


def evaluated(stage: Stage, y: Array) -> tuple[Array, Array, Array]:
    """Mean, its derivative, and noise of a stage at points of any shape."""
    flat = tensor(y.reshape(-1, 1))
    with torch.no_grad():
        mean, slope = derivative(stage.mean, flat, torch.ones_like(flat))
        std = stage.std(flat).reshape(y.shape).numpy() if callable(stage.std) else np.full(y.shape, stage.std)
    return mean.numpy().reshape(y.shape), slope.numpy().reshape(y.shape), std


def _unfolded(stage: Stage, y: Array) -> tuple[Array, Array, Array]:
    """The same of a stage that folds nothing; NotMeasured where it does."""
    found = evaluated(stage, y)
    if not (found[1] > 0).all():
        raise NotMeasured("a step of the sampler folds the line: use a larger T")
    return found


class Move:
    """A density at the nodes of its panels, and the stage that moves it, ready to be evaluated anywhere.

    Beyond the panels log q goes on as a parabola where it is concave and as c + k log|y - y0| where it is
    convex, m as a straight line and the noise as it is, as in Gaussian tails and in heavy ones; cutting them
    off instead would grow a boundary layer into the law.
    """

    LOG_Q, M, S, DM, DQ, DDQ = range(6)

    def __init__(self, source: Density, stage: Stage) -> None:
        self.source, self.panels = source, source.panels
        self.mean, self.slope, self.std = _unfolded(stage, source.panels.nodes)
        for _ in range(ROUNDS):
            share, error = self._errors()
            bent = self.panels.tails(self.slope) > STAGE_BENT * self.slope.min(1)
            coarse = ~source.dead & (bent | (error * share > STAGE_RESOLVED))
            if not coarse.any():
                break
            self.source = source = source.halved(coarse)
            self.panels = source.panels
            self.mean, self.slope, self.std = _unfolded(stage, source.panels.nodes)
        half = self.panels.half
        self.scale = half.copy()
        np.minimum(self.scale[1:], half[:-1], out=self.scale[1:])
        np.minimum(self.scale[:-1], half[1:], out=self.scale[:-1])
        tables = [self.panels.coefficients(f) for f in (source.log_q, self.mean, self.std, self.slope)]
        for i in (self.LOG_Q, self.DQ):
            tables.append(self.panels.derivative_coefficients(tables[i]))
        self.coefficients = np.stack(tables)
        """Of log q, m, s, m', (log q)', (log q)'' in Legendre's polynomials, (6, P, n)."""
        self.tables = self.coefficients @ to_chebyshev(self.panels.n).T
        """The same in Chebyshev's."""

    def _errors(self) -> tuple[Array, Array]:
        """Each panel's share of the mass, and how far off m and s are there, in widths of the image.

        N(m, s^2) moves by |dm|/s in total variation, a density that a panel resolves by |dm| over the panel.
        """
        share = self.panels.masses(np.exp(self.source.log_q - self.source.log_q.max()))
        off = beyond_rounding(self.panels, self.mean) + beyond_rounding(self.panels, self.std)
        return share / share.sum(), off / (self.std.min(1) + self.slope.min(1) * self.panels.half)

    @property
    def error(self) -> float:
        """Total variation between the stage and the polynomials that could not be resolved."""
        share, error = self._errors()
        off = share * np.minimum(error, 1.0)
        return float(off[off > STAGE_RESOLVED].sum())

    def at(self, y: Array, *which: int) -> list[Array]:
        """Those of log q, m, s, m', (log q)', (log q)'' that are asked for."""
        index, local = self.panels.locate(y)
        basis = chebyshev_values(np.clip(local, -1.0, 1.0), self.panels.n)
        values = [np.einsum("k...,...k->...", basis, self.tables[i][index]) for i in which]
        if (
            self.S in which
        ):  # where there is no mass, as in gaps, panels need not resolve s, which stays a noise there
            np.maximum(values[which.index(self.S)], self.std.min(1)[index], out=values[which.index(self.S)])
        for side, edge in ((-1, self.panels.lo[0]), (1, self.panels.hi[-1])):
            beyond = side * (y - edge) > 0
            if beyond.any():
                step = y[beyond] - edge
                dm, dq, ddq = self._at_edge(side)
                growth = {self.LOG_Q: step * (dq + 0.5 * step * ddq), self.M: step * dm, self.DQ: step * ddq}
                if ddq > 0 > side * dq:
                    ratio = 1 - step * ddq / dq
                    growth |= {
                        self.LOG_Q: -(dq**2) / ddq * np.log(ratio),
                        self.DQ: dq / ratio - dq,
                        self.DDQ: ddq / ratio**2 - ddq,
                    }
                for value, i in zip(values, which, strict=True):
                    value[beyond] += growth.get(i, 0.0)
        return values

    def _at_edge(self, side: int) -> tuple[float, float, float]:
        """m', (log q)' and (log q)'' at the first or last edge."""
        panel, basis = (0, -1)[side > 0], float(side) ** np.arange(self.panels.n)
        dm, dq, ddq = (float(self.tables[i][panel] @ basis) for i in (self.DM, self.DQ, self.DDQ))
        return dm, dq, ddq

    def noisy(self, x: Array, smooth: float) -> NDArray[np.bool_]:
        """Where the noise, seen from m^{-1}(x), is more than ``smooth`` half widths of the panel all over it."""
        noise = (self.std / self.slope).min(1) / self.scale
        return (noise > smooth)[self.panels.locate(self.preimage(x))[0]]

    def preimage(self, x: Array) -> Array:
        """A first guess of m^{-1}(x): interpolated between the nodes, along a straight line beyond them."""
        m, y = self.mean.ravel(), self.panels.nodes.ravel()
        guess = np.interp(x, m, y)
        for beyond, (i, j) in ((x < m[0], (0, 1)), (x > m[-1], (-1, -2))):
            guess[beyond] = y[i] + (x[beyond] - m[i]) * (y[j] - y[i]) / (m[j] - m[i])
        return guess

    def first_mode(self, x: Array) -> Array:
        """A first guess of the y that maximises log q(y) - (x - m(y))^2 / 2 s^2: m^{-1}(x), but beyond the
        panels, where both terms may be parabolas, their common vertex.
        """
        y = self.preimage(x)
        for side, edge, s in (
            (-1, self.panels.lo[0], self.std[0, 0]),
            (1, self.panels.hi[-1], self.std[-1, -1]),
        ):
            beyond = side * (y - edge) > 0
            if beyond.any():
                dm, dq, ddq = self._at_edge(side)
                pull = (dm / s) ** 2
                step = (dq + pull * (y[beyond] - edge)) / (pull - min(ddq, 0.0))
                y[beyond] = edge + side * np.maximum(side * step, 0.0)
        return y


def push_map(move: Move, x: Array) -> tuple[Array, Array]:
    """log q'(x) = log q(y) - log m'(y) at x = m(y), for a stage without noise, and y."""
    y = move.preimage(x)
    for _ in range(NEWTON_STEPS):
        m, dm = move.at(y, move.M, move.DM)
        y = y + (x - m) / dm
    dm, log_q = move.at(y, move.DM, move.LOG_Q)
    return np.where(move.source.dead_at(y), move.source.log_q.max() + SUNK, log_q - np.log(dm)), y


class AtModes(NamedTuple):
    """Gauss-Hermite about the mode over y of log q(y) - (x - m(y))^2 / 2 s^2, for each x of shape (n,)."""

    points: Array
    """The y of each x, (n, nodes)."""
    exponent: Array
    """log of q(y) N(x; m(y), s^2) times the weight of y, up to the factor ``width``, (n, nodes)."""
    width: Array
    roughness: Array
    """The noise, seen from y (s / m') and in half widths of the panel or of a narrower neighbour; infinite where
    no mode was found."""
    flat: NDArray[np.bool_]
    """Where the tail is too flat to feel the noise."""

    @classmethod
    def of(cls, move: Move, x: Array) -> AtModes:
        y = move.first_mode(x)
        width, gradient, dm, pull = (np.empty_like(y) for _ in range(4))
        going = np.arange(len(y))
        for _ in range(MODE_STEPS):
            gradient[going], curvature, m, dm[going], s = move.at(
                y[going], move.DQ, move.DDQ, move.M, move.DM, move.S
            )
            pull[going] = (dm[going] / s) ** 2
            width[going] = 1.0 / np.sqrt(np.maximum(pull[going] - curvature, 0.25 * pull[going]))
            step = width[going] ** 2 * (gradient[going] + (x[going] - m) * dm[going] / s**2)
            y[going] += np.clip(step, -8 * width[going], 8 * width[going])
            going = going[~(np.abs(step) < MODE_ACCURACY * width[going])]
            if not len(going):
                break
        points = y[:, None] + np.sqrt(2.0) * width[:, None] * _Z
        log_q, m, s = move.at(points, move.LOG_Q, move.M, move.S)
        log_q = np.where(move.source.dead_at(points), move.source.log_q.max() + SUNK, log_q)
        exponent = log_q - 0.5 * ((x[:, None] - m) / s) ** 2 - np.log(s) + _LOG_W
        flat = (np.abs(x) > FLAT * s.max(1)) & (np.abs(gradient) * FLAT**0.5 * s.max(1) < dm)
        roughness = np.maximum(width, 1.0 / np.sqrt(pull)) / move.scale[move.panels.locate(y)[0]]
        roughness[going] = np.inf  # no mode found: there may be several
        return cls(points, exponent, width, roughness, flat)

    def summed(self, move: Move, x: Array) -> tuple[Array, Array, Array]:
        """log q'(x), and the weights (n, nodes) of the ``points`` with their sums (n,)."""
        top = self.exponent.max(1)
        share = np.exp(self.exponent - top[:, None])
        whole = share.sum(1)
        log_q = top + np.log(whole) + np.log(self.width)
        if self.flat.any():
            log_q[self.flat] = push_map(move, x[self.flat])[0]
        return log_q, share, whole


def push_large_noise(move: Move, x: Array) -> Array:
    """log q'(x) = log sum_j w_j q(y_j) N(x; m(y_j), s_j^2) over panels no wider than 2.5 s / m'.

    x of shape (n,), increasing; -inf where no mass is near.
    """
    if not x.size:
        return x.copy()
    total, peak, _ = _summed(move, x, None)
    with np.errstate(divide="ignore"):
        return peak + np.log(total)


def _summed(move: Move, x: Array, f: Callable[[Array], Array] | None) -> tuple[Array, float, Array]:
    """(sum_j w_j q(y_j) N(x; m(y_j), s_j^2) / peak, log peak, the same with each f(y_j) inside)."""
    panels, log_q = move.panels, move.source.log_q
    peak, reach = log_q.max(), REACH * move.std.max()
    spread = move.slope.max(1) * panels.half + reach
    first, last = (np.searchsorted(x, move.mean.mean(1) + side * spread) for side in (-1, 1))
    held = (log_q.max(1) > peak + HELD) & (first < last)  # and its image, with the noise, holds some x
    noise = (move.std / move.slope)[held].min(1)
    cut = panels.only(held).cut(np.ceil(2 * panels.half[held] / (2.5 * noise)).astype(int))
    fine = cut.panels
    log_q, mean, std = cut.resampled(move.coefficients[[move.LOG_Q, move.M, move.S]][:, held]).reshape(3, -1)
    mass, scale = np.exp(log_q - peak) * fine.weights.ravel() / (std * np.sqrt(2 * np.pi)), np.sqrt(0.5) / std
    inside = mass * f(fine.nodes.ravel()) if f else np.empty((0, mass.size))
    total, carried = np.empty_like(x), np.empty((len(inside), x.size))
    for part in np.array_split(np.arange(x.size), 1 + x.size // 64):
        near = slice(*np.searchsorted(mean, (x[part[0]] - reach, x[part[-1]] + reach)))
        kernel = (x[part, None] - mean[near]) * scale[near]
        np.multiply(kernel, -kernel, out=kernel)
        total[part] = np.exp(kernel, out=kernel) @ mass[near]
        if f:
            carried[:, part] = inside[:, near] @ kernel.T
    return total, float(peak), carried


def _held_up(log_q: Array, direct: Array, roughness: Array, bulk: float) -> Array:
    """log q' of rough points: that about the mode, between the direct sum and a ceiling, down from ``bulk``."""
    # the direct sum leaves out what is not held, so it is a lower bound
    ceiling = np.where(np.isinf(roughness), bulk + 2 * (HELD - BULK), bulk)
    return np.clip(log_q, direct, np.maximum(direct, ceiling))


def push_with(
    source: Density, stage: Transition, x: Array, f: Callable[[Array], Array], smooth: float
) -> tuple[Array, Array]:
    """(log q'(x), E[f(Y) | X = x]) for Y of density q, X = m(Y) + s Z; x of any shape, increasing.

    f : several functions at once, (...) -> (k, ...); the means are (k, *x.shape).
    """
    if isinstance(stage, Mixture):
        each = [push_with(source, one, x, f, smooth) for one in stage.stages]
        logs = np.stack([w + log_q for w, (log_q, _) in zip(np.log(stage.weights), each, strict=True)])
        share = np.exp(logs - logs.max(0))
        mean = sum(part * means for part, (_, means) in zip(share, each, strict=True)) / share.sum(0)
        return logs.max(0) + np.log(share.sum(0)), np.asarray(mean)
    move, target = Move(source, stage), x.ravel()
    if stage.deterministic:
        log_q, y = push_map(move, target)
        return log_q.reshape(x.shape), f(y).reshape(-1, *x.shape)
    at = AtModes.of(move, target)
    log_q, share, whole = at.summed(move, target)
    mean = (share * f(at.points)).sum(2) / whole
    rough = at.roughness > smooth
    if rough.any():
        total, peak, carried = _summed(move, target[rough], f)
        with np.errstate(divide="ignore"):
            direct = peak + np.log(total)
        bulk = max(direct.max(), log_q[~rough].max(initial=-np.inf)) + BULK
        log_q[rough] = _held_up(log_q[rough], direct, at.roughness[rough], bulk)
        seen = total > 0
        where = np.flatnonzero(rough)[seen]
        mean[:, where] = carried[:, seen] / total[seen]
    return log_q.reshape(x.shape), mean.reshape(-1, *x.shape)


LogDensity = Callable[[Array, float], Array]
"""log q' at points x, given its maximum (-inf where x has it)."""


def push(source: Density, stage: Transition, smooth: float) -> tuple[LogDensity, float]:
    """log q', by the quadrature that suits the noise at each point, and the error of q' in total variation.

    Mixtures of transitions mix their laws.
    """
    if isinstance(stage, Mixture):
        parts = [push(source, one, smooth) for one in stage.stages]
        log_w = np.log(stage.weights)
        error = float(np.dot(stage.weights, [error for _, error in parts]))
        return lambda x, peak: np.logaddexp.reduce(
            [w + part(x, peak) for w, (part, _) in zip(log_w, parts, strict=True)]
        ), error
    move = Move(source, stage)
    error = source.error + move.error
    if stage.deterministic:
        return lambda x, peak: push_map(move, x)[0], error

    return lambda x, peak: _pushed(move, x.ravel(), smooth, peak).reshape(x.shape), error


def _pushed(move: Move, x: Array, smooth: float, peak: float) -> Array:
    """log q' at x (n,), increasing: directly where the noise is large, else and in deep tails by the mode.

    The direct sum is right for any noise, so that noise need only be known to be large to be spared the mode.
    """
    log_q, direct, roughness = np.empty_like(x), np.full_like(x, -np.inf), np.full_like(x, np.inf)
    rough, moded = move.noisy(x, smooth), np.zeros(x.size, dtype=bool)
    direct[rough] = push_large_noise(move, x[rough])
    bulk = max(direct.max(), peak) + BULK
    while (left := np.flatnonzero(~moded & ~(rough & (direct >= bulk)))).size:
        at = AtModes.of(move, x[left])
        log_q[left], roughness[left], moded[left] = at.summed(move, x[left])[0], at.roughness, True
        more = left[(at.roughness > smooth) & ~rough[left]]
        direct[more], rough[more] = push_large_noise(move, x[more]), True
        bulk = max(direct.max(), log_q[~rough].max(initial=-np.inf), peak) + BULK  # which may have grown
    log_q[~moded] = direct[~moded]
    deep = rough & moded
    log_q[deep] = _held_up(log_q[deep], direct[deep], roughness[deep], bulk)
    return log_q
