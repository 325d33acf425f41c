"""A density on the line, and a stage of a sampler ready to move it: both as polynomials on the same panels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from sharpbound.errors import NotMeasured
from sharpbound.marginals.panels import tensor
from sharpbound.numerics.dual import derivative
from sharpbound.numerics.quadrature import Array, Panels, chebyshev_values, legendre_at_edge, to_chebyshev
from sharpbound.samplers.base import Stage

SUNK = -300.0
"""log q relative to its maximum on dead panels: zero for all purposes, yet near enough for polynomials."""
STAGE_RESOLVED, STAGE_BENT = 1e-12, 1e-2
"""Last Legendre coefficients at which a panel resolves the mean and noise of a stage, in widths of the image and
weighted with the mass; and its derivative, relative to itself, on every panel that is alive."""
ROUNDING = 1e-14
"""Relative size of a last coefficient that is rounding and no sign of structure."""
NOISELESS = 0.02
"""Noise, in half widths of a panel, below which a step only shifts the polynomials of log q ..."""
STEADY, KEPT = 1e-11, 12
"""... and where they are not resolved to that, relative to log q, only so many coefficients are kept: a shift that the
same panels take in again at their nodes multiplies the last ones, by up to 1.14 for one of .2 half widths. Likewise at
both ends, beyond which log q goes on by its derivatives."""
UNHEARD, STRUCTURE = 1e-15, 1e-3
"""Share of the mass, and of the second moment, that may move with what is cut off; and log q that is no drift any more
but structure, as in gaps between atoms."""
ROUNDS = 8
"""Most bisections of a panel until a stage, or a density, is resolved on it."""


@dataclass(frozen=True)
class Density:
    """log q at the nodes of panels; ``dead`` panels hold no mass worth following, and `SUNK` in place of log q."""

    panels: Panels
    log_q: Array
    dead: NDArray[np.bool_]
    error: float
    """Total variation lost so far to what panels did not resolve: no transition makes it larger."""

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
    DENSITY, MODE = slice(LOG_Q, DM), slice(M, DDQ + 1)
    """log q, m and s; and m, s, m', (log q)', (log q)''."""

    def __init__(self, source: Density, stage: Stage) -> None:
        self.constant_std = not callable(stage.std)
        for rounds in range(ROUNDS + 1):
            self.source, self.panels = source, source.panels
            self.mean, self.slope, self.std = _unfolded(stage, source.panels.nodes)
            off = self._off()
            bent = self.panels.tails(self.slope) > STAGE_BENT * self.slope.min(1)
            coarse = ~source.dead & (bent | (off > STAGE_RESOLVED))
            if rounds == ROUNDS or not coarse.any():
                break
            source = source.halved(coarse)
        lost = np.minimum(off, self.share)
        self.error = float(lost[lost > STAGE_RESOLVED].sum())
        """Total variation between the stage and the polynomials that could not be resolved."""
        self.least_std = 0.5 * self.std.min(1)
        """Where there is no mass, as in gaps, panels need not resolve s, which stays a noise there."""
        noise = self.std / self.slope
        self.noise = noise.min(1)
        """The least noise on each panel, seen from y."""
        tables = self.panels.coefficients(np.stack([source.log_q, self.mean, self.std, self.slope]))
        adrift = noise.max(1) < NOISELESS * self.panels.half
        adrift[[0, -1]] = True
        last = np.abs(tables[self.LOG_Q, :, KEPT:]).max(1)
        adrift &= (last > STEADY * np.abs(source.log_q).max(1)) & (last < STRUCTURE)
        if adrift.any():
            adrift &= last * self._weight() < UNHEARD
            tables[self.LOG_Q, adrift, KEPT:] = 0.0
        self.coefficients = tables
        """Of log q, m, s, m' in Legendre's polynomials, (4, P, n)."""

    @cached_property
    def scale(self) -> Array:
        """Half width of each panel or of a narrower neighbour."""
        half = self.panels.half
        scale = half.copy()
        np.minimum(scale[1:], half[:-1], out=scale[1:])
        np.minimum(scale[:-1], half[1:], out=scale[:-1])
        return scale

    @cached_property
    def slope_q(self) -> Array:
        """(log q)' in Legendre's polynomials, (P, n)."""
        return self.panels.derivative_coefficients(self.coefficients[self.LOG_Q])

    @cached_property
    def tables(self) -> Array:
        """log q, m, s, m', (log q)', (log q)'' in Chebyshev's polynomials, (P, 6, n)."""
        every = np.stack(
            [*self.coefficients, self.slope_q, self.panels.derivative_coefficients(self.slope_q)]
        )
        return np.ascontiguousarray((every @ to_chebyshev(self.panels.n).T).transpose(1, 0, 2))

    def _off(self) -> Array:
        """Each panel's share of the mass, times how far off m and s are there, in widths of the image.

        N(m, s^2) moves by |dm|/s in total variation, a density that a panel resolves by |dm| over the panel.
        """
        share = self.panels.masses(np.exp(self.source.log_q - self.source.log_q.max()))
        self.share = share / share.sum()
        off = beyond_rounding(self.panels, self.mean)
        if not self.constant_std:
            off += beyond_rounding(self.panels, self.std)
        return self.share * off / (self.std.min(1) + self.slope.min(1) * self.panels.half)

    def _weight(self) -> Array:
        """Each panel's share of the mass or of the second moment about the peak, whichever is larger."""
        log_q = self.source.log_q
        square = (self.panels.nodes - self.panels.nodes.flat[log_q.argmax()]) ** 2
        moment = self.panels.masses(np.exp(log_q - log_q.max()) * square)
        return np.maximum(self.share, moment / moment.sum())

    def at(self, y: Array, which: slice) -> Array:
        """Neighbours ``which`` among log q, m, s, m', (log q)', (log q)'' at points y: (k, *y.shape)."""
        flat = y.ravel()
        index, local = self.panels.locate(flat)
        basis = chebyshev_values(np.clip(local, -1.0, 1.0), self.panels.n)
        values = np.einsum("Nk,Nik->iN", np.ascontiguousarray(basis.T), self.tables[index, which])
        asked = range(*which.indices(6))
        if self.S in asked and not self.constant_std:
            s = values[asked.index(self.S)]
            np.maximum(s, self.least_std[index], out=s)
        for side, edge in ((-1, self.panels.lo[0]), (1, self.panels.hi[-1])):
            beyond = side * (flat - edge) > 0
            if beyond.any():
                growth = self.growth(side, flat[beyond] - edge)
                for value, i in zip(values, asked, strict=True):
                    value[beyond] += growth.get(i, 0.0)
        return values.reshape(len(asked), *y.shape)

    def growth(self, side: int, step: Array) -> dict[int, Array]:
        """What each function grows by over ``step`` outwards from the first or last edge."""
        *_, dm, dq, ddq = self.edges[side]
        growth = {self.LOG_Q: step * (dq + 0.5 * step * ddq), self.M: step * dm, self.DQ: step * ddq}
        if ddq > 0 > side * dq:
            ratio = 1 - step * ddq / dq
            growth |= {
                self.LOG_Q: -(dq**2) / ddq * np.log(ratio),
                self.DQ: dq / ratio - dq,
                self.DDQ: ddq / ratio**2 - ddq,
            }
        return growth

    @cached_property
    def edges(self) -> dict[int, list[float]]:
        """log q, m, s, m', (log q)' and (log q)'' at the first (-1) and last (1) edge."""
        edges = {}
        for side, end in ((-1, 0), (1, -1)):
            known = self.coefficients[:, end] @ legendre_at_edge(self.panels.n, side)
            (log_q, dq, ddq), (m, *_), (s, *_), (dm, *_) = known.tolist()
            half = float(self.panels.half[end])
            if side * dq >= 0:  # beyond its last panel a law falls, whatever derivatives there say
                dq, ddq = 0.0, min(ddq, 0.0)
            # the rounding of a polynomial's would be that of every step's mass
            s = float(self.std[0, 0]) if self.constant_std else max(s, float(self.least_std[end]))
            edges[side] = [log_q, m, s, dm, dq / half, ddq / half**2]
        return edges

    def noisy(self, x: Array, smooth: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Where the noise, seen from m^{-1}(x), is more than ``smooth`` half widths of the panel all over it, or the
        panel is dead; and where it is dead: nothing is there but what noise brings from others.
        """
        dead = self.source.dead
        index = self.panels.locate(self.preimage(x))[0]
        return ((self.noise > smooth * self.scale) | dead)[index], dead[index]

    def preimage(self, x: Array) -> Array:
        """A first guess of m^{-1}(x): interpolated between the nodes, along a straight line beyond them."""
        m, y = self.mean.ravel(), self.panels.nodes.ravel()
        guess = np.interp(x, m, y)
        for beyond, (i, j) in ((x < m[0], (0, 1)), (x > m[-1], (-1, -2))):
            if beyond.any():
                guess[beyond] = y[i] + (x[beyond] - m[i]) * (y[j] - y[i]) / (m[j] - m[i])
        return guess
