"""Second-order samplers of Ren et al. (2502.00234): a leap of theta h, and one by rates extrapolated from both ends.

Rates belong to displacements nu = v - x_i of a coordinate (mu(nu, y) = rate_i(y, y_i + nu), 0 off the states), numbers
of jumps are Poisson, and sums are clamped, as in `tau_leaping`. With rho = t - theta h and y* the state after the first
leap from x, the second has the intensities

    theta-trapezoidal   from y*, over (1 - theta) h:   (a1 mu_rho(nu, y*) - a2 mu_t(nu, x))_+,
                        a1 = 1/(2 theta (1 - theta)), a2 = ((1 - theta)^2 + theta^2)/(2 theta (1 - theta))
    theta-RK-2          from x, over h:   ((1 - 1/(2 theta)) mu_t(nu, x) + mu_rho(nu, y*)/(2 theta))_+
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from sharpbound.chapters.discrete.reverse import Places, Reverse, product_rows
from sharpbound.chapters.discrete.samplers.base import Kernel, Sampler, own_states
from sharpbound.chapters.discrete.samplers.tau_leaping import by_displacement, leapt_apart
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array


@dataclass(frozen=True)
class TwoStage(Sampler):
    """A leap, and a second one whose rates know x and y*: all N^2 pairs, each with N states to go to."""

    theta: float = 0.5

    most_states: ClassVar[int] = 256
    most_states_of_paths: ClassVar[int] = 256

    def __post_init__(self) -> None:
        if not 0 < self.theta < 1:
            raise InputError(f"must lie strictly between 0 and 1, got {self.theta:g}", key="sampler.theta")

    @abstractmethod
    def intensity(self, first: Array, second: Array) -> Array:
        """Of mu_t(nu, x) and mu_rho(nu, y*)."""

    @abstractmethod
    def start(self, x: Places, y: Places) -> Places:
        """Where the second leap starts: x or y*."""

    @abstractmethod
    def span(self, h: float) -> float:
        """Length of the second leap."""

    def kernels(self, reverse: Reverse, t: float, s: float) -> Sequence[Kernel]:
        h = t - s
        rho = t - self.theta * h
        here = own_states(reverse.process.size, reverse.data.ndim)
        first = [by_displacement(rate, at) for rate, at in zip(reverse.rates(t), here, strict=True)]
        second = [by_displacement(rate, at) for rate, at in zip(reverse.rates(rho), here, strict=True)]
        leap = leapt_apart(here, *([self.theta * h * f[k] for f in first] for k in (0, 1)))
        return [TwoLeaps(self, h, here, first, second, leap)]


@dataclass(frozen=True)
class TwoLeaps(Kernel):
    """A leap from each x to all y*, and from each pair another.

    first, second : for each coordinate the rates at t and rho, by displacement, up and down.
    leap : for each coordinate the law of y*, (N, S').
    """

    sampler: TwoStage
    h: float
    here: Sequence[Places]
    first: Sequence[tuple[Array, Array]]
    second: Sequence[tuple[Array, Array]]
    leap: Sequence[Array]

    def numbers(self, N: int) -> int:
        return N * N

    def __call__(self, part: slice) -> Array:
        n, N = part.stop - part.start, len(self.here[0])
        # (x, y*) as rows: intensities of both, by displacement, up and down
        second_leap = [
            [
                np.maximum(self.sampler.intensity(f[k][part, None], g[k]), 0.0).reshape(n * N, -1)
                * self.sampler.span(self.h)
                for f, g in zip(self.first, self.second, strict=True)
            ]
            for k in (0, 1)
        ]
        starts = [self.sampler.start(np.repeat(at[part], N), np.tile(at, n)) for at in self.here]
        moves = leapt_apart(starts, *second_leap)
        to = product_rows([factor[part] for factor in self.leap])
        return np.asarray(np.einsum("nk,nky->ny", to, product_rows(moves).reshape(n, N, N)))


@dataclass(frozen=True)
class ThetaTrapezoidal(TwoStage):
    """Anderson and Mattingly's weak trapezoidal rule for jumps."""

    name = "theta-trapezoidal"
    title = "theta-trapezoidal"
    source = "Ren et al. (2502.00234)"

    def intensity(self, first: Array, second: Array) -> Array:
        theta = self.theta
        both = 2 * theta * (1 - theta)
        return second / both - ((1 - theta) ** 2 + theta**2) / both * first

    def start(self, x: Places, y: Places) -> Places:
        return y

    def span(self, h: float) -> float:
        return (1 - self.theta) * h


@dataclass(frozen=True)
class ThetaRK2(TwoStage):
    """A Runge-Kutta method of two stages; theta = 1/2 is the midpoint rule."""

    name = "theta-rk2"
    title = "theta-RK-2"
    source = "Ren et al. (2502.00234)"

    def intensity(self, first: Array, second: Array) -> Array:
        return (1 - 0.5 / self.theta) * first + 0.5 / self.theta * second

    def start(self, x: Places, y: Places) -> Places:
        return x

    def span(self, h: float) -> float:
        return h
