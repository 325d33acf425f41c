"""What is wrong with a sampler that does not converge: the change that makes it converge.

The sampler is a black box, but what goes in and comes out is not: it is run again with another model, with its levels
reversed, its start or output rescaled, its noise scaled, and against the law at sigma = 0. The change under which its
error goes to zero names the mistake.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpbound.chapters.audit.measuring import Bench
from sharpbound.chapters.audit.views import View
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.probe import Probed, gaussian_level, probe_deterministic, probe_stochastic
from sharpbound.processes.ladder import Ladder, Level
from sharpbound.samplers import PlainSampler
from sharpbound.samplers.own import noisiest_first
from sharpbound.targets import Gaussian1D

COARSE, FINE = 96, 192
LEFT = 0.2
"""A change makes a sampler converge if it leaves this share of the error at T = FINE, or less ..."""
FALLS = 0.75
"""... and W2 at FINE is at most this share of W2 at COARSE."""
AFFINE = 1e-3
"""Departure from an affine map, as a share of the output's size, from which on something is clipped."""

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
class Change:
    """One way to run a sampler otherwise. ``start`` and ``output`` are functions of a level (a, sigma)."""

    words: str
    sampler: PlainSampler | None = None
    model: Model | None = None
    reverse: bool = False
    start: Callable[[float, float], float] = lambda a, sigma: 1.0
    output: Callable[[float, float], float] = lambda a, sigma: 1.0
    end: Callable[[float, float], Level] = lambda a, sigma: (a, sigma)
    denoised: bool = False
    """Compare the output with E[X0 | x] at the last level."""
    noise: float = 1.0


def changes(bench: Bench, others: Mapping[str, PlainSampler]) -> Iterator[Change]:
    """All that are tried; ``others`` are the sampler in other conventions, by name."""
    for name, sampler in others.items():
        yield Change(f"it converges with --convention {name}", sampler=sampler)
    if not others:
        for words, model in MODELS.items():
            yield Change(f"it converges where score gives {words}", model=model)
    yield Change(
        "it converges where the levels come the cleanest first: it reads them in reverse", reverse=True
    )
    yield Change(
        "its output converges to the data's law: it ends at sigma = 0, not at the last level",
        end=lambda a, sigma: (1.0, 0.0),
    )
    yield Change(
        "its output converges to the clean prediction at the last level: it ends with a step to sigma = 0",
        denoised=True,
    )
    yield Change("its output lacks the factor a of the last level", output=lambda a, sigma: a)
    yield Change("its output has the factor a of the last level twice", output=lambda a, sigma: 1 / a)
    yield Change("it wants a start without the factor a", start=lambda a, sigma: 1 / a)
    yield Change(
        "its start and its output lack the factor a", start=lambda a, sigma: 1 / a, output=lambda a, sigma: a
    )
    yield Change(
        "it multiplies its start by sigma: it wants draws of N(0, 1)", start=lambda a, sigma: 1 / sigma
    )


def diagnosis(bench: Bench, view: View, others: Mapping[str, PlainSampler]) -> str:
    """One line on a sampler that does not converge on ``view``."""
    ladder = view.ladder(FINE)
    if view.range[0] == 0:
        return (
            "the ladder ends at sigma = 0, where the output is compared with the law of the data: its last step is "
            "infinitely long in log(a/sigma), and its error stays"
        )
    plain = _probe(bench, ladder, Change(""))
    if plain is None:
        return "its output is not finite"
    if clipped := _clipping(bench, ladder):
        return clipped
    best: tuple[float, str] | None = None
    tried = [*changes(bench, others), *_noise(bench, view)]
    for change in tried:
        coarse, fine = (_probe(bench, view.ladder(T), change) for T in (COARSE, FINE))
        if coarse is None or fine is None:
            continue
        falls = fine.w2 <= FALLS * coarse.w2 and fine.w2 <= LEFT * plain.w2
        if falls and (best is None or fine.w2 < best[0]):
            best = fine.w2, change.words
    return best[1] if best else _moments(bench, ladder, plain)


