"""Distances between the truth p and the output law q, tables of one shape."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sharpbound.libraries import loading
from sharpbound.numerics.quadrature import Array

ROUNDING = 1e-15
"""Relative rounding of one step of a law, and of a sum of its chances."""


def total_variation(p: Array, q: Array) -> float:
    """1/2 sum |q - p|."""
    return 0.5 * float(np.abs(q - p).sum())


def kl(p: Array, q: Array) -> float:
    """KL(p || q) = sum p (r - log(1 + r)), r = q/p - 1, without cancellation; infinite where q misses mass of p."""
    seen = p > 0
    if (q[seen] <= 0).any():
        return math.inf
    r = q[seen] / p[seen] - 1
    # the masses are one each, so that what p does not see of q is what the sum of p r lacks
    return float((p[seen] * (r - np.log1p(r))).sum() + q[~seen].sum())


def kl_reverse(p: Array, q: Array) -> float:
    """KL(q || p)."""
    return kl(q, p)


def rows_kl(p: Array, q: Array) -> Array:
    """KL of each row of p against that of q; 0 for a row of p that has no mass."""
    with np.errstate(divide="ignore", invalid="ignore"):
        r = q / p - 1
        terms = np.where(p > 0, p * (r - np.log1p(r)), q)
    return np.where(p.sum(-1) > 0, terms.sum(-1), 0.0)


def chi2(p: Array, q: Array) -> float:
    """sum (q - p)^2/p; infinite where q has mass that p has not."""
    seen = p > 0
    return math.inf if q[~seen].any() else float(((q[seen] - p[seen]) ** 2 / p[seen]).sum())


def hellinger(p: Array, q: Array) -> float:
    """H with H^2 = 1/2 sum (sqrt q - sqrt p)^2."""
    return math.sqrt(0.5 * float(((np.sqrt(q) - np.sqrt(p)) ** 2).sum()))


def hamming_w1(p: Array, q: Array) -> float:
    """Wasserstein-1 of the number of coordinates that differ, by an optimal plan between all states."""
    with loading():
        import ot  # slow to import

    states = np.array(np.unravel_index(np.arange(p.size), p.shape)).T
    cost = (states[:, None] != states[None]).sum(-1).astype(float)
    a, b = p.ravel() / p.sum(), np.maximum(q.ravel(), 0.0)
    return float(ot.emd2(a, b / b.sum(), cost, numItermax=10**6))


def positions_tv(p: Array, q: Array) -> float:
    """The mean over coordinates of the total variation of their own laws."""
    axes = range(p.ndim)
    each = [total_variation(*(law.sum(tuple(j for j in axes if j != i)) for law in (p, q))) for i in axes]
    return float(np.mean(each))


def sequence_error(p: Array, q: Array) -> float:
    """The mass of q that p cannot be: the sequence error rate of 2502.09622."""
    return float(q[p == 0].sum())


def log_perplexity(p: Array, q: Array) -> float:
    """By how much the mean of -log p per coordinate is larger under q than under p, in nats: negative where q prefers
    what is likely; infinite where q has mass that p has not.
    """
    seen = p > 0
    return math.inf if q[~seen].any() else float(((p - q)[seen] * np.log(p[seen])).sum()) / p.ndim


OF_LAWS: dict[str, Callable[[Array, Array], float]] = {
    "tv": total_variation,
    "kl": kl,
    "kl-reverse": kl_reverse,
    "chi2": chi2,
    "hellinger": hellinger,
    "hamming-w1": hamming_w1,
    "positions-tv": positions_tv,
    "sequence-error": sequence_error,
    "log-perplexity": log_perplexity,
}
"""Metric name -> distance of the truth p and the output law q."""
