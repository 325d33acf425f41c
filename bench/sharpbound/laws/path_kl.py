"""KL between the true reverse chain and the sampler's chain, on path space.

Both are Markov chains from level T down to ``stop``: the true one starts at p_T and moves by the exact
reverse kernel R_t(.|y) = law(X_{t-1} | X_t = y), the sampler starts at its Gaussian and moves by
K_t(.|y) = N(m_t(y), S S^T). The chain rule gives, with equality,

    path KL = KL(p_T || init) + sum_t E_{y ~ p_t} KL(R_t(.|y) || K_t(.|y)),

of which KL(p_stop || q_stop) is at most a part (data processing). R_t enters through its mean and
covariance (Tweedie; nu_t the variance of X_t given X_{t-1})

    mean = (y + nu_t s_t(y))/sqrt(alpha_t),    Cov = (nu_t/alpha_t)(I + nu_t grad s_t(y)),

and through its entropy, h(X_{t-1} | X_t) = h(X_{t-1}) - h(X_t) + h(X_t | X_{t-1}), whose sum telescopes:
only two entropies are ever computed.

A kernel has a density, and a Gaussian one, where the step is one stage with noise. Deterministic
steps are singular (path KL infinite); steps with two noises have kernels that are not Gaussian.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from sharpbound.distances import gaussian
from sharpbound.distances.base import Measured
from sharpbound.distances.gaussian import EPS, GaussianPair
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.gaussian import (
    Marginals,
    affine_stages,
    congruence,
    distinct_coordinates,
    per_coordinate_or_dense,
)
from sharpbound.laws.radial import RadialScore, Radius, log_shell
from sharpbound.marginals.expectation import LOG_TAIL, LineLaw
from sharpbound.marginals.panels import tensor
from sharpbound.numerics.quadrature import Array
from sharpbound.numerics.stable import log1p_minus
from sharpbound.numerics.sums import NODES, smooth_sum
from sharpbound.numerics.tails import beyond
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers import registered
from sharpbound.samplers.base import Sampler, Stage
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target, Target1D
from sharpbound.targets.sphere import Sphere

SMOOTHED = 64 * EPS
"""Share of a sum over steps that may be left out where its terms are smooth in t: more than the rounding of a term, and
of the level that it is of."""


@dataclass(frozen=True)
class PathTolerances:
    """How far `line_path` goes."""

    rebuild: float = 0.05
    """Relative change of the marginal's noise or support after which panels are built anew; until then they are
    refined where they must be. Their ends, at tails of exp(-40), move by 4e-16 of the mass at most."""
    narrower: float = 0.25
    """The same where the marginal is narrower than the one that they were built for, and ends well inside."""
    spent: float = 64 * EPS
    """Share of an expectation that the last node still weighs, from which on what lies farther out is extrapolated."""

    def halved(self) -> PathTolerances:
        """Half of each."""
        return PathTolerances(self.rebuild / 2, self.narrower / 2, self.spent / 2)


def check_chain(ladder: Ladder, sampler: Sampler, score: ScoreField) -> None:
    """Raise InputError unless every step is one stage with noise: the kernels are Gaussian then."""
    sampler.check(ladder)
    if sampler.deterministic:
        raise InputError(
            f"path-kl is infinite for the deterministic sampler {sampler.name}, whose chain is singular "
            "to the true one: use tv or kl, or a stochastic sampler",
            key="measure.metric",
        )
    if sampler.history:
        raise InputError(
            f"path-kl needs a Markov chain; {sampler.name} keeps predictions of earlier steps: use w2 or kl on a "
            "Gaussian target, or another sampler",
            key="measure.metric",
        )
    _, stages = next(iter(sampler.path(ladder, score)))
    if len(stages) != 1 or not isinstance(stages[0], Stage) or stages[0].deterministic:
        raise InputError(
            f"path-kl needs one noisy stage per step; {sampler.name} has {len(stages)}, so that its kernel "
            "is not Gaussian: use tv or kl, or another sampler",
            key="measure.metric",
        )


# -- Gaussian targets ------------------------------------------------------------------------


def gaussian_path(target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str) -> Measured:
    """In closed form; raises NotAffine for a score error that is not affine."""
    small, small_score, where = distinct_coordinates(target, ladder, score)
    counts = np.bincount(where).astype(np.float64)
    stages = chain_stages(ladder, sampler, small_score)
    smooth = score.exact_for(target) and registered(sampler)

    def compute(law: Marginals) -> Measured:
        weights = counts if law.cov_0.ndim == 1 else np.ones(1)

        def term(t: int) -> tuple[float, float, float]:
            (stage,) = affine_stages(law, ladder, t, [stages[t]])
            step = float(weights @ _gaussian_step(law, ladder, t, stage.gain, stage.image, stage.noise))
            return step, step, 0.0

        start = _gaussian_start(law, ladder, weights) if init == "normal" else 0.0

        def rounding(value: float) -> float:
            """A step is a difference of numbers of size one, computed to a few roundings of its square root."""
            return 4 * EPS * (value + math.sqrt(value * len(stages) * small.dim))

        value, _, error = summed(term, ladder, stages, rounding if smooth else None)
        return Measured(start + value, 4 * rounding(start + value) + error, "closed-form")

    return per_coordinate_or_dense(small, compute)


def _gaussian_start(law: Marginals, ladder: Ladder, weights: Array) -> float:
    """KL(p_T || N(0, prior_std^2 I))."""
    mean, cov = law.mean(ladder.a[-1]), law.cov(ladder.a[-1], ladder.sigma[-1])
    prior = ladder.prior_std**2 * (np.ones_like(cov) if cov.ndim == 1 else np.eye(len(cov)))
    if cov.ndim == 2:
        return gaussian.kl(GaussianPair(mean, cov, -mean, prior - cov)).value
    excess = cov / prior - 1
    return float(weights @ (-log1p_minus(excess) + mean**2 / prior)) / 2


def _gaussian_step(law: Marginals, ladder: Ladder, t: int, gain: Array, image: Array, noise: Array) -> Array:
    """E KL(R_t || K_t) per coordinate, shape (d,), or in all, shape (1,), for matrices.

    1/2 [tr(X - I) - log det X + tr(noise^{-1} E err err^T)], X = noise^{-1} Cov. With V_t the marginal
    covariance, Cov = nu V_{t-1} V_t^{-1} and the true gain is sqrt(alpha) V_{t-1} V_t^{-1}: no subtraction.
    """
    now, before = (law.cov(ladder.a[level], ladder.sigma[level]) for level in (t, t - 1))
    bias = image - law.mean(ladder.a[t - 1])
    if now.ndim == 1:
        shrink = before / now
        error = (gain - math.sqrt(ladder.alpha(t)) * shrink) ** 2 * now + bias**2
        return 0.5 * (-log1p_minus(ladder.noise_variance(t) * shrink / noise - 1) + error / noise)
    contraction = np.linalg.solve(now, before)
    root = np.linalg.cholesky(noise)

    def whiten(matrix: Array) -> Array:
        return np.linalg.solve(root, np.linalg.solve(root, matrix).T)

    cov = ladder.noise_variance(t) * 0.5 * (contraction + contraction.T)
    error = congruence(gain - math.sqrt(ladder.alpha(t)) * contraction.T, now) + np.outer(bias, bias)
    excess = np.linalg.eigvalsh(whiten(cov - noise))
    return np.array([0.5 * float(np.trace(whiten(error)) - log1p_minus(excess).sum())])


# -- laws on the line ------------------------------------------------------------------------


def line_path(
    target: Target1D,
    ladder: Ladder,
    sampler: Sampler,
    score: ScoreField,
    init: str,
    tolerances: PathTolerances = PathTolerances(),
) -> Measured:
    """With entropies of X_t/a_t, which absorb the sum of log alpha_t,

    path KL = KL(p_T||init) + h(X_T/a_T) - h(X_stop/a_stop)
              + 1/2 sum_t E[ Cov/S^2 - 1 + err^2/S^2 + log(alpha S^2/nu) ].
    """
    terms = [
        -_entropy(target, ladder, ladder.stop) + math.log(ladder.a[ladder.stop]) - math.log(ladder.a[-1]),
        _entropy(target, ladder, ladder.T) if init == "exact" else _cross_entropy(target, ladder),
    ]
    steps = Steps(target, ladder, sampler, score, tolerances)
    value, magnitude, error = steps.sums(smooth=score.exact_for(target) and registered(sampler))
    value = math.fsum([*terms, value])
    if not math.isfinite(value):
        return Measured(math.inf, 0.0)
    return Measured(value, 64 * EPS * (magnitude + sum(map(abs, terms))) + error)


class Steps:
    """The terms of the sum over steps, each with its size and its error.

    Neighbouring marginals share their panels, which are cut where they no longer resolve the one at hand.
    """

    def __init__(
        self,
        target: Target1D,
        ladder: Ladder,
        sampler: Sampler,
        score: ScoreField,
        tolerances: PathTolerances,
    ) -> None:
        self.target, self.ladder, self.tolerances = target, ladder, tolerances
        self.stages = chain_stages(ladder, sampler, score)
        own = LineLaw.of(target, 1.0, float(ladder.sigma[ladder.stop])).panels  # where heavy tails end too
        self._ends = float(own.lo[0]), float(own.hi[-1])
        self._law: LineLaw | None = None
        self._built = np.empty(2)

    def law(self, t: int) -> LineLaw:
        """p_t."""
        a, sigma = self.ladder.level(t)
        noise = math.sqrt(-2 * LOG_TAIL) * sigma
        ends = (
            a * self._ends[0] - noise,
            a * self._ends[1] + noise,
        )  # a sum beyond has a part beyond its own end
        scales = np.array([sigma, ends[1] - ends[0]])
        change, most = scales / self._built - 1, self.tolerances
        if self._law is None or (change > most.rebuild).any() or (change < -most.narrower).any():
            self._law, self._built = LineLaw.of(self.target, a, sigma, ends), scales
        else:
            self._law = self._law.moved(self.target, a, sigma)
        return self._law

    def term(self, t: int) -> tuple[float, float, float]:
        """1/2 E[...] of the step from t, the same of its modulus, and its error."""
        law = self.law(t)
        parts = line_step(law, self.ladder, t, self.stages[t])
        value = float((law.weights * parts).sum())
        rest, unsure = beyond_panels(law, law.density * parts, self.tolerances.spent)
        return 0.5 * (value + rest), 0.5 * float((law.weights * np.abs(parts)).sum()), 0.5 * unsure

    def sums(self, *, smooth: bool) -> Array:
        """Of the terms, of their sizes and of their errors."""
        return summed(self.term, self.ladder, self.stages, (lambda size: SMOOTHED * size) if smooth else None)


def chain_stages(ladder: Ladder, sampler: Sampler, score: ScoreField) -> dict[int, Stage]:
    """The one stage of each step t -> t-1 (`check_chain`)."""
    return {t: stage for t, (stage,) in sampler.path(ladder, score)}


def summed(
    term: Callable[[int], tuple[float, float, float]],
    ladder: Ladder,
    stages: Mapping[int, Stage],
    tolerance: Callable[[float], float] | None,
) -> Array:
    """Sums over all steps t -> t-1 of a term, of its size and of its error: of all of them, or, of many steps where the
    terms are known to be smooth in t as far as levels and noise are, of some, to the ``tolerance`` of a sum of sizes.
    The first and the last step, which samplers may treat on their own, are taken by themselves.
    """
    first, last = ladder.stop + 1, ladder.T
    noises = [stages[t].std for t in range(first, last + 1)]
    if tolerance is None or last - first < 4 * NODES or any(map(callable, noises)):
        terms = np.array([term(t) for t in range(last, first - 1, -1)])
        return np.array([math.fsum(column) for column in terms.T])
    inner = slice(first + 1, last)
    levels = [ladder.a[inner], ladder.sigma[inner], ladder.beta[inner], noises[1:-1]]
    with np.errstate(divide="ignore"):
        signals = np.log(np.array(levels, dtype=np.float64))
    ends = np.sum([term(t) for t in (last, first)], axis=0)
    value, size, error = smooth_sum(term, first + 1, last - 1, signals, tolerance)
    return ends + np.array([value, size, error + tolerance(size)])


def beyond_panels(law: LineLaw, integrand: Array, spent: float) -> tuple[float, float]:
    """int of the integrand beyond the panels, and the error of the whole: of that, and of what they do not resolve.

    A mean that is off in proportion to y has a second moment in the tail, where the mass is spent already.
    """
    panels = law.panels
    parts = np.abs(panels.masses(integrand))
    rest, error = 0.0, float((panels.half * panels.truncation(integrand)).sum())
    centre = float(panels.nodes.flat[np.argmax(law.density)])
    for end in (0, -1):
        # a lighter tail is rounding at the last node already, where an oscillating error has any exponent
        if abs(integrand[end, end] * (panels.nodes[end, end] - centre)) > spent * parts.sum():
            left, unsure = beyond(panels, integrand, end, centre)
            rest, error = rest + math.copysign(left, integrand[end, end]), error + unsure
    return rest, error


def _entropy(target: Target1D, ladder: Ladder, t: int) -> float:
    """h(X_t) = -E log p_t."""
    a, sigma = ladder.level(t)
    panels = LineLaw.of(target, a, sigma).panels
    log_p = target.derivative(tensor(panels.nodes), a, sigma, 0).numpy()
    return -panels.integrate(np.exp(log_p) * log_p)


def _cross_entropy(target: Target1D, ladder: Ladder) -> float:
    """-E log N(X_T; 0, prior_std^2) = KL(p_T || init) + h(X_T); infinite without a second moment."""
    second = float(ladder.a[-1]) ** 2 * target.moments().second_moment + float(ladder.sigma[-1]) ** 2
    variance = ladder.prior_std**2
    return 0.5 * (math.log(2 * math.pi * variance) + second / variance)


def line_step(law: LineLaw, ladder: Ladder, t: int, stage: Stage) -> Array:
    """Cov/S^2 - 1 + err^2/S^2 + log(alpha S^2/nu) at each node."""
    alpha, nu = ladder.alpha(t), ladder.noise_variance(t)
    y = law.panels.nodes
    true_mean = (y + nu * law.score) / math.sqrt(alpha)
    with torch.no_grad():
        column = tensor(y.reshape(-1, 1))
        error = stage.mean(column).numpy().reshape(y.shape) - true_mean
        # rounding, which far out would be all there is
        error[np.abs(error) < 8 * EPS * np.abs(true_mean)] = 0.0
        std = (
            stage.std(column).numpy().reshape(y.shape) if callable(stage.std) else np.full_like(y, stage.std)
        )
    # 1 - alpha S^2/nu vanishes for DDPM: the leading terms then cancel before they are formed
    ratio = alpha * std**2 / nu
    return (nu * law.slope - (ratio - 1)) / ratio + error**2 / std**2 + np.log(ratio)


# -- spheres ---------------------------------------------------------------------------------


def sphere_path(target: Sphere, ladder: Ladder, sampler: Sampler, init: str) -> Measured:
    """The same in R^d, every expectation being one over the radius: d in place of 1, the trace of Cov and

    div s = s' + (d-1) s/r of the radial score s.
    """
    d, noise = target.dim, RadialScore(target, ladder)
    terms = [d * (math.log(ladder.a[ladder.stop]) - math.log(ladder.a[-1]))]
    magnitude = defect = 0.0
    if init == "normal":
        variance = ladder.prior_std**2
        second = float((ladder.a[-1] * target.radius) ** 2 + d * ladder.sigma[-1] ** 2)
        terms.append(0.5 * (d * math.log(2 * math.pi * variance) + second / variance))
    stages = {t: stage for t, (stage,) in sampler.path(ladder, noise)}
    for t in range(ladder.T, ladder.stop - 1, -1):
        law = Radius(target, *ladder.level(t))
        r, weight = law.panels.nodes.ravel(), (law.panels.weights * law.density).ravel()
        defect = max(defect, abs(float(weight.sum()) - 1))
        if t == ladder.stop or (t == ladder.T and init == "exact"):
            entropy = -float(weight @ (law.log_density(r) - log_shell(r, d)))
            terms.append(-entropy if t == ladder.stop else entropy)
        if t > ladder.stop:
            parts = _sphere_step(target, ladder, t, stages[t], r)
            terms.append(0.5 * float(weight @ parts))
            magnitude += 0.5 * float(weight @ np.abs(parts))
    return Measured(math.fsum(terms), (64 * EPS + defect) * (magnitude + sum(map(abs, terms))))


def _sphere_step(target: Sphere, ladder: Ladder, t: int, stage: Stage, r: Array) -> Array:
    """tr Cov/S^2 - d + |err|^2/S^2 + d log(alpha S^2/nu) at each radius."""
    if callable(stage.std):
        raise NotMeasured("path-kl on a sphere needs isotropic noise")
    d, level = target.dim, ladder.level(t)
    alpha, nu = ladder.alpha(t), ladder.noise_variance(t)
    points = tensor(r)
    s, slope = (f(points, *level).numpy() for f in (target.radial_score, target.radial_score_derivative))
    with torch.no_grad():
        error = stage.mean(points[:, None])[:, 0].numpy() - (r + nu * s) / math.sqrt(alpha)
    ratio = alpha * stage.std**2 / nu
    divergence = slope + (d - 1) * s / r
    return (nu * divergence - d * (ratio - 1)) / ratio + (error / stage.std) ** 2 + d * np.log(ratio)