def _probe(bench: Bench, ladder: Ladder, change: Change) -> Probed | None:
    """One run with a change; None where it fails."""
    sampler = change.sampler or bench.sampler
    assert isinstance(sampler, PlainSampler)
    call = sampler.answer
    model, exact = change.model, bench.score

    def score(x: Tensor, a: float, sigma: float) -> Tensor:
        return exact(x, a, sigma) if model is None else model(exact, x, a, sigma)

    a, sigma = noisiest_first(ladder)
    if change.reverse:
        a, sigma = a.flip(0), sigma.flip(0)
    top, bottom = ladder.level(ladder.T), ladder.level(ladder.stop)
    into, out = change.start(*top), change.output(*bottom)

    def run(x: Tensor, noise: Any = None) -> Tensor:
        heard = None if noise is None else lambda like, interval: change.noise * noise(like, interval)
        return out * call(score, into * x, a, sigma, heard)

    try:
        with np.errstate(all="ignore"):
            if sampler.stochastic:
                found = probe_stochastic(bench.target, run, top, change.end(*bottom))
            else:
                found = probe_deterministic(bench.quantiles, run, top, change.end(*bottom))
    except (NotMeasured, InputError):
        return None
    if change.denoised:
        found = _against_denoised(bench, bottom, found)
    return found if math.isfinite(found.w2) else None


def _against_denoised(bench: Bench, end: Level, found: Probed) -> Probed:
    """The same run against D(X) = (X + sigma^2 s(X))/a of the true X at ``end``."""
    a, sigma = end

    def denoise(x: Tensor) -> Tensor:
        return (x + sigma**2 * bench.target.score(x, a, sigma)) / a

    if not bench.sampler.deterministic:
        assert isinstance(bench.target, Gaussian1D)
        mean, std = gaussian_level(bench.target, end)
        at = denoise(torch.tensor([[mean], [mean + std]], dtype=torch.float64)).reshape(-1)
        shift = np.array([mean - float(at[0]), std - float(at[1] - at[0])])
    else:
        truth = bench.quantiles.at(end)
        shift = truth - denoise(torch.from_numpy(truth).reshape(-1, 1)).numpy().reshape(-1)
    errors = found.errors + shift
    return Probed(found.norm(errors), 0.0, errors, found.weights)


def _clipping(bench: Bench, ladder: Ladder) -> str | None:
    """Whether the output on a Gaussian, where every sampler is affine, is not, and is too narrow."""
    if bench.sampler.deterministic:
        gaussian = Bench(bench.sampler, Gaussian1D(0.5, 0.5))
        found = _probe(gaussian, ladder, Change(""))
        truth, x = gaussian.quantiles.at(ladder.level(ladder.stop)), bench.quantiles.z
        if found is None:
            return None
        output = found.errors + truth
        line = np.polynomial.polynomial.polyval(x, np.polynomial.polynomial.polyfit(x, output, 1))
        departs = np.abs(output - line).max() / np.abs(truth).max()
        if departs > AFFINE and np.ptp(output) < 0.9 * np.ptp(truth):
            return (
                f"it clips or thresholds: its output stays within {output.min():.3g} and {output.max():.3g}, where the "
                f"law reaches from {truth.min():.3g} to {truth.max():.3g}"
            )
    return None


def _noise(bench: Bench, view: View) -> Sequence[Change]:
    """The factor of the noise that gives the output the right variance, if it is one at two numbers of steps."""
    if bench.sampler.deterministic:
        return []
    factors = []
    for T in (COARSE, FINE):
        ladder = view.ladder(T)
        silent, loud = (_probe(bench, ladder, Change("", noise=factor)) for factor in (0.0, 1.0))
        assert isinstance(bench.target, Gaussian1D)
        _, truth = gaussian_level(bench.target, ladder.level(ladder.stop))
        if silent is None or loud is None:
            return []
        quiet, whole = (float(found.errors[1]) + truth for found in (silent, loud))
        share = (truth**2 - quiet**2) / (whole**2 - quiet**2) if whole != quiet else -1.0
        if share <= 0:
            return []
        factors.append(math.sqrt(share))
    coarse, fine = factors
    if abs(fine / coarse - 1) > 0.05:
        return []
    factor = 2 * fine - coarse
    return [
        Change(f"it converges with {factor:.3g} times its noise: the noise has the wrong scale", noise=factor)
    ]


def _moments(bench: Bench, ladder: Ladder, plain: Probed) -> str:
    """Mean and standard deviation of output and truth."""
    end = ladder.level(ladder.stop)
    if not bench.sampler.deterministic:
        assert isinstance(bench.target, Gaussian1D)
        mean, std = gaussian_level(bench.target, end)
        found = mean + float(plain.errors[0]), std + float(plain.errors[1])
    else:
        truth, weights = bench.quantiles.at(end), plain.weights
        output = truth + plain.errors
        (mean, std), found = (
            (float(weights @ values), math.sqrt(float(weights @ (values - weights @ values) ** 2)))
            for values in (truth, output)
        )
    return (
        f"its output has mean {found[0]:.4g} and standard deviation {found[1]:.4g} at T = {FINE}, where the law has "
        f"{mean:.4g} and {std:.4g}"
    )
