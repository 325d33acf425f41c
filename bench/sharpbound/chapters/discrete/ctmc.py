"""Samplers of a uniform-rate chain: rate Q = 11^T/S - I in each coordinate, in continuous time.

The heat kernel is exp(tQ) = e^{-t} I + (1 - e^{-t}) 11^T/S, and the reverse chain jumps from x to y, which differ in
one coordinate, at rate p_t(y)/p_t(x)/S. Every sampler here takes T equal steps of length h from ``horizon`` down to
``delta``, and is a kernel of independent coordinates given the state before the step:

* ``euler-ctmc``: rates frozen at the noisy end, each coordinate jumps to v with probability h rate(v);
* ``exact-reverse``: the true reverse kernel p_{t-h}(y) prod_i k_h(y_i, x_i)/p_t(x).

Laws are pushed by blocks of states, never by a matrix of all of them, so that N states cost N^2 time and N memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

MOST_STATES = 4096
"""Every state may be reached from every other in one step: N^2 transitions."""
BLOCK = 1 << 21
"""Transitions that are held at a time."""


@dataclass(frozen=True)
class Chain:
    """A law on [S]^d under the uniform-rate process, with its time grid."""

    table: Array
    horizon: float
    delta: float
    T: int

    def __post_init__(self) -> None:
        if not 0 <= self.delta < self.horizon < np.inf:
            raise InputError(
                f"needs 0 <= delta < horizon, got delta = {self.delta:g}, horizon = {self.horizon:g}",
                key="forward.delta",
            )
        if self.table.size > MOST_STATES:
            raise InputError(
                f"{self.table.size} states; a step of this sampler takes at most {MOST_STATES}", key="target"
            )

    @property
    def states(self) -> int:
        """S."""
        return self.table.shape[0]

    @property
    def h(self) -> float:
        """Length of a step."""
        return (self.horizon - self.delta) / self.T

    def marginal(self, t: float) -> Array:
        """p_t, by the heat kernel along each axis."""
        return smoothed(self.table, t)

    def times(self) -> Iterator[tuple[float, float]]:
        """(t, t - h) of each step, the noisiest first."""
        grid = np.linspace(self.horizon, self.delta, self.T + 1)
        yield from zip(grid[:-1].tolist(), grid[1:].tolist(), strict=True)

    def start(self, init: str) -> Array:
        """The law that a sampler starts from: "exact", p at the horizon, or "uniform"."""
        if init == "exact":
            return self.marginal(self.horizon)
        return np.full(self.table.shape, 1.0 / self.table.size)


def smoothed(table: Array, t: float) -> Array:
    """exp(tQ) along each axis."""
    keep = np.exp(-t)
    for axis in range(table.ndim):
        table = keep * table + (1 - keep) * table.mean(axis, keepdims=True)
    return table


def euler_kernels(chain: Chain, t: float) -> list[Array]:
    """For each coordinate the chances of its next state, arrays (N, S) over the state before the step.

    Raises InputError where a coordinate would jump with a probability above 1.
    """
    p, S, h = chain.marginal(t), chain.states, chain.h
    found = []
    for axis in range(p.ndim):
        along = np.moveaxis(p, axis, -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            rates = along[..., None, :] / along[..., :, None] / S  # from the state to each other one
        rates[..., np.arange(S), np.arange(S)] = 0.0
        if not np.isfinite(rates).all():
            raise InputError(
                "has zeros, and the rates of the reverse chain divide by it: use delta > 0",
                key="forward.delta",
            )
        total = rates.sum(-1)
        if h * total.max() > 1:
            raise InputError(
                f"a coordinate would jump with probability {h * total.max():.3g} in one step of {h:.3g}: use more",
                key="sweep.T",
            )
        chances = h * rates
        chances[..., np.arange(S), np.arange(S)] = 1 - h * total
        # axes: the others, this one, next state of this one -> the state in its own order, next state
        found.append(np.moveaxis(chances, -2, axis).reshape(p.size, S))
    return found


def blocks(chain: Chain, sampler: str, t: float, below: float) -> Iterator[tuple[slice, Array]]:
    """(states before, their transition probabilities to all N states) in blocks."""
    N, S = chain.table.size, chain.states
    rows = max(1, BLOCK // N)
    kernels = euler_kernels(chain, t) if sampler == "euler-ctmc" else None
    for first in range(0, N, rows):
        part = slice(first, min(first + rows, N))
        if kernels is None:
            yield part, true_block(chain, part, t, below)
            continue
        block = np.ones((part.stop - part.start, 1))
        for kernel in kernels:
            block = (block[:, :, None] * kernel[part][:, None, :]).reshape(len(block), -1)
        assert block.shape[1] == N == S**chain.table.ndim
        yield part, block


def true_block(chain: Chain, part: slice, t: float, below: float) -> Array:
    """P(X_below = y | X_t = x) for a block of x: p_below(y) prod_i k(y_i, x_i)/p_t(x)."""
    S, d, keep = chain.states, chain.table.ndim, np.exp(-(t - below))
    heat = keep * np.eye(S) + (1 - keep) / S
    states = np.array(np.unravel_index(np.arange(part.start, part.stop), chain.table.shape))
    block = np.ones((states.shape[1], 1))
    for axis in range(d):
        block = (block[:, :, None] * heat[states[axis]][:, None, :]).reshape(len(block), -1)
    block *= chain.marginal(below).ravel()
    return np.asarray(block / block.sum(1, keepdims=True))


def output_law(chain: Chain, sampler: str, init: str) -> Array:
    """The law of the sampler's output, of the table's shape."""
    q = chain.start(init).ravel()
    for t, below in chain.times():
        q = np.sum([q[part] @ block for part, block in blocks(chain, sampler, t, below)], axis=0)
    return q.reshape(chain.table.shape)


def path_kl(chain: Chain, sampler: str, init: str) -> float:
    """KL of the true reverse chain on the time grid against the sampler's: of the start, and of each step given the
    state before it, under the truth.
    """
    start, truth = chain.start(init), chain.marginal(chain.horizon)
    total = float((truth * np.log(truth / start)).sum()) if init != "exact" else 0.0
    for t, below in chain.times():
        p = chain.marginal(t).ravel()
        for part, block in blocks(chain, sampler, t, below):
            true = true_block(chain, part, t, below)
            with np.errstate(divide="ignore", invalid="ignore"):
                terms = np.where(true > 0, true * np.log(true / block) - true + block, block)
            total += float(p[part] @ terms.sum(1))
    return total
