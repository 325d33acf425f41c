"""The information profile of a law: what it says of order-blind schedules, and the best of them.

With f(k) = H(X_i | k other tokens), averaged over the choice of all of them, k = 0 ... L - 1, revealing b tokens after
k, all at random, costs b f(k) - (f(k) + ... + f(k + b - 1)) on average, so that the KL divergence of the truth against
the sampler, given the order and averaged over it, is

    sum_steps b f(k) - H(X)                                               (2511.04647, 2510.25544).

It is above the KL of the law of the output, by convexity. With equal blocks it is the error of a Riemann sum of f,
which falls from the mean entropy of a token to that given all others: (f(0) - f(L - 1)) L/(2T) to first order, which is
I(X_i; X_-i), summed over the tokens, over 2T.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import entr, gammaln, xlogy

from sharpbound.chapters.discrete.masked.marginals import Marginals, entropy
from sharpbound.chapters.discrete.targets import Exchangeable, Product, Target, Tree
from sharpbound.numerics.quadrature import Array

AT_ONCE = 256
"""Lengths of which all last blocks are compared at a time."""


class Profile(ABC):
    """f and H(X) of a law of L tokens, in nats."""

    length: int
    """L."""
    total: float
    """H(X), the sum of f."""

    @abstractmethod
    def gain(self, k: int) -> float:
        """f(k), 0 <= k < L."""

    @cached_property
    def gains(self) -> Array:
        """All of f, (L,)."""
        return np.array([self.gain(k) for k in range(self.length)])

    @property
    def total_correlation(self) -> float:
        """TC = sum_i H(X_i) - H(X)."""
        return self.length * self.gain(0) - self.total

    @property
    def dual_total_correlation(self) -> float:
        """DTC = H(X) - sum_i H(X_i | X_-i)."""
        return self.total - self.length * self.gain(self.length - 1)

    def facts(self) -> dict[str, float]:
        """TC, DTC, and their sum, that of I(X_i; X_-i) over the tokens."""
        tc, dtc = self.total_correlation, self.dual_total_correlation
        return {"TC": tc, "DTC": dtc, "MI": tc + dtc}


class OfTable(Profile):
    """By the entropies of all subsets."""

    def __init__(self, table: Array) -> None:
        h = Marginals.of(table).entropies()
        self.length, self.total, self._gains = table.ndim, float(h[-1]), np.diff(h)

    def gain(self, k: int) -> float:
        return float(self._gains[k])


class OfProduct(Profile):
    """Nothing is learnt from other tokens."""

    def __init__(self, target: Product) -> None:
        each = sum(n * entropy(row) for row, n in zip(target.factors, target.counts, strict=True))
        self.length, self.total = target.dim, each

    def gain(self, k: int) -> float:
        return self.total / self.length


@dataclass(frozen=True)
class OfChain(Profile):
    """Of a Markov chain, from e(g) = H(X_g | X_0).

    The mean entropy of k tokens is log S + sum_g w_k(g) e(g), w_k(g) the expected number of neighbours among them that
    are g apart: w_k(1) = k (k - 1)/L, w_k(g + 1)/w_k(g) = (L - g - k + 1)/(L - g). f is its difference in k,
    w_{k+1}(g) - w_k(g) = w_k(g) (2 (L - k) - (g - 1)(k + 1))/((k - 1)(L - k)), without cancellation.
    """

    chain: Tree

    @property
    def length(self) -> int:  # type: ignore[override]
        return self.chain.dim

    @cached_property
    def total(self) -> float:  # type: ignore[override]
        return math.log(self.chain.states) + (self.length - 1) * float(self.apart(1))

    def apart(self, gaps: ArrayLike) -> Array:
        """e(g)."""
        S, stay = self.chain.states, self.chain.stay
        turn = (stay - (1 - stay) / (S - 1)) ** np.asarray(gaps)  # the second eigenvalue of the g-th power
        return np.asarray(entr(1 / S + (1 - 1 / S) * turn) + (S - 1) * entr((1 - turn) / S))

    def gain(self, k: int) -> float:
        L = self.length
        if k == 0:
            return math.log(self.chain.states)
        if k == 1:
            g = np.arange(1, L)
            return float(self.apart(g) @ (2 * (L - g) / (L * (L - 1))))
        g = np.arange(1, min(L - k + 1, math.ceil(50 * L / k)) + 1)  # w falls faster than e^{-gk/L}
        steps = np.concatenate([[1.0], (L - g[:-1] - k + 1) / (L - g[:-1])])
        w = k * (k - 1) / L * np.cumprod(steps)
        return float(self.apart(g) @ (w * (2 * (L - k) - (g - 1) * (k + 1)))) / ((k - 1) * (L - k))


@dataclass(frozen=True)
class OfCoins(Profile):
    """Of a binary exchangeable law: f(k) is the mean over the number of ones of the entropy of the next token."""

    target: Exchangeable

    @property
    def length(self) -> int:  # type: ignore[override]
        return self.target.dim

    @cached_property
    def total(self) -> float:  # type: ignore[override]
        log_p = log_sequence(self.target, self.length)
        seen = np.isfinite(log_p)
        chance = np.exp(log_choose(self.length, np.arange(self.length + 1))[seen] + log_p[seen])
        return float(-(chance @ log_p[seen]))

    def gain(self, k: int) -> float:
        log_p = log_sequence(self.target, k)
        chance = np.exp(log_choose(k, np.arange(k + 1)) + log_p)
        one = next_is_one(self.target, k)
        return float(chance @ (entr(one) + entr(1 - one)))


def profile_of(target: Target) -> Profile:
    """In closed form for products, chains and binary exchangeable laws of any length."""
    if isinstance(target, Product):
        return OfProduct(target)
    if isinstance(target, Tree) and target.is_chain:
        return OfChain(target)
    if isinstance(target, Exchangeable) and target.states == 2:
        return OfCoins(target)
    return OfTable(target.table())


def closed_form(target: Target) -> bool:
    """Whether `profile_of` needs no table."""
    chain = isinstance(target, Tree) and target.is_chain
    return chain or isinstance(target, Product) or (isinstance(target, Exchangeable) and target.states == 2)


def log_sequence(target: Exchangeable, k: int) -> Array:
    """Of a binary exchangeable law: log chance of one sequence of k tokens with j ones, j = 0 ... k."""
    j = np.arange(k + 1)
    terms = (
        np.log(target.weights)[:, None]
        + xlogy(j, target.components[:, 1:])
        + xlogy(k - j, target.components[:, :1])
    )
    return np.asarray(np.logaddexp.reduce(terms, axis=0))


def next_is_one(target: Exchangeable, k: int) -> Array:
    """P(one | j ones among k), j = 0 ... k; 1/2 where j of k never occurs."""
    with np.errstate(invalid="ignore"):
        one = np.exp(log_sequence(target, k + 1)[1:] - log_sequence(target, k))
    return np.where(np.isnan(one), 0.5, np.clip(one, 0.0, 1.0))


def averaged_kl(profile: Profile, sizes: Sequence[int]) -> float:
    """KL(p || sampler given the order), averaged over orders, for blocks of these sizes."""
    before = np.concatenate([[0], np.cumsum(sizes)[:-1]]).tolist()
    return math.fsum([*(b * profile.gain(k) for k, b in zip(before, sizes, strict=True)), -profile.total])


def averaged_kl_random(profile: Profile, T: int) -> float:
    """The same where every token draws its step, one of T, by itself: given K revealed before step t, with law
    Bin(L, t/T), (L - K)/(T - t) are expected to be revealed in it.
    """
    L = profile.length
    k = np.arange(L)
    total = []
    for t in range(T):
        u = t / T
        log_chance = log_choose(L, k) + xlogy(k, u) + xlogy(L - k, 1 - u)
        total.append(float((np.exp(log_chance) * (L - k) / (T - t)) @ profile.gains))
    return math.fsum([*total, -profile.total])


def optimal_sizes(profile: Profile, T: int) -> list[int]:
    """The T block sizes of the least `averaged_kl`, by dynamic programming over how many tokens are revealed."""
    L, f = profile.length, profile.gains
    cost = np.full(L + 1, math.inf)
    cost[0] = 0.0
    came = np.zeros((T, L + 1), dtype=int)
    for t in range(T):
        new = np.full(L + 1, math.inf)
        k = np.arange(t, L)
        for some in np.array_split(np.arange(t + 1, L + 1), 1 + (L - t) // AT_ONCE):
            ahead = some[:, None] - k
            total = np.where(ahead > 0, cost[k] + ahead * f[k], math.inf)
            best = np.argmin(total, axis=1)
            new[some], came[t, some] = total[np.arange(len(some)), best], k[best]
        cost = new
    sizes, at = [], L
    for t in range(T - 1, -1, -1):
        sizes.append(at - int(came[t, at]))
        at = int(came[t, at])
    return sizes[::-1]


def log_choose(n: int, k: ArrayLike) -> Array:
    """log C(n, k)."""
    return np.asarray(gammaln(n + 1) - gammaln(np.add(k, 1)) - gammaln(n - np.asarray(k) + 1.0))
