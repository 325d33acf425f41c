"""Corrector steps: after each step to s, kernels that leave p_s as it is, or nearly so.

* ``forward-backward`` (Campbell et al. 2205.14987): a factorised Euler step, of ``corrector_size`` times
  the length of the step, with the rates of the forward and of the reverse chain together, which keep p_s;
* ``gibbs``, uninformed: a coordinate chosen at random is drawn anew from p_s(x_i | x_-i); p_s is kept exactly;
* ``informed`` (after Zhao et al. 2407.21243): the coordinate of least p_s(x_i | x_-i), the first of equal ones, is
  drawn anew. Which one that is depends on what is drawn anew, so that p_s is not kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np

from sharpbound.chapters.discrete.reverse import Places, Reverse
from sharpbound.chapters.discrete.samplers.base import Apart, Kernel, Sampler, held, own_states
from sharpbound.chapters.discrete.samplers.euler import jump_chances
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

Corrector = Literal["forward-backward", "gibbs", "informed"]
MOST_STATES_OF_PATHS = 1024
"""Divergences of paths ask for products of kernels, in N^3."""


@dataclass(frozen=True)
class Corrected(Sampler):
    """A sampler with ``steps`` corrector steps after each of its own."""

    predictor: Sampler
    corrector: Corrector
    steps: int
    size: float

    forgets: ClassVar[bool] = True
    title = "with corrector steps"
    source = "Campbell et al. (2205.14987)"

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"must be at least 1, got {self.steps}", key="sampler.corrector_steps")
        if self.size <= 0:
            raise InputError(f"must be positive, got {self.size:g}", key="sampler.corrector_size")

    @property
    def name(self) -> str:  # type: ignore[override]
        return self.predictor.name

    @property
    def most_states(self) -> int:  # type: ignore[override]
        return self.predictor.most_states

    @property
    def most_states_of_paths(self) -> int:  # type: ignore[override]
        return min(MOST_STATES_OF_PATHS, self.predictor.most_states_of_paths)

    @property
    def by_coordinate(self) -> bool:  # type: ignore[override]
        return self.predictor.by_coordinate and self.corrector == "forward-backward"

    @property
    def exact(self) -> bool:  # type: ignore[override]
        return self.predictor.exact

    def kernels(self, reverse: Reverse, t: float, s: float) -> Sequence[Kernel]:
        if self.corrector == "forward-backward":
            again: Kernel = Apart(self._both_ways(reverse, s, self.size * (t - s)))
        else:
            again = Redrawn.at(reverse, s, self.corrector == "informed")
        return [*self.predictor.kernels(reverse, t, s), *[again] * self.steps]

    def _both_ways(self, reverse: Reverse, s: float, h: float) -> list[Array]:
        forward = reverse.process.rates(s).clip(min=0.0)  # without the diagonal
        here = own_states(reverse.process.size, reverse.data.ndim)
        rates = [back + forward[at] for back, at in zip(reverse.rates(s), here, strict=True)]
        return [held(jumps, reverse, i) for i, jumps in enumerate(jump_chances(rates, h))]


@dataclass(frozen=True)
class Redrawn(Kernel):
    """One coordinate is drawn anew given the others.

    laws : for each coordinate P(X_i = v | x_-i), (N, S').  chance : that it is the one, (N,), by the state x.
    """

    here: Sequence[Places]
    laws: Sequence[Array]
    chance: Sequence[Array]

    @classmethod
    def at(cls, reverse: Reverse, s: float, informed: bool) -> Redrawn:
        """By the law at time s: the coordinate that is least likely as it is, or any."""
        here, laws = own_states(reverse.process.size, reverse.data.ndim), reverse.redrawn(s)
        if not informed:
            return cls(here, laws, [np.full(reverse.size, 1 / len(laws))] * len(laws))
        own = np.stack([law[np.arange(reverse.size), at] for law, at in zip(laws, here, strict=True)])
        chosen = np.argmin(np.round(own, 12), axis=0)  # rounding does not order what is equal
        return cls(here, laws, [(chosen == axis).astype(float) for axis in range(len(laws))])

    def __call__(self, part: slice) -> Array:
        states, (N, size) = np.arange(part.start, part.stop), self.laws[0].shape
        out = np.zeros((len(states), N))
        for axis, (at, law, chance) in enumerate(zip(self.here, self.laws, self.chance, strict=True)):
            stride = size ** (len(self.laws) - 1 - axis)
            to = (states - at[part] * stride)[:, None] + stride * np.arange(size)
            out[np.arange(len(states))[:, None], to] += chance[part, None] * law[part]
        return out

    def push(self, q: Array) -> Array:
        out = np.zeros(q.shape)
        for axis, (at, law, chance) in enumerate(zip(self.here, self.laws, self.chance, strict=True)):
            others = (q.ravel() * chance).reshape(q.shape).sum(axis, keepdims=True)
            out += others * law[np.arange(q.size), at].reshape(q.shape)  # P(x_i | x_-i)
        return out
