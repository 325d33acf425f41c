"""Sums of defects in the step h of an even ladder, and what they tend to.

The defects of a sampler of order p add up to R_h = c_p h^p + c_{p+1} h^{p+1} + ..., and Richardson's extrapolation has
the coefficients from a few h. What they are sums of, a *field*, is a difference of laws on the line (`LineResponse`) or
the divergence of a chain (`PathSum`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from sharpbound.errors import NotMeasured
from sharpbound.laws.leading.response import Field

ROUNDING = 1e-15
"""Rounding of what one step adds to a field."""
ORDERS = range(8)
"""Powers of the step that are looked for."""
CLEAR = 5.0
"""How much less well than its own coefficient those of other powers settle, for few ladders to tell an order."""
NONE, UNSURE = 1e-3, 0.1
"""A coefficient whose term at the finest ladder is this small against the whole is none, and one that may be off by
this much of itself is not known."""


class NoError(NotMeasured):
    """Of a sampler whose steps are exact on a law: its leading term is zero."""


F = TypeVar("F", bound=Field)


@dataclass(frozen=True)
class Series:
    """Fields R_h for several h, decreasing, which expand in powers of h."""

    steps: tuple[float, ...]
    counts: tuple[int, ...]
    """Numbers of steps that each field is the sum of, for its rounding."""
    fields: tuple[Field, ...]

    def coefficient(self, p: int, first: int = 0) -> Field:
        """c_p of R_h = c_p h^p + c_{p+1} h^{p+1} + ..., from the fields of index ``first`` on."""
        return self.fields[first].combined(self.fields[first + 1 :], self._weights(p, first))

    def _weights(self, p: int, first: int) -> list[float]:
        h = np.array(self.steps[first:])
        vandermonde = (h[:, None] / h[-1]) ** (p + np.arange(len(h)))
        return list(np.linalg.inv(vandermonde)[0] / h[-1] ** p)

    def value(self, p: int, f: Callable[[Field], float]) -> tuple[float, float]:
        """f(c_p) from the run of ladders on which it settles best, and how far it may be off."""
        firsts = range(max(1, len(self.steps) - 3))
        values = [f(self.coefficient(p, first)) for first in range(firsts[-1] + 2)]
        errors = [abs(values[i] - values[i + 1]) + self._rounding(p, i, values[i]) for i in firsts]
        best = int(np.argmin(errors))
        return values[best], errors[best]

    def _rounding(self, p: int, first: int, value: float) -> float:
        weights = self._weights(p, first)
        noise = ROUNDING * math.fsum(abs(w) * n for w, n in zip(weights, self.counts[first:], strict=True))
        whole = size(self.coefficient(p, first))
        return 2 * value * noise / whole if whole > 0 else 0.0

    def order(self, clear: float = CLEAR) -> int:
        """The p whose coefficient settles best, by a factor of ``clear``; 0 for an error that stays.

        Lower powers leave a part that settles by chance where the ladders are few, higher ones diverge as h -> 0.
        NotMeasured where none is found.
        """
        whole = size(self.fields[-1])
        if whole <= ROUNDING * self.counts[-1]:
            raise NoError("its steps are exact: there is no error")
        (doubt, p), (next_doubt, _) = sorted((self._doubt(p, whole), p) for p in ORDERS)[:2]
        if doubt < UNSURE and clear * doubt <= next_doubt:
            return p
        raise NotMeasured("the defects do not settle on a power of the step")

    def _doubt(self, p: int, whole: float) -> float:
        """Relative error of c_p; infinite where its term is none beside the ``whole``."""
        found, error = self.value(p, size)
        return error / found if found * self.steps[-1] ** p > NONE * whole else math.inf


def size(field: Field) -> float:
    """One number for a field, linear in it."""
    return field.distance("hellinger")


def weighted(fields: Sequence[F], weights: Sequence[float]) -> F:
    """sum_k weights_k fields_k."""
    return fields[0].combined(fields[1:], weights)
