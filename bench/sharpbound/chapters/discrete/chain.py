"""Engine ``chain``: the law of a sampler's output, pushed exactly through the kernel of every step.

N states cost N^2 time a step, in one product of matrices, and N memory. The true reverse kernel, corrector steps that
draw one coordinate and the divergence of paths go axis by axis, in N S d.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from sharpbound.chapters.discrete.divergences import kl
from sharpbound.chapters.discrete.paths import step_kl
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers import Kernel, Sampler
from sharpbound.chapters.discrete.samplers.exact import Uniformisation
from sharpbound.chapters.discrete.score_error import Estimated, continuous_law, score_entropy
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

KEPT = 1 << 18
"""Steps times states up to which kernels are kept: the law and the divergence of paths ask for the same ones."""
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
        self.check_size("a step", max(self.sampler.most_states, self.sampler.most_states_of_paths))
        if self.wrong is not None and self.sampler.exact and not isinstance(self.sampler, Uniformisation):
            raise InputError(
                "the true kernel has no score to be wrong; use uniformization", key="sampler.name"
            )

    def check_size(self, what: str, most: int) -> None:
        """InputError where there are more states than ``what`` takes with this sampler."""
        size, dim = self.reverse.process.size, self.reverse.data.ndim
        if self.reverse.size > most:
            raise InputError(
                f"{size}^{dim} = {self.reverse.size} states; {what} with {self.sampler.name} takes at most {most}",
                key="target",
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
            for kernel in self.kernels(t, s):
                q = kernel.push(q)
        return q

    def kernels(self, t: float, s: float) -> Sequence[Kernel]:
        """Those of a step of the sampler."""
        if self.reverse.size * self.T > KEPT:
            return self.sampler.kernels(self.estimated, t, s)
        if (t, s) not in self._kept:
            self._kept[t, s] = self.sampler.kernels(self.estimated, t, s)
        return self._kept[t, s]

    @cached_property
    def _kept(self) -> dict[tuple[float, float], Sequence[Kernel]]:
        return {}

    def path_kl(self) -> float:
        """KL of the true reverse chain on the time grid against the sampler's: of the start, and of each step given
        the state before it, under the truth. Infinite where the sampler cannot go where the truth does.
        """
        total = kl(self.reverse.marginal(float(self.times[0])), self.start())
        if isinstance(self.sampler, Uniformisation):  # of the paths in continuous time
            return total + self.score_entropy()
        if self.sampler.exact:
            return total
        for t, s in self.steps:
            total += step_kl(self.reverse, self.kernels(t, s), t, s)
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
