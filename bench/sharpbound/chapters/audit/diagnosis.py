"""What is wrong with a function that does not converge: run with another model, in another convention, in reverse."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from sharpbound.chapters.audit.changes import Change, Run, diagnosed
from sharpbound.chapters.audit.measuring import Bench
from sharpbound.chapters.audit.quick import quick_score
from sharpbound.chapters.audit.views import View
from sharpbound.laws.probe import Quantiles
from sharpbound.processes.ladder import Level
from sharpbound.samplers import PlainSampler
from sharpbound.samplers.own import Score, noisiest_first

STEPS = (96, 192)

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

        return run, ladder.level(ladder.T), ladder.level(ladder.stop)


def diagnosis(bench: Bench, view: View, others: Mapping[str, PlainSampler]) -> str:
    """One line on a sampler that does not converge on ``view``; ``others`` are it in other conventions, by name."""
    if view.range[0] == 0:
        return (
            "the ladder ends at sigma = 0, where the output is compared with the law of the data: its last step is "
            "infinitely long in log(a/sigma), and its error stays"
        )
    return diagnosed(Function(bench, view), _changes(others))


def _changes(others: Mapping[str, PlainSampler]) -> Iterator[Change]:
    for name, sampler in others.items():
        yield Change(f"it converges with --convention {name}", How(sampler=sampler))
    if not others:
        for words, model in MODELS.items():
            yield Change(f"it converges where score gives {words}", How(model=model))
    yield Change(
        "it converges where the levels come the cleanest first: it reads them in reverse", How(reverse=True)
    )
