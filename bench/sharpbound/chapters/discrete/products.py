"""Engine ``product``: independent coordinates under a sampler that moves each by itself; S^d is never formed.

Divergences of the laws add or multiply over coordinates. Total variation is a sum over how often each state occurs
among coordinates that are alike, where these counts are few enough, and else the Fourier integral of
`sharpbound.distances.products`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import gammaln, xlogy

from sharpbound.chapters.discrete import divergences
from sharpbound.chapters.discrete.divergences import ROUNDING
from sharpbound.distances import products, second_order
from sharpbound.distances.base import Measured
from sharpbound.distances.products import Factor, ProductLaw
from sharpbound.numerics.quadrature import Array

MOST_COUNTS = 1 << 20
"""Counts over which total variation is summed."""


@dataclass(frozen=True)
class Coordinate(Factor):
    """One coordinate: the truth p and the sampler's law q, arrays (S',)."""

    p: Array
    q: Array

    def log_transform(self, tau: Array) -> Any:
        """log H, H = sum sqrt(p q) e^{i tau log(q/p)}, from 1 - H without cancellation."""
        seen = (self.p > 0) & (self.q > 0)
        root = np.sqrt(self.p[seen] * self.q[seen])
        half = np.multiply.outer(tau, 0.5 * np.log(self.q[seen] / self.p[seen]))
        lost = (
            divergences.hellinger(self.p, self.q) ** 2
            + (2 * np.sin(half) ** 2 - 1j * np.sin(2 * half)) @ root
        )
        return np.log1p(-lost)

    def divergence(self, metric: str) -> Measured:
        value = divergences.OF_LAWS[metric](self.p, self.q)
        scale = math.sqrt(2 * max(value, 0.0)) if second_order(metric) else 1.0
        return Measured(value, 2 * ROUNDING * scale, "closed-form")


def distance(metric: str, pairs: Sequence[tuple[Array, Array]], counts: Sequence[int]) -> Measured:
    """A distance between prod p_k^{n_k} and prod q_k^{n_k}, by metric name, with its floor.

    ``hamming-w1`` adds up, for coordinates can be coupled one by one.
    """
    if metric in ("hamming-w1", "positions-tv"):
        total = math.fsum(
            n * divergences.total_variation(p, q) for (p, q), n in zip(pairs, counts, strict=True)
        )
        value = total if metric == "hamming-w1" else total / sum(counts)
        return Measured(value, ROUNDING * (1 + value), "closed-form")
    if metric == "log-perplexity":
        each = [divergences.log_perplexity(p, q) for p, q in pairs]
        value = math.fsum(n * one for one, n in zip(each, counts, strict=True)) / sum(counts)
        return Measured(value, ROUNDING * (1 + abs(value)), "closed-form")
    if metric == "sequence-error":
        inside = math.fsum(n * math.log1p(-q[p == 0].sum()) for (p, q), n in zip(pairs, counts, strict=True))
        return Measured(-math.expm1(inside), ROUNDING, "closed-form")
    if metric == "tv" and (exact := _summed_tv(pairs, counts)) is not None:
        return Measured(exact, ROUNDING * math.sqrt(sum(counts)), "closed-form")
    law = ProductLaw([Coordinate(p, q) for p, q in pairs], counts)
    found = products.METRICS[metric](law)
    if metric == "tv":
        # the integral misses that the log-ratio of n coordinates lives on a lattice: a relative 1/n of it
        return Measured(found.value, max(found.floor, found.value / max(counts)), "quadrature")
    return found


def _summed_tv(pairs: Sequence[tuple[Array, Array]], counts: Sequence[int]) -> float | None:
    """TV = sum (P - Q)_+ over how often each state occurs in each group; None where that is too long a sum."""
    groups = [(p, q, n) for (p, q), n in zip(pairs, counts, strict=True) if n]
    if math.prod(math.comb(n + len(p) - 1, len(p) - 1) for p, _, n in groups) > MOST_COUNTS:
        return None
    P, log_ratio = np.ones(1), np.zeros(1)
    for p, q, n in groups:
        shares = _shares(n, len(p))
        seen = p > 0
        inside = shares[(shares[:, ~seen] == 0).all(1)][:, seen]
        log_p = gammaln(n + 1) - gammaln(inside + 1).sum(1) + xlogy(inside, p[seen]).sum(1)
        chance = np.exp(log_p - log_p.max())
        with np.errstate(divide="ignore"):
            r = np.log1p((q[seen] - p[seen]) / p[seen])
        ratio = np.where(inside > 0, inside * np.where(inside > 0, r, 0.0), 0.0).sum(1)
        P = np.multiply.outer(P, chance / chance.sum()).ravel()
        log_ratio = np.add.outer(log_ratio, ratio).ravel()
    return float(P @ -np.expm1(np.minimum(log_ratio, 0.0)))


def _shares(n: int, size: int) -> Array:
    """All (k_1, ..., k_size) >= 0 with sum n."""
    rows, left = np.zeros((1, 0), dtype=int), np.array([n])
    for _ in range(size - 1):
        reps = left + 1
        first = np.cumsum(reps) - reps
        k = np.arange(reps.sum()) - np.repeat(first, reps)
        rows = np.column_stack([np.repeat(rows, reps, axis=0), k])
        left = np.repeat(left, reps) - k
    return np.column_stack([rows, left])
