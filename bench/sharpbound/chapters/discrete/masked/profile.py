"""What a law's mean entropies h_0 ... h_L of k tokens say: the error of any order-blind schedule, and the best one.

Revealing b tokens after k, all at random, costs b (h_{k+1} - h_k) - (h_{k+b} - h_k) on average, so that the KL
divergence of the truth against the sampler, given the order and averaged over it, is

    sum_steps b (h_{k+1} - h_k) - h_L                                               (2511.04647, 2510.25544).

It is above the KL of the law of the output, by convexity. With equal blocks it is a Riemann sum of a decreasing
function, the information profile k -> h_{k+1} - h_k.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.special import gammaln, xlogy

from sharpbound.chapters.discrete.masked.marginals import Marginals, entropy
from sharpbound.chapters.discrete.targets import Exchangeable, Product, Target, Tree
from sharpbound.numerics.quadrature import Array


def mean_entropies(target: Target) -> Array:
    """h_k, k = 0 ... L: in closed form for products, chains and binary exchangeable laws of any length."""
    if isinstance(target, Product):
        one = sum(n * entropy(row) for row, n in zip(target.factors, target.counts, strict=True)) / target.dim
        return np.asarray(np.arange(target.dim + 1) * one)
    if isinstance(target, Tree) and target.is_chain:
        return _of_chain(target)
    if isinstance(target, Exchangeable) and target.states == 2:
        return _of_binary(target)
    return Marginals.of(target.table()).entropies()


def closed_form(target: Target) -> bool:
    """Whether `mean_entropies` needs no table."""
    chain = isinstance(target, Tree) and target.is_chain
    return chain or isinstance(target, Product) or (isinstance(target, Exchangeable) and target.states == 2)


def _of_chain(chain: Tree) -> Array:
    """h_k = log S + sum_g e_g (L - g) C(L - g - 1, k - 2)/C(L, k), e_g = H(X_g | X_0): of the C(L, k) sets of k
    tokens (L - g) C(L - g - 1, k - 2) have two neighbours that are g apart, for each place of the first.
    """
    L, S = chain.dim, chain.states
    gaps = np.arange(1, L)
    turn = (chain.stay - (1 - chain.stay) / (S - 1)) ** gaps  # the second eigenvalue of the g-th power
    same, other = 1 / S + (1 - 1 / S) * turn, (1 - turn) / S
    e = -xlogy(same, same) - (S - 1) * xlogy(other, other)
    h = np.zeros(L + 1)
    h[1] = math.log(S)
    for k in range(2, L + 1):
        g = gaps[: L - k + 1]  # L - g - 1 >= k - 2
        log_sets = np.log(L - g) + log_choose(L - g - 1, k - 2) - log_choose(L, k)
        h[k] = math.log(S) + float(e[: len(g)] @ np.exp(log_sets))
    return h


def _of_binary(target: Exchangeable) -> Array:
    """H(X_1 ... X_k) = -sum_j C(k, j) P_j log P_j, P_j the chance of one sequence with j ones."""
    h = np.zeros(target.dim + 1)
    for k in range(1, target.dim + 1):
        log_p, log_count = log_sequence(target, k), log_choose(k, np.arange(k + 1))
        seen = np.isfinite(log_p)
        h[k] = float(-(np.exp(log_count[seen] + log_p[seen]) @ log_p[seen]))
    return h


def log_sequence(target: Exchangeable, k: int) -> Array:
    """Of a binary exchangeable law: log chance of one sequence of k tokens with j ones, j = 0 ... k."""
    j = np.arange(k + 1)
    terms = (
        np.log(target.weights)[:, None]
        + xlogy(j, target.components[:, 1:])
        + xlogy(k - j, target.components[:, :1])
    )
    return np.asarray(np.logaddexp.reduce(terms, axis=0))


def averaged_kl(h: Array, sizes: Sequence[int]) -> float:
    """KL(p || sampler given the order), averaged over orders, for blocks of these sizes."""
    before = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    b = np.asarray(sizes)
    return math.fsum(b * (h[before + 1] - h[before]) - (h[before + b] - h[before]))


def averaged_kl_random(h: Array, T: int) -> float:
    """The same where every token draws its step, one of T, by itself: given K revealed before step t, with law
    Bin(L, t/T), (L - K)/(T - t) are expected to be revealed in it.
    """
    L = len(h) - 1
    k = np.arange(L)
    profile = np.diff(h)
    total = []
    for t in range(T):
        u = t / T
        log_chance = log_choose(L, k) + xlogy(k, u) + xlogy(L - k, 1 - u)
        total.append(float((np.exp(log_chance) * (L - k) / (T - t)) @ profile))
    return math.fsum(total) - float(h[-1])


def optimal_sizes(h: Array, T: int) -> list[int]:
    """The T block sizes of the least `averaged_kl`, by dynamic programming over how many tokens are revealed."""
    L = len(h) - 1
    profile = np.diff(h)
    cost = np.full(L + 1, math.inf)
    cost[0] = 0.0
    came = np.zeros((T, L + 1), dtype=int)
    for t in range(T):
        new = np.full(L + 1, math.inf)
        for to in range(t + 1, L + 1):
            k = np.arange(t, to)
            total = cost[k] + (to - k) * profile[k]
            best = int(np.argmin(total))
            new[to], came[t, to] = total[best], k[best]
        cost = new
    sizes, at = [], L
    for t in range(T - 1, -1, -1):
        sizes.append(at - int(came[t, at]))
        at = int(came[t, at])
    return sizes[::-1]


def total_correlation(h: Array) -> float:
    """TC = sum_i H(X_i) - H(X)."""
    L = len(h) - 1
    return float(L * h[1] - h[L])


def dual_total_correlation(h: Array) -> float:
    """DTC = H(X) - sum_i H(X_i | X_-i)."""
    L = len(h) - 1
    return float(h[L] - L * (h[L] - h[L - 1]))


def facts(h: Array) -> dict[str, float]:
    """Total correlation, dual total correlation, and their sum, that of I(X_i; X_-i) over the tokens: in nats."""
    tc, dtc = total_correlation(h), dual_total_correlation(h)
    return {"TC": tc, "DTC": dtc, "MI": tc + dtc}


def log_choose(n: Any, k: Any) -> Array:
    """log C(n, k)."""
    return np.asarray(gammaln(np.add(n, 1)) - gammaln(np.add(k, 1)) - gammaln(np.subtract(n, k) + 1.0))
