"""The law of a sampler's output beside the truth: which engine finds it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sharpbound.chapters.discrete import divergences, process, samplers, score_error
from sharpbound.chapters.discrete.chain import INITS, Chain
from sharpbound.chapters.discrete.masked import samplers as masked_samplers
from sharpbound.chapters.discrete.pair import Averages, Pair, Products, Tables
from sharpbound.chapters.discrete.paths import ALL_PAIRS
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers.exact import Uniformisation
from sharpbound.chapters.discrete.targets import Product, Target
from sharpbound.errors import InputError, brief
from sharpbound.numerics.quadrature import Array

FOUND_BY = {
    "chain": "finite state spaces, continuous time: a law pushed through each step, in two halves of coordinates",
    "product": "independent coordinates on finite spaces, any number of them: the law of each by itself",
    "subsets": "masked diffusion: a sum over all orders of unmasking, by dynamic programming over subsets of tokens",
    "counts": "masked diffusion of binary exchangeable laws of any length: the law of the number of ones",
    "profile": "masked diffusion, averaged over orders, from the mean entropies of k tokens: chains of any length",
}
"""What finds a law, in a line."""
MOST_STATES_OF_PLANS = 512
"""For hamming-w1, which looks at all pairs of states."""
SOLVER = 1e-10
"""Total variation by which a law in continuous time may be off: an adaptive solver, at a tolerance of 1e-11."""


@dataclass(frozen=True)
class Problem:
    """All that a law of a sampler's output depends on: a target, and tables of a case file as they are."""

    target: Target
    forward: Mapping[str, Any]
    sampler: Mapping[str, Any]
    T: int
    error: Mapping[str, Any] | None = None

    @property
    def masked(self) -> bool:
        """Whether tokens are revealed, in steps without a time."""
        return self.forward.get("process") == "masked"

    def solve(self) -> Pair:
        """The output law beside the truth, which is the law at ``delta``, where a chain stops, or the target itself.

        InputError, naming the key, for what cannot be solved.
        """
        if self.masked:
            return self._unmasking().solve(self.target, self.T)
        chains, counts = self._chains()
        if counts:
            return Products(tuple(map(tables, chains)), tuple(counts))
        (chain,) = chains
        return tables(chain) if chain.reverse.size <= chain.sampler.most_states else paths_alone(chain)

    def check(self) -> None:
        """InputError, naming the key, for what `solve` cannot do as far as it is seen without computing."""
        if self.masked:
            self._unmasking().check(self.target, self.T)
        else:
            self._chains()

    def check_metric(self, metric: str, judged: bool = True) -> None:
        """InputError for a metric that so many states do not have; what is not ``judged`` may be left out of rows."""
        if self.masked and judged:
            self._unmasking().check_law(self.target, self.T, metric)
        chains, counts = ([], []) if self.masked else self._chains()
        if metric == "hamming-w1" and not counts:
            size = self.target.states if self.masked else chains[0].reverse.process.size
            if size**self.target.dim > MOST_STATES_OF_PLANS:
                raise InputError(
                    f"{metric} takes at most {MOST_STATES_OF_PLANS} states, not {size}^{self.target.dim}",
                    key="measure.metric",
                )
        for chain in chains:
            if metric == "path-kl":
                chain.check_size(metric, chain.sampler.most_states_of_paths)
            elif metric != "steps":
                chain.check_size(metric, chain.sampler.most_states)

    def check_steps(self) -> None:
        """InputError where a step is too long for the sampler, or rates divide by zero."""
        if not self.masked:
            for chain in self._chains()[0]:
                for t, s in chain.steps:
                    chain.sampler.kernels(chain.estimated, t, s)

    def budget(self) -> dict[str, float]:
        """What each source of error does alone: ``kl_start`` the start (no step, no score), ``kl_steps`` the steps,
        ``kl_score`` the score (in continuous time); ``tv_stop`` is the distance of the law at ``delta`` to the target.
        """
        chain = self._whole()
        p = chain.truth()
        exact, uniform = samplers.build({"name": "exact-reverse"}), samplers.build({"name": "uniformization"})
        return {
            "kl_start": divergences.kl(p, Chain(chain.reverse, exact, 1, chain.init).output_law()),
            "kl_steps": divergences.kl(p, Chain(chain.reverse, chain.sampler, self.T).output_law()),
            "kl_score": divergences.kl(p, Chain(chain.reverse, uniform, 1, wrong=chain.wrong).output_law()),
            "tv_stop": divergences.total_variation(p, chain.reverse.table),
        }

    def _unmasking(self) -> masked_samplers.MaskedSampler:
        if self.error is not None:
            raise InputError("a masked process takes none; use absorbing-ctmc", key="score_error")
        return masked_samplers.build(self.sampler)

    def _chains(self) -> tuple[list[Chain], list[int]]:
        """The chain of each kind of coordinate, with how many there are of it; or one of all coordinates together."""
        made = samplers.build(self.sampler)
        if self.error is None and isinstance(self.target, Product) and made.by_coordinate:
            return [self._chain(row) for row in self.target.factors], self.target.counts
        return [self._whole()], []

    def _whole(self) -> Chain:
        return self._chain(self.target.table())

    def _chain(self, table: Array) -> Chain:
        init = self.sampler.get("init", "exact")
        if init not in INITS:
            raise InputError(f"must be one of {', '.join(INITS)}, got {brief(init)}", key="sampler.init")
        reverse = Reverse(table, process.build(self.forward, self.target.states))
        wrong = None if self.error is None else score_error.build(self.error, reverse)
        return Chain(reverse, samplers.build(self.sampler), self.T, init, wrong)


def paths_alone(chain: Chain) -> Averages:
    """The divergence of paths of a ``chain`` whose output has too many states."""
    return Averages("chain", {"path-kl": chain.path_kl}, chain.T * math.log(chain.reverse.size), {})


def tables(chain: Chain) -> Tables:
    """The law of the output of ``chain`` beside the truth."""
    others: dict[str, Callable[[], float]] = {"path-kl": chain.path_kl}
    if isinstance(chain.sampler, Uniformisation):
        others["steps"] = chain.poisson_steps
    known = {}
    if chain.wrong is not None:
        loss = chain.score_entropy()
        known = {"score_entropy": loss, "eps_score": math.sqrt(max(loss, 0.0))}
    solved = chain.wrong is not None and isinstance(chain.sampler, Uniformisation)
    accuracy = SOLVER if solved else 0.0
    scale = 4 * math.log(chain.reverse.size) if chain.reverse.size > ALL_PAIRS else 1.0
    return Tables("chain", chain.truth(), chain.output_law(), chain.T, others, known, accuracy, scale)
