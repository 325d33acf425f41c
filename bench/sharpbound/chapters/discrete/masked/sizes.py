"""How many tokens each of T steps reveals."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Literal

from sharpbound.chapters.discrete.masked.profile import optimal_sizes, profile_of
from sharpbound.chapters.discrete.targets import Target
from sharpbound.errors import InputError

Schedule = Literal["equal", "cosine", "optimal", "random"]


def block_sizes(target: Target, T: int, schedule: Schedule, blocks: Sequence[int] | None) -> list[int]:
    """The sizes of the T blocks; InputError where tokens would stay masked.

    equal: L/T each.  cosine (MaskGIT, 2202.04200): L cos(pi t/(2T)) stay masked after t steps, rounded, and every step
    reveals at least one.  optimal: the least KL averaged over orders (`optimal_sizes`).  ``blocks``: as they are.
    """
    check_sizes(target.dim, T, schedule, blocks)
    length = target.dim
    if blocks is not None:
        return list(blocks)
    if schedule == "equal":
        return [length // T] * T
    if schedule == "optimal":
        return optimal_sizes(profile_of(target), T)
    revealed = [0]
    for t in range(1, T + 1):
        wanted = round(length * (1 - math.cos(math.pi * t / (2 * T))))
        revealed.append(min(max(wanted, revealed[-1] + 1), length - (T - t)))
    return [b - a for a, b in itertools.pairwise(revealed)]


def check_sizes(length: int, T: int, schedule: Schedule, blocks: Sequence[int] | None) -> None:
    """InputError where `block_sizes` finds none for ``length`` tokens; costs no numerics."""
    if blocks is not None:
        if schedule != "equal":
            raise InputError("says the sizes already; leave out the schedule", key="sampler.blocks")
        if len(blocks) != T or min(blocks) < 1:
            raise InputError(f"must be {T} whole numbers >= 1, one for each step", key="sampler.blocks")
        if sum(blocks) != length:
            left = length - sum(blocks)
            fault = f"{left} would stay masked" if left > 0 else "there are not so many"
            raise InputError(f"reveals {sum(blocks)} of {length} tokens: {fault}", key="sampler.blocks")
    elif schedule == "equal":
        if length % T:
            raise InputError(
                f"{T} steps do not divide {length} tokens: some would stay masked", key="sweep.T"
            )
    elif schedule == "random":
        raise InputError("goes with masked-blocks alone", key="sampler.schedule")
    elif length < T:
        raise InputError(f"{T} steps are more than the {length} tokens", key="sweep.T")
