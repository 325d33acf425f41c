"""Masked diffusion: L tokens are revealed in blocks of L/T, chosen at random, sampled apart from each other.

With A the set revealed so far and B the next block, x_B is drawn from prod_{i in B} p(x_i | x_A), exact conditionals.
The law of the output is a sum over all sequences of blocks, by dynamic programming over subsets: g_A(x_A) is the
chance that A is what is revealed after its number of steps, with these values.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from sharpbound.chapters.discrete.targets import conditionals, marginal, subsets
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

MOST_TOKENS = 16


def block_size(length: int, T: int) -> int:
    """Tokens that each of T steps reveals; InputError where they would not be the same or tokens stayed masked."""
    if length % T:
        raise InputError(f"{T} steps do not divide {length} tokens: some would stay masked", key="sweep.T")
    if length > MOST_TOKENS:
        raise InputError(
            f"{length} tokens; sums over subsets take at most {MOST_TOKENS}", key="target.length"
        )
    return length // T


def output_law(table: Array, T: int) -> Array:
    """The law of the output, of the table's shape."""
    d, b = table.ndim, block_size(table.ndim, T)
    law: dict[tuple[int, ...], Array] = {(): np.array(1.0)}
    for step in range(T):
        grown: dict[tuple[int, ...], Array] = {}
        chance = 1.0 / math.comb(d - step * b, b)
        for seen, g in law.items():
            rest = [i for i in range(d) if i not in seen]
            given = conditionals(table, seen)
            for block in itertools.combinations(range(len(rest)), b):
                joint = g * chance
                for k in block:
                    one = given[k].reshape(
                        given[k].shape[:-1] + (1,) * (joint.ndim - len(seen)) + given[k].shape[-1:]
                    )
                    joint = joint[..., None] * one
                axes = (*seen, *(rest[k] for k in block))
                order = np.argsort(axes)
                key = tuple(sorted(axes))
                grown[key] = grown.get(key, 0.0) + joint.transpose(order)
        law = grown
    return law[tuple(range(d))]


def averaged_kl(table: Array, T: int) -> float:
    """KL(p || output) averaged over the orders of unmasking: sum_steps E sum_{i in B} H(X_i | X_A) - H(X).

    Above the KL of the output's law, by convexity.
    """
    d, b = table.ndim, block_size(table.ndim, T)
    total = -entropy(table)
    for step in range(T):
        seen_size = step * b
        gaps = [
            entropy(marginal(table, (*seen, i))) - entropy(marginal(table, seen))
            for seen in subsets(d, seen_size)
            for i in range(d)
            if i not in seen
        ]
        total += b * float(np.mean(gaps))
    return total


def entropy(table: Array) -> float:
    """-sum p log p."""
    p = np.asarray(table, dtype=float).ravel()
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())
