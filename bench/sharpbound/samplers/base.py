"""What a sampler is: for each step, a short program of Gaussian stages y -> mean(y) + std * N(0, I).

A sampler is written once, as torch maps and noise levels. The engines in `sharpbound.laws` push
laws through the stages and differentiate the maps themselves; `sharpbound.laws.particles` runs the
same stages on samples.

A multistep sampler is Markov in the pair (y, past): its stages are maps of both, and nothing is kept elsewhere.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.processes.schedules import log_snr_uniform, sub_vp, ve_exponential
from sharpbound.scores.base import ExactScore, ScoreField
from sharpbound.targets import Gaussian1D

Past = tuple[Any, ...]
"""What a sampler with ``history`` hands on beside the state, tensors of the state's shape among it. A run starts
with the empty tuple."""


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

    def advance(self, y: Tensor, past: Past) -> tuple[Tensor, Past]:
        """Mean and past after the stage."""
        return self.mean(y), past


@dataclass(frozen=True)
class PastStage:
    """One transition of a sampler with ``history``: (y', past') = step(y, past), then y' + std N(0, I).

    ``step`` is a pure function, so that a single step can be taken from any (y, past): from the exact past,
    for its local error. The noise is added to y' alone; the next stage finds a draw as what has been added.
    """

    step: Callable[[Tensor, Past], tuple[Tensor, Past]]
    std: float = 0.0

    @property
    def deterministic(self) -> bool:
        return self.std == 0.0

    def advance(self, y: Tensor, past: Past) -> tuple[Tensor, Past]:
        """Mean and past after the stage."""
        return self.step(y, past)


@dataclass(frozen=True)
class Mixture:
    """One of several transitions, drawn at random for each trajectory and independently of its state."""

    weights: tuple[float, ...]
    stages: tuple[Stage, ...]

    deterministic: ClassVar[bool] = False


Transition = Stage | Mixture
"""What takes a law of the state alone to another."""
Program = Sequence[Stage | Mixture | PastStage]


@dataclass(frozen=True)
class Step:
    """What a sampler knows when it goes from level t to level t-1."""

    t: int
    ladder: Ladder
    score: ScoreField

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


class Sampler(ABC):
    """A reverse-time sampler. Subclasses are one small file each and register themselves by name.

    Required: ``name``, and `stages`. All else has a default: ``title`` is the name, ``source`` is empty, ``kinds``
    is {"vp"}, ``history`` is False, `nfe` and `order` are None (not said), and `deterministic` is read off the
    stages. Parameters are the fields of a frozen dataclass; each has a default.

    Levels are (a, sigma) of X = a X0 + sigma W, in the units of the data. A state is a float64 torch tensor of
    shape (..., d); so are scores. A map treats the points of a batch one by one, is built of torch operations (it
    is differentiated), and draws no randomness: noise is the ``std`` of a stage. `sharpbound.samplers.contract`
    checks all this and says in one line what is broken.

        class MyDDPM(Sampler):
            name = "my-ddpm"

            def stages(self, step):
                gain = step.beta / math.sqrt(step.alpha)
                return [
                    Stage(
                        lambda y: y / math.sqrt(step.alpha) + gain * step.score(step.t, y),
                        std=math.sqrt(step.beta / step.alpha),
                    )
                ]
    """

    name: ClassVar[str]
    title: ClassVar[str]
    """What it is called in tables and figures."""
    source: ClassVar[str] = ""
    """Paper, version and equation."""
    kinds: ClassVar[frozenset[str]] = frozenset({"vp"})
    """Names of the forward processes that its formula is written for: "vp", "sub-vp", "ve". A formula in alpha_t
    and beta_t alone is one for "vp", and on others would be wrong without a sign of it."""
    descends: ClassVar[bool] = True
    """Whether its step takes the law of a level to that of the next, up to an error that vanishes with the step."""
    counts_steps: ClassVar[bool] = False
    """Whether a step depends on the number of steps, besides its levels."""
    history: ClassVar[bool] = False
    """Whether a step uses what earlier steps computed, so that its stages are `PastStage`: the state alone is then
    not a Markov chain, and engines that push a density of it do not apply."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "name" in vars(cls) and "title" not in vars(cls):
            cls.title = cls.name

    @property
    def deterministic(self) -> bool:
        """Whether no step draws noise. By default what the stages of a run of four steps say."""
        (kind, *_) = sorted(self.kinds)
        ladder = PROBES[kind](4)
        score = ExactScore(Gaussian1D(0.0, 1.0), ladder)
        return all(stage.deterministic for _, stages in self.path(ladder, score) for stage in stages)

    @property
    def nfe(self) -> float | None:
        """Score evaluations per step (on the average over a run); None if not said."""
        return None

    @property
    def order(self) -> float | None:
        """Order that its authors claim (in the metric the source states); None if they claim none."""
        return None

    @abstractmethod
    def stages(self, step: Step) -> Program:
        """The program of the step t -> t-1. Puts maps together; evaluates no score itself."""

    def check(self, ladder: Ladder) -> None:
        """Raise InputError where the ladder is of a kind that the formula is not written for."""
        if ladder.kind not in self.kinds:
            raise InputError(
                f"{self.name} is written for {'/'.join(sorted(self.kinds))} processes (its kinds); {ladder.name} is "
                f"{ladder.kind}: use ddim, heun, euler-maruyama or exponential-integrator, or another ladder",
                key="sampler.name",
            )

    def path(self, ladder: Ladder, score: ScoreField) -> Iterator[tuple[int, Any]]:
        """(t, stages) for t = T, ..., stop + 1; InputError where `stages` returns anything else."""
        self.check(ladder)
        for t in range(ladder.T, ladder.stop, -1):
            program = self.stages(Step(t, ladder, score))
            if not isinstance(program, (list, tuple)) or not program:
                raise InputError(f"{self.name}: stages must return a list of stages, not {program!r:.60}")
            for stage in program:
                if not isinstance(stage, (Stage, Mixture, PastStage)):
                    raise InputError(
                        f"{self.name}: stages must return Stage objects, not {type(stage).__name__}"
                    )
                if isinstance(stage, PastStage) and not self.history:
                    raise InputError(f"{self.name}: its stages have a past, so it needs history = True")
            yield t, program


PROBES: dict[str, Callable[[int], Ladder]] = {"vp": log_snr_uniform, "sub-vp": sub_vp, "ve": ve_exponential}
"""A schedule of each process on which samplers are tried."""


def run(sampler: Sampler, ladder: Ladder, score: ScoreField, y: Tensor, generator: torch.Generator) -> Tensor:
    """Samples of the output law from samples ``y`` (n, d) of the initial law."""
    past: Past = ()
    for _, stages in sampler.path(ladder, score):
        for stage in stages:
            y, past = _moved(stage, y, past, generator)
    return y


def _moved(
    stage: Stage | Mixture | PastStage, y: Tensor, past: Past, generator: torch.Generator
) -> tuple[Tensor, Past]:
    if isinstance(stage, Mixture):
        weights = torch.tensor(stage.weights, dtype=y.dtype)
        drawn = torch.multinomial(weights, len(y), replacement=True, generator=generator)
        moved = torch.stack([_moved(one, y, past, generator)[0] for one in stage.stages])
        return moved[drawn, torch.arange(len(y))], past
    mean, past = stage.advance(y, past)
    if stage.deterministic:
        return mean, past
    noise = torch.randn(y.shape, generator=generator, dtype=y.dtype)
    if callable(stage.std):
        return mean + (stage.std(y) @ noise.unsqueeze(-1)).squeeze(-1), past
    return mean + stage.std * noise, past
