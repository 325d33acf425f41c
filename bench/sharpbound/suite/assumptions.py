"""Assumptions of theorems, checked against a target, a ladder, a score: holds, fails, or cannot be told here."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from sharpbound.errors import InputError
from sharpbound.suite.validation import did_you_mean

if TYPE_CHECKING:
    from sharpbound.processes.ladder import Ladder
    from sharpbound.targets.base import Target

Check = Literal[
    "unchecked",
    "first-moment",
    "second-moment",
    "bounded-support",
    "density",
    "smooth",
    "log-concave",
    "strongly-log-concave",
    "sub-gaussian",
    "low-dimensional",
    "lipschitz-score",
    "gaussian",
    "not-gaussian",
    "point",
    "isotropic",
    "standard-gaussian",
    "exact-scores",
    "score-error",
    "lipschitz-estimates",
    "exact-start",
    "early-stopping",
    "li2024-schedule",
    "small-steps",
    "step-over-lipschitz",
    "corrector",
    "frozen-posterior-mean",
    "steps-of-time-left",
    "number-of-steps",
]

CHECKS: dict[str, str] = {
    "unchecked": "not checked",
    "first-moment": "E||X0|| is finite",
    "second-moment": "E||X0||^2 is finite",
    "bounded-support": "X0 lies in a ball",
    "density": "X0 has a density",
    "smooth": "X0 has an infinitely differentiable positive density",
    "log-concave": "X0 is log-concave",
    "strongly-log-concave": "X0 is strongly log-concave",
    "sub-gaussian": "X0 has sub-Gaussian tails",
    "low-dimensional": "X0 lies on a set of lower dimension than the space",
    "lipschitz-score": "X0 has a density with a Lipschitz score",
    "gaussian": "X0 is Gaussian",
    "not-gaussian": "X0 is not Gaussian",
    "point": "X0 is a point",
    "isotropic": "E X0 = 0 and Cov(X0) = I",
    "standard-gaussian": "X0 is N(0, I)",
    "exact-scores": "the sampler is given the exact scores",
    "score-error": "the error of the scores that the sampler is given has a known size: none, or a field of exact size",
    "lipschitz-estimates": "the score that the sampler is given is Lipschitz at every level",
    "exact-start": "the sampler starts from the exact law at a horizon that does not depend on T",
    "early-stopping": "the reverse process stops at a time delta > 0 before the data",
    "li2024-schedule": "the schedule is that of Li et al. (2306.09251, equation (22))",
    "small-steps": "the steps in time are at most kappa min(1, t), with kappa at most 1",
    "step-over-lipschitz": "the steps in time are at most 1/L (at most of that order: the constant is not known)",
    "corrector": "the sampler takes corrector steps",
    "frozen-posterior-mean": "the sampler freezes E[X0 | X] over each step of a variance-exploding process",
    "steps-of-time-left": "no step in the time sigma^2 takes more than half of what is left",
    "number-of-steps": "T is at least a constant times the stated number: it holds up to its constant",
}

Outcome = Literal["holds", "does not hold", "unchecked", "up to its constant"]

ISOTROPY_TOLERANCE = 1e-12
"""Moments are sums of a few products of doubles."""


@dataclass(frozen=True)
class Context:
    """What beside the target a hypothesis may speak of; None where the caller does not say."""

    ladder: Ladder | None = None
    lipschitz: float | None = None
    exact_scores: bool | None = None
    exact_start: bool | None = None
    corrector: bool | None = None
    frozen_mean: bool | None = None


def check_assumption(
    name: str,
    target: Target,
    *,
    ladder: Ladder | None = None,
    lipschitz: float | None = None,
    exact_scores: bool | None = None,
    exact_start: bool | None = None,
    corrector: bool | None = None,
    frozen_mean: bool | None = None,
) -> bool | None:
    """Whether the assumption ``name`` is met: True, False, or None where it is not known.

    What concerns X0 is read off the target's own moments and `Target.facts`. What concerns the rest is None
    unless it is given: the ``ladder`` of levels; ``lipschitz``, a constant L of the scores along it;
    ``exact_scores``, whether no error is added to them; ``exact_start``, whether the sampler starts from the
    law of X_T itself (`init = "exact"`); ``corrector``, whether it takes corrector steps; ``frozen_mean``, whether
    it freezes the posterior mean over each step. "number-of-steps" is None always: its constant is not stated
    (see `outcome`). Raises InputError for a name not in `CHECKS`.
    """
    if name not in CHECKS:
        raise InputError(f"unknown check {name!r}{did_you_mean(name, CHECKS)}")
    context = Context(ladder, lipschitz, exact_scores, exact_start, corrector, frozen_mean)
    if name in OF_TARGET:
        return OF_TARGET[name](target)
    return _OF_CONTEXT[name](target, context) if name in _OF_CONTEXT else None


def outcome(name: str, holds: bool | None) -> Outcome:
    """The words for what `check_assumption` returned for the check ``name``."""
    if holds is None:
        return "up to its constant" if name == "number-of-steps" else "unchecked"
    return "holds" if holds else "does not hold"


def _first_moment(target: Target) -> bool:
    return bool(target.moments().mean.isfinite().all())


def _second_moment(target: Target) -> bool:
    return math.isfinite(target.moments().second_moment)


def _bounded(target: Target) -> bool | None:
    radius = target.facts().radius
    return None if radius is None else math.isfinite(radius)


def _point(target: Target) -> bool | None:
    """No spread at all: then, and only then, the covariance is 0."""
    moments = target.moments()
    return bool((moments.cov == 0).all()) if moments.cov.isfinite().all() else False


def _isotropic(target: Target) -> bool:
    moments = target.moments()
    mean, cov = moments.mean.numpy(), moments.cov.numpy()
    return bool(
        np.abs(mean).max() <= ISOTROPY_TOLERANCE
        and np.abs(cov - np.eye(len(mean))).max() <= ISOTROPY_TOLERANCE
    )


def _standard_gaussian(target: Target) -> bool | None:
    if not _isotropic(target):
        return False
    return target.facts().gaussian


def _not_gaussian(target: Target) -> bool | None:
    gaussian = target.facts().gaussian
    return None if gaussian is None else not gaussian


OF_TARGET: dict[str, Callable[[Target], bool | None]] = {
    "first-moment": _first_moment,
    "second-moment": _second_moment,
    "bounded-support": _bounded,
    "density": lambda target: target.has_density,
    "smooth": lambda target: target.facts().smooth,
    "log-concave": lambda target: target.facts().log_concave,
    "strongly-log-concave": lambda target: target.facts().strongly_log_concave,
    "sub-gaussian": lambda target: target.facts().sub_gaussian,
    "low-dimensional": lambda target: target.facts().low_dimensional,
    "lipschitz-score": lambda target: target.facts().lipschitz_score,
    "gaussian": lambda target: target.facts().gaussian,
    "not-gaussian": _not_gaussian,
    "point": _point,
    "isotropic": _isotropic,
    "standard-gaussian": _standard_gaussian,
}


def _lipschitz_estimates(target: Target, context: Context) -> bool | None:
    """The exact scores of a law with a Lipschitz score, or of any law of bounded support at noise > 0, are."""
    if not context.exact_scores:
        return None
    if target.facts().lipschitz_score:
        return True
    noisy = context.ladder is not None and bool(np.all(context.ladder.sigma[context.ladder.stop :] > 0))
    return True if noisy and _bounded(target) else None


def _exact_start(target: Target, context: Context) -> bool | None:
    if context.exact_start is False:
        return False
    if context.exact_start is None or context.ladder is None:
        return None
    return context.ladder.name != "li2024"  # its horizon grows like log T


def _li2024_schedule(target: Target, context: Context) -> bool | None:
    return None if context.ladder is None else context.ladder.name == "li2024"


def _times(ladder: Ladder) -> np.ndarray:
    """The Ornstein-Uhlenbeck times -log a of the levels that the sampler visits, the last step's end first."""
    return -np.log(ladder.a[ladder.stop :])


