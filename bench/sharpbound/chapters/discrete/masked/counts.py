"""Engine ``counts``: binary exchangeable laws, whose samplers see nothing but how many ones there are.

With k tokens revealed and j ones among them every further token is one with probability
P(one | j of k) = P_{k+1, j+1}/P_{k, j}, P_{k, j} the chance of one sequence. The output is exchangeable too, so that
divergences of the laws are those of the number of ones, which is carried in logarithms: nothing underflows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import xlog1py, xlogy

from sharpbound.chapters.discrete.divergences import ROUNDING
from sharpbound.chapters.discrete.masked.profile import log_choose, log_sequence, next_is_one
from sharpbound.chapters.discrete.pair import Pair
from sharpbound.chapters.discrete.targets import Exchangeable
from sharpbound.distances.base import Measured
from sharpbound.numerics.quadrature import Array


def true_counts(target: Exchangeable) -> Array:
    """Log chances of the number of ones, (L + 1,)."""
    return log_choose(target.dim, np.arange(target.dim + 1)) + log_sequence(target, target.dim)


def output_counts(target: Exchangeable, sizes: Sequence[int]) -> Array:
    """Log chances of the number of ones of the output, for blocks of these sizes."""
    law, k = np.zeros(1), 0
    for b in sizes:
        one = next_is_one(target, k)
        new = np.full(k + b + 1, -np.inf)
        for m in range(b + 1):
            added = log_choose(b, m) + xlogy(m, one) + xlog1py(b - m, -one)
            new[m : m + k + 1] = np.logaddexp(new[m : m + k + 1], law + added)
        law, k = new, k + b
    return law


def _kl(log_p: Array, log_q: Array) -> float:
    """sum p (q/p - 1 - log(q/p)); the masses are one each."""
    seen = np.isfinite(log_p)
    if not np.isfinite(log_q[seen]).all():
        return math.inf
    r = log_q[seen] - log_p[seen]
    p, q = np.exp(log_p[seen]), np.exp(log_q[seen])
    each = np.where(np.abs(r) < 1, p * (np.expm1(np.clip(r, -1, 1)) - r), q - p - p * r)
    return float(each.sum() + np.exp(log_q[~seen]).sum())


def _tv(log_p: Array, log_q: Array) -> float:
    with np.errstate(invalid="ignore"):
        r = log_q - log_p
    near = np.abs(r) < 1
    gap = np.exp(log_p) * np.expm1(np.where(near, r, 0.0))
    return 0.5 * float(np.abs(np.where(near, gap, np.exp(log_q) - np.exp(log_p))).sum())


def _hellinger(log_p: Array, log_q: Array) -> float:
    return math.sqrt(0.5 * float(((np.exp(0.5 * log_p) - np.exp(0.5 * log_q)) ** 2).sum()))


def _log_perplexity(log_p: Array, log_q: Array) -> float:
    L = len(log_p) - 1
    log_sequence = log_p - log_choose(L, np.arange(L + 1))
    seen = np.isfinite(log_p)
    if np.isfinite(log_q[~seen]).any():
        return math.inf
    return float(((np.exp(log_p) - np.exp(log_q))[seen] * log_sequence[seen]).sum()) / L


def _sequence_error(log_p: Array, log_q: Array) -> float:
    return float(np.exp(log_q[~np.isfinite(log_p)]).sum())


OF_COUNTS: dict[str, Callable[[Array, Array], float]] = {
    "kl": _kl,
    "kl-reverse": lambda log_p, log_q: _kl(log_q, log_p),
    "tv": _tv,
    "hellinger": _hellinger,
    "sequence-error": _sequence_error,
    "log-perplexity": _log_perplexity,
}
"""Distances that depend on the number of ones alone, of logarithms."""


@dataclass(frozen=True)
class Counts(Pair):
    """Log chances of the number of ones, of the truth and of the output."""

    log_p: Array
    log_q: Array
    others: Mapping[str, Callable[[], float]]
    known: Mapping[str, float]
    engine: str = "counts"

    @property
    def metrics(self) -> tuple[str, ...]:
        return (*OF_COUNTS, *self.others)

    def value(self, metric: str) -> Measured:
        """Logarithms are sums of logarithms of factorials: their rounding grows with L."""
        found = self.others[metric]() if metric in self.others else OF_COUNTS[metric](self.log_p, self.log_q)
        rounding = ROUNDING * len(self.log_p) * math.log(1 + len(self.log_p))
        return Measured(found, rounding * (1 + abs(found)) if math.isfinite(found) else 0.0, "closed-form")

    def facts(self) -> dict[str, float]:
        return dict(self.known)
