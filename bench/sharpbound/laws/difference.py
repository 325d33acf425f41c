"""The law of one sampler's output against another's, both known against the same truth."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.polynomial import legendre

from sharpbound.distances.gaussian import GaussianPair
from sharpbound.distances.products import ProductLaw
from sharpbound.distances.ratio import Ratio1D
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.numerics.quadrature import Array, legendre_derivative

Line = Ratio1D | GaussianPair


Law = Line | ProductLaw


_NEWTON = 6


def _closed(law: Ratio1D) -> Ratio1D:
    """With the mass that left the panels counted as outside them.

    The density engine follows q where the target lives; every step conserves mass, so what an error has
    driven away from there is what is missing. What the errors of q explain is none of it: that stays a floor.
    """
    missing = law.outside_p - law.panels.integrate(law.difference)
    if missing < 1e-9 + 2 * law.error + law.unresolved:
        return law
    return replace(law, outside_q=float(missing))


def difference(exact: Line, wrong: Line) -> Line:
    """The pair (law with the exact score, law with the wrong one), accurate as a difference."""
    if isinstance(exact, GaussianPair) and isinstance(wrong, GaussianPair):
        return GaussianPair(
            mean=exact.mean + exact.mean_error,
            cov=exact.cov + exact.cov_error,
            mean_error=wrong.mean_error - exact.mean_error,
            cov_error=wrong.cov_error - exact.cov_error,
            rounding=exact.rounding + wrong.rounding,
        )
    assert isinstance(exact, Ratio1D) and isinstance(wrong, Ratio1D)
    at_wrong = log_ratio_at(exact, wrong.y)
    return replace(
        wrong,
        partner=np.full_like(wrong.y, math.nan),  # no transport between two outputs
        log_p=wrong.log_p + at_wrong,
        log_ratio=wrong.log_ratio - at_wrong,
        # both laws may miss the same mass, which then does not show in the difference
        error=exact.error + wrong.error + 0.5 * exact.mass_defect,
    )


def log_ratio_at(law: Ratio1D, y: Array) -> Array:
    """log q/p of ``law`` at the positions y, by inverting its own node -> position map."""
    if law.y.shape == y.shape and np.array_equal(law.y, y):
        return law.log_ratio
    n = law.panels.n
    inside = np.clip(y.ravel(), law.y.flat[0], law.y.flat[-1])
    nodes = law.y.ravel()
    nearest = np.clip(np.searchsorted(nodes, inside), 1, nodes.size - 1)
    nearest -= inside - nodes[nearest - 1] < nodes[nearest] - inside
    panel = nearest // n
    position, ratio = law.panels.coefficients(law.y)[panel], law.panels.coefficients(law.log_ratio)[panel]
    slope = position @ legendre_derivative(n).T
    local = gauss_legendre(n)[0][nearest % n]
    for _ in range(_NEWTON):
        basis = legendre.legvander(local, n - 1)
        local = local - ((basis * position).sum(1) - inside) / (basis * slope).sum(1)
    return (legendre.legvander(local, n - 1) * ratio).sum(1).reshape(y.shape)
