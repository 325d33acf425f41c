"""One step of unmasking over all subsets of tokens at once.

What is revealed after k tokens is a *level*: an array (n, S^k), a row for each of the n = C(L, k) sets A of k tokens,
in the order of `itertools.combinations`, with g_A(x_A), the last token of A fastest. The step to sets A' of k + b,

    g_{A'}(x) = sum_{A in A', |A| = k} g_A(x_A) prod_{i in A' - A} p(x_i | x_A),

is, for each of the C(k + b, b) choices of the new tokens' places in A', one product of arrays for many A' together,
with these last, so that inner loops are long: C(L, k + b) C(k + b, b) S^{k + b} multiplications in all.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from sharpbound.chapters.discrete.masked.marginals import Marginals
from sharpbound.chapters.discrete.reverse import Places
from sharpbound.numerics.quadrature import Array

CELLS = 1 << 16
"""Values of larger sets that are held at a time: they fit into a processor's cache."""


def bits(length: int, k: int) -> Places:
    """All sets of k tokens, (n, k): 1 << i for each token i of the set."""
    sets = np.array(list(itertools.combinations(range(length), k)), dtype=np.intp)
    return np.left_shift(1, sets.reshape(math.comb(length, k), k))


def ranks(length: int, *sizes: int) -> Places:
    """The row of a set in its level, by its bits, for sets of these sizes."""
    rank = np.zeros(1 << length, dtype=np.intp)
    for k in sizes:
        masks = bits(length, k).sum(1)
        rank[masks] = np.arange(len(masks))
    return rank


def conditionals(marginals: Marginals, k: int) -> list[Array]:
    """For each place q in a set of k tokens, what its token is drawn from given the others: k arrays (n, S^k)."""
    shape = (-1, *(marginals.states,) * k)
    joint = np.stack([marginals.of_tokens(A) for A in itertools.combinations(range(marginals.length), k)])
    return [marginals.drawn(joint.reshape(shape), q + 1).reshape(len(joint), -1) for q in range(k)]


def grown(marginals: Marginals, level: Array, k: int, b: int) -> Array:
    """The level of k + b tokens: the sum over all ways to reveal b more, none of them weighted."""
    L, S, m = marginals.length, marginals.states, k + b
    rank, larger = ranks(L, k, k + 1), bits(L, m)
    given = conditionals(marginals, k + 1)
    places = [_Places.of(new, m, S) for new in itertools.combinations(range(m), b)]
    out = np.empty((len(larger), S**m))
    at_once = max(1, CELLS // S**m)
    for first in range(0, len(larger), at_once):
        part = larger[first : first + at_once]
        total, product = (np.zeros((*(S,) * m, len(part))) for _ in range(2))
        for place in places:
            smaller = part[:, place.kept].sum(1)
            value = _last(level[rank[smaller]], place.shape)
            for j, q, shape in place.new[:-1]:
                value = value * _last(given[q][rank[smaller + part[:, j]]], shape)
            j, q, shape = place.new[-1]
            np.multiply(value, _last(given[q][rank[smaller + part[:, j]]], shape), out=product)
            total += product
        out[first : first + at_once] = total.reshape(S**m, -1).T
    return out


class _Places:
    """Which places of a set of m tokens are new.

    shape : of what depends on the others alone: S along their axes, 1 along the new ones.
    new : of each new token its place, its place among the others, and the shape of what depends on it and the others.
    """

    def __init__(self, kept: list[int], shape: list[int], new: list[tuple[int, int, list[int]]]) -> None:
        self.kept, self.shape, self.new = kept, shape, new

    @classmethod
    def of(cls, new: tuple[int, ...], m: int, states: int) -> _Places:
        kept = [i for i in range(m) if i not in new]
        shape = [states if i in kept else 1 for i in range(m)]
        with_one = [[states if i == j else size for i, size in enumerate(shape)] for j in new]
        return cls(
            kept, shape, [(j, sum(i < j for i in kept), w) for j, w in zip(new, with_one, strict=True)]
        )


def _last(rows: Array, shape: list[int]) -> Array:
    """Rows (n, ...) as an array (*shape, n)."""
    return np.ascontiguousarray(rows.T).reshape(*shape, len(rows))
