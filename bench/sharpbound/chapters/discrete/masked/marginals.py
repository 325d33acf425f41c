"""All marginals and conditionals of a table at once: one array of shape (S + 1,) * L, in whose last place along an
axis that token is summed out. A marginal is then a view of it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np

from sharpbound.chapters.discrete.masked.race import raced
from sharpbound.chapters.discrete.process import normalised
from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array

MOST_TOKENS = 16
MOST_ENTRIES = 3**16
"""Of the array of all marginals: 344 MB."""


@dataclass(frozen=True)
class Marginals:
    """Of a law of L tokens with S states each."""

    entries: Array
    """(S + 1,) * L."""
    bits: int | None = None
    """Of the uniforms with which tokens are drawn (`race`); None where draws are exact."""

    @classmethod
    def of(cls, table: Array, bits: int | None = None) -> Marginals:
        """InputError where there are too many subsets."""
        length, states = table.ndim, table.shape[0]
        check_size(length, states)
        for axis in range(length):
            table = np.concatenate([table, table.sum(axis, keepdims=True)], axis)
        return cls(table, bits)

    @property
    def length(self) -> int:
        """L."""
        return self.entries.ndim

    @property
    def states(self) -> int:
        """S."""
        return self.entries.shape[0] - 1

    def of_tokens(self, seen: tuple[int, ...]) -> Array:
        """The law of x_seen, seen increasing: (S,) * |seen|."""
        kept = set(seen)
        return self.entries[tuple(slice(0, -1) if i in kept else -1 for i in range(self.length))]

    def conditional(self, i: int, seen: tuple[int, ...]) -> Array:
        """What x_i is drawn from, p(x_i | x_seen) of i not among seen: (S,) * |seen| + (S,), x_i last."""
        kept = {*seen, i}
        joint = self.entries[tuple(slice(0, -1) if j in kept else -1 for j in range(self.length))]
        joint = np.moveaxis(joint, sorted(kept).index(i), -1)
        return self.drawn(joint, -1)

    def drawn(self, joint: Array, axis: int) -> Array:
        """What a token is drawn from given the others, of a law of both, ``joint``, with its values along an axis.

        Equal chances where the others never occur: no path to a sequence that p can be comes there.
        """
        law = normalised(joint, axis, 1 / self.states)
        return (
            law if self.bits is None else np.moveaxis(raced(np.moveaxis(law, axis, -1), self.bits), -1, axis)
        )

    def entropies(self) -> Array:
        """h_k, the mean entropy of k tokens over all choices of them, k = 0 ... L."""
        return np.array(
            [
                np.mean(
                    [entropy(self.of_tokens(seen)) for seen in itertools.combinations(range(self.length), k)]
                )
                for k in range(self.length + 1)
            ]
        )


def fits(length: int, states: int) -> bool:
    """Whether the array of all marginals does."""
    return length <= MOST_TOKENS and (states + 1) ** length <= MOST_ENTRIES


def check_size(length: int, states: int) -> None:
    """InputError where sums over subsets of tokens would be too long."""
    if length > MOST_TOKENS:
        raise InputError(
            f"{length} tokens; sums over subsets take at most {MOST_TOKENS}", key="target.length"
        )
    if not fits(length, states):
        raise InputError(
            f"{length} tokens of {states} states have {(states + 1) ** length} values of subsets; at most "
            f"{MOST_ENTRIES} fit",
            key="target",
        )


def entropy(law: Array) -> float:
    """-sum p log p, in nats."""
    p = np.asarray(law, dtype=float).ravel()
    p = p[p > 0]
    return float(-(p * np.log(p)).sum())
