"""What is wrong with what does not converge: the change that makes it converge.

A sampler is a black box, but what goes in and comes out is not: it is run again with another model, its start or
output rescaled, its noise scaled, and against the law at sigma = 0. The change under which its error goes to zero names
the mistake. What can be run with a change is a `Subject`: a function (`sharpbound.chapters.audit.diagnosis`), or the
loop of a scheduler (`sharpbound.chapters.audit.scheduler_diagnosis`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.probe import Probed, Quantiles, gaussian_level, probe_deterministic, probe_stochastic
from sharpbound.processes.ladder import Level
from sharpbound.targets import Gaussian1D

LEFT = 0.2
"""A change makes a sampler converge if it leaves this share of the error at the finer number of steps, or less ..."""
FALLS = 0.75
"""... and W2 there is at most this share of W2 with half the steps."""
AFFINE = 1e-3
"""Departure from an affine map, as a share of the output's size, from which on something is clipped."""
STEADY = 0.2
"""Two numbers of steps may differ by this share in the factor of the noise, whose limit is then tried itself; and a
power of them that the factor goes like by so much."""
NARROW = 0.9
"""What is clipped reaches over this share of the law, or less."""


FACTORS = {
    "minus its answer: it has the wrong sign": -1.0,
    "twice its answer: half of it is missing": 2.0,
    "half its answer: it is taken twice": 0.5,
}
"""By what a model would have to give, in units of what it gives."""


@dataclass(frozen=True)
class Change:
    """One way to run it otherwise. ``start`` and ``output`` are functions of a level (a, sigma)."""

    words: str
    either: str = ""
    """What is told of it after another of its kind, where both make it converge."""
    how: Any = None
    """What the subject does otherwise; each kind of subject has its own."""
    start: Callable[[float, float], float] = lambda a, sigma: 1.0
    output: Callable[[float, float], float] = lambda a, sigma: 1.0
    end: Callable[[float, float], Level] = lambda a, sigma: (a, sigma)
    denoised: bool = False
    """Compare the output with E[X0 | x] at the last level."""
    noise: float = 1.0


NONE = Change("")
OTHER = Gaussian1D(-0.4, 1.1)
"""Of a stochastic subject mean and deviation are known alone, and much mends both: a second law tells."""
TO_THE_DATA = Change(
    "its output converges to the data's law: it ends at sigma = 0, not at the last level",
    end=lambda a, sigma: (1.0, 0.0),
)
SCALES = (
    TO_THE_DATA,
    Change(
        "its output converges to the clean prediction at the last level: it ends with a step to sigma = 0",
        denoised=True,
    ),
    Change("its output lacks the factor a of the last level", output=lambda a, sigma: a),
    Change("its output has the factor a of the last level twice", output=lambda a, sigma: 1 / a),
    Change("it wants a start without the factor a", start=lambda a, sigma: 1 / a),
    Change(
        "its start and its output lack the factor a", start=lambda a, sigma: 1 / a, output=lambda a, sigma: a
    ),
    Change("it multiplies its start by sigma: it wants draws of N(0, 1)", start=lambda a, sigma: 1 / sigma),
)
"""Changes of start, output and end."""

Run = Callable[[Tensor, Any], Tensor]
"""(starts (n,), noise or None) -> outputs (n,)."""


class Subject(Protocol):
    """What can be run with a change."""

    @property
    def quantiles(self) -> Quantiles:
        """Of the law that it should have."""
        ...

    @property
    def deterministic(self) -> bool: ...

    @property
    def steps(self) -> tuple[int, int]:
        """A coarser and a finer number of steps."""
        ...

    def attempt(self, T: int, change: Change, law: Quantiles) -> tuple[Run, Level, Level]:
        """A run of T steps with the exact model of ``law`` and what ``change.how`` says; its first and last level."""
        ...


def diagnosed(subject: Subject, changes: Iterable[Change]) -> str:
    """One line on a subject that does not converge."""
    return named(subject, changes) or moments(subject)


def named(subject: Subject, changes: Iterable[Change]) -> str | None:
    """The mistake, in words, if it is one of those that clip or that a change makes good."""
    if clipped := clipping(subject):
        return clipped
    laws = [subject.quantiles, *([] if subject.deterministic else [Quantiles(OTHER, 3)])]
    plain = [probe(subject, subject.steps[1], NONE, law) for law in laws]
    if None in plain:
        return None
    wrong = [found.w2 for found in plain if found]
    mended: list[tuple[float, Change]] = []
    for change in [*changes, *SCALES, *_noise(subject)]:
        left = _mended(subject, change, laws[0], wrong[0])
        if left is None:
            continue
        if all(_mended(subject, change, *each) is not None for each in zip(laws[1:], wrong[1:], strict=True)):
            mended.append((left, change))
    if not mended:
        return None
    best = min(mended, key=lambda each: each[0])[1]
    others = [change.either for _, change in mended if best.either and change.either and change is not best]
    return " or ".join([best.words, *others])


def _mended(subject: Subject, change: Change, law: Quantiles, wrong: float) -> float | None:
    """W2 with the change, if it makes the subject converge; ``wrong``: without it."""
    before, after = (probe(subject, T, change, law) for T in subject.steps)
    if before is None or after is None:
        return None
    return after.w2 if after.w2 <= min(FALLS * before.w2, LEFT * wrong) else None


