"""What a sampler is: for each step, a short program of Gaussian stages y -> mean(y) + std * N(0, I).

A sampler is written once, as torch maps and noise levels. The engines in `sharpbound.laws` push
laws through the stages and differentiate the maps themselves; `sharpbound.laws.particles` runs the
same stages on samples.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.scores.base import ScoreField


@dataclass(frozen=True)
class Stage:
    """One Gaussian transition y -> mean(y) + std N(0, I).

    ``std`` is a number, or a function of the state *before* the stage that returns a (..., d, d)
    factor S, the noise then having covariance S S^T.
    """

    mean: Callable[[Tensor], Tensor]
    std: float | Callable[[Tensor], Tensor] = 0.0
    lands: tuple[float, float] | None = None
    """The (a, sigma) whose marginal the state is close to after the stage, where it is neither the next
    level (last stage) nor the present one with the noise added (earlier stages): only a hint for grids."""

    @property
    def deterministic(self) -> bool:
        return not callable(self.std) and self.std == 0.0


@dataclass(frozen=True)
class Mixture:
    """One of several transitions, drawn at random for each trajectory and independently of its state."""

    weights: tuple[float, ...]
    stages: tuple[Stage, ...]

    deterministic: ClassVar[bool] = False


Transition = Stage | Mixture


@dataclass
class Step:
    """What a sampler knows when it goes from level t to level t-1."""

    t: int
    ladder: Ladder
    score: ScoreField
    memory: MutableMapping[str, Any] = field(default_factory=dict)
    """Lives through the run: what samplers with ``history`` keep between steps. Written and read by the
    maps of the stages, not while the stages are put together."""

    @property
    def alpha(self) -> float:
        """alpha_t = (a_t/a_{t-1})^2."""
        return self.ladder.alpha(self.t)

    @property
    def beta(self) -> float:
        """1 - alpha_t."""
        return float(self.ladder.beta[self.t])

    @property
    def a(self) -> float:
        return float(self.ladder.a[self.t])

    @property
    def sigma(self) -> float:
        return float(self.ladder.sigma[self.t])

    @property
    def a_next(self) -> float:
        return float(self.ladder.a[self.t - 1])

    @property
    def sigma_next(self) -> float:
        return float(self.ladder.sigma[self.t - 1])

    @property
    def to_data(self) -> bool:
        """Whether the step ends at sigma = 0, where lambda is infinite."""
        return self.sigma_next == 0.0

    @property
    def h(self) -> float:
        """Step in lambda = log(a/sigma)."""
        return log_snr(self.ladder, self.t - 1) - log_snr(self.ladder, self.t)

    def noise(self, y: Tensor) -> Tensor:
        """The noise prediction eps = -sigma_t s_t(y)."""
        return -self.sigma * self.score(self.t, y)

    def data(self, y: Tensor) -> Tensor:
        """The data prediction x0 = (y + sigma_t^2 s_t(y))/a_t."""
        return (y + self.sigma**2 * self.score(self.t, y)) / self.a

    def score_between(self, level: Level, y: Tensor) -> Tensor:
        """The score at a level that need not be on the ladder; InputError where the score field has none."""
        between = getattr(self.score, "between", None)
        if between is None:
            raise InputError(
                "this sampler evaluates the score between two ladder levels, where this score field is not "
                "defined; use a multistep sampler such as dpm-solver++-2m, or heun",
                key="sampler.name",
            )
        return between(level, y)


def log_snr(ladder: Ladder, t: int) -> float:
    """lambda_t = log(a_t/sigma_t), infinite at sigma = 0."""
    sigma = float(ladder.sigma[t])
    return math.log(float(ladder.a[t]) / sigma) if sigma > 0 else math.inf


def level_at(kind: str, lam: float) -> Level:
    """The (a, sigma) with log(a/sigma) = lam of a process with a^2 + sigma^2 = 1 ("vp") or a = 1 ("ve")."""
    if kind == "ve":
        return 1.0, math.exp(-lam)
    return 1.0 / math.sqrt(1.0 + math.exp(-2 * lam)), 1.0 / math.sqrt(1.0 + math.exp(2 * lam))


class Sampler(ABC):
    """A reverse-time sampler. Subclasses are one small file each and register themselves by name."""

    name: ClassVar[str]
    title: ClassVar[str]
    source: ClassVar[str]
    """Paper, version and equation."""
    kinds: ClassVar[frozenset[str]] = frozenset({"vp"})
    """Forward kinds that its formula is written for."""
    history: ClassVar[bool] = False
    """Whether a step uses what earlier steps left in ``Step.memory``: the state is then not a Markov
    chain, and engines that treat one stage at a time do not apply."""

    # attributes of the class, or properties where they depend on its parameters
    @property
    @abstractmethod
    def deterministic(self) -> bool:
        """Whether no stage has noise."""

    @property
    @abstractmethod
    def nfe(self) -> int:
        """Score evaluations per step (on the average over a run)."""

    @property
    @abstractmethod
    def order(self) -> float:
        """Order that its authors claim (in the metric the source states)."""

    @abstractmethod
    def stages(self, step: Step) -> Sequence[Transition]:
        """The program of the step t -> t-1. Puts maps together; evaluates no score itself."""

    def check(self, ladder: Ladder) -> None:
        """Raise InputError where the ladder is of a kind that the formula is not written for."""
        if ladder.kind not in self.kinds:
            raise InputError(
                f"{self.name} is written for {'/'.join(sorted(self.kinds))} processes; {ladder.name} is "
                f"{ladder.kind}: use ddim, heun, euler-maruyama or exponential-integrator, or another ladder",
                key="sampler.name",
            )

    def path(self, ladder: Ladder, score: ScoreField) -> Any:
        """Iterate over (t, stages) for t = T, ..., stop + 1, with one shared memory."""
        self.check(ladder)
        memory: MutableMapping[str, Any] = {} if self.history else MappingProxyType({})  # type: ignore[assignment]
        for t in range(ladder.T, ladder.stop, -1):
            yield t, self.stages(Step(t, ladder, score, memory))


def run(sampler: Sampler, ladder: Ladder, score: ScoreField, y: Tensor, generator: torch.Generator) -> Tensor:
    """Samples of the output law from samples ``y`` (n, d) of the initial law."""
    for _, stages in sampler.path(ladder, score):
        for stage in stages:
            y = _moved(stage, y, generator)
    return y


def _moved(stage: Transition, y: Tensor, generator: torch.Generator) -> Tensor:
    if isinstance(stage, Mixture):
        weights = torch.tensor(stage.weights, dtype=y.dtype)
        drawn = torch.multinomial(weights, len(y), replacement=True, generator=generator)
        moved = torch.stack([_moved(one, y, generator) for one in stage.stages])
        return moved[drawn, torch.arange(len(y))]
    mean = stage.mean(y)
    if stage.deterministic:
        return mean
    noise = torch.randn(y.shape, generator=generator, dtype=y.dtype)
    if callable(stage.std):
        return mean + (stage.std(y) @ noise.unsqueeze(-1)).squeeze(-1)
    return mean + stage.std * noise
