"""The true reverse of a process started in a table: marginals, rates, conditionals of one coordinate, kernels.

From x the reverse chain jumps to y, which differs in coordinate i, at the rate Q_t(y_i, x_i) p_t(y)/p_t(x). The ratio
is that of the conditional law r_i(.|x) of coordinate i given the others, so that it has a meaning where p_t(x) = 0 too;
where the others have chance 0 themselves, r_i is taken as that of a coordinate noised from the uniform law. No sampler
comes there along a path that p_0 allows, so that nothing depends on that choice but where q is wrong anyhow.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from sharpbound.chapters.discrete.process import Process, along, normalised
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

Places = NDArray[np.intp]
"""States as numbers."""


@dataclass(frozen=True)
class Reverse:
    """A law of the data, of shape (S,) * d, under a process."""

    data: Array
    process: Process

    @cached_property
    def table(self) -> Array:
        """The law on the states of the process, (S',) * d."""
        return self.process.lifted(self.data)

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.process.size,) * self.data.ndim

    @property
    def size(self) -> int:
        """N, the number of states."""
        return int(self.process.size**self.data.ndim)

    def marginal(self, t: float) -> Array:
        """p_t, of shape (S',) * d."""
        return self.process.noised(self.table, t)

    def conditional(self, t: float, s: float, axis: int) -> Array:
        """P(X_s^i = v | X_t^j = x_j, j != i), of shape (S',) * d, v along the axis i."""
        p, own, others = self.table, self.process.kernel(0.0, s), self.process.kernel(0.0, t)
        for other in range(p.ndim):
            p = along(p, own if other == axis else others, other)
        return self._given_others(p, self._uniform @ own, axis)

    @cached_property
    def _uniform(self) -> Array:
        """The uniform law of a coordinate of the data, (S',)."""
        return self.process.lifted(np.full(self.process.states, 1 / self.process.states))

    def _conditionals(self, t: float) -> list[Array]:
        """`conditional` of each coordinate at one time: all of the same marginal."""
        p, alone = self.marginal(t), self._uniform @ self.process.kernel(0.0, t)
        return [self._given_others(p, alone, axis) for axis in range(p.ndim)]

    def _given_others(self, p: Array, alone: Array, axis: int) -> Array:
        """A law p (S',) * d as conditionals of one coordinate, which are ``alone`` where the others have no chance."""
        return normalised(p, axis, alone.reshape([-1 if i == axis else 1 for i in range(p.ndim)]))

    def redrawn(self, t: float) -> list[Array]:
        """For each coordinate P(X_t^i = v | X_t^j = x_j, j != i), by state: (N, S')."""
        size, found = self.process.size, []
        for axis, conditional in enumerate(self._conditionals(t)):
            r = np.moveaxis(conditional, axis, -1)
            found.append(self.by_state(np.repeat(r[..., None, :], size, axis=-2), axis))
        return found

    def rates(self, t: float) -> list[Array]:
        """For each coordinate the rates from each state x to those with v in its place: (N, S'), 0 where v = x_i.

        InputError where a rate divides by zero, and at a time without end.
        """
        if math.isinf(t):
            raise InputError(
                "takes rates, of which a step without end has none; use tweedie-tau-leaping",
                key="sampler.name",
            )
        back = self.process.rates(t).T  # [x_i, v]: the forward rate from v to x_i
        return [
            self._rates(conditional, back, axis) for axis, conditional in enumerate(self._conditionals(t))
        ]

    def _rates(self, conditional: Array, back: Array, axis: int) -> Array:
        r = np.moveaxis(conditional, axis, -1)
        with np.errstate(divide="ignore", invalid="ignore"):
            found = r[..., None, :] / r[..., :, None] * back
        found = np.where((back == 0) | ((r == 0)[..., None, :] & (r == 0)[..., :, None]), 0.0, found)
        size = self.process.size
        found[..., np.arange(size), np.arange(size)] = 0.0
        if not np.isfinite(found).all():
            raise InputError(
                "has zeros, and the rates of the reverse chain divide by it: use delta > 0",
                key="forward.delta",
            )
        return self.by_state(found, axis)

    def back(self, t: float, s: float) -> list[Array]:
        """For each coordinate P(X_s^i = v | X_t = x), s < t: (N, S')."""
        K = self.process.kernel(s, t)
        found = []
        for axis in range(self.data.ndim):
            before = np.moveaxis(self.conditional(t, s, axis), axis, -1)
            stay = np.eye(self.process.size)  # x_i itself is impossible: it stays what it is
            law = normalised(before[..., None, :] * K.T, -1, stay)  # [x_i, v]
            found.append(self.by_state(law, axis))
        return found

    def clean(self, t: float) -> list[Array]:
        """For each coordinate P(X_0^i = v | X_t = x), v a state of the data: (N, S)."""
        return [found[:, : self.process.states] for found in self.back(t, 0.0)]

    def by_state(self, values: Array, axis: int) -> Array:
        """(the others, x_i, v) as (N, S'), rows in the order of the states."""
        return np.asarray(np.moveaxis(values, -2, axis).reshape(self.size, -1))

    def true_rows(self, part: slice, t: float, s: float) -> Array:
        """P(X_s = y | X_t = x) for a block of x, all N of y: p_s(y) prod_i K(y_i, x_i)/p_t(x); 0 where p_t(x) = 0."""
        K = self.process.kernel(s, t).T
        states = np.unravel_index(np.arange(part.start, part.stop), self.shape)
        block = product_rows([K[at] for at in states]) * self.marginal(s).ravel()
        return normalised(block, 1, 0.0)

    def stepped(self, q: Array, t: float, s: float) -> Array:
        """The law q at time t carried to s by the true reverse kernel, axis by axis: N S d operations."""
        p = self.marginal(t)
        if (q[p == 0] > 0).any():
            raise InputError("starts where the process never is; use exact", key="sampler.init")
        ratio = q / np.where(p > 0, p, 1.0)
        K = self.process.kernel(s, t).T
        for axis in range(q.ndim):
            ratio = along(ratio, K, axis)
        return self.marginal(s) * ratio


def product_rows(factors: list[Array]) -> Array:
    """Rows of prod_i f_i(x, y_i) for all y: from arrays (n, S') to (n, S'^d)."""
    block = np.ones((len(factors[0]), 1))
    for factor in factors:
        block = (block[:, :, None] * factor[:, None, :]).reshape(len(block), -1)
    return block
