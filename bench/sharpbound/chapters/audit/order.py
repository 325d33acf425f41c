"""The order in the end: which powers of the step the error has, and which of them wins as T grows.

A multistep method of order 4 that starts with a step of order 1 has the error A h^4 + B h^2. Where B is small its local
slopes look like 4 on every ladder that is measured, and its order is 2. The error is known as a function e_T(u), not
only its norm, and has an expansion in each u,

    e_T = C_0 + C_1 h + C_2 h^2 + ... ,    h = 1/T,

which Richardson's extrapolation over the ladder separates: with m numbers of steps, the first m coefficients. What
m - 1 of them give instead is how far the answer may be off. A power that is present beyond that doubt and beyond the
floors is present at every larger T. C_0 is what is left as T goes to infinity: 0 if the sampler converges.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpbound.chapters.audit.measuring import Point

Array = NDArray[np.float64]

CERTAIN = 8.0
"""A coefficient is there if it is this many times its doubt."""
CARRY = 0.25
"""Least share of the change before that a change between two extrapolations counts for."""
LATEST = 1e6
"""A power that takes over beyond this T is none that anybody sees."""
FEWEST = 3


@dataclass(frozen=True)
class Power:
    """The lowest power of the step that the error has: ``share`` of the error at the largest T is its; ``takes_over``
    is the T at which it is as large as what decides on the ladder.
    """

    order: int
    share: float
    takes_over: float


def lowest_power(points: Sequence[Point], apparent: float | None) -> Power | None:
    """The lowest power present, or None where none can be told.

    apparent : order that the local slopes show, against which the taking over is reckoned.
    """
    usable = [p for p in points if p.probed is not None and p.doubt is not None and p.w2 and p.w2 > p.doubt]
    sizes = {len(p.probed.errors) for p in usable if p.probed}
    if len(usable) < FEWEST + 2 or len(sizes) != 1:
        return None
    last = usable[-1].probed
    assert last is not None
    T = np.array([p.T for p in usable], dtype=float)
    errors = np.stack([p.probed.errors for p in usable if p.probed])
    floors = np.array([p.doubt for p in usable], dtype=float)
    whole = last.norm(errors[-1])
    for lowest in (0, 1):  # a row is worth more than a constant that is not there
        sums = _terms(T, errors, floors, lowest)
        for order in (0,) if lowest == 0 else range(1, len(T) - 1):
            found = _present(sums, order - lowest, last.norm)
            if found is None:
                continue
            share = found / whole
            gap = max((apparent or order) - order, 0.0)
            later = T[-1]
            if gap > 0.5 and share < 0.5:
                later = T[-1] * math.exp(min(math.log(1 / share - 1) / gap, 50.0))
            if later <= LATEST:
                return Power(order, float(share), float(later))
    return None


def _terms(T: Array, errors: Array, floors: Array, lowest: int) -> list[tuple[Array, Array]]:
    """For m = FEWEST .. n, of the finest m rows: terms C_j h^j, j >= ``lowest``, at the largest T (m, nodes), and
    their floors (m,).
    """
    found = []
    for m in range(FEWEST, len(T) + 1):
        x = T[-1] / T[-m:]  # h in units of the finest
        inverse = np.linalg.inv(x[:, None] ** np.arange(lowest, lowest + m))
        found.append((inverse @ errors[-m:], np.abs(inverse) @ floors[-m:]))
    return found


def _present(sums: Sequence[tuple[Array, Array]], place: int, norm: Callable[[Array], float]) -> float | None:
    """Size at the largest T of the term at ``place``, where it is beyond doubt in some window.

    Two extrapolations of an error with one component, as that of a variance is, may agree by chance, and so the last
    change counts for no less than CARRY of the one before.
    """
    best: tuple[float, float] | None = None
    before: float | None = None
    for (fewer, _), (more, floors) in itertools.pairwise(sums):
        if place > len(fewer) - 1:  # the last term of a window takes what all higher ones leave
            continue
        change = norm(more[place] - fewer[place])
        doubt = max(change, CARRY * (change if before is None else before)) + floors[place]
        if before is not None and (best is None or doubt < best[1]):
            best = norm(more[place]), doubt
        before = change
    if best is None or best[0] <= CERTAIN * best[1]:
        return None
    return best[0]
