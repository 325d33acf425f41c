"""Samples that ERM needs on the hard pair for Wasserstein accuracy gamma: by two routes, and by any.

Data of scale R; the sampler stops at noise sigma = gamma R, which alone moves its output by gamma R in
W2 (d = 1). What remains is to learn the score at the noise levels from sigma up.

**L2 route.** Every level is learned to ||s - shat||_{L2} <= eps/sigma. The pair with
eta = (eps sigma/R)^2 = (eps gamma)^2 is exactly that far apart (for R >> sigma), and ERM, like any
procedure, confuses it with probability (1 - eta)^m/2. Hence, polynomially in 1/gamma,

    m = log(2 delta_train)/log(1 - (eps gamma)^2) ~ log(1/(2 delta_train))/(eps gamma)^2.

**Robust route.** Each of K ~ log^2(1/gamma)/(eps^2 + delta^2) levels is learned to D^{delta/K} <= eps/sigma
(Gupta, Parulekar, Price & Xun, 2311.13745). Only pairs with eta > delta/K must be told apart; the
hardest of them, delta_train being shared among the levels, needs, polylogarithmically in 1/gamma,

    m = log(2 delta_train/K)/log(1 - delta/K) ~ (K/delta) log(K/(2 delta_train)).

**Any route.** The robust route promises a law delta-close in TV to one that is gamma R-close in W2; it does
not promise W2. Two laws more than 2 gamma R apart have no output within gamma R of both, and
W2(p1, p2)^2 is about 2 eta R^2: W2 itself takes m ~ log(1/(2 delta_train))/(2 gamma^2), whatever
the procedure. The exponential gain is that of asking for the weaker distance.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.optimize import brentq

from sharpbound.chapters.learning.hard_pair import HardPair
from sharpbound.chapters.learning.learned_score import pair_targets
from sharpbound.errors import InputError
from sharpbound.marginals.panels import log_density, marginal_panels, tensor
from sharpbound.numerics.quadrature import Panels


def levels(gamma: float, eps: float, delta: float) -> int:
    """K = ceil(log^2(1/gamma)/(eps^2 + delta^2)), the noise levels of the robust route.

    The theorem's order with its constants and its factor d set to one.
    """
    return math.ceil(math.log(1 / gamma) ** 2 / (eps**2 + delta**2))


def samples_to_tell(eta: float, delta_train: float) -> float:
    """The m at which (1 - eta)^m/2 = delta_train: below it every procedure fails more often."""
    if not eta > 0:
        raise InputError(
            "a share of (eps gamma)^2 has no float64 value; use gamma >= 1e-150", key="sweep.gamma"
        )
    return math.log(2 * delta_train) / math.log1p(-eta)


def l2_route(gamma: float, eps: float, delta_train: float) -> float:
    """m for L2 accuracy eps/sigma at sigma = gamma R."""
    _check(gamma=gamma, eps=eps)
    return samples_to_tell((eps * gamma) ** 2, delta_train)


def robust_route(gamma: float, eps: float, delta: float, delta_train: float) -> float:
    """m for D^{delta/K} <= eps/sigma at all K levels, with probability 1 - delta_train."""
    _check(gamma=gamma, eps=eps, delta=delta)
    k = levels(gamma, eps, delta)
    return samples_to_tell(delta / k, delta_train / k)


def wasserstein_limit(gamma: float, delta_train: float, R: float = 1.0) -> float:
    """m below which every procedure misses W2 accuracy gamma R with probability above delta_train.

    The pair is seen at sigma = gamma R; the probability is the mean over p1 and p2.
    """
    _check(gamma=gamma)
    sigma = gamma * R

    def excess(log_eta: float) -> float:
        return math.log(w2(HardPair(math.exp(log_eta), R, sigma)) / (2 * gamma * R))

    if excess(math.log(0.5)) < 0:
        raise InputError(f"every pair is within 2 gamma R in W2 at gamma = {gamma:g}; lower it", key="gamma")
    low, high = math.log(gamma**2 / 4), math.log(min(20 * gamma**2, 0.5))  # around 2 gamma^2
    eta = math.exp(brentq(excess, low, high, xtol=1e-7))
    return samples_to_tell(eta, delta_train)


def w2(pair: HardPair) -> float:
    """W2(p1, p2) = (int |T(x) - x|^2 p1(x) dx)^{1/2} with the monotone map T = F2^{-1} F1.

    About sqrt(2 eta) R for R >> sigma: on the line it is cheapest to move the outliers into the bulk and
    as much of the bulk out again, at eta R^2 each.
    """
    p1, p2 = pair_targets(pair)
    # T jumps from the bulk to the cluster at +R where p1 has mass eta above: panels graded towards it
    share = tensor(np.array([math.log(pair.eta)]))
    jump = float(p1.quantile_from_log(share, 1.0, 0.0, upper=True))
    graded = pair.sigma * 2.0 ** -np.arange(40)
    smooth = marginal_panels(p1, 1.0, 0.0)
    inside = np.array([jump, *(jump - graded), *(jump + graded)])
    inside = inside[(smooth.lo[0] < inside) & (inside < smooth.hi[-1])]
    panels = Panels.between(np.unique(np.concatenate([smooth.lo, smooth.hi[-1:], inside])))
    x = tensor(panels.nodes)
    below, above = p1.log_cdf(x, 1.0, 0.0), p1.log_sf(x, 1.0, 0.0)
    moved = np.where(
        (below < above).numpy(),
        p2.quantile_from_log(below, 1.0, 0.0, upper=False).numpy(),
        p2.quantile_from_log(above, 1.0, 0.0, upper=True).numpy(),
    )
    density = np.exp(log_density(p1, panels.nodes, 1.0, 0.0))
    return math.sqrt(panels.integrate(density * (moved - panels.nodes) ** 2))


def _check(**fractions: float) -> None:
    for key, value in fractions.items():
        if not 0 < value < 1:
            raise InputError(f"must lie in (0, 1), got {value:g}", key=key)
