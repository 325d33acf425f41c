"""Whether a function can be audited, and how: what arrays it takes, what it draws, in what precision it computes.

Tried on a small problem before anything is measured. Of numpy and torch, and of states of shape (n, 1) and
(n, 1, 1, 1), the first that it works with is taken.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpbound.chapters.audit.to_the_data import before_the_data
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.black_box import check_contract
from sharpbound.laws.probe import Impulses, Tape, gaussian_level
from sharpbound.processes import Ladder
from sharpbound.samplers import PlainSampler
from sharpbound.samplers.own import ARRAYS, noisiest_first, plain_sampler
from sharpbound.targets import Gaussian1D, Target1D

SHAPES = ((1,), (1, 1, 1))
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16, "float32": torch.float32}
"""Coarsest first: 8, 11 and 24 bits."""
ROUNDED = 1e-12
"""A level further than this from one of the ladder, and nearer than `NEAR`, has been rounded on its way."""
NEAR = 1e-6


@dataclass
class Heard:
    """What is handed to ``score``: the states and levels of one run."""

    states: list[Tensor] = field(default_factory=list)
    levels: list[float] = field(default_factory=list)

    def precision(self, ladder: Ladder) -> tuple[str, str]:
        """The format in which all of them can be written, and which of them shows it ("" for float64)."""
        if not self.states:
            return "float64", ""
        states = torch.cat(self.states)
        levels = torch.tensor(sorted(set(self.levels)), dtype=torch.float64)
        known = torch.from_numpy(np.concatenate([ladder.a, ladder.sigma]))
        for name, dtype in DTYPES.items():
            if _written(states, dtype):
                return name, "its states are"
            if len(levels) > 3 and _written(levels, dtype) and not _written(known, dtype):
                return name, "its levels are"
        off = ((levels[:, None] / known - 1).abs()).min(1).values
        if bool(((off > ROUNDED) & (off < NEAR)).double().mean() > 0.5):
            return "float32", "its levels are"
        return "float64", ""


def _written(values: Tensor, dtype: torch.dtype) -> bool:
    """Whether nearly all ``values`` can be written in ``dtype``; some can by chance."""
    return bool((values.to(dtype).double() == values).double().mean() > 0.95)


@dataclass(frozen=True)
class Trial:
    """A function that works, and what was found of it."""

    sampler: PlainSampler
    unit: float
    """Roundoff of what it returns."""
    precision: str
    rounded: str
    """What is rounded, in words; empty in float64."""
    remarks: list[str]


def tried(
    found: Any, named: str, arrays: str | None, first: str, target: Target1D, ladders: Sequence[Ladder]
) -> Trial:
    """Try the function ``found`` on the first of ``ladders`` that it takes.

    arrays : "numpy" or "torch"; None tries ``first``, then the other. Raises the InputError of the first try where
    none works.
    """
    if arrays not in (None, *ARRAYS):
        raise InputError(f"choose {' or '.join(ARRAYS)}, not {arrays!r}", key="--arrays")
    kinds = [arrays] if arrays else [first, *(kind for kind in ARRAYS if kind != first)]
    mistakes: list[InputError] = []
    for kind in kinds:
        plain = replace(plain_sampler(found, named, kind), caught=True)
        for shape in SHAPES:
            for ladder in ladders:
                try:
                    return _trial(replace(plain, shape=shape), target, ladder, first)
                except InputError as mistake:
                    mistakes.append(mistake)
    raise mistakes[0]


def _trial(sampler: PlainSampler, target: Target1D, ladder: Ladder, first: str) -> Trial:
    unit = check_contract(sampler, target, ladder)
    remarks = []
    own_grid = getattr(sampler.call, "own_grid", False)
    if own_grid and (short := before_the_data(sampler, target, ladder)) is not None:
        sampler = short
        remarks.append(
            "its grid ends with a step to sigma = 0, which stays as long as it is: it is measured up to there"
        )
    tape, heard = Tape(), Heard()

    def score(x: Tensor, a: float, sigma: float) -> Tensor:
        heard.states.append(x.reshape(-1).clone())
        heard.levels.append(sigma)
        return target.score(x, a, sigma)

    a, sigma = noisiest_first(ladder)
    start = torch.linspace(-1.7, 1.9, 9, dtype=torch.float64) * float(
        np.hypot(ladder.a[-1], ladder.sigma[-1])
    )
    sampler.answer(score, start, a, sigma, tape)
    if sampler.arrays != first:
        remarks.append(f"it computes with {sampler.arrays}")
    if sampler.shape != (1,):
        remarks.append("it takes states of shape (n, 1, 1, 1)")
    silent = tape.silent
    stochastic = not silent and _noisy(sampler, ladder)
    if not sampler.hears and not silent:
        remarks.append(
            "torch.randn inside it is caught, and its draws are known exactly"
            if stochastic
            else "what it draws with torch.randn does not move its output"
        )
    precision, rounded = heard.precision(ladder)
    return Trial(
        replace(sampler, stochastic=stochastic),
        unit,
        precision,
        rounded,
        remarks,
    )


def _noisy(sampler: PlainSampler, ladder: Ladder) -> bool:
    """Whether the output depends on what is drawn: by impulses, on a Gaussian."""
    gaussian = Gaussian1D(0.5, 0.5)
    a, sigma = noisiest_first(ladder)
    mean, std = gaussian_level(gaussian, ladder.level(ladder.T))
    tape = Tape()
    sampler.answer(gaussian.score, Impulses(0).starts(std), a, sigma, tape)
    impulses = Impulses.of(tape)
    output = sampler.answer(gaussian.score, impulses.starts(std), a, sigma, impulses)
    try:
        impulses.law(output, mean, std, std)
    except NotMeasured:  # it clips: what it draws may move other outputs
        return True
    return bool((output[Impulses.FIXED :] != output[0]).any())
