"""Poisson tau-leaping: numbers of jumps at frozen rates, their sum cut off at the ends of the states.

Coordinate i makes P_v ~ Poisson(h rate_i(x, v)) jumps by v - x_i for each v, all of them independent, and comes to
x_i + sum_v (v - x_i) P_v, cut off (clamped) to 0 ... S' - 1 at the end: states are numbers (Campbell et al.
2205.14987, for ordered data). With ``several = "reject"`` a coordinate in which two or more jumps fall stays as it is
(there, for categories).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from sharpbound.chapters.discrete.reverse import Places, Reverse
from sharpbound.chapters.discrete.samplers.base import Factorised, held, own_states
from sharpbound.numerics.quadrature import Array

NEGLECTED = 1e-18
"""Chance of more jumps than are counted."""


@dataclass(frozen=True)
class TauLeaping(Factorised):
    """x_i + sum_v (v - x_i) Poisson(h rate_i(x, v)), clamped to the states."""

    several: Literal["clamp", "reject"] = "clamp"

    most_states: ClassVar[int] = 1 << 16
    most_states_of_paths: ClassVar[int] = 1 << 16
    name = "tau-leaping"
    title = "Poisson tau-leaping"
    source = "Campbell et al. (2205.14987)"

    def factors(self, reverse: Reverse, t: float, s: float) -> list[Array]:
        means = [(t - s) * rate for rate in reverse.rates(t)]
        if self.several == "reject":
            return [
                held(mean * np.exp(-mean.sum(1, keepdims=True)), reverse, i) for i, mean in enumerate(means)
            ]
        here = own_states(reverse.process.size, reverse.data.ndim)
        moves = [by_displacement(mean, at) for mean, at in zip(means, here, strict=True)]
        return leapt_apart(here, [up for up, _ in moves], [down for _, down in moves])


def by_displacement(to: Array, at: Places) -> tuple[Array, Array]:
    """Of means (n, S') by the state v that is gone to: those by the displacement, up and down by 1 ... S' - 1."""
    n, size = to.shape
    rows, steps = np.arange(n)[:, None], np.arange(1, size)
    found = []
    for sign in (1, -1):
        v = at[:, None] + sign * steps
        found.append(np.where((v >= 0) & (v < size), to[rows, np.clip(v, 0, size - 1)], 0.0))
    return found[0], found[1]


def leapt_apart(at: Sequence[Places], up: Sequence[Array], down: Sequence[Array]) -> list[Array]:
    """`leapt` for each coordinate, all in one."""
    law = leapt(np.concatenate(at), np.concatenate(up), np.concatenate(down))
    return np.split(law, len(at))


def leapt(at: Places, up: Array, down: Array) -> Array:
    """The law of clamp(at + D+ - D-), (n, S'): D+ = sum_j j Poisson(up_j), D- likewise, means (n, S' - 1)."""
    size = up.shape[1] + 1
    most = max(float(up.sum(1).max()), float(down.sum(1).max()))
    last = (size - 1) * (_jumps(most) + 1)
    rise, fall = np.split(compound(np.concatenate([up, down]), last), 2)
    n, width = rise.shape
    # D = D+ - D-, by differences: the law on -(size - 1) ... size - 1, and beyond them in the ends
    over = np.cumsum(rise[:, ::-1], axis=1)[:, ::-1]  # P(D+ >= k)
    under = np.cumsum(fall[:, ::-1], axis=1)[:, ::-1]
    out = np.zeros((n, size))
    for a in range(size):
        here = at == a
        if not here.any():
            continue
        r, f = rise[here], fall[here]
        for v in range(1, size - 1):
            shift = v - a  # P(D+ - D- = shift)
            out[here, v] = (
                (r[:, shift:] * f[:, : width - shift]).sum(1)
                if shift >= 0
                else (r[:, :shift] * f[:, -shift:]).sum(1)
            )
        up_most, down_most = size - 1 - a, a
        out[here, -1] = (over[here][:, up_most:] * f[:, : width - up_most]).sum(1)
        out[here, 0] = (under[here][:, down_most:] * r[:, : width - down_most]).sum(1)
    return out


def _jumps(mean: float) -> int:
    """A number n that Poisson(mean) exceeds with a chance of at most about `NEGLECTED`."""
    n, chance = 0, 1.0
    while chance > NEGLECTED or n < mean:
        n += 1
        chance *= mean / n
    return n


def compound(means: Array, last: int) -> Array:
    """P(sum_j j Poisson(means_j) = k), k = 0 ... last, (n, last + 1), by Panjer's recursion: all terms positive."""
    n, steps = means.shape
    out = np.zeros((n, last + 1))
    out[:, 0] = np.exp(-means.sum(1))
    weighted = means * np.arange(1, steps + 1)
    for k in range(1, last + 1):
        j = np.arange(1, min(k, steps) + 1)
        out[:, k] = (weighted[:, j - 1] * out[:, k - j]).sum(1) / k
    return out
