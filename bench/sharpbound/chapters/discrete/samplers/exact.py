"""Samplers whose steps have no error: the true reverse kernel, and uniformisation, which simulates it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers.base import Kernel, Sampler
from sharpbound.numerics.quadrature import Array


@dataclass(frozen=True)
class TrueKernel(Kernel):
    """P(X_s = y | X_t = x)."""

    reverse: Reverse
    t: float
    s: float

    def __call__(self, part: slice) -> Array:
        return self.reverse.true_rows(part, self.t, self.s)

    def push(self, q: Array) -> Array:
        return self.reverse.stepped(q, self.t, self.s)


@dataclass(frozen=True)
class ExactReverse(Sampler):
    """P(X_s = y | X_t = x) itself. Laws go through it axis by axis."""

    name = "exact-reverse"
    title = "true reverse kernel"
    source = "Bayes' rule"
    most_states: ClassVar[int] = 1 << 20
    most_states_of_paths: ClassVar[int] = 1 << 20
    exact: ClassVar[bool] = True

    def kernels(self, reverse: Reverse, t: float, s: float) -> Sequence[Kernel]:
        return [TrueKernel(reverse, t, s)]


@dataclass(frozen=True)
class Uniformisation(ExactReverse):
    """Jumps at the times of a Poisson process of rate L >= every total rate in the step, most of them to x itself.

    With exact rates its law is that of the reverse chain; what is random is the number of steps, which is
    Poisson with mean sum_steps (t - s) L (metric ``steps``).
    """

    name = "uniformization"
    title = "uniformisation"
    source = "Chen, Ying (2402.08095)"
