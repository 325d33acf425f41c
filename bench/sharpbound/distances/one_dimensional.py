"""Distances between the true marginal p and the sampler's law q on the line, from one `Ratio1D`.

With r = log q/p, accurate as a difference:

=============  ==========================================================================
``tv``         1/2 int |q - p|
``kl``         KL(p||q) = int p (e^r - 1 - r), a positive integrand (the masses are equal)
``kl-reverse`` KL(q||p) = int q (e^{-r} - 1 + r)
``chi2``       chi^2(q||p) = int p (e^r - 1)^2
``hellinger``  H with H^2 = 1/2 int (sqrt q - sqrt p)^2 = 1/2 int p (e^{r/2} - 1)^2
``w1``         int |y - F_p^{-1}(F_q(y))| q(dy) = int |F_q - F_p|
``w2``         (int |y - F_p^{-1}(F_q(y))|^2 q(dy))^{1/2}
=============  ==========================================================================
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from sharpbound.distances.base import Measured
from sharpbound.numerics.quadrature import Array
from sharpbound.numerics.stable import expm1_minus
from sharpbound.numerics.tails import beyond

if TYPE_CHECKING:
    from sharpbound.distances.ratio import Ratio1D

ROUNDING = 1e-15
"""Relative rounding of an integral of logarithms."""
NEGLIGIBLE = 1e-15
"""Share of an integral that the last panel may hold without the tail beyond it being looked at."""
SAME = 64 * np.finfo(float).eps
"""Relative distance of two points that differ by rounding only."""
FAR = 1e6
"""Distance, in narrowest panels, from where on the noise of q decides which points differ ..."""
WIDE = 1e-3
"""... in panels of a tail, which are at least this wide relative to where they are."""


def _floor(law: Ratio1D) -> float:
    """Absolute error of int |q - p|: error of q itself, mass defect, unresolved part, rounding."""
    return 2 * law.error + law.mass_defect + law.unresolved + ROUNDING


def _line_integral(law: Ratio1D, integrand: Array) -> tuple[float, float]:
    """int |integrand| over the whole line and its error, the tails beyond the last panels extrapolated
    (`sharpbound.numerics.tails`). Infinite where they are not integrable, and where the integrand overflows.
    """
    panels = law.panels
    if not np.isfinite(integrand).all():
        return math.inf, 0.0
    parts = panels.abs_parts(integrand)
    value = float(parts.sum())
    error = float((panels.half * panels.tails(integrand)).sum())
    held = np.flatnonzero(parts)
    centre = panels.nodes.flat[np.argmax(law.p)]
    for end in held[[0, -1]] if len(held) else ():
        ends_here = not integrand[end].all()
        if ends_here or not parts[end] > NEGLIGIBLE * value:
            continue
        rest, unsure = beyond(panels, integrand, end, centre)
        if math.isinf(rest):
            return math.inf, 0.0
        value, error = value + rest, error + unsure
    return value, error


def _divergence(law: Ratio1D, integrand: Array) -> Measured:
    """A divergence of second order in q - p: a relative error e of q gives 2 e sqrt(value) + e^2."""
    value, error = _line_integral(law, integrand)
    if not math.isfinite(value):
        return Measured(math.inf, 0.0)
    floor = _floor(law)
    return Measured(value, error + 2 * floor * math.sqrt(value) + floor**2)


def tv(law: Ratio1D) -> Measured:
    """Total variation; what p or q has outside the covered interval counts in full."""
    inside = law.panels.integrate_abs(law.difference)
    return Measured(0.5 * (inside + law.outside_p + law.outside_q), 0.5 * _floor(law))


def kl(law: Ratio1D) -> Measured:
    """KL(p || q); infinite where p has no second moment and q has Gaussian tails."""
    r = law.log_ratio
    return _divergence(law, np.where(r < 1, law.p * expm1_minus(np.minimum(r, 1.0)), law.q - law.p * (1 + r)))


def kl_reverse(law: Ratio1D) -> Measured:
    """KL(q || p)."""
    r = -law.log_ratio
    return _divergence(law, np.where(r < 1, law.q * expm1_minus(np.minimum(r, 1.0)), law.p - law.q * (1 + r)))


def chi2(law: Ratio1D) -> Measured:
    """chi^2(q || p); infinite where q has the heavier tail by too much."""
    r = law.log_ratio
    with np.errstate(over="ignore"):
        apart = np.exp(law.log_p + 2 * r) - 2 * law.q + law.p
    return _divergence(law, np.where(r < 1, law.p * np.expm1(np.minimum(r, 1.0)) ** 2, apart))


def hellinger(law: Ratio1D) -> Measured:
    """H = sqrt(1 - int sqrt(p q)), between 0 and 1."""
    r = law.log_ratio
    apart = (np.exp(0.5 * (law.log_p + r)) - np.exp(0.5 * law.log_p)) ** 2
    integrand = np.where(np.abs(r) < 1, law.p * np.expm1(0.5 * r.clip(-1.0, 1.0)) ** 2, apart)
    squared = 0.5 * (law.panels.integrate(integrand) + law.outside_p + law.outside_q)
    # of the squared distance, whose integrand a jump leaves less resolved than q - p
    error = float((law.panels.half * law.panels.tails(integrand)).sum())
    root = math.sqrt(squared)
    return Measured(root, _floor(law) + (error / root if root else math.sqrt(error)))


def w1(law: Ratio1D) -> Measured:
    """Wasserstein-1, by the monotone coupling."""
    value, error = _line_integral(law, law.q * _gap(law))
    return Measured(value, _cost_floor(law, error)) if math.isfinite(value) else Measured(math.inf, 0.0)


def w2(law: Ratio1D) -> Measured:
    """Wasserstein-2, by the monotone coupling; infinite where p has no second moment."""
    value, error = _line_integral(law, law.q * _gap(law) ** 2)
    if not math.isfinite(value):
        return Measured(math.inf, 0.0)
    root = math.sqrt(value)
    error *= 2  # the last coefficients tell the size of what is unresolved, and are no bound
    return Measured(root, _cost_floor(law, error / root if root else math.sqrt(error)))


def _gap(law: Ratio1D) -> Array:
    """y - F_p^{-1}(F_q(y)), zero where it is rounding: far out in a heavy tail that would be all there is."""
    gap, size = law.y - law.partner, np.abs(law.y)
    half = law.panels.half
    far = (size > FAR * half.min()) & (half[:, None] > WIDE * size)  # not the narrow panels around a jump
    noise = SAME + np.where(far, 10 * law.panels.tails(law.log_ratio)[:, None], 0.0)
    return np.where(np.abs(gap) > noise * size, gap, 0.0)


def _cost_floor(law: Ratio1D, error: float) -> float:
    """Floor of a transport cost: quadrature error; mass in error, and rounding, times the size of the points."""
    centre = np.abs(law.partner[law.q > 1e-3 * law.q.max()])
    return error + (ROUNDING * 10 + _floor(law)) * float(centre.max(initial=1e-300))


METRICS = {
    "tv": tv,
    "kl": kl,
    "kl-reverse": kl_reverse,
    "chi2": chi2,
    "hellinger": hellinger,
    "w1": w1,
    "w2": w2,
}
"""Metric name of a case file -> distance."""
