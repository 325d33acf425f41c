"""What a sampler of a reverse chain is: the kernel of each step, a law of the next state for every state x.

Almost all are *factorised*: given x every coordinate moves by itself, so that a kernel is d arrays (N, S'). A law is
pushed through the coordinates in two halves,

    q'(y) = sum_x q(x) prod_{i in first half} K_i(y_i | x) prod_{i in second half} K_i(y_i | x),

which is one product of a matrix (sqrt N, N) and a matrix (N, sqrt N), N^2 multiplications and no (N, N) array.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np

from sharpbound.chapters.discrete.reverse import Places, Reverse, product_rows
from sharpbound.numerics.quadrature import Array

BLOCK = 1 << 21
"""Numbers that are held at a time."""


class Kernel(ABC):
    """Transition probabilities P(y | x) between all N states."""

    @abstractmethod
    def __call__(self, part: slice) -> Array:
        """Those from a block of states x, (n, N)."""

    def push(self, q: Array) -> Array:
        """sum_x q(x) P(y | x), of the shape of q."""
        flat = q.ravel()
        each = [flat[part] @ self(part) for part in blocks(flat.size, self.numbers(flat.size))]
        return np.asarray(np.sum(each, axis=0).reshape(q.shape))

    def numbers(self, N: int) -> int:
        """Numbers held for each row."""
        return N


def blocks(N: int, numbers: int) -> list[slice]:
    """N states in blocks, of each of which so many numbers are held."""
    rows = max(1, BLOCK // numbers)
    return [slice(first, min(first + rows, N)) for first in range(0, N, rows)]


class Sampler(ABC):
    """The step from t to s < t. Its parameters are keys of [sampler]."""

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    most_states: ClassVar[int]
    """For the law of its output."""
    most_states_of_paths: ClassVar[int]
    """For the divergence of its paths."""
    by_coordinate: ClassVar[bool] = True
    """Whether on a product of laws every coordinate moves by itself, as if it were alone."""

    forgets: ClassVar[bool] = False
    """Whether its steps pull the law towards the marginal, whatever came before."""
    exact: ClassVar[bool] = False
    """Whether it takes the true kernel, and no score."""

    @abstractmethod
    def kernels(self, reverse: Reverse, t: float, s: float) -> Sequence[Kernel]:
        """The kernels that the step applies, one after the other; InputError for a step that is too long."""


class Factorised(Sampler):
    """Coordinates that move independently given the state."""

    most_states: ClassVar[int] = 1 << 18
    most_states_of_paths: ClassVar[int] = 1 << 20

    @abstractmethod
    def factors(self, reverse: Reverse, t: float, s: float) -> list[Array]:
        """For each coordinate its law at s given the state at t, (N, S')."""

    def kernels(self, reverse: Reverse, t: float, s: float) -> Sequence[Kernel]:
        return [Apart(self.factors(reverse, t, s))]


@dataclass(frozen=True)
class Apart(Kernel):
    """Coordinates that move apart from each other: ``factors[i]`` (N, S') is the law of coordinate i after the step."""

    factors: Sequence[Array]

    def __call__(self, part: slice) -> Array:
        return product_rows([factor[part] for factor in self.factors])

    def push(self, q: Array) -> Array:
        flat, half = q.ravel()[:, None], len(self.factors) // 2
        widest = self.factors[0].shape[1] ** (len(self.factors) - half)
        total: Array | float = 0.0
        for part in blocks(flat.size, widest):
            first = product_rows([factor[part] for factor in (flat, *self.factors[:half])])
            total = total + first.T @ product_rows([factor[part] for factor in self.factors[half:]])
        return np.asarray(total).reshape(q.shape)


@lru_cache(maxsize=1)
def own_states(size: int, dim: int) -> tuple[Places, ...]:
    """The value x_i of each coordinate in each of the N states, arrays (N,)."""
    return np.unravel_index(np.arange(size**dim), (size,) * dim)


def held(jumps: Array, reverse: Reverse, axis: int) -> Array:
    """``jumps`` (N, S') with what they leave of one in the place of x_i: the coordinate stays."""
    rows, at = np.arange(reverse.size), own_states(reverse.process.size, reverse.data.ndim)[axis]
    full = jumps.copy()
    full[rows, at] = 1 - jumps.sum(1)
    return full
