"""Engine ``chain``: the law of a sampler's output, pushed exactly through the kernel of every step.

N states cost N^2 time a step and N memory: rows of a kernel are made in blocks. The true reverse kernel goes axis by
axis, in N S d.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from sharpbound.chapters.discrete.divergences import kl, rows_kl
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers import Sampler
from sharpbound.chapters.discrete.samplers.exact import ExactReverse, Uniformisation
from sharpbound.chapters.discrete.score_error import Estimated, continuous_law, score_entropy
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

BLOCK = 1 << 21
"""Transitions that are held at a time."""
INITS = ("exact", "uniform", "stationary")
"""Laws a sampler may start from: of X at the horizon, equal chances for all states, the limit of the process."""


@dataclass(frozen=True)
class Chain:
    """A sampler's chain beside the true reverse one, on the grid of T steps."""

    reverse: Reverse
    sampler: Sampler
    T: int
    init: str = "exact"
    wrong: Estimated | None = None

    @property
    def estimated(self) -> Reverse:
        """What the sampler is given of the reverse chain: all of it, or with an error of the score."""
        return self.reverse if self.wrong is None else self.wrong

    def __post_init__(self) -> None:
        if self.reverse.size > self.sampler.most_states:
            raise InputError(
                f"{self.reverse.size} states; a step of this sampler takes at most {self.sampler.most_states}",
                key="target",
            )
        if self.wrong is not None and self.sampler.exact and not isinstance(self.sampler, Uniformisation):
            raise InputError(
                "the true kernel has no score to be wrong; use uniformization", key="sampler.name"
            )

    @property
    def times(self) -> Array:
        """T + 1 times, the noisiest first."""
        return self.reverse.process.times(self.T)

    @property
    def steps(self) -> list[tuple[float, float]]:
        """(t, s) of each step."""
        times = self.times.tolist()
        return list(itertools.pairwise(times))

    def truth(self) -> Array:
        """p at the last time, where the sampler stops."""
        return self.reverse.marginal(float(self.times[-1]))

    def start(self) -> Array:
        """The law of the first state."""
        if self.init == "exact":
            return self.reverse.marginal(float(self.times[0]))
        size = self.reverse.process.size
        one = np.full(size, 1 / size) if self.init == "uniform" else self.reverse.process.limit()
        law = np.array(1.0)
        for _ in range(self.reverse.data.ndim):
            law = law[..., None] * one
        return law

    def output_law(self) -> Array:
        """The law of the last state, of the shape of `truth`."""
        q = self.start()
        if self.wrong is not None and isinstance(self.sampler, Uniformisation):
            return continuous_law(self.wrong, q, float(self.times[0]), float(self.times[-1]))
        for t, s in self.steps:
            if isinstance(self.sampler, ExactReverse):
                q = self.reverse.stepped(q, t, s)
                continue
            for kernel in self.sampler.kernels(self.estimated, t, s):
                flat = q.ravel()
                q = np.sum([flat[part] @ kernel(part) for part in self.blocks()], axis=0).reshape(q.shape)
        return q

    def blocks(self) -> list[slice]:
        """The states in blocks."""
        N = self.reverse.size
        rows = max(1, BLOCK // (N * self.sampler.fan_out(N)))
        return [slice(first, min(first + rows, N)) for first in range(0, N, rows)]

    def path_kl(self) -> float:
        """KL of the true reverse chain on the time grid against the sampler's: of the start, and of each step given
        the state before it, under the truth. Infinite where the sampler cannot go where the truth does.
        """
        total = kl(self.reverse.marginal(float(self.times[0])), self.start())
        if isinstance(self.sampler, Uniformisation):  # of the paths in continuous time
            return total + self.score_entropy()
        for t, s in self.steps:
            p = self.reverse.marginal(t).ravel()
            first, *later = self.sampler.kernels(self.estimated, t, s)
            whole = [np.concatenate([kernel(part) for part in self.blocks()]) for kernel in later]
            for part in self.blocks():
                block = first(part)
                for kernel in whole:
                    block = block @ kernel
                total += float(p[part] @ rows_kl(self.reverse.true_rows(part, t, s), block))
        return total

    def score_entropy(self) -> float:
        """Of the estimated rates, from the last time to the first: 0 where they are exact."""
        if self.wrong is None:
            return 0.0
        return score_entropy(self.reverse, self.wrong, float(self.times[0]), float(self.times[-1]))

    def poisson_steps(self) -> float:
        """Expected number of steps of uniformisation: the lengths of the T intervals, each times the largest total rate
        at either of its ends.
        """
        most = [
            float(sum(rate.sum(1) for rate in self.estimated.rates(t)).max()) for t in self.times.tolist()
        ]
        return sum((t - s) * max(most[k : k + 2]) for k, (t, s) in enumerate(self.steps))
