"""What a sampler is given: a score field, exact unless an error was added to it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from sharpbound.processes.ladder import Ladder, Level
from sharpbound.targets.base import Target, Target1D
from sharpbound.targets.parts import own_coordinates

if TYPE_CHECKING:
    from sharpbound.scores.perturbed import LineError


class LineProblem(NamedTuple):
    """``copies`` equal and independent coordinates: a law on the line with a score on the line."""

    target: Target1D
    score: ScoreField
    copies: int


class ScoreField(ABC):
    """The score that a sampler is given: s_t(y) at ladder level t, exact or with an error.

    Each method may be differentiated once in forward mode. What a field says of itself decides which engines
    may use it; the defaults are those of a black box, which only engines that evaluate it take.
    """

    @abstractmethod
    def __call__(self, t: int, y: Tensor) -> Tensor:
        """s_t(y), shape (..., d)."""

    @abstractmethod
    def jacobian(self, t: int, y: Tensor) -> Tensor:
        """grad s_t(y), shape (..., d, d)."""

    @abstractmethod
    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        """grad tr(grad s_t)(y), shape (..., d)."""

    def exact_for(self, target: Target) -> bool:
        """Whether it is the exact score of ``target``, so that engines may use what they know of that."""
        return False

    @property
    def affine(self) -> bool:
        """Whether it is known to be the exact score plus a + b x: Gaussians then stay Gaussian."""
        return False

    def parts(self, target: Target) -> list[LineProblem] | None:
        """The independent problems on the line that it makes of ``target``; None where it is not known to make any.

        A score acts on the coordinates of a law apart from each other where they are independent and its error on
        each depends on that one alone.
        """
        return [LineProblem(target, self, 1)] if isinstance(target, Target1D) else None

    @property
    def field(self) -> LineError | None:
        """Its error on the line where that is a field that the marginal's panels may not resolve."""
        return None

    def edges(self, t: int) -> Sequence[float]:
        """Points of the line where it is not smooth at level t."""
        return ()


@dataclass(frozen=True)
class ExactScore(ScoreField):
    """s_t = grad log density of a_t X0 + sigma_t W.

    Not to be subclassed: whatever is more than the exact score is not one, and wraps it.
    """

    target: Target
    ladder: Ladder

    def __init_subclass__(cls) -> None:
        raise TypeError(
            f"{cls.__name__}: an exact score with something added is not exact; wrap it in a ScoreField"
        )

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return self.target.score(y, *self.ladder.level(t))

    def between(self, level: Level, y: Tensor) -> Tensor:
        """The score at any (a, sigma), for samplers that evaluate it between ladder levels."""
        return self.target.score(y, *level)

    def jacobian(self, t: int, y: Tensor) -> Tensor:
        return self.target.score_jacobian(y, *self.ladder.level(t))

    def grad_divergence(self, t: int, y: Tensor) -> Tensor:
        return self.target.grad_divergence(y, *self.ladder.level(t))

    def exact_for(self, target: Target) -> bool:
        return self.target is target

    @property
    def affine(self) -> bool:
        return True

    def parts(self, target: Target) -> list[LineProblem] | None:
        if isinstance(target, Target1D):  # also that of another law
            return [LineProblem(target, self, 1)]
        own = own_coordinates(target) if self.target is target else None
        return own if own is None else [LineProblem(law, ExactScore(law, self.ladder), n) for law, n in own]
