"""Risk of the empirical (kernel) score on the line: the score of n data points smoothed at variance t.

    shat(x) = d/dx log phat(x),    phat(x) = (1/n) sum_i N(x; X_i, t),    X_i iid from p_0,

against the true score s at variance t. In the bulk the risk is known to leading order,

    E int_B |shat - s|^2 p dx = |B| / (4 sqrt(pi) n t^{3/2}) (1 + o(1)),

which is Zhang et al.'s minimax rate n^{-1} t^{-(d+2)/2} at d = 1, t < 1 (2402.15602). On the whole
line it is not: where n p(x) sqrt(t) < 1 there is no sample near x, and the error is of order
|x - nearest sample|/t, whatever the leading term says. Those tails make the risk larger, steeper in t
(slopes nearing -2) and a little flatter in n.
"""

from __future__ import annotations

import math

import numpy as np

from sharpbound.chapters.learning.empirical import empirical_laws
from sharpbound.chapters.learning.intervals import Estimate, mean_estimate
from sharpbound.errors import InputError
from sharpbound.marginals.panels import log_density, marginal_panels, tensor
from sharpbound.numerics.quadrature import Array, Panels
from sharpbound.targets.base import Target1D

NEGLIGIBLE = -36.0
"""Logarithm of what no longer counts in float64, of a density or of a probability."""
_LOG_STEP = 0.4
"""Step in log(lambda). The integrand is analytic for |Im| < pi/2: an error of exp(-pi^2/step) = 2e-11."""
_UNSEEN = 1e-13
"""Expected number of visible data points below which lambda contributes nothing."""
_BLOCK = 32
"""Values of log(lambda) that are computed together."""


def leading_risk(n: int, t: float, width: float) -> float:
    """width/(4 sqrt(pi) n t^{3/2}), the leading term of the bulk risk over an interval of that width."""
    return width / (4 * math.sqrt(math.pi) * n * t**1.5)


def linear_risk(target: Target1D, n: int, t: float, interval: tuple[float, float]) -> float:
    """int_B (1/n) Var[K'(x - X) - s K(x - X)]/p dx: first order in phat - p, exact in t.

    With K = N(0, t), K^2 = N(0, t/2)/(2 sqrt(pi t)), so the variance is an expectation under the
    posterior of the noise at variance t/2, which Tweedie's formula gives from s_{t/2}:
    p_{t/2}/(2 sqrt(pi t)) [(s_t - s_{t/2}/2)^2 + 1/(2t) + s'_{t/2}/4].
    """
    panels = Panels.between(np.linspace(*interval, 9))
    x, half = panels.nodes, math.sqrt(t / 2)
    log_p, s = log_density(target, x, 1.0, math.sqrt(t)), _score(target, x, t)
    spread = target.derivative(tensor(x), 1.0, half, 2).numpy()
    second_moment = (s - _score(target, x, t / 2) / 2) ** 2 + 1 / (2 * t) + spread / 4
    ratio = np.exp(log_density(target, x, 1.0, half) - log_p)
    return panels.integrate(ratio * second_moment) / (2 * math.sqrt(math.pi * t) * n)


def exact_risk(
    target: Target1D,
    n: int,
    t: float,
    interval: tuple[float, float] | None = None,
    reference: float | None = None,
) -> float:
    """E int_B |shat - s|^2 p dx over all samples of size n, without simulation.

    ``interval`` B is the whole line if left out. ``s`` and ``p`` are those at variance ``reference``, by
    default t; reference = 0 measures shat as an estimate of the data's own score.

    At a point x the error is a ratio of sums of n independent pairs, sum A_i/sum B_i with B = K(x - X) and
    A = B g, g = -(x - X)/t - s(x). With phi(l) = E exp(-l B) and 1/b^2 = int_0^inf l exp(-l b) dl,

        E|shat - s|^2 = int_0^inf l {n phi^{n-1} E[A^2 e^{-lB}] + n(n-1) phi^{n-2} E[A e^{-lB}]^2} dl.

    The target must have a density. Raises InputError for n < 2 or t <= 0.
    """
    if n < 2 or not t > 0:
        raise InputError(f"needs n >= 2 points and a variance t > 0, got n = {n}, t = {t:g}", key="n")
    reference = t if reference is None else reference
    u, weight = data_nodes(target, t)
    if interval is None:
        line = marginal_panels(target, 1.0, math.sqrt(reference))
        counts = log_density(target, line.nodes, 1.0, math.sqrt(reference)).max(1) > NEGLIGIBLE
        panels = line.only(counts)
    else:
        panels = Panels.between(np.linspace(*interval, 4))
    score = _score(target, panels.nodes, reference)
    risk = [_risk_at(x, s, u, weight, n, t) for x, s in zip(panels.nodes.flat, score.flat, strict=True)]
    p = np.exp(log_density(target, panels.nodes, 1.0, math.sqrt(reference)))
    return panels.integrate(p * np.reshape(risk, p.shape))


