"""Unmasking in an order that what is seen decides: every sequence has one path, and there are no more than S^L of them.

The tree is walked from all tokens masked, all nodes of a step together: a node is a sequence in which S stands for the
mask, with the chance of coming there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import entr

from sharpbound.chapters.discrete.masked.marginals import Marginals
from sharpbound.chapters.discrete.reverse import Places
from sharpbound.numerics.quadrature import Array

Choice = Callable[[Array, NDArray[np.bool_]], NDArray[np.bool_]]
"""Of the conditionals (n, L, S) and of which tokens are masked, (n, L): those that are revealed next, some of them."""
DIGITS = 12
"""To which doubts are compared, so that rounding does not order what is equal."""


def surest(
    given: Array, masked: NDArray[np.bool_], size: int, by: Literal["confidence", "entropy"]
) -> NDArray[np.bool_]:
    """The ``size`` tokens of the largest probability of a state, or of the least entropy; of equal ones the first."""
    order = _order(1 - given.max(-1) if by == "confidence" else entr(given).sum(-1), masked)
    return _at(order, np.arange(masked.shape[1]) < size)


def within(given: Array, masked: NDArray[np.bool_], threshold: float) -> NDArray[np.bool_]:
    """The tokens of least entropy whose sum stays within ``threshold``, and one at least."""
    entropy = np.round(entr(given).sum(-1), DIGITS)
    order = _order(entropy, masked)
    total = np.cumsum(np.take_along_axis(np.where(masked, entropy, np.inf), order, 1), axis=1)
    chosen = total <= threshold
    chosen[:, 0] = True
    return _at(order, chosen)


def walked(marginals: Marginals, choices: Sequence[Choice]) -> tuple[Array, float]:
    """The law of the output, and the expected number of steps until no token is masked.

    ``choices`` : one for each step, which end when all tokens are revealed.
    """
    L, S = marginals.length, marginals.states
    x, chance = np.full((1, L), S), np.ones(1)
    out, steps = np.zeros(S**L), 0.0
    for choice in choices:
        steps += float(chance.sum())
        given = _conditionals(marginals, x)
        chosen = choice(given, x == S)
        count = chosen.sum(1)
        grown = [
            _revealed(x[count == b], chance[count == b], given[count == b], chosen[count == b])
            for b in np.unique(count).tolist()
        ]
        x, chance = (np.concatenate([each[k] for each in grown]) for k in (0, 1))
        done = (x < S).all(1)
        # one path leads to each sequence
        out[np.ravel_multi_index(x[done].T, (S,) * L)] = chance[done]
        x, chance = x[~done], chance[~done]
        if not len(x):
            break
    return out.reshape((S,) * L), steps


def _conditionals(marginals: Marginals, x: Places) -> Array:
    """What each masked token is drawn from given the seen ones of x, (n, L, S); 0 of those that are seen."""
    S, length = marginals.states, marginals.length
    entries = marginals.entries.ravel()
    strides = (S + 1) ** np.arange(length - 1, -1, -1)
    joint = np.zeros((*x.shape, S))
    rows, tokens = np.nonzero(x == S)
    seen = (x @ strides)[rows, None] - ((S - np.arange(S)) * strides[tokens, None])
    joint[rows, tokens] = marginals.drawn(entries[seen], 1)
    return joint


def _revealed(x: Places, chance: Array, given: Array, chosen: NDArray[np.bool_]) -> tuple[Places, Array]:
    """Nodes after b chosen tokens each have got all their values: S^b times as many."""
    n, S = len(x), given.shape[-1]
    for column in np.nonzero(chosen)[1].reshape(n, -1).T:
        node = np.repeat(np.arange(n), len(x) // n)  # of which each row has come
        chance = (chance[:, None] * given[node, column[node]]).ravel()
        x = np.repeat(x, S, axis=0)
        x[np.arange(len(x)), np.repeat(column[node], S)] = np.tile(np.arange(S), len(node))
    return x, chance


def _order(doubt: Array, masked: NDArray[np.bool_]) -> Places:
    """The tokens from the least doubt on, masked ones before all others."""
    return np.argsort(np.where(masked, np.round(doubt, DIGITS), np.inf), axis=1, kind="stable")


def _at(order: Places, chosen: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """What is chosen in the order, by token."""
    found = np.zeros(order.shape, dtype=bool)
    np.put_along_axis(found, order, np.broadcast_to(chosen, order.shape), 1)
    return found
