"""The divergence of one step of two chains, given the state before it, under the truth.

For coordinates that move apart from each other, with B_i = P(X_s^i | X_t = x) the true law of each,

    E KL(P(X_s | X_t) || prod_i K_i) = sum_i H(X_s^i | X_t) - H(X_s | X_t) + sum_i E KL(B_i || K_i):

what the coordinates have in common given X_t, and what each is off by itself. By Bayes' rule
H(X_s | X_t) = H(X_s) + sum_i H(X_t^i | X_s^i) - H(X_t), so that all of it goes axis by axis, in N S d.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import entr

from sharpbound.chapters.discrete.divergences import rows_kl
from sharpbound.chapters.discrete.reverse import Reverse
from sharpbound.chapters.discrete.samplers.base import Apart, Kernel, blocks
from sharpbound.numerics.quadrature import Array

ALL_PAIRS = 1024
"""States up to which the divergence is a sum over all transitions, without any cancellation."""


def step_kl(reverse: Reverse, kernels: Sequence[Kernel], t: float, s: float) -> float:
    """E KL(P(X_s | X_t) || the product of ``kernels``), the mean over X_t; infinite where they miss what can be."""
    if len(kernels) == 1 and isinstance(kernels[0], Apart) and reverse.size > ALL_PAIRS:
        return in_common(reverse, t, s) + _off(reverse, kernels[0], t, s)
    p, (first, *later) = reverse.marginal(t).ravel(), kernels
    whole = [kernel(slice(0, reverse.size)) for kernel in later]
    total = 0.0
    for part in blocks(reverse.size, first.numbers(reverse.size)):
        rows = first(part)
        for kernel in whole:
            rows = rows @ kernel
        total += float(p[part] @ rows_kl(reverse.true_rows(part, t, s), rows))
    return total


def in_common(reverse: Reverse, t: float, s: float) -> float:
    """The total correlation of X_s given X_t, in nats: a difference of entropies, each rounded."""
    after, before = reverse.marginal(s), reverse.marginal(t)
    forward = entr(reverse.process.kernel(s, t)).sum(1)  # of one coordinate, by its state at s
    each = [
        float(before.ravel() @ entr(law).sum(1)) - float(_alone(after, axis) @ forward)
        for axis, law in enumerate(reverse.back(t, s))
    ]
    return math.fsum([*each, float(entr(before).sum()), -float(entr(after).sum())])


def _off(reverse: Reverse, kernel: Apart, t: float, s: float) -> float:
    p = reverse.marginal(t).ravel()
    seen = p > 0
    pairs = zip(reverse.back(t, s), kernel.factors, strict=True)
    return math.fsum(float(p[seen] @ rows_kl(true[seen], own[seen])) for true, own in pairs)


def _alone(table: Array, axis: int) -> Array:
    return np.asarray(table.sum(tuple(i for i in range(table.ndim) if i != axis)))
