"""Engine ``subsets``: the law of the output over all orders of unmasking, by dynamic programming over subsets.

g_A(x_A) is the chance that A is what is revealed after its number of steps, with these values.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Literal

import numpy as np
from scipy.special import entr

from sharpbound.chapters.discrete.masked.marginals import Marginals
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

Subset = tuple[int, ...]
Law = dict[Subset, Array]
Blocks = Iterator[tuple[list[int], float | Array]]
"""Blocks, as places among the masked tokens, each with its chance: a number, or one for each x_A."""
Choice = Callable[[list[int], list[Array]], Blocks]
"""Of the masked tokens and their conditionals: the blocks that may follow."""
MOST_TOKENS_OF_RANDOM_SIZES = 10
"""Every subset may follow every smaller one: (2S + 1)^L operations a step."""


def random_order(marginals: Marginals, sizes: Sequence[int]) -> Array:
    """The law of the output where each block is chosen at random among the tokens still masked."""
    law: Law = {(): np.array(1.0)}
    for size in sizes:
        law = _revealed(marginals, law, partial(_all_alike, size=size))
    return law[tuple(range(marginals.length))]


def random_sizes(marginals: Marginals, T: int) -> Array:
    """The law of the output where every token draws its step, one of T, by itself."""
    if marginals.length > MOST_TOKENS_OF_RANDOM_SIZES:
        raise InputError(
            f"{marginals.length} tokens; random sizes of blocks take at most {MOST_TOKENS_OF_RANDOM_SIZES}",
            key="target.length",
        )
    law: Law = {(): np.array(1.0)}
    for t in range(T):
        now = 1 / (T - t)

        def blocks(rest: list[int], given: list[Array], now: float = now) -> Blocks:
            for size in range(len(rest) + 1):
                chance = now**size * (1 - now) ** (len(rest) - size)
                if chance > 0:
                    yield from (
                        (list(block), chance) for block in itertools.combinations(range(len(rest)), size)
                    )

        law = _revealed(marginals, law, blocks)
    return law[tuple(range(marginals.length))]


def by_confidence(marginals: Marginals, sizes: Sequence[int], by: Literal["confidence", "entropy"]) -> Array:
    """The law of the output where each block has the tokens that are surest given what is seen: those of the
    largest probability of a state, or of the least entropy; of equal ones the first.

    What is revealed so depends on values alone: every x comes about in one order, and the KL given the order is that
    of the output.
    """
    law: Law = {(): np.array(1.0)}
    for size in sizes:
        law = _revealed(marginals, law, partial(_surest, size=size, by=by))
    return law[tuple(range(marginals.length))]


def by_entropy_sum(marginals: Marginals, threshold: float) -> tuple[Array, float]:
    """The law of the output where each step reveals the tokens of least entropy as long as the sum of their entropies
    is at most ``threshold``, and one at least; and the expected number of steps.
    """
    law: Law = {(): np.array(1.0)}
    steps, everything = 0.0, tuple(range(marginals.length))
    while set(law) != {everything}:
        steps += float(sum(g.sum() for seen, g in law.items() if seen != everything))
        law = _revealed(marginals, law, partial(_within, threshold=threshold))
    return law[everything], steps


def _revealed(marginals: Marginals, law: Law, choice: Choice) -> Law:
    grown: Law = {}
    for seen, g in law.items():
        rest = [i for i in range(marginals.length) if i not in seen]
        given = [marginals.conditional(i, seen) for i in rest]
        for block, chance in choice(rest, given):
            joint = g * chance
            for k in block:
                one = given[k].reshape(g.shape + (1,) * (joint.ndim - g.ndim) + (marginals.states,))
                joint = joint[..., None] * one
            axes = (*seen, *(rest[k] for k in block))
            key = tuple(sorted(axes))
            grown[key] = grown.get(key, 0.0) + joint.transpose(np.argsort(axes))
    return grown


def _all_alike(rest: list[int], given: list[Array], size: int) -> Blocks:
    chance = 1 / math.comb(len(rest), size)
    yield from ((list(block), chance) for block in itertools.combinations(range(len(rest)), size))


def _surest(rest: list[int], given: list[Array], size: int, by: str) -> Blocks:
    """The blocks that some x_A chooses, with 1 where it does.

    Doubts are compared to 12 digits, so that rounding does not order what is equal.
    """
    stacked = np.stack(given)
    doubt = 1 - stacked.max(-1) if by == "confidence" else entr(stacked).sum(-1)
    first = np.sort(np.argsort(np.round(doubt, 12), axis=0, kind="stable")[:size], axis=0)
    flat = first.reshape(len(first), -1).T
    for block in np.unique(flat, axis=0):
        yield block.tolist(), (flat == block).all(1).reshape(stacked.shape[1:-1]).astype(float)


def _within(rest: list[int], given: list[Array], threshold: float) -> Blocks:
    """The blocks of least entropy whose sum stays within ``threshold``, with 1 where x_A chooses them."""
    if not rest:
        yield [], 1.0
        return
    entropy = np.round(entr(np.stack(given)).sum(-1), 12).reshape(len(rest), -1)
    order = np.argsort(entropy, axis=0, kind="stable")
    taken = np.cumsum(np.take_along_axis(entropy, order, 0), axis=0) <= threshold
    taken[0] = True
    chosen = np.zeros_like(taken)
    np.put_along_axis(chosen, order, taken, 0)
    for pattern in np.unique(chosen.T, axis=0):
        alike = (pattern == chosen.T).all(1).astype(float)
        yield np.flatnonzero(pattern).tolist(), alike.reshape(given[0].shape[:-1])
