"""What is known of X0 itself: what the hypotheses of theorems ask, each exactly from a law's parameters."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Facts:
    """Properties of the law of X0; None where the family does not say."""

    radius: float | None = None
    """The least r with ||X0|| <= r almost surely; inf where there is none."""
    low_dimensional: bool | None = None
    """X0 lies on finitely many points, spheres or subspaces of dimension below d."""
    smooth: bool | None = None
    """The density of X0 is positive and infinitely differentiable on all of R^d."""
    lipschitz_score: bool | None = None
    """grad log of the density of X0 is Lipschitz on R^d."""
    log_concave: bool | None = None
    strongly_log_concave: bool | None = None
    sub_gaussian: bool | None = None
    gaussian: bool | None = None
    """Point masses count as normal laws of variance 0."""


def of_normal(mean: Tensor, spectrum: Tensor, density: bool) -> Facts:
    """The facts of a normal law with the eigenvalues ``spectrum`` of its covariance; all 0: a point."""
    return Facts(
        radius=math.inf if bool((spectrum > 0).any()) else float(mean.norm()),
        low_dimensional=not density,
        smooth=density,
        lipschitz_score=density,
        log_concave=True,
        strongly_log_concave=density,
        sub_gaussian=True,
        gaussian=True,
    )


def of_product(factors: Iterable[tuple[Facts, int]]) -> Facts:
    """The facts of independent coordinates, each with how often it occurs.

    One flat coordinate flattens all; any other property every one must have.
    """
    counted = list(factors)
    every = [fact for fact, _ in counted]
    squares = [None if fact.radius is None else count * fact.radius**2 for fact, count in counted]
    flat = [fact.low_dimensional for fact in every]
    return Facts(
        radius=None if None in squares else math.sqrt(math.fsum(r for r in squares if r is not None)),
        low_dimensional=True if any(flat) else (None if None in flat else False),
        smooth=_all(fact.smooth for fact in every),
        lipschitz_score=_all(fact.lipschitz_score for fact in every),
        log_concave=_all(fact.log_concave for fact in every),
        strongly_log_concave=_all(fact.strongly_log_concave for fact in every),
        sub_gaussian=_all(fact.sub_gaussian for fact in every),
        gaussian=_all(fact.gaussian for fact in every),
    )


def of_mixture(means: Tensor, covariances: Tensor, bends_up: bool | None = None) -> Facts:
    """The facts of sum_k w_k N(m_k, C_k), all w_k > 0; ``means`` (K, d), ``covariances`` (K, d, d).

    ``bends_up`` : whether some second derivative of log p is known to be positive: then p is not log-concave.

    Equal covariances: the Hessian of log p is -P + P Cov(m) P, P = C^-1, the covariance of the means under the
    posterior, whose largest eigenvalue in the metric of P is at most (range/2)^2: log-concave if the range is
    at most 2; for two means this is attained, so "only if" too. Unequal ones: where two components of covariances
    that are not ordered balance arbitrarily far out, the Hessian is unbounded.
    """
    spectra = torch.linalg.eigvalsh(covariances)
    singular = spectra[:, 0] <= 1e-14 * spectra[:, -1]
    points = bool((spectra == 0).all())
    density = not bool(singular.any())
    if bool((means == means[0]).all() and (covariances == covariances[0]).all()):
        return of_normal(means[0], spectra[0], density)
    log_concave: bool | None = None
    strongly: bool | None = None
    lipschitz: bool | None = False
    if points or (not density and means.shape[1] == 1):
        log_concave = strongly = False
    elif density:
        widest = _widest(means, covariances) if bool((covariances == covariances[0]).all()) else None
        if bends_up or (widest is not None and widest > 2 and len(means) == 2):
            log_concave = strongly = False
        elif widest is not None and widest <= 2:
            log_concave, strongly = True, True if widest < 2 else None
        lipschitz = True if means.shape[1] == 1 else _ordered(covariances)
    return Facts(
        radius=float(means.norm(dim=-1).max()) if points else math.inf,
        low_dimensional=bool(singular.all()),
        smooth=density,
        lipschitz_score=lipschitz,
        log_concave=log_concave,
        strongly_log_concave=strongly,
        sub_gaussian=True,
        gaussian=False,
    )


def _widest(means: Tensor, covariances: Tensor) -> float:
    """The largest distance of two means in units of the common covariance."""
    root = torch.linalg.cholesky(covariances[0])
    white = torch.linalg.solve_triangular(root, means.T, upper=False).T
    return float(torch.cdist(white, white).max())


def _ordered(covariances: Tensor) -> bool | None:
    """True where any two covariances are equal or one is strictly above the other; None elsewhere."""
    for i in range(len(covariances)):
        gaps = covariances[i + 1 :] - covariances[i]
        spectra = torch.linalg.eigvalsh(gaps) if len(gaps) else torch.zeros(0, 1)
        equal = (gaps == 0).flatten(1).all(1) if len(gaps) else torch.zeros(0, dtype=torch.bool)
        if not bool((equal | (spectra[:, 0] > 0) | (spectra[:, -1] < 0)).all()):
            return None
    return True


def _all(values: Iterable[bool | None]) -> bool | None:
    known = list(values)
    if any(value is False for value in known):
        return False
    return None if None in known else True
