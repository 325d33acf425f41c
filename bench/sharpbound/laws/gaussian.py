"""Exact output law of any scheme on a Gaussian target: every stage is affine, so moments are enough.

With a Gaussian target and an exact (or affinely wrong) score, a stage is y -> A y + b + S Z and the
law stays Gaussian: mean -> A mean + b, V -> A V A^T + S S^T (Pierret & Galerne, arXiv:2405.14250).
A and b are read off the sampler itself, by evaluating the stage at a reference point and next to
it; nothing about a particular sampler is written down here, and a stage that is not affine is caught.

Diagonal problems are propagated per coordinate with three evaluation points, equal coordinates of an
exactly known target once; others with d + 2 points and d x d matrices. Memory does not depend on T.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from sharpbound.distances.gaussian import EPS, Array, GaussianPair
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Mixture, Sampler, Stage
from sharpbound.scores.base import ExactScore, ScoreField
from sharpbound.targets.base import Target
from sharpbound.targets.gaussian import GaussianND

Result = TypeVar("Result")

_TOLERANCE = 1e-12
"""Departure from an affine map, relative to the size of what is evaluated, that rounding can explain."""


class NotAffine(RuntimeError):
    """A stage is not affine in y: the law is not Gaussian and this engine was called by mistake."""


class _Coupled(Exception):
    """The coordinates are not independent: the diagonal propagation does not apply."""


@dataclass(frozen=True)
class AffineStage:
    """y -> image + gain (y - reference) + N(0, noise), the reference being the image of the stage before.

    ``gain`` and ``noise`` have shape (d,) (diagonal) or (d, d).
    """

    image: Array
    gain: Array
    noise: Array


def gaussian_law(
    target: Target, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str = "normal"
) -> GaussianPair:
    """The sampler's output law q and the true marginal p = N(a m, a^2 C + sigma^2 I), at ``ladder.stop``.

    Guaranteed: each step enters with the relative rounding of one evaluation of the sampler's own
    formula, so lambda = V_q/V_p carries about sqrt(T) of them (``rounding`` of the pair). The mean is
    propagated as a deviation from the true marginal mean, so a mean that is large against the
    standard deviation costs nothing. Non-diagonal problems lose a factor cond(V_p).

    Raises NotAffine for a score error that is not affine, or a noise that depends on the state.
    """
    small, small_score, where = distinct_coordinates(target, ladder, score)
    engine = response_law if sampler.history else _law
    pair = per_coordinate_or_dense(small, lambda law: engine(law, ladder, sampler, small_score, init))
    if len(where) == pair.dim:
        return pair
    expanded = {name: getattr(pair, name)[where] for name in ("mean", "cov", "mean_error", "cov_error")}
    return replace(pair, **expanded)


def distinct_coordinates(
    target: Target, ladder: Ladder, score: ScoreField
) -> tuple[Target, ScoreField, NDArray[np.intp]]:
    """The same problem with equal coordinates merged, and for each coordinate the one that stands for it.

    A sampler sees the target only through its score, so equal coordinates of a diagonal Gaussian
    with the exact score have equal, independent laws and one of each is enough.
    """
    if isinstance(target, GaussianND) and score.exact_for(target) and _is_diagonal(target.cov.numpy()):
        moments = np.stack([target.mean.numpy(), np.diagonal(target.cov.numpy())])
        (mean, var), where = np.unique(moments, axis=1, return_inverse=True)
        if len(mean) < target.dim:
            merged = GaussianND(torch.from_numpy(mean.copy()), torch.from_numpy(var.copy()))
            return merged, ExactScore(merged, ladder), where.ravel()
    return target, score, np.arange(target.dim)


def per_coordinate_or_dense(target: Target, compute: Callable[[Marginals], Result]) -> Result:
    """``compute`` with diagonal moments if the problem keeps coordinates apart, else with matrices."""
    moments = target.moments()
    mean, cov = moments.mean.numpy(), moments.cov.numpy()
    if _is_diagonal(cov):
        try:
            return compute(Marginals(mean, np.diagonal(cov).copy()))
        except _Coupled:
            pass  # an error of the score mixes the coordinates
    return compute(Marginals(mean, cov))


def _is_diagonal(cov: Array) -> bool:
    return np.count_nonzero(cov) == np.count_nonzero(np.diagonal(cov))


@dataclass(frozen=True)
class Marginals:
    """Mean and covariance of a X0 + sigma W as functions of (a, sigma)."""

    mean_0: Array
    cov_0: Array

    def mean(self, a: float) -> Array:
        """a m."""
        return a * self.mean_0

    def cov(self, a: float, sigma: float) -> Array:
        """a^2 C + sigma^2 I, in the shape of C: (d,) or (d, d)."""
        noise = sigma**2 * (np.ones(len(self.mean_0)) if self.cov_0.ndim == 1 else np.eye(len(self.mean_0)))
        return a**2 * self.cov_0 + noise


def _law(law: Marginals, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str) -> GaussianPair:
    top, stop = ladder.T, ladder.stop
    cov = law.cov(ladder.a[top], ladder.sigma[top])
    deviation = np.zeros_like(law.mean_0)  # mean of q minus mean of p
    if init == "normal":
        eye = np.ones(len(law.mean_0)) if cov.ndim == 1 else np.eye(len(law.mean_0))
        cov = ladder.prior_std**2 * eye
        deviation = -law.mean(ladder.a[top])
    for t, stages in affine_path(law, ladder, sampler, score):
        for stage in stages:
            deviation = apply(stage.gain, deviation)
            cov = congruence(stage.gain, cov) + stage.noise
        deviation = deviation + (stages[-1].image - law.mean(ladder.a[t - 1]))
    true_cov = law.cov(ladder.a[stop], ladder.sigma[stop])
    return GaussianPair(
        mean=law.mean(ladder.a[stop]),
        cov=true_cov,
        mean_error=deviation,
        cov_error=cov - true_cov,
        rounding=8 * EPS * (1 + math.sqrt(top - stop)),
    )


def response_law(
    law: Marginals, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str
) -> GaussianPair:
    """The law of a sampler that keeps what earlier steps computed, from whole trajectories:

    Y = image + A (y_T - reference) + sum_k B_k Z_k,

    one affine map of the start and all noises together. Image, A and the B_k are read off runs side by side
    in one batch: a reference without noise, one that starts elsewhere, one for each noise with Z_k = 1, and
    one with all of them at random that must agree with the rest. For matrices there is one such run for each
    coordinate of the start or a noise.
    """
    top, stop = ladder.T, ladder.stop
    d, diagonal = len(law.mean_0), law.cov_0.ndim == 1
    start_cov = law.cov(ladder.a[top], ladder.sigma[top])
    deviation = np.zeros(d)
    reference = law.mean(ladder.a[top])
    if init == "normal":
        start_cov = ladder.prior_std**2 * (np.ones(d) if diagonal else np.eye(d))
        deviation = -reference
    root = np.sqrt(start_cov) if diagonal else np.linalg.cholesky(start_cov)
    noises = sum(not stage.deterministic for _, stages in sampler.path(ladder, score) for stage in stages)
    units = np.ones((1, d)) if diagonal else np.eye(d)
    rng = np.random.default_rng(0)
    random = rng.standard_normal((1 + noises, d))
    rows = len(units) * (1 + noises)

    def directions(k: int) -> Array:
        """What source k (0 the start, then the noises) adds to each run: nothing, at random, its own unit."""
        z = np.zeros((2 + rows, d))
        z[1] = random[k]
        z[2 + k * len(units) : 2 + (k + 1) * len(units)] = units
        return z

    z = directions(0)
    y = torch.from_numpy(reference + (root * z if diagonal else z @ root.T))
    source, past = 0, ()
    with torch.no_grad():
        for _, stages in sampler.path(ladder, score):
            for stage in stages:
                if isinstance(stage, Mixture) or callable(stage.std):
                    raise NotAffine("a stage of the sampler is not affine in y with a fixed noise")
                y, past = stage.advance(y, past)
                if not stage.deterministic:
                    source += 1
                    y = y + stage.std * torch.from_numpy(directions(source))
    image, other, moved = y[0].numpy(), y[1].numpy(), y[2:].numpy().reshape(1 + noises, len(units), d)
    responses = moved - image
    expected = image + np.einsum("kd,kid->d" if diagonal else "ki,kid->d", random, responses)
    size = np.abs(random[:, None] * responses if diagonal else random[..., None] * responses).sum((0, 1))
    if not (np.abs(other - expected) <= _TOLERANCE * math.sqrt(rows) * (size + np.abs(image))).all():
        if diagonal and d > 1:
            raise _Coupled
        raise NotAffine("the sampler's output is not affine in its start and noises; its law is not Gaussian")
    true_cov, gain = law.cov(ladder.a[stop], ladder.sigma[stop]), responses[0]
    if diagonal:
        cov = (responses**2).sum((0, 1))
        shift = gain[0] / root * deviation
    else:
        cov = np.einsum("kid,kie->de", responses, responses)
        shift = np.linalg.solve(root, deviation) @ gain
    return GaussianPair(
        mean=law.mean(ladder.a[stop]),
        cov=true_cov,
        mean_error=shift + (image - law.mean(ladder.a[stop])),
        cov_error=cov - true_cov,
        rounding=8 * EPS * (1 + math.sqrt(top - stop)),
    )


def apply(gain: Array, x: Array) -> Array:
    """A x for a diagonal or a full A."""
    return gain * x if gain.ndim == 1 else gain @ x


def congruence(gain: Array, cov: Array) -> Array:
    """A V A^T for a diagonal or a full A."""
    return gain**2 * cov if gain.ndim == 1 else gain @ cov @ gain.T


def affine_path(
    law: Marginals, ladder: Ladder, sampler: Sampler, score: ScoreField
) -> Iterator[tuple[int, list[AffineStage]]]:
    """(t, stages as affine maps) for every step; the first reference of step t is the true mean a_t m.

    Raises `_Coupled` when ``law`` is diagonal but a stage mixes coordinates, NotAffine otherwise.
    """
    for t, stages in sampler.path(ladder, score):
        yield t, affine_stages(law, ladder, t, stages)


def affine_stages(
    law: Marginals, ladder: Ladder, t: int, stages: Sequence[Stage | Mixture]
) -> list[AffineStage]:
    """Those of the step from t as affine maps, which raises as `affine_path` does."""
    directions = _directions(len(law.mean_0))
    reference = law.mean(ladder.a[t])
    cov = law.cov(ladder.a[t], ladder.sigma[t])
    scale = np.sqrt(cov if cov.ndim == 1 else np.diagonal(cov)) + np.abs(reference)
    program = []
    for stage in stages:
        if not isinstance(stage, Stage):
            raise NotAffine("a mixture of transitions; the output law is not Gaussian")
        program.append(_affine(stage, reference, scale, directions, dense=cov.ndim == 2))
        reference = program[-1].image
    return program


@cache
def _directions(d: int) -> Array:
    return np.random.default_rng(0).standard_normal(d)


def _affine(stage: Stage, reference: Array, scale: Array, directions: Array, dense: bool) -> AffineStage:
    """Read A and b off a stage, and check them at a random third point."""
    d = len(reference)
    points = np.empty(((d if dense else 1) + 2, d))
    points[0], points[1] = reference, reference + scale * directions
    points[2:] = reference + (np.diag(scale) if dense else scale)
    with torch.no_grad():
        values = stage.mean(torch.from_numpy(points)).numpy()
    image, moved = values[0], points[1:] - reference
    # divide by the step as it was rounded, not as it was meant
    gain = (
        ((values[2:] - image) / np.diagonal(moved[1:])[:, None]).T
        if dense
        else (values[2] - image) / moved[1]
    )
    away = np.abs(moved[0])
    size = apply(np.abs(gain), away) + away + np.abs(image) + np.abs(reference)
    allowed = _TOLERANCE * (size.max() if dense else size)
    if not (np.abs(values[1] - image - apply(gain, moved[0])) <= allowed).all():
        if not dense and d > 1:
            raise _Coupled
        raise NotAffine("a stage of the sampler is not affine in y; the output law is not Gaussian")
    return AffineStage(image, gain, _noise(stage, points[:2], dense))


def _noise(stage: Stage, points: Array, dense: bool) -> Array:
    """S S^T of a stage in the shape of the problem; it must not depend on the state."""
    d = points.shape[1]
    if not callable(stage.std):
        return stage.std**2 * (np.eye(d) if dense else np.ones(d))
    with torch.no_grad():
        here, there = (S @ S.T for S in stage.std(torch.from_numpy(points)).numpy())
    if not np.abs(here - there).max() <= _TOLERANCE * np.abs(here).max():
        raise NotAffine("the noise of a stage depends on the state; the output law is not Gaussian")
    if dense:
        return here
    if np.abs(here - np.diag(np.diagonal(here))).max() > _TOLERANCE * np.abs(here).max():
        raise _Coupled
    return np.diagonal(here).copy()
