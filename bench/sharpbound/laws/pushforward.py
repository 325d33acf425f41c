"""One step of a law on the line: a density pushed through a stage of a sampler.

A stage y -> m(y) + s Z turns the density q into q'(x) = int q(y) N(x; m(y), s^2) dy. log q is held at
the nodes of panels (`stages`), and q' is had by one of two quadratures, which agree (tests):

* a sum over the source (`direct_sum`);
* where the noise is very small against the panel in which y lies, and where q' is too small for a sum,
  Gauss-Hermite in y about the mode of the integrand (`modes`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sharpbound.laws.direct_sum import BULK, HELD, direct_sum
from sharpbound.laws.modes import Modes, push_map
from sharpbound.laws.stages import SUNK, Density, Move
from sharpbound.numerics.quadrature import Array
from sharpbound.samplers.base import Mixture, Transition

MARGIN = 0.9
"""The share of ``smooth`` from which the noise is summed over: points beside are then not found rough one by one."""

Several = Callable[[Array], Array]
"""Several functions of y at once, (...) -> (k, ...)."""
LogDensity = Callable[[Array, float], Array]
"""log q' at points x, given its maximum (-inf where x has it)."""


def push_with(source: Density, stage: Transition, x: Array, f: Several, smooth: float) -> tuple[Array, Array]:
    """(log q'(x), E[f(Y) | X = x]) for Y of density q, X = m(Y) + s Z; x of any shape, increasing.

    The means are (k, *x.shape).
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
    log_q, mean = _pushed(move, target, smooth, -np.inf, f)
    return log_q.reshape(x.shape), mean.reshape(-1, *x.shape)


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

    return lambda x, peak: _pushed(move, x.ravel(), smooth, peak)[0].reshape(x.shape), error


def _pushed(
    move: Move, x: Array, smooth: float, peak: float, f: Several | None = None
) -> tuple[Array, Array]:
    """log q' at x (n,), increasing, and the means of f: by the sum where the noise is large, else and in deep tails
    by the mode.

    The sum is right for any noise, so that noise need only be known to be large to be spared the mode.
    """
    log_q, direct, roughness = np.empty_like(x), np.full_like(x, -np.inf), np.full_like(x, np.inf)
    means = np.zeros((len(f(x)) if f else 0, x.size))
    rough, lost = move.noisy(x, MARGIN * smooth)
    sure, moded = np.zeros((2, x.size), dtype=bool)
    if rough.any():
        direct[rough], sure[rough], means[:, rough] = direct_sum(move, x[rough], f)
    bulk = max(direct.max(), peak) + BULK
    while (left := np.flatnonzero(~(moded | sure | lost | (rough & (direct >= bulk))))).size:
        modes = Modes.of(move, x[left])
        log_q[left], about = modes.integrated(f)
        roughness[left], moded[left] = modes.roughness, True
        unseen = ~(direct[left] > -np.inf)
        means[:, left[unseen]] = about[:, unseen]
        more = left[(modes.roughness > smooth) & ~rough[left]]
        if more.size:
            direct[more], sure[more], seen = direct_sum(move, x[more], f)
            rough[more] = True
            means[:, more] = np.where(direct[more] > -np.inf, seen, means[:, more])
        bulk = max(direct.max(), log_q[moded & ~rough].max(initial=-np.inf), peak) + BULK  # may have grown
    log_q = np.where(sure | ~moded, direct, log_q)
    log_q[lost] = np.maximum(log_q[lost], bulk - BULK + SUNK)
    deep = rough & moded & ~sure
    log_q[deep] = _held_up(log_q[deep], direct[deep], roughness[deep], bulk)
    return log_q, means


def _held_up(log_q: Array, direct: Array, roughness: Array, bulk: float) -> Array:
    """log q' of rough points: that about the mode, between the direct sum and a ceiling, down from ``bulk``."""
    # the direct sum leaves out what is not held, so it is a lower bound
    ceiling = np.where(np.isinf(roughness), bulk + 2 * (HELD - BULK), bulk)
    return np.clip(log_q, direct, np.maximum(direct, ceiling))
