"""Probability that empirical risk minimisation over {s1, s2} picks s2 when the data are from p1.

ERM compares (1/m) sum_i |s(x_i + z_i) + z_i/sigma^2|^2; it errs when the m loss differences sum to
less than zero. Three routes to the same number, a tie counted as half an error:

* ``lower_bound``: (1 - eta)^m / 2. Without outliers among the m samples p1 and p2 are
  the same law, so *no* procedure errs less often (on average over the pair); ERM attains it as
  R/sigma grows;
* ``ExactFailure``: the m-fold convolution of the law of one loss difference, no Monte Carlo;
* ``simulate``: draws, with a Clopper-Pearson interval.

**Ties.** At large R/sigma the two losses of a sample without outliers agree to far more digits than
float64 has: their true order is a fair coin, their computed difference exactly zero. Counting a tie
as success would report half of the failures as none.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binomtest

from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.errors import InputError
from sharpbound.numerics.lattice import LatticeLaw

Array = NDArray[np.float64]


def lower_bound(eta: float, m: float) -> float:
    """(1 - eta)^m / 2, what every procedure errs at least on average over p1 and p2."""
    return 0.5 * float(np.exp(m * np.log1p(-eta)))


@dataclass(frozen=True)
class ExactFailure:
    """ERM's failure probability on a hard pair from the convolved law of its loss difference.

    ``cells`` lattice cells make up the loss difference of a clear outlier, (R/sigma^2)^2.
    """

    pair: HardPair
    cells: int = 8192

    def __call__(self, m: int) -> float:
        """P(error) + P(tie)/2 on m samples from p1."""
        return self._law.left_tail(m)

    def floor(self, m: int) -> float:
        """Numerical error of the value at m: its change from half the resolution, and rounding."""
        return abs(self(m) - ExactFailure(self.pair, self.cells // 2)(m)) + 1e-12 * self(m)

    @cached_property
    def _law(self) -> LatticeLaw:
        """Law of the loss difference of one sample, in units of (R/sigma^2)^2."""
        pair, scale = self.pair, (self.pair.R / self.pair.sigma**2) ** 2
        u, weight = _gaussian_nodes(pair.rho)
        z = u * pair.sigma
        inlier = pair.loss_difference(0.0, z) / scale
        outlier = pair.loss_difference(-pair.R, z) / scale
        return LatticeLaw.of(
            # an inlier's difference is odd in z; writing both signs makes that exact on the lattice
            np.concatenate([inlier, -inlier, outlier]),
            np.concatenate([(1 - pair.eta) / 2 * weight, (1 - pair.eta) / 2 * weight, pair.eta * weight]),
            1.0 / self.cells,
        )


def _gaussian_nodes(rho: float) -> tuple[Array, Array]:
    """Points u and N(0,1) masses, fine enough for posteriors that switch over a width of 1/rho.

    They end at |u| = 12, beyond which lies 1e-33; a switch further out than that is not met at all.
    """
    reach = 12.0
    step = 1.0 / (200 * min(max(rho, 1.0), 40.0))
    u: Array = (np.arange(round(2 * reach / step), dtype=np.float64) + 0.5) * step - reach
    weight = np.exp(-(u**2) / 2)
    return u, weight / weight.sum()


@dataclass(frozen=True)
class SimulatedFailure:
    """Outcome of ``repetitions`` runs of ERM; ``low``, ``high``: the Clopper-Pearson interval."""

    rate: float
    low: float
    high: float
    wrong: int
    ties: int
    repetitions: int


def simulate(
    pair: HardPair, m: int, repetitions: int, seed: int, confidence: float = 0.95
) -> SimulatedFailure:
    """ERM on ``repetitions`` samples of size m from p1, losses computed as a practitioner would.

    A tie is decided by a coin, which counts it half and keeps the number of failures binomial, so
    that the Clopper-Pearson interval is exact.
    """
    rng = np.random.default_rng([seed, m])
    wrong = ties = 0
    for size in _chunks(repetitions, max(1, 2_000_000 // m)):
        x, z = pair.sample(size * m, rng)
        risk1, risk2 = (pair.loss(x, z, which).reshape(size, m).mean(1) for which in (1, 2))
        wrong += int((risk2 < risk1).sum())
        ties += int((risk2 == risk1).sum())
    failures = wrong + int(rng.binomial(ties, 0.5))
    interval = binomtest(failures, repetitions).proportion_ci(confidence, "exact")
    return SimulatedFailure(failures / repetitions, interval.low, interval.high, wrong, ties, repetitions)


def _chunks(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]


# -- error against a threshold, in either metric ------------------------------------------------


def distance(pair: HardPair, metric: str, delta: float | None = None) -> float:
    """The error of the wrong choice: ``"l2"`` ||s1 - s2||_{L2(p1)}, or ``"robust"`` D^delta_{p1}(s1, s2)."""
    if metric == "l2":
        return pair.l2
    if metric == "robust" and delta is not None:
        return pair.robust(delta)
    raise InputError(
        f"metric is 'l2', or 'robust' with a delta; got {metric!r}, delta = {delta}", key="metric"
    )


def hardest_share(R: float, sigma: float, metric: str, threshold: float, delta: float | None = None) -> float:
    """The smallest eta at which taking s2 for s1 is an error above ``threshold``: the hardest pair to learn.

    About (threshold sigma^2/R)^2 in L2, which vanishes as R grows; about delta for D^delta, whatever R and
    sigma. Raises InputError where no eta <= 1/2 makes the error that large.
    """

    def excess(log_eta: float) -> float:
        return distance(HardPair(float(np.exp(log_eta)), R, sigma), metric, delta) - threshold

    low, high = np.log(1e-15), np.log(0.5)
    if excess(high) <= 0:
        raise InputError(
            f"no pair with R = {R:g}, sigma = {sigma:g} has an error above {threshold:g}; lower it",
            key="threshold",
        )
    if excess(low) >= 0:
        raise InputError(
            f"at R = {R:g}, sigma = {sigma:g} a cluster of weight 1e-15 is an error above {threshold:g}; raise it",
            key="threshold",
        )
    return float(np.exp(brentq(excess, low, high, xtol=1e-12)))


def samples_needed(failure: ExactFailure, delta_train: float) -> int:
    """The smallest m at which ERM fails with probability at most ``delta_train``.

    By bisection: the failure probability is taken to fall with m, as it did wherever it was looked at.
    """
    if not 0 < delta_train < 0.5:
        raise InputError(f"delta_train must lie in (0, 0.5), got {delta_train:g}", key="delta_train")
    return first_below(failure, delta_train)


def first_below(probability: Callable[[int], float], level: float) -> int:
    """The smallest m >= 1 with probability(m) <= level, for a function that falls with m.

    log probability is close to linear in m, so the bracket is cut where the line through its ends crosses
    the level, and in half where that did not halve it. Raises InputError where it takes more than 2^50 samples.
    """

    def excess(m: int) -> float:
        return math.log(max(probability(m), 1e-300) / level)

    low, high = 0, 1
    above, below = 0.0, excess(1)
    while below > 0:
        if high > 2**50:
            raise InputError(f"a failure probability of {level:g} takes more than {2**50:.0e} samples")
        low, above, high = high, below, 8 * high
        below = excess(high)
    halve = low == 0
    while (width := high - low) > 1:
        cut = width // 2 if halve else math.ceil(width * above / (above - below))
        middle = low + min(max(cut, 1), width - 1)
        value = excess(middle)
        if value > 0:
            low, above = middle, value
        else:
            high, below = middle, value
        halve = not halve and 2 * (high - low) > width
    return high
