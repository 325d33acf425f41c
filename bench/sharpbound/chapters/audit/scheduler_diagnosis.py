"""What is wrong with a scheduler that does not converge: its loop is run with a network that tells something else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from torch import Tensor

from sharpbound.chapters.audit.changes import FACTORS, Change, Run, diagnosed, named
from sharpbound.chapters.audit.drive import Loop, Network, working
from sharpbound.chapters.audit.networks import Convention, Field, Output, config_of, vp
from sharpbound.chapters.audit.schedulers import prepared
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.probe import AFFINE_ALONE, Quantiles
from sharpbound.processes.ladder import Level

STALLED = 0.5
"""The finest local slope of an error that does not go to zero is below this."""
FAR = 0.1
"""An error of no order that is this share of the law's size, or more, may be a mistake."""
CLIPS = ("clip_sample", "thresholding")
"""Keys of a configuration that make a scheduler clip."""

KINDS: dict[str, Output] = {
    "the noise": lambda clean, eps, level: eps,
    "the clean data": lambda clean, eps, level: clean,
    "v = a W - sigma X0": lambda clean, eps, level: level[0] * eps - level[1] * clean,
    "the velocity W - X0": lambda clean, eps, level: eps - clean,
    "the score -W/sigma": lambda clean, eps, level: -eps / level[1],
}
"""By what a network may be to predict."""


@dataclass
class Scheduler:
    """The loop of a scheduler, as a `sharpbound.chapters.audit.changes.Subject`; ``how`` of a change is a `Network`."""

    quantiles: Quantiles
    loop: Loop
    deterministic: bool
    numbers: Sequence[int]
    """Of steps that were measured."""
    known: dict[int, Any] = field(default_factory=dict)

    @property
    def steps(self) -> tuple[int, int]:
        fine = max(self.numbers)
        return max((T for T in self.numbers if fine >= 2 * T), default=min(self.numbers)), fine

    @property
    def size(self) -> float:
        """Root mean square of the law without noise."""
        moments = self.quantiles.target.moments()
        return math.hypot(float(moments.mean[0]), math.sqrt(float(moments.cov[0, 0])))

    def attempt(self, T: int, change: Change, law: Quantiles) -> tuple[Run, Level, Level]:
        loop = self.loop if change.how is None else replace(self.loop, network=change.how)
        if T not in self.known:
            self.known[T] = self.loop.fresh(T)
        with working(T):
            plain, first, last = prepared(law, loop, self.known[T], "sigma-min")

        def run(x: Tensor, noise: Any) -> Tensor:
            with working(T):
                return plain(x, noise)

        return run, first, last


def cause(subject: Scheduler, judged: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """What makes the scheduler fail or not converge, where it does; ``rows`` with T, w2 and note."""
    if judged["verdict"] == "failed" and any(AFFINE_ALONE in row.get("note", "") for row in rows):
        return _configured(subject.loop.pristine)
    slopes = judged["details"].get("local_slopes", [])
    stalls = judged["verdict"] == "not reached" and slopes and slopes[-1]["slope"] < STALLED
    last = next((row["w2"] for row in reversed(rows) if row["w2"] is not None), 0.0)
    far = judged["verdict"] == "undecided" and last > FAR * subject.size
    if not stalls and not far:
        return []
    try:
        line = (diagnosed if stalls else named)(subject, _changes(subject))
    except (NotMeasured, InputError):
        return []
    if line is None:
        return []
    return [line, *(_configured(subject.loop.pristine) if "clips" in line else [])]


def _configured(scheduler: Any) -> list[str]:
    """The keys of its configuration that clip, and how to do without."""
    on = [key for key in CLIPS if config_of(scheduler).get(key)]
    off = ",".join(f"{key}=false" for key in on)
    return [f"its configuration has {' and '.join(on)}: --options {off} audits it without"] if on else []


def _changes(subject: Scheduler) -> Iterator[Change]:
    T = subject.steps[1]
    convention = subject.loop.convention(subject.loop.fresh(T))
    own = convention.output
    for words, output in KINDS.items():
        if output(1.0, 0.5, (0.6, 0.8)) != own(1.0, 0.5, (0.6, 0.8)):
            yield Change(
                f"it converges where the network gives {words}: it takes its prediction for that",
                how=telling(output),
            )
    for words, factor in FACTORS.items():
        yield Change(f"it converges where the network gives {words}", how=telling(_scaled(own, factor)))
    yield Change(
        "it converges where the network is asked at the level of the state: its timesteps tell other levels",
        how=at_the_state,
    )
    for words, power in (("is missing", 1), ("is there twice, or should not be", -1)):
        yield Change(
            f"it converges with another input of the network: the factor 1/sqrt(1 + sigma^2) of it {words}",
            how=scaling(power),
        )


def _scaled(own: Output, factor: float) -> Output:
    return lambda clean, eps, level: factor * own(clean, eps, level)


def telling(output: Output) -> Network:
    """A network that predicts something else."""

    def network(convention: Convention, target: Field, x: Tensor, timestep: Any, call: int) -> Tensor:
        return convention.predict_at(target, x, convention.stands_for(float(timestep)), output)

    return network


def at_the_state(convention: Convention, target: Field, x: Tensor, timestep: Any, call: int) -> Tensor:
    """The exact network at the level of the state, not at that of the timestep."""
    levels = convention.levels()
    timestep = convention.timestep_of(levels[min(call, len(levels) - 1)])
    return convention.predict(target, x, timestep)


def scaling(power: int) -> Network:
    """The exact network of an input times (1 + sigma^2)^(-power/2), sigma that of X/a."""

    def network(convention: Convention, target: Field, x: Tensor, timestep: Any, call: int) -> Tensor:
        a, sigma = level = convention.stands_for(float(timestep))
        factor = vp(sigma / a)[0] if a else 1.0
        return convention.predict_at(target, factor**power * x, level, convention.output)

    return network
