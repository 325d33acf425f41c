"""Distances between the truth p and the output law q, tables of one shape."""

from __future__ import annotations

import math

import numpy as np

from sharpbound.numerics.quadrature import Array


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


def chi2(p: Array, q: Array) -> float:
    """sum (q - p)^2/p; infinite where q has mass that p has not."""
    seen = p > 0
    return math.inf if q[~seen].any() else float(((q[seen] - p[seen]) ** 2 / p[seen]).sum())


def hellinger(p: Array, q: Array) -> float:
    """H with H^2 = 1/2 sum (sqrt q - sqrt p)^2."""
    return math.sqrt(0.5 * float(((np.sqrt(q) - np.sqrt(p)) ** 2).sum()))
