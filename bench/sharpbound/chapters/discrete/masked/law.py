"""Engine ``subsets``: the law of the output over all orders of unmasking, by dynamic programming over subsets.

Where the order depends on what is seen alone, every sequence comes about in one way, and a tree is walked instead.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np

from sharpbound.chapters.discrete.masked.marginals import Marginals
from sharpbound.chapters.discrete.masked.subsets import grown
from sharpbound.chapters.discrete.masked.tree import surest, walked, within
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

MOST_TOKENS_OF_RANDOM_SIZES = 12
"""Every subset may follow every smaller one: (2S + 1)^L operations a step."""


def random_order(marginals: Marginals, sizes: Sequence[int]) -> Array:
    """The law of the output where each block is chosen at random among the tokens still masked."""
    level, k = np.ones((1, 1)), 0
    for size in sizes:
        level = grown(marginals, level, k, size) / math.comb(marginals.length - k, size)
        k += size
    return level.reshape((marginals.states,) * marginals.length)


def random_sizes(marginals: Marginals, T: int) -> Array:
    """The law of the output where every token draws its step, one of T, by itself."""
    L = marginals.length
    if L > MOST_TOKENS_OF_RANDOM_SIZES:
        raise too_long(L)
    levels: dict[int, Array] = {0: np.ones((1, 1))}
    for t in range(T):
        now = 1 / (T - t)
        after: dict[int, Array] = {}
        for k, level in levels.items():
            for b in range(L - k + 1):
                chance = now**b * (1 - now) ** (L - k - b)
                if chance > 0:
                    more = chance * (grown(marginals, level, k, b) if b else level)
                    after[k + b] = after[k + b] + more if k + b in after else more
        levels = after
    return levels[L].reshape((marginals.states,) * L)


def too_long(length: int) -> InputError:
    """What is told of too many tokens for random sizes of blocks."""
    return InputError(
        f"{length} tokens; random sizes of blocks take at most {MOST_TOKENS_OF_RANDOM_SIZES}",
        key="target.length",
    )


def by_confidence(marginals: Marginals, sizes: Sequence[int], by: Literal["confidence", "entropy"]) -> Array:
    """The law of the output where each block has the tokens that are surest given what is seen: those of the
    largest probability of a state, or of the least entropy; of equal ones the first.

    What is revealed so depends on values alone: every x comes about in one order, and the KL given the order is that
    of the output.
    """
    return walked(marginals, [partial(surest, size=size, by=by) for size in sizes])[0]


def by_entropy_sum(marginals: Marginals, threshold: float) -> tuple[Array, float]:
    """The law of the output where each step reveals the tokens of least entropy as long as the sum of their entropies
    is at most ``threshold``, and one at least; and the expected number of steps.
    """
    return walked(marginals, [partial(within, threshold=threshold)] * marginals.length)
