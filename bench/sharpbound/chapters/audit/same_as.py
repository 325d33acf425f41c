"""Whether a sampler is one of the library's: coefficient by coefficient, on uneven steps.

What a sampler does with its start, its scores and its draws is linear in them. So it is run with an impulse in the
place of each: member 0 of the batch starts at 1 and all others at 0, member 1 + j hears 1 for the answer of call j and
the others 0, and each draw has a member too. The state that is handed to call j then *is* the row of coefficients with
which the start and the answers before it enter, exactly, and the output another. Two samplers are the same if they
ask at the same levels with the same rows and end with the same; where they part first is the mistake.

Several draws are compared by the root of their summed squares in each row.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sharpbound.chapters.audit.views import View
from sharpbound.errors import InputError, NotMeasured
from sharpbound.processes import Ladder
from sharpbound.samplers import PlainSampler, Sampler
from sharpbound.samplers.base import Mixture, Past
from sharpbound.samplers.own import noisiest_first
from sharpbound.scores.base import ExactScore
from sharpbound.targets import Gaussian1D

Array = NDArray[np.float64]

STEPS = 12
SAME = {"float64": 1e-9}
"""Coefficients that agree to this share of the largest of their row are the same."""
ROUGH = 1e-4
"""The same, of coarser precisions."""


@dataclass
class Trace:
    """The calls of one run: ``levels`` sigma/a, ``rows`` (calls + 1, batch), the last being the output.

    A row has the coefficients of the start, of the answers of all calls, and of the draws.
    """

    calls: int
    draws: int
    levels: list[float] = field(default_factory=list)
    rows: list[Array] = field(default_factory=list)
    drawn: int = 0
    intervals: dict[tuple[float, float], int] = field(default_factory=dict)

    @property
    def batch(self) -> int:
        return 1 + self.calls + self.draws

    @property
    def start(self) -> Tensor:
        x = torch.zeros(self.batch, dtype=torch.float64)
        x[0] = 1.0
        return x

    def answer(self, x: Tensor, a: float, sigma: float) -> Tensor:
        """Of a call: the impulse of its own, or of the call before that asked the same."""
        row = x.detach().double().numpy().reshape(-1).copy()
        level = sigma / a
        for j, (known, before) in enumerate(zip(self.levels, self.rows, strict=True)):
            if math.isclose(known, level, rel_tol=1e-12) and np.allclose(before, row, rtol=1e-12, atol=1e-13):
                return self._impulse(1 + j, x)
        if len(self.levels) >= self.calls:
            raise NotMeasured("two runs of the sampler ask for the score differently often")
        self.levels.append(level)
        self.rows.append(row)
        return self._impulse(len(self.levels), x)

    def noise(self, like: Tensor, interval: tuple[float, float] | None = None) -> Tensor:
        """A draw: its own impulse, or of an interval always the same."""
        if interval in self.intervals and interval is not None:
            return self._impulse(1 + self.calls + self.intervals[interval], like)
        if self.drawn >= self.draws:
            raise NotMeasured("two runs of the sampler draw noise differently often")
        if interval is not None:
            self.intervals[interval] = self.drawn
        self.drawn += 1
        return self._impulse(self.calls + self.drawn, like)

    def _impulse(self, member: int, like: Tensor) -> Tensor:
        found = torch.zeros_like(like, dtype=torch.float64)
        found[member] = 1.0
        return found

    def finished(self, output: Tensor) -> Trace:
        """With the output as last row; calls whose answers nothing depends on are left out."""
        rows = np.stack([*self.rows, output.detach().double().numpy().reshape(-1)])
        used = [True] * len(self.levels)
        for j in reversed(range(len(self.levels))):
            later = [i for i in range(j + 1, len(rows)) if i == len(rows) - 1 or used[i]]
            used[j] = bool(np.abs(rows[later, 1 + j]).max() > 0)
        kept = [j for j, needed in enumerate(used) if needed]
        spread = np.linalg.norm(rows[:, 1 + self.calls :], axis=1)[:, None]
        rows = np.hstack([rows[:, :1], rows[:, [1 + j for j in kept]], spread])[[*kept, -1]]
        return Trace(len(kept), 0, [self.levels[j] for j in kept], list(rows))


class Probe:
    """Stands for a score field on ``ladder``, and answers with impulses."""

    def __init__(self, trace: Trace, ladder: Ladder) -> None:
        self.trace, self.ladder = trace, ladder

    def __call__(self, t: int, y: Tensor) -> Tensor:
        return self.trace.answer(y, *self.ladder.level(t))

    def between(self, level: tuple[float, float], y: Tensor) -> Tensor:
        return self.trace.answer(y, *level)


def trace_function(sampler: PlainSampler, ladder: Ladder) -> Trace:
    """Of a plain function."""
    a, sigma = noisiest_first(ladder)
    counted = Trace(0, 0)

    def count(x: Tensor, a: float, sigma: float) -> Tensor:
        counted.calls += 1
        return torch.zeros_like(x)

    def hear(like: Tensor, interval: Any = None) -> Tensor:
        counted.draws += 1
        return torch.zeros_like(like)

    sampler.answer(count, torch.ones(2, dtype=torch.float64), a, sigma, hear)
    trace = Trace(counted.calls, counted.draws)
    return trace.finished(sampler.answer(trace.answer, trace.start, a, sigma, trace.noise))


def trace_sampler(sampler: Sampler, ladder: Ladder) -> Trace:
    """Of a Sampler; NotMeasured where its steps are not linear in the answers of a score."""
    score = ExactScore(Gaussian1D(0.0, 1.0), ladder)
    stages = [stage for _, program in sampler.path(ladder, score) for stage in program]
    if any(isinstance(stage, Mixture) or callable(stage.std) for stage in stages):
        raise NotMeasured(f"{sampler.name} draws its stages, or noise that depends on the state")
    # no sampler here asks more often than this in one stage
    trace = Trace(8 * len(stages), sum(not stage.deterministic for stage in stages))
    y = trace.start.reshape(-1, 1)
    past: Past = ()
    try:
        for _, program in sampler.path(ladder, Probe(trace, ladder)):  # type: ignore[arg-type]
            for stage in program:
                y, past = stage.advance(y, past)
                if not stage.deterministic:
                    y = y + stage.std * trace.noise(y)
    except (AttributeError, TypeError) as error:
        raise NotMeasured(f"{sampler.name} asks for more than the score: {error}") from None
    return trace.finished(y)


def compared(
    mine: PlainSampler | Sampler, named: str, theirs: Sampler, view: View, precision: str
) -> dict[str, Any]:
    """The document of ``--same-as``: verdict "same" or "parts", and where the two part first.

    Raises InputError at --same-as where the two cannot be compared.
    """
    ladder = view.ladder(STEPS)
    try:
        theirs.check(ladder)
        expected = trace_sampler(theirs, ladder)
        found = (
            trace_function(mine, ladder) if isinstance(mine, PlainSampler) else trace_sampler(mine, ladder)
        )
    except NotMeasured as reason:
        raise InputError(str(reason), key="--same-as") from None
    except InputError as mistake:
        raise mistake.at(key="--same-as") from None
    n = (ladder.sigma / ladder.a)[::-1]
    allowed = SAME.get(precision, ROUGH)
    first, largest = _first_difference(found, expected, n, allowed)
    same = first is None
    words = f"{named} is {theirs.name}: on {STEPS} uneven steps every coefficient agrees, to {largest:.0e}"
    return {
        "sampler": named,
        "same_as": theirs.name,
        "verdict": "same" if same else "parts",
        "diagnosis": words if first is None else first["words"],
        "first_difference": first,
        "largest_difference": largest,
        "range": list(view.range),
        "ladder": view.steps,
        "steps": STEPS,
        "precision": precision,
    }


def _first_difference(
    found: Trace, expected: Trace, n: Sequence[float] | Array, allowed: float
) -> tuple[dict[str, Any] | None, float]:
    """Where two traces part first, or None; and the largest difference seen, relative to its row."""
    largest = 0.0
    for j in range(max(found.calls, expected.calls) + 1):
        ends = [trace.calls == j for trace in (found, expected)]
        if ends[0] != ends[1]:
            trace, who = (expected, "it does not") if ends[0] else (found, "the other does not")
            level = trace.levels[j]
            words = f"step {_step(level, n)}: one asks for the score at sigma/a = {level:.6g}, {who}"
            return _told(_step(level, n), level, "calls", None, None, words), largest
        level = float(n[-1]) if ends[0] else expected.levels[j]
        step = _step(level, n)
        if not ends[0] and not math.isclose(found.levels[j], level, rel_tol=max(allowed, 1e-9)):
            asked = found.levels[j]
            words = f"step {step}: it asks for the score at sigma/a = {asked:.6g}, the other at {level:.6g}"
            return _told(step, level, "level", asked, level, words), largest
        mine, theirs = (np.append(t.rows[j][: 1 + j], t.rows[j][-1]) for t in (found, expected))
        gap = np.abs(mine - theirs) / np.abs(theirs).max()
        largest = max(largest, float(gap.max()))
        if gap.max() > allowed:
            k = int(gap.argmax())
            what = (
                "the start"
                if k == 0
                else "the noise"
                if k == j + 1
                else f"the score at sigma/a = {expected.levels[k - 1]:.6g}"
            )
            words = (
                f"step {max(step - 1, 1) if not ends[0] else step}: at sigma/a = {level:.6g} {what} enters with "
                f"{mine[k]:.10g}, in the other with {theirs[k]:.10g}"
            )
            told = _told(step - (not ends[0]), level, what, float(mine[k]), float(theirs[k]), words)
            return told, largest
    return None, largest


def _step(level: float, n: Sequence[float] | Array) -> int:
    """The step, from 1, that begins at ``level`` or goes past it."""
    return min(int(np.count_nonzero(np.asarray(n) >= level * (1 - 1e-9))), len(n) - 1)


def _told(
    step: int, level: float, what: str, found: float | None, expected: float | None, words: str
) -> dict[str, Any]:
    return {
        "step": max(int(step), 1),
        "level": level,
        "what": what,
        "found": found,
        "expected": expected,
        "words": words,
    }
