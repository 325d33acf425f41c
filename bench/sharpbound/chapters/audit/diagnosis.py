"""What is wrong with a function that does not converge: run with another model, in another convention, in reverse."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sharpbound.chapters.audit.changes import Change, Run, moments, named
from sharpbound.chapters.audit.measuring import Bench
from sharpbound.chapters.audit.quick import quick_score
from sharpbound.chapters.audit.to_the_data import end_of
from sharpbound.chapters.audit.views import View
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.probe import Quantiles
from sharpbound.processes import Ladder
from sharpbound.processes.ladder import Level
from sharpbound.samplers import PlainSampler
from sharpbound.samplers.own import Score, noisiest_first

STEPS = (96, 192)
NEAR = 1e-6
"""Levels this close are one."""
BEYOND = 1.5
"""Noise that is added before a step takes a level up to the square root of 2 times itself."""

Model = Callable[..., Tensor]

MODELS: dict[str, Model] = {
    "the noise prediction -sigma s: it takes its score for eps": lambda s, x, a, n: -n * s(x, a, n),
    "the denoiser (x + sigma^2 s)/a: it takes its score for the clean data": lambda s, x, a, n: (
        (x + n**2 * s(x, a, n)) / a
    ),
    "minus the score: its score has the wrong sign": lambda s, x, a, n: -s(x, a, n),
    "the velocity W - X0: it takes its score for a velocity": lambda s, x, a, n: (
        -n * s(x, a, n) - (x + n**2 * s(x, a, n)) / a
    ),
    "sigma s: its score lacks a factor sigma": lambda s, x, a, n: n * s(x, a, n),
    "s/sigma: its score has a factor sigma too much": lambda s, x, a, n: s(x, a, n) / n,
    "a s: its score is that of x/a": lambda s, x, a, n: a * s(x, a, n),
    "2 s: half a score is missing": lambda s, x, a, n: 2 * s(x, a, n),
    "s/2: it uses twice the score": lambda s, x, a, n: s(x, a, n) / 2,
}
"""By what the model would have to give."""


@dataclass(frozen=True)
class How:
    """What a function is run with otherwise."""

    sampler: PlainSampler | None = None
    model: Model | None = None
    reverse: bool = False


@dataclass
class Function:
    """A function on the ladders of ``view``, as a `sharpbound.chapters.audit.changes.Subject`."""

    bench: Bench
    view: View
    steps: tuple[int, int] = STEPS

    @property
    def quantiles(self) -> Quantiles:
        return self.bench.quantiles

    @property
    def deterministic(self) -> bool:
        return self.bench.sampler.deterministic

    def attempt(self, T: int, change: Change, law: Quantiles) -> tuple[Run, Level, Level]:
        how = change.how or How()
        sampler = how.sampler or self.bench.sampler
        assert isinstance(sampler, PlainSampler)
        call, model = sampler.answer, how.model
        exact: Score = self.bench.score if law is self.bench.quantiles else quick_score(law.target)

        def score(x: Tensor, a: float, sigma: float) -> Tensor:
            return exact(x, a, sigma) if model is None else model(exact, x, a, sigma)

        ladder = self.view.ladder(T)
        a, sigma = noisiest_first(ladder)
        if how.reverse:
            a, sigma = a.flip(0), sigma.flip(0)

        def run(x: Tensor, noise: Any) -> Tensor:
            return call(score, x, a, sigma, noise)

        return run, ladder.level(ladder.T), end_of(sampler, ladder)


def diagnosis(bench: Bench, view: View, readings: Mapping[str, PlainSampler]) -> str:
    """One line on a sampler that does not converge on ``view``; ``readings`` are it read otherwise, by how."""
    if view.range[0] == 0:
        return (
            "the ladder ends at sigma = 0, where the output is compared with the law of the data: its last step is "
            "infinitely long in log(a/sigma), and its error stays"
        )
    subject = Function(bench, view)
    heard = [_levels_asked(bench, view.ladder(T)) for T in STEPS]
    told = named(subject, _changes(readings, _last_asked(heard, view)))
    return told or "; ".join(filter(None, [_asked(heard[0], view), moments(subject)]))


def _changes(readings: Mapping[str, PlainSampler], last: float | None) -> Iterator[Change]:
    """``last`` : sigma/a at which the model is asked for the last time, if that may be where the sampler ends."""
    for name, sampler in readings.items():
        either = name.removeprefix("with ") if name.startswith("with ") else ""
        yield Change(f"it converges {name}", either, How(sampler=sampler))
    if not readings:
        for words, model in MODELS.items():
            yield Change(f"it converges where score gives {words}", how=How(model=model))
    yield Change(
        "it converges where the levels come the cleanest first: it reads them in reverse",
        how=How(reverse=True),
    )
    if last is not None:
        yield Change(
            f"its output converges to the law at sigma/a = {last:.4g}: it ends there, not at the last level",
            end=lambda a, sigma: (a, a * last),
        )


def _levels_asked(bench: Bench, ladder: Ladder) -> list[float]:
    """sigma/a at every call of the model; none where the run fails."""
    heard: list[float] = []

    def score(x: Tensor, a: float, sigma: float) -> Tensor:
        heard.append(sigma / a)
        return bench.score(x, a, sigma)

    assert isinstance(bench.sampler, PlainSampler)
    try:
        bench.sampler.answer(score, torch.zeros(2, dtype=torch.float64), *noisiest_first(ladder))
    except (NotMeasured, InputError):
        return []
    return heard


def _last_asked(heard: Sequence[Sequence[float]], view: View) -> float | None:
    """The last level of all runs, where it is one, and not that of the ladder."""
    if not all(heard):
        return None
    coarse, fine = (levels[-1] for levels in heard)
    same = math.isclose(coarse, fine, rel_tol=NEAR) and fine > 0
    return fine if same and not math.isclose(fine, view.range[0], rel_tol=NEAR) else None


def _asked(heard: Sequence[float], view: View) -> str:
    """At which levels the model is asked, where they are not those of the ladder."""
    if not heard:
        return "it never asks its model"
    low, high = min(heard), max(heard)
    if high <= low * (1 + NEAR):
        return f"it asks its model at one level alone, sigma/a = {low:.4g}"
    if low < view.range[0] / BEYOND or high > view.range[1] * BEYOND:
        return f"it asks its model at sigma/a from {high:.4g} to {low:.4g}, beyond the levels of the ladder"
    return ""


def scaled(f: Callable[..., Any], factor: float) -> Callable[..., Any]:
    """``f`` of a convention, with ``factor`` times what its model gives."""

    @functools.wraps(f)
    def run(model: Any, *rest: Any, **given: Any) -> Any:
        return f(_Scaled(model, factor), *rest, **given)

    return run


class _Scaled:
    """A model times a factor, with what else samplers ask of it."""

    def __init__(self, model: Any, factor: float) -> None:
        self.model, self.factor = model, factor

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self.factor * self.model(*given, **named)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)