def probe(subject: Subject, T: int, change: Change, law: Quantiles | None = None) -> Probed | None:
    """One run with a change; None where it fails. ``law``: with that law in the place of the subject's."""
    law = law or subject.quantiles
    try:
        run, top, bottom = subject.attempt(T, change, law)
        into, out = change.start(*top), change.output(*bottom)

        def changed(x: Tensor, noise: Any = None) -> Tensor:
            heard = None if noise is None else lambda like, interval: change.noise * noise(like, interval)
            return out * run(into * x, heard)

        with np.errstate(all="ignore"):
            if subject.deterministic:
                found = probe_deterministic(law, changed, top, change.end(*bottom))
            else:
                found = probe_stochastic(law.target, changed, top, change.end(*bottom))
    except (NotMeasured, InputError, ZeroDivisionError):  # a scale of a level where a or sigma is 0
        return None
    if change.denoised:
        found = _against_denoised(subject, bottom, found)
    return found if math.isfinite(found.w2) else None


def _against_denoised(subject: Subject, end: Level, found: Probed) -> Probed:
    """The same run against D(X) = (X + sigma^2 s(X))/a of the true X at ``end``."""
    a, sigma = end
    target = subject.quantiles.target

    def denoise(x: Tensor) -> Tensor:
        return (x + sigma**2 * target.score(x, a, sigma)) / a

    if not subject.deterministic:
        assert isinstance(target, Gaussian1D)
        mean, std = gaussian_level(target, end)
        at = denoise(torch.tensor([[mean], [mean + std]], dtype=torch.float64)).reshape(-1)
        shift = np.array([mean - float(at[0]), std - float(at[1] - at[0])])
    else:
        truth = subject.quantiles.at(end)
        shift = truth - denoise(torch.from_numpy(truth).reshape(-1, 1)).numpy().reshape(-1)
    errors = found.errors + shift
    return Probed(found.norm(errors), 0.0, errors, found.weights)


def clipping(subject: Subject) -> str | None:
    """Whether the output on a Gaussian, where every sampler is affine, is not, and is too narrow."""
    if not subject.deterministic:
        return None
    law = Quantiles(Gaussian1D(0.5, 0.5), len(subject.quantiles.z))
    T = subject.steps[1]
    found = probe(subject, T, NONE, law)
    if found is None:
        return None
    truth, x = law.at(subject.attempt(T, NONE, law)[2]), law.z
    output = found.errors + truth
    line = np.polynomial.polynomial.polyval(x, np.polynomial.polynomial.polyfit(x, output, 1))
    departs = np.abs(output - line).max() / np.abs(truth).max()
    if departs <= AFFINE or np.ptp(output) >= NARROW * np.ptp(truth):
        return None
    return (
        f"it clips or thresholds: its output stays within {output.min():.3g} and {output.max():.3g}, where the "
        f"law reaches from {truth.min():.3g} to {truth.max():.3g}"
    )


def _noise(subject: Subject) -> Sequence[Change]:
    """No noise; and the factor that gives the output the right variance, if it is one at two numbers of steps."""
    if subject.deterministic:
        return []
    none = Change(
        "it converges without its noise: its drift is that of the ODE, and has no part against the noise",
        noise=0.0,
    )
    factors = _noise_factors(subject, subject.quantiles)
    if factors is None or abs(factors[1] / factors[0] - 1) > STEADY:
        return [none]
    factor = 2 * factors[1] - factors[0]
    words = f"it converges with {factor:.3g} times its noise: the noise has the wrong scale"
    return [none, Change(words, noise=factor)]


def _noise_factors(subject: Subject, law: Quantiles) -> tuple[float, float] | None:
    """By what the noise must be multiplied, with the coarser and the finer steps, for the right variance."""
    if subject.deterministic:
        return None
    target, factors = law.target, []
    assert isinstance(target, Gaussian1D)
    for T in subject.steps:
        silent, loud = (probe(subject, T, Change("", noise=factor), law) for factor in (0.0, 1.0))
        if silent is None or loud is None:
            return None
        _, truth = gaussian_level(target, subject.attempt(T, NONE, law)[2])
        quiet, whole = (float(found.errors[1]) + truth for found in (silent, loud))
        share = (truth**2 - quiet**2) / (whole**2 - quiet**2) if whole != quiet else -1.0
        if share <= 0:
            return None
        factors.append(math.sqrt(share))
    return factors[0], factors[1]


def _squared(subject: Subject) -> str:
    """Whether the noise is too small by the root of the number of steps, on two laws."""
    ratio = subject.steps[1] / subject.steps[0]
    found = [_noise_factors(subject, law) for law in (subject.quantiles, Quantiles(OTHER, 3))]
    powers = [math.log(fine / coarse) / math.log(ratio) for coarse, fine in filter(None, found)]
    if len(powers) == 2 and all(abs(power - 0.5) <= STEADY for power in powers):
        return "its noise is sqrt(T) times too small, as where a variance is taken for its root; "
    return ""


def moments(subject: Subject) -> str:
    """Mean and standard deviation of output and truth."""
    law, T = subject.quantiles, subject.steps[1]
    plain = probe(subject, T, NONE)
    if plain is None:
        return "its output is not finite"
    end = subject.attempt(T, NONE, law)[2]
    if not subject.deterministic:
        assert isinstance(law.target, Gaussian1D)
        mean, std = gaussian_level(law.target, end)
        found = mean + float(plain.errors[0]), std + float(plain.errors[1])
    else:
        truth, weights = law.at(end), plain.weights
        output = truth + plain.errors
        (mean, std), found = (
            (float(weights @ values), math.sqrt(float(weights @ (values - weights @ values) ** 2)))
            for values in (truth, output)
        )
    return (
        f"{_squared(subject)}its output has mean {found[0]:.4g} and standard deviation {found[1]:.4g} at T = {T}, "
        f"where the law has {mean:.4g} and {std:.4g}"
    )
