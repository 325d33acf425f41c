"""How a registered sampler is made wrong: in what its formula sees, or in the program that comes out."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from torch import Tensor

from sharpbound import samplers
from sharpbound.samplers.base import Program, Sampler, Stage, Step
from sharpbound.scores.base import ScoreField

Seen = Callable[[Step], Step]
Rewrite = Callable[[Step, list[Any]], Program]


@dataclass(frozen=True)
class Mutant:
    """A registered sampler with one mistake.

    ``base`` is its [sampler] table, ``wrong`` says in words what is wrong.
    """

    name: str
    base: dict[str, Any]
    wrong: str
    sampler: Sampler

    @property
    def original(self) -> Sampler:
        return samplers.build(self.base)


def mutant(
    base: str,
    mistake: str,
    wrong: str,
    *,
    seen: Seen | None = None,
    program: Rewrite | None = None,
    **parameters: Any,
) -> Mutant:
    """``base`` whose formula gets the step through ``seen`` and whose stages go through ``program``."""
    spec = {"name": base, **parameters}
    original = samplers.build(spec)
    family: type[Sampler] = type(original)

    def stages(self: Sampler, step: Step) -> Program:
        made = list(family.stages(self, seen(step) if seen else step))
        return program(step, made) if program else made

    changed = type(f"Mutated{family.__name__}", (family,), {"stages": stages})
    return Mutant(f"{base}: {mistake}", spec, wrong, changed(**parameters))


def _constant(value: float, _: Step) -> float:
    return value


# -- what the formula sees ---------------------------------------------------------------------


def seeing(**wrong: Callable[[Step], float]) -> Seen:
    """The step with some of its numbers (alpha, beta, sigma, ...) replaced, from the true step."""

    def see(step: Step) -> Step:
        values = {name: property(partial(_constant, f(step))) for name, f in wrong.items()}
        return type("WrongStep", (Step,), values)(step.t, step.ladder, step.score)

    return see


def in_single_precision() -> Seen:
    """The step with its numbers rounded to float32, as tables of schedules are often kept."""

    def rounded(name: str) -> Callable[[Step], float]:
        return lambda step: float(np.float32(getattr(step, name)))

    return seeing(**{name: rounded(name) for name in ("alpha", "beta", "a", "sigma", "a_next", "sigma_next")})


@dataclass(frozen=True)
class _WrongScore(ScoreField):
    """A score field at another level, or with another value."""

    score: Any
    level: Callable[[int], int]
    value: Callable[[Tensor], Tensor]

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return self.value(self.score(self.level(t), y))

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        return self.value(self.score.jacobian(self.level(t), y))

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        return self.value(self.score.grad_divergence(self.level(t), y))


def scored(
    *, level: Callable[[int], int] = lambda t: t, value: Callable[[Tensor], Tensor] = lambda s: s
) -> Seen:
    """The step of a sampler that evaluates scores at ladder levels only, with another score."""
    return lambda step: replace(step, score=_WrongScore(step.score, level, value))


# -- what comes out ----------------------------------------------------------------------------


def noise_times(factor: Callable[[Step], float], stage: int = -1) -> Rewrite:
    """The noise of one stage multiplied."""

    def program(step: Step, made: list[Stage]) -> list[Stage]:
        std = made[stage].std
        gain = factor(step)
        changed = (lambda y: gain * std(y)) if callable(std) else gain * std
        made[stage] = replace(made[stage], std=changed)
        return made

    return program


def formula(write: Callable[[Step], Program]) -> Rewrite:
    """The whole program written anew."""
    return lambda step, made: write(step)


def last_step(change: Callable[[Step, list[Stage]], list[Stage]]) -> Rewrite:
    """Another program at the last step alone."""
    return lambda step, made: change(step, made) if step.t == step.ladder.stop + 1 else made


def first_step(change: Callable[[Step, list[Stage]], list[Stage]]) -> Rewrite:
    """Another program at the first step alone."""
    return lambda step, made: change(step, made) if step.t == step.ladder.T else made


def ratio(step: Step) -> float:
    """sqrt(alpha_t)."""
    return math.sqrt(step.alpha)