def simulated_risk(
    target: Target1D, n: int, t: float, interval: tuple[float, float], repetitions: int, seed: int
) -> Estimate:
    """The same expectation from ``repetitions`` samples, with its interval: a check on ``exact_risk``."""
    panels = Panels.between(np.linspace(*interval, 5 + round((interval[1] - interval[0]) / math.sqrt(t))))
    p, s = np.exp(log_density(target, panels.nodes, 1.0, math.sqrt(t))), _score(target, panels.nodes, t)
    errors = [
        panels.integrate((_score(data, panels.nodes, t) - s) ** 2 * p)
        for data in empirical_laws(target, n, repetitions, seed)
    ]
    return mean_estimate(np.array(errors))


def _score(target: Target1D, x: Array, t: float) -> Array:
    return target.derivative(tensor(x), 1.0, math.sqrt(t), 1).numpy()


def data_nodes(target: Target1D, t: float) -> tuple[Array, Array]:
    """Nodes u and masses of the data law, fine enough for the kernel's width sqrt(t)."""
    panels = marginal_panels(target, 1.0, 0.0).narrowed(math.sqrt(t))
    weight = panels.weights * np.exp(log_density(target, panels.nodes, 1.0, 0.0))
    kept = weight > math.exp(NEGLIGIBLE) * weight.max()
    return panels.nodes[kept], weight[kept] / weight[kept].sum()


def _risk_at(x: float, score: float, u: Array, weight: Array, n: int, t: float) -> float:
    """E|shat(x) - s(x)|^2, integrated over log(lambda) by the trapezoidal rule."""
    log_b = -((x - u) ** 2) / (2 * t)  # the kernel's factor cancels between numerator and denominator
    g = (u - x) / t - score

    def hits(log_lambda: float) -> float:
        """-n log phi, the number of data points that lambda makes visible."""
        b = np.exp(np.minimum(log_lambda + log_b, 700))
        return -n * float(_log_miss(-np.expm1(-b) @ weight, np.exp(-b) @ weight))

    start = stop = -float(log_b.max())
    while hits(start) > _UNSEEN:
        start -= 2.0
    while hits(start + 2.0) < _UNSEEN:
        start += 2.0
    while hits(stop) < -NEGLIGIBLE:
        stop += 2.0
    total = 0.0
    for log_lambda in np.split(grid := np.arange(start, stop, _LOG_STEP), range(_BLOCK, len(grid), _BLOCK)):
        # lambda B is beyond 50, or as good as zero, on most of the line
        seen = log_b + log_lambda[0] > math.log(50)
        far = NEGLIGIBLE - log_lambda[-1]
        near = ~seen & (log_b >= far)
        b, w, g_near = np.exp(log_lambda[:, None] + log_b[near]), weight[near], g[near]
        damped = b * np.exp(-b)
        log_phi = _log_miss(weight[seen].sum() - np.expm1(-b) @ w, np.exp(-b) @ w + weight[log_b < far].sum())
        single = n * np.exp((n - 1) * log_phi) * ((damped * b) @ (w * g_near**2))
        double = n * (n - 1) * np.exp((n - 2) * log_phi) * (damped @ (w * g_near)) ** 2
        total += float((single + double).sum())
    return _LOG_STEP * total


def _log_miss(hit: Array, miss: Array) -> Array:
    """log phi from 1 - phi and from phi, each where it is accurate."""
    return np.where(hit < 0.5, np.log1p(-np.minimum(hit, 0.5)), np.log(miss))
