"""What is asked of an engine: the law of a sampler's output, or the divergence of its chain, on one problem."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol, TypeVar

from sharpbound.bounds import MAX_RATIO
from sharpbound.distances.base import Law, Measured
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.transport import StartLaw
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target, Target1D
from sharpbound.targets.sphere import Sphere


@dataclass(frozen=True)
class Problem:
    """A sampler on a ladder, given a score, against the target that it is to reach."""

    target: Target
    ladder: Ladder
    sampler: Sampler
    score: ScoreField
    init: str | StartLaw = "normal"
    """The start: "normal", N(0, prior_std^2 I); "exact", the true marginal; or a law on the line."""

    def __post_init__(self) -> None:
        self.sampler.check(self.ladder)
        if isinstance(self.init, str) and self.init not in ("normal", "exact"):
            raise InputError(f"must be normal or exact, got {self.init!r}", key="sampler.init")
        if isinstance(self.target, Target1D):  # what is made of independent parts asks this of each
            check_scales(self.target, self.ladder)

    @property
    def exact(self) -> bool:
        """Whether the score is the target's own."""
        return self.score.exact_for(self.target)

    @property
    def start(self) -> str:
        """``init`` by name, for engines that know no other start: they refuse those before they ask."""
        assert isinstance(self.init, str)
        return self.init

    def parts(self) -> list[tuple[Problem, int]] | None:
        """The independent problems on the line that it is made of, with how often each occurs."""
        parts = self.score.parts(self.target)
        if parts is None:
            return None
        return [
            (Problem(target, self.ladder, self.sampler, score, self.init), count)
            for target, score, count in parts
        ]


def check_scales(target: Target1D, ladder: Ladder) -> None:
    """Raise InputError where the data are so much wider than the least noise that float64 cannot hold both."""
    a, sigma = ladder.level(ladder.stop)
    size = a * math.sqrt(target.moments().second_moment)
    if math.isfinite(size) and 0 < sigma * MAX_RATIO < size:
        raise InputError(
            f"data of size {size:.3g} beside noise of {sigma:.3g} are more than {MAX_RATIO:g} times as large: "
            "take smaller parameters, or stop at more noise",
            key="target",
        )


Answer = TypeVar("Answer")


class Declined(Exception):
    """An engine finds, at work, that the problem is not of its kind after all: the next one is tried."""


class Solve(Protocol):
    """How an engine has a part of its problem solved."""

    def __call__(self, problem: Problem, *, sampled: bool = True) -> Law:
        """The law of the first engine that takes it; without ``sampled``, of those that hold densities."""


class Engine(ABC):
    """One way to the law of a sampler's output."""

    name: ClassVar[str]
    about: ClassVar[str]
    """What it takes and how, in one line."""
    sampled: ClassVar[bool] = False
    """Whether it holds points alone, no densities."""

    @abstractmethod
    def refuses(self, problem: Problem) -> str | None:
        """Why the problem is not of its kind; None where it is."""

    @abstractmethod
    def solve(self, problem: Problem, solve: Solve) -> Law:
        """The law; ``solve`` is for the parts of a problem.

        Raises Declined where the problem proves to be of another kind, NotMeasured where it is of this kind and
        the law cannot be had.
        """


class ChainEngine(ABC):
    """One way to the KL divergence of the true reverse chain against the sampler's."""

    name: ClassVar[str]
    about: ClassVar[str]

    @abstractmethod
    def refuses(self, problem: Problem) -> str | None:
        """Why the problem is not of its kind; None where it is."""

    @abstractmethod
    def solve(self, problem: Problem) -> Measured:
        """The divergence; Declined as for `Engine.solve`."""


Asked = TypeVar("Asked", Engine, ChainEngine)


def first_willing(
    engines: Sequence[Asked], refuses: Callable[[Asked], str | None], solve: Callable[[Asked], Answer]
) -> tuple[Asked, Answer]:
    """The first of ``engines`` that neither refuses nor declines, and what it finds.

    Raises NotMeasured with every engine's reason where none takes the problem.
    """
    reasons = {}
    for engine in engines:
        reason = refuses(engine)
        if reason is None:
            try:
                return engine, solve(engine)
            except Declined as found:
                reason = str(found)
        reasons[engine.name] = reason
    raise NotMeasured("; ".join(f"{name}: {reason}" for name, reason in reasons.items()))


def no_sphere(problem: Problem) -> str | None:
    """Why an engine of spheres, which needs a radial score, refuses; None where it does not."""
    if not isinstance(problem.target, Sphere):
        return "the target is no sphere"
    return None if problem.exact else "the score is not the sphere's own, which alone is radial"


__all__ = ["ChainEngine", "Declined", "Engine", "Law", "Problem", "Solve", "first_willing", "no_sphere"]
