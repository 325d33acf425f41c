"""Forward processes on a finite space: every coordinate by itself, a chain with rate matrix Q, run by a clock.

X_t has the law p exp(c(t) Q) along each axis, c(t) = int_0^t of the noise rate. ``uniform-ctmc`` has
Q = 11^T/S - I, ``absorbing-ctmc`` one state more, the mask, to which every state goes at rate 1; ``ctmc`` any rates.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.linalg import expm

from sharpbound.errors import InputError, brief, did_you_mean
from sharpbound.numerics.quadrature import Array
from sharpbound.options import made

Noise = Literal["constant", "linear", "geometric", "log-linear"]
Grid = Literal["uniform", "geometric"]


class Sites(ABC):
    """The chain on one coordinate, run for a time c of its own clock."""

    extra = 0
    """States beside those of the data."""

    @abstractmethod
    def generator(self, states: int) -> Array:
        """Q, (S', S'): rate from row to column; rows sum to 0."""

    @abstractmethod
    def kernel(self, states: int, c: float) -> Array:
        """exp(c Q), (S', S'); c = inf is the limit."""

    @abstractmethod
    def limit(self, states: int) -> Array:
        """The law to which the chain tends, (S',)."""


class Uniform(Sites):
    """Q = 11^T/S - I: exp(cQ) = e^{-c} I + (1 - e^{-c}) 11^T/S."""

    def generator(self, states: int) -> Array:
        return np.full((states, states), 1 / states) - np.eye(states)

    def kernel(self, states: int, c: float) -> Array:
        return math.exp(-c) * np.eye(states) - math.expm1(-c) / states

    def limit(self, states: int) -> Array:
        return np.full(states, 1 / states)


class Absorbing(Sites):
    """To the mask, the last state, at rate 1; from it never."""

    extra = 1

    def generator(self, states: int) -> Array:
        Q = -np.eye(states + 1)
        Q[:, -1] += 1
        return Q

    def kernel(self, states: int, c: float) -> Array:
        K = math.exp(-c) * np.eye(states + 1)
        K[:, -1] -= math.expm1(-c)
        K[-1, -1] = 1.0
        return K

    def limit(self, states: int) -> Array:
        return np.eye(states + 1)[-1]


@dataclass(frozen=True)
class Rates(Sites):
    """Any rate matrix with one limit."""

    Q: Array

    def generator(self, states: int) -> Array:
        if len(self.Q) != states:
            raise InputError(
                f"is {len(self.Q)} x {len(self.Q)}, and the target has {states} states", key="forward.rates"
            )
        return self.Q

    def kernel(self, states: int, c: float) -> Array:
        if math.isinf(c):
            return np.tile(self.limit(states), (states, 1))
        return np.maximum(np.asarray(expm(c * self.generator(states))), 0.0)

    def limit(self, states: int) -> Array:
        # pi Q = 0 with sum pi = 1; unique where the chain has one closed class
        system = np.vstack([self.generator(states).T, np.ones(states)])
        law = np.linalg.lstsq(system, np.append(np.zeros(states), 1.0), rcond=None)[0]
        return np.maximum(law, 0.0) / np.maximum(law, 0.0).sum()


@dataclass(frozen=True)
class Process:
    """Sites with their clock and their time grid.

    clock : c(t), in which the chain has rates Q, c(0) = 0.  speed : c'(t).
    times : the T + 1 times of a run of T steps, the noisiest first.
    """

    sites: Sites
    clock: Callable[[float], float]
    speed: Callable[[float], float]
    times: Callable[[int], Array]
    states: int
    """S of the data."""

    @property
    def size(self) -> int:
        """States of a coordinate, with the mask where there is one."""
        return self.states + self.sites.extra

    def kernel(self, s: float, t: float) -> Array:
        """P(X_t = column | X_s = row), s <= t."""
        return self.sites.kernel(self.states, self.clock(t) - self.clock(s))

    def rates(self, t: float) -> Array:
        """The rate matrix at time t."""
        return self.speed(t) * self.sites.generator(self.states)

    def limit(self) -> Array:
        """The law that X_t tends to, of one coordinate."""
        return self.sites.limit(self.states)

    def lifted(self, table: Array) -> Array:
        """A law of the data as one on the states of the process: no mask has a chance."""
        return np.pad(table, [(0, self.sites.extra)] * table.ndim)

    def noised(self, table: Array, t: float, *axes: int) -> Array:
        """A law of the data (`lifted`) at time t, along the ``axes``, or all of them."""
        K = self.kernel(0.0, t)
        for axis in axes or range(table.ndim):
            table = along(table, K, axis)
        return table


def along(table: Array, matrix: Array, axis: int) -> Array:
    """sum_u table[..., u, ...] matrix[u, v], with v in the place of u."""
    before, (states, after) = table.shape[:axis], matrix.shape
    if axis == table.ndim - 1:
        return np.asarray(table @ matrix)
    moved = matrix.T @ table.reshape(*before, states, -1)
    return np.asarray(moved.reshape(*before, after, *table.shape[axis + 1 :]))


def normalised(table: Array, axis: int, instead: Array | float) -> Array:
    """``table`` over its sum along the axis, ``instead`` where that is 0."""
    total = table.sum(axis, keepdims=True)
    return np.where(total > 0, table / np.where(total > 0, total, 1.0), instead)


# -- what a [forward] table may say -----------------------------------------------------------------


def uniform_ctmc(
    states: int,
    horizon: float,
    delta: float = 0.0,
    noise: Noise = "constant",
    low: float | None = None,
    high: float | None = None,
    grid: Grid = "uniform",
) -> Process:
    """Every state goes to every other at rate 1/S."""
    return _in_time(Uniform(), states, horizon, delta, noise, low, high, grid)


def absorbing_ctmc(
    states: int,
    horizon: float,
    delta: float = 0.0,
    noise: Noise = "constant",
    low: float | None = None,
    high: float | None = None,
    grid: Grid = "uniform",
) -> Process:
    """Every state goes to the mask at rate 1."""
    return _in_time(Absorbing(), states, horizon, delta, noise, low, high, grid)


def ctmc(
    states: int,
    rates: list[list[float]],
    horizon: float,
    delta: float = 0.0,
    noise: Noise = "constant",
    low: float | None = None,
    high: float | None = None,
    grid: Grid = "uniform",
) -> Process:
    """``rates[u][v]`` from u to v; the diagonal, if it is not 0, must be minus the sum of its row."""
    return _in_time(Rates(_rate_matrix(rates)), states, horizon, delta, noise, low, high, grid)


def d3pm(
    states: int,
    transition: Literal["uniform", "absorbing"] = "uniform",
    schedule: Literal["cosine", "linear"] = "cosine",
) -> Process:
    """Discrete time (D3PM, 2107.03006): after k of T steps a coordinate is as it was with chance abar_k, or else drawn
    anew (uniform) or masked (absorbing).

    abar_k = f(k)/f(0) with f = cos^2((k/T + .008)/1.008 pi/2) for ``cosine``, 1 - k/T for ``linear``. It is the chain
    of the same name at the times -log abar_k, the last of them infinite.
    """

    def times(T: int) -> Array:
        k = np.arange(T, -1, -1) / T
        alive = 1 - k
        if schedule == "cosine":
            alive = (
                np.cos((k + 0.008) / 1.008 * math.pi / 2) ** 2 / math.cos(0.008 / 1.008 * math.pi / 2) ** 2
            )
            alive[0] = 0.0
        with np.errstate(divide="ignore"):
            return np.abs(np.log(alive))

    sites = Uniform() if transition == "uniform" else Absorbing()
    return Process(sites, lambda t: t, lambda t: 1.0, times, states)


PROCESSES: dict[str, Callable[..., Process]] = {
    "uniform-ctmc": uniform_ctmc,
    "absorbing-ctmc": absorbing_ctmc,
    "ctmc": ctmc,
    "d3pm": d3pm,
}
"""Name in [forward] -> process."""


def build(forward: Mapping[str, Any], states: int) -> Process:
    """The process of a ``[forward]``; InputError, naming ``forward.<key>``, for every mistake."""
    name = forward.get("process")
    if not isinstance(name, str) or name not in PROCESSES:
        raise InputError(
            f"unknown process {brief(name)}{did_you_mean(str(name), (*PROCESSES, 'masked'))}",
            key="forward.process",
        )
    given = {key: value for key, value in forward.items() if key != "process"}
    found: Process = made(PROCESSES[name], given, name="forward", who=name, first=(states,))
    return found


def _in_time(
    sites: Sites,
    states: int,
    horizon: float,
    delta: float,
    noise: Noise,
    low: float | None,
    high: float | None,
    grid: Grid,
) -> Process:
    if not 0 <= delta < horizon:
        raise InputError(
            f"needs 0 <= delta < horizon, got delta = {delta:g}, horizon = {horizon:g}", key="forward.delta"
        )
    if grid == "geometric" and delta == 0:
        raise InputError("a geometric grid never comes to 0: use delta > 0", key="forward.delta")

    def times(T: int) -> Array:
        return (np.geomspace if grid == "geometric" else np.linspace)(horizon, delta, T + 1)

    clock, speed = _noise(noise, low, high, horizon)
    return Process(sites, clock, speed, times, states)


def _noise(
    noise: Noise, low: float | None, high: float | None, horizon: float
) -> tuple[Callable[[float], float], Callable[[float], float]]:
    """Clock and speed.

    constant: c = t.  linear: c' from ``low`` to ``high`` over the horizon.  geometric: c' that of SEDD (2310.16834),
    low^{1-u} high^u of u = t/horizon, and c(0) = 0.  log-linear (SEDD): c = -log(1 - (1 - low) t), low = 1e-3.
    """
    if (noise in ("constant", "log-linear") and high is not None) or (
        noise == "constant" and low is not None
    ):
        raise InputError(
            f"{noise} noise has no such key", key="forward.high" if high is not None else "forward.low"
        )
    if noise in ("linear", "geometric"):
        if low is None or high is None:
            raise InputError(f"{noise} noise needs low and high", key="forward.noise")
        if not 0 < low <= high:
            raise InputError(f"needs 0 < low <= high, got {low:g} and {high:g}", key="forward.low")
        a, b = low, high
        if noise == "linear":
            return lambda t: a * t + (b - a) * t * t / (2 * horizon), lambda t: a + (b - a) * t / horizon
        growth = math.log(b / a) / horizon
        return lambda t: a * math.expm1(growth * t), lambda t: growth * a * math.exp(growth * t)
    if noise == "constant":
        return lambda t: t, lambda t: 1.0
    keep = 1 - (1e-3 if low is None else low)
    if not 0 < keep <= 1 or keep * horizon >= 1:
        raise InputError(
            f"log-linear noise needs (1 - low) horizon < 1, got {keep * horizon:g}", key="forward.horizon"
        )
    return lambda t: -math.log1p(-keep * t), lambda t: keep / (1 - keep * t)


def _rate_matrix(rates: Sequence[Sequence[float]]) -> Array:
    if not rates or any(len(row) != len(rates) for row in rates):
        raise InputError("must be a square matrix", key="forward.rates")
    Q = np.array(rates, dtype=float)
    off = Q - np.diag(np.diag(Q))
    if not (off >= 0).all():
        raise InputError("must be >= 0 off the diagonal", key="forward.rates")
    total = off.sum(1)
    if np.diag(Q).any() and not np.allclose(np.diag(Q), -total, rtol=1e-9, atol=1e-12):
        raise InputError(
            "has a diagonal that is not minus the sum of its row; leave it 0", key="forward.rates"
        )
    Q = off - np.diag(total)
    if np.linalg.matrix_rank(Q, tol=1e-12 * max(float(total.max()), 1e-300)) < len(Q) - 1:
        raise InputError(
            "has more than one limit: its chain falls into parts that never meet", key="forward.rates"
        )
    return Q