def _small_steps(target: Target, context: Context) -> bool | None:
    if context.ladder is None or context.ladder.kind != "vp":
        return None
    times = _times(context.ladder)
    return bool(np.all(np.diff(times) <= np.minimum(1.0, times[:-1]) * (1 + 1e-12)))


def _step_over_lipschitz(target: Target, context: Context) -> bool | None:
    """True where h L <= 1; elsewhere only the constant that the theorem hides decides."""
    if context.ladder is None or context.lipschitz is None or context.ladder.kind != "vp":
        return None
    return True if np.diff(_times(context.ladder)).max() * context.lipschitz <= 1 else None


def _frozen_posterior_mean(target: Target, context: Context) -> bool | None:
    if context.frozen_mean is None or context.ladder is None:
        return None
    return context.frozen_mean and context.ladder.kind == "ve"


def _steps_of_time_left(target: Target, context: Context) -> bool | None:
    if context.ladder is None or context.ladder.kind != "ve":
        return None
    times = context.ladder.sigma[context.ladder.stop :] ** 2
    return bool(np.all(np.diff(times) <= 0.5 * times[1:] * (1 + 1e-12)))


_OF_CONTEXT: dict[str, Callable[[Target, Context], bool | None]] = {
    "exact-scores": lambda target, context: context.exact_scores,
    "score-error": lambda target, context: None if context.exact_scores is None else True,
    "lipschitz-estimates": _lipschitz_estimates,
    "exact-start": _exact_start,
    "li2024-schedule": _li2024_schedule,
    "small-steps": _small_steps,
    "step-over-lipschitz": _step_over_lipschitz,
    "corrector": lambda target, context: context.corrector,
    "frozen-posterior-mean": _frozen_posterior_mean,
    "steps-of-time-left": _steps_of_time_left,
}
