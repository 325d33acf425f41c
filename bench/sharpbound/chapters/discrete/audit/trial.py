"""What a kernel is held to before it is measured, and what it does with mass and support.

A kernel that breaks the contract (shape, dtype, rows that know of each other, another answer the second time) is a
mistake of the user's. One whose probabilities are negative or lack mass at some number of steps is measured at others.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers.own import OwnKernel
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

AGREE = 64.0
"""Units of rounding by which two answers to one question may differ."""
NO_CHANCE = 1e-14
"""Chances below this are none."""


@dataclass(frozen=True)
class Support:
    """Over all steps, the largest chance of a step of one coordinate that the true chain never makes
    (``outside``), and of one that it makes and the kernel never does (``missed``), both under the true chain.
    """

    outside: float
    missed: float

    def remarks(self) -> list[str]:
        found = []
        if self.outside > NO_CHANCE:
            found.append(
                f"support: it goes where the true chain never does, with a chance of {self.outside:.2g} a step"
            )
        if self.missed > NO_CHANCE:
            found.append(
                f"support: it never goes where the true chain goes with a chance of {self.missed:.2g}"
            )
        return found


def tried(kernel: OwnKernel, reverse: Reverse, steps: Sequence[tuple[float, float]]) -> None:
    """InputError where the first, the middle or the last of ``steps`` shows that the contract is broken."""
    rng = np.random.default_rng(0)
    for t, s in (steps[0], steps[len(steps) // 2], steps[-1]):
        x, given = kernel.asked(reverse, t)
        first, again = (kernel.answer(reverse, x, given, t, s) for _ in range(2))
        rounding = AGREE * np.finfo(first.dtype).eps
        if not np.allclose(first, again, rtol=0, atol=rounding):
            raise kernel.mistake(f"at t = {t:g} it returns something else when asked again")
        some = rng.permutation(len(x))[: max(1, len(x) // 2)]
        if not np.allclose(
            kernel.answer(reverse, x[some], given[some], t, s), first[some], rtol=0, atol=rounding
        ):
            raise kernel.mistake(
                f"at t = {t:g} what it says of a state depends on which others it is asked of"
            )


def precision_of(kernel: OwnKernel, reverse: Reverse, step: tuple[float, float]) -> tuple[str, float]:
    """The name of the precision it answers in, and its unit of rounding."""
    x, given = kernel.asked(reverse, step[0])
    kind = kernel.answer(reverse, x, given, *step).dtype
    return kind.name, float(np.finfo(kind).eps) / 2


def support(kernel: OwnKernel, reverse: Reverse, steps: Sequence[tuple[float, float]]) -> Support:
    """Where the kernel goes, beside where the true chain does."""
    outside, missed = 0.0, 0.0
    for t, s in steps:
        p = reverse.marginal(t).ravel()
        for own, true in zip(kernel.factors(reverse, t, s), reverse.back(t, s), strict=True):
            outside = max(outside, float(p @ np.where(true <= 0, own, 0.0).sum(1)))
            missed = max(missed, float(p @ np.where(own <= 0, true, 0.0).sum(1)))
    return Support(outside, missed)


def usual_mistake(kernel: OwnKernel, reverse: Reverse, t: float, h: float) -> str | None:
    """What a kernel that does not converge does in a short step of length h from t, or None."""
    p, jump = reverse.marginal(t).ravel(), _jumps(reverse)
    seen = p > 0
    true, clean = (np.stack(reverse.back(t, to), axis=1) for to in (t - h, 0.0))
    with contextlib.suppress(InputError):
        other = kernel.answer(reverse, *kernel.asked(reverse, t), t - h, t)
        if np.abs(other - true)[seen].max() < 10 * h**2:
            return "it takes s for the time before the step and t for the time after"
    own = np.stack(kernel.factors(reverse, t, t - h), axis=1)  # (N, d, S')
    if own.shape == clean.shape and np.abs(own - clean)[seen].max() < h:
        return "it returns the law of X_0: its steps go all the way to time 0"
    moved, should = own[seen][jump[seen]], true[seen][jump[seen]]
    if (moved <= NO_CHANCE).all():
        return "it never moves"
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (moved / should)[should > NO_CHANCE]
    low, high = float(ratio.min()), float(ratio.max())
    if high - low < 10 * h * high and abs(low - 1) > 10 * h:
        return f"its jumps are {low:.4g} times as frequent as those of the true chain"
    return _worst(reverse, own, true, p, t, h)


def _jumps(reverse: Reverse) -> NDArray[np.bool_]:
    """Whether v is another state than x_i, (N, d, S')."""
    states = np.stack(np.unravel_index(np.arange(reverse.size), reverse.shape), axis=1)
    return np.asarray(states[..., None] != np.arange(reverse.process.size))


def _worst(reverse: Reverse, own: Array, true: Array, p: Array, t: float, h: float) -> str | None:
    """The coordinate that is furthest off where it matters most."""
    off = p[:, None] * np.abs(own - true).sum(2)
    if off.max() < h**1.5 * p.max():  # of second order: short steps are right
        return None
    n, i = np.unravel_index(int(off.argmax()), off.shape)
    v = int(np.abs(own - true)[n, i].argmax())
    x = [int(k) for k in np.unravel_index(n, reverse.shape)]
    return (
        f"in a short step, of {h:.2g} from t = {t:.3g}, coordinate {i} of {x} comes to {v} with a chance of "
        f"{own[n, i, v]:.4g}; it should be {true[n, i, v]:.4g}"
    )
