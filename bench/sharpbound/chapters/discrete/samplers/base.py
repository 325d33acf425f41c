"""What a sampler of a reverse chain is: the kernel of each step, a law of the next state for every state x.

Almost all are *factorised*: given x every coordinate moves by itself, so that a kernel is d arrays (N, S'). Laws are
pushed through it by blocks of states, never by a matrix of all of them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sharpbound.chapters.discrete.reverse import Reverse, product_rows
from sharpbound.numerics.quadrature import Array

Places = NDArray[np.intp]
"""States as numbers."""
Kernel = Callable[[slice], Array]
"""A block of the states before -> its transition probabilities (n, N) to all states after."""


class Sampler(ABC):
    """The step from t to s < t. Its parameters are keys of [sampler]."""

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    most_states: ClassVar[int] = 4096
    """Every state may be reached from every other in one step: N^2 transitions."""
    by_coordinate: ClassVar[bool] = True
    """Whether on a product of laws every coordinate moves by itself, as if it were alone."""

    forgets: ClassVar[bool] = False
    """Whether its steps pull the law towards the marginal, whatever came before."""
    exact: ClassVar[bool] = False
    """Whether it takes the true kernel, and no score."""

    def fan_out(self, N: int) -> int:
        """Numbers held for each transition of a row."""
        return 1

    @abstractmethod
    def kernels(self, reverse: Reverse, t: float, s: float) -> Sequence[Kernel]:
        """The kernels that the step applies, one after the other; InputError for a step that is too long."""


class Factorised(Sampler):
    """Coordinates that move independently given the state."""

    @abstractmethod
    def factors(self, reverse: Reverse, t: float, s: float) -> list[Array]:
        """For each coordinate its law at s given the state at t, (N, S')."""

    def kernels(self, reverse: Reverse, t: float, s: float) -> Sequence[Kernel]:
        return [factorised(self.factors(reverse, t, s))]


def factorised(factors: Sequence[Array]) -> Kernel:
    """The kernel of independent coordinates."""
    return lambda part: product_rows([factor[part] for factor in factors])


def own_states(size: int, dim: int) -> list[Places]:
    """The value x_i of each coordinate in each of the N states, arrays (N,)."""
    return list(np.unravel_index(np.arange(size**dim), (size,) * dim))


def held(jumps: Array, reverse: Reverse, axis: int) -> Array:
    """``jumps`` (N, S') with what they leave of one in the place of x_i: the coordinate stays."""
    rows, at = np.arange(reverse.size), own_states(reverse.process.size, reverse.data.ndim)[axis]
    full = jumps.copy()
    full[rows, at] = 1 - jumps.sum(1)
    return full
