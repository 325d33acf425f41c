"""The KL divergence of a chain on path space, step by step.

By the chain rule it is a sum over steps, each term the divergence of a chain of that step alone from its exact start,

    path KL = KL(p_T || start) + sum_t E_{y ~ p_t} KL(R_t(.|y) || K_t(.|y)),

so its leading term is that of a sum, with nothing to carry on, and in any dimension (`sharpbound.laws.path_kl`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import xlogy

from sharpbound.laws import chains
from sharpbound.laws.base import Problem
from sharpbound.laws.path_kl import PathTolerances, beyond_panels, check_chain, line_step
from sharpbound.marginals.expectation import LineLaw
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.scores.base import ExactScore
from sharpbound.targets import Gaussian1D
from sharpbound.targets.base import Target1D


@dataclass(frozen=True)
class PathSum:
    """A divergence, or what some steps add to it."""

    value: float
    doubt: float = 0.0
    """What may be wrong of it, for the rule that it was found by."""

    def distance(self, metric: str) -> float:
        """The divergence, whatever it is asked for: there is but one."""
        return abs(self.value)

    def power(self, metric: str) -> float:
        """A sum of divergences is one."""
        return 1

    def at_data(self, a: float) -> PathSum:
        """As it is."""
        return self

    def scaled(self, factor: float) -> PathSum:
        """factor times it."""
        return PathSum(factor * self.value, factor * self.doubt)

    def combined(self, others: Sequence[PathSum], weights: Sequence[float]) -> PathSum:
        """sum_k weights_k of this (the first weight) and others."""
        values = [[one.value, one.doubt] for one in (self, *others)]
        return PathSum(*map(float, np.dot(weights, values)))

    def doubting(self, doubt: PathSum) -> PathSum:
        """The same, of which ``doubt`` may be wrong."""
        return replace(self, doubt=doubt.value)

    def corrected(self) -> PathSum:
        """With what may be wrong of it added."""
        return replace(self, value=self.value + self.doubt)


def step_divergences(problem: Problem) -> list[PathSum]:
    """E KL(R_t || K_t) of each step, t = T, ..., stop + 1, from the exact start.

    Raises InputError and NotMeasured as `chains.solve` does.
    """
    check_chain(problem.ladder, problem.sampler, problem.score)
    on_line = isinstance(problem.target, Target1D) and not isinstance(problem.target, Gaussian1D)
    return [PathSum(value) for value in (_on_the_line(problem) if on_line else _one_by_one(problem))]


def _on_the_line(problem: Problem) -> Iterator[float]:
    """1/2 E[Cov/S^2 - 1 + err^2/S^2 + log(alpha S^2/nu)] + h(X_t/a_t) - h(X_{t-1}/a_{t-1}), one law for each level."""
    target, ladder = problem.target, problem.ladder
    assert isinstance(target, Target1D)
    law, entropy = _law(target, ladder.level(ladder.T))
    for t, (stage,) in problem.sampler.path(ladder, problem.score):
        parts = line_step(law, ladder, t, stage)
        rest, _ = beyond_panels(law, law.density * parts, PathTolerances().spent)
        value, before = 0.5 * (float((law.weights * parts).sum()) + rest), entropy
        law, entropy = _law(target, ladder.level(t - 1))
        yield value + before - entropy


def _law(target: Target1D, level: Level) -> tuple[LineLaw, float]:
    """X_t, and h(X_t/a_t)."""
    law = LineLaw.of(target, *level)
    return law, -law.panels.integrate(
        np.asarray(xlogy(law.density, law.density), dtype=np.float64)
    ) - math.log(level[0])


def _one_by_one(problem: Problem) -> Iterator[float]:
    for t in range(problem.ladder.T, problem.ladder.stop, -1):
        step = _one_step(problem.ladder, t)
        score = ExactScore(problem.target, step)
        yield chains.solve(Problem(problem.target, step, problem.sampler, score, "exact")).measured.value


def _one_step(ladder: Ladder, t: int) -> Ladder:
    """From level t to t - 1."""
    here = slice(t - 1, t + 1)
    return replace(
        ladder, a=ladder.a[here], sigma=ladder.sigma[here], beta=np.array([0.0, ladder.beta[t]]), stop=0
    )
