"""Derivatives of the log density of two normals: the posterior is one number, and everything has a closed form.

With components N(m_i, v_i), i = 0, 1, scores s_i(x) = -(x - m_i)/v_i, posterior weights p and q of the two and

    e = log(p_1/p_0),    d = s_1 - s_0,    g = 1/v_0 - 1/v_1,

the joint cumulants of (s, -1/v) that `gaussian_mixture_line` speaks of are those of one coin:

    f'   = s_r + small (s_o - s_r),               f'' = p q d^2 - 1/v_r + small (1/v_r - 1/v_o),
    f''' = p q [(p_0 - p_1) d^3 + 3 d g],         f'''' = p q [(1 - 6 p q) d^4 + 6 (p_0 - p_1) d^2 g + 3 g^2],

r being the component that leads, o the other one and ``small`` its weight, so that no large terms cancel. They would
in e for points that are many standard deviations from component 0, were it the wider one: it is the narrower.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def two_normals_derivatives(
    x: Array,
    orders: Sequence[int],
    log_weights: Sequence[float],
    means: Sequence[float],
    variances: Sequence[float],
    a: float,
    sigma: float,
) -> list[Array]:
    """(d/dx)^k log sum_j w_j N(x; a m_j, a^2 C_j + sigma^2), k of ``orders`` (0..4), two components, x (n,)."""
    (c_0, m_0, w_0), (c_1, m_1, w_1) = sorted(zip(variances, means, log_weights, strict=True))
    v_0, v_1 = a * a * c_0 + sigma * sigma, a * a * c_1 + sigma * sigma
    log_c = w_0 - 0.5 * math.log(2 * math.pi * v_0), w_1 - 0.5 * math.log(2 * math.pi * v_1)
    g = a * a * (c_1 - c_0) / (v_0 * v_1)  # from the difference of the variances of X0
    shift = a * (m_1 - m_0)
    z_0 = x - a * m_0
    e = z_0 - 0.5 * shift
    e *= shift / v_1
    e += log_c[1] - log_c[0]
    d: Array | float = shift / v_1
    if g:
        squared = z_0 * z_0
        squared *= 0.5 * g
        e += squared
        d = z_0 * g + shift / v_1
    second_leads = e > 0
    odds = np.exp(-np.abs(e))
    whole = 1.0 + odds
    small = odds / whole
    z = np.where(second_leads, x - a * m_1, z_0)
    precision = np.where(second_leads, 1 / v_1, 1 / v_0) if g else 1 / v_0
    found: dict[int, Array] = {}
    if 0 in orders:
        found[0] = np.where(second_leads, *log_c[::-1]) - 0.5 * z * z * precision + np.log(whole)
    if max(orders) > 0:
        step = np.where(second_leads, -small, small)  # towards the other component
        found[1] = step * d
        found[1] -= z * precision
    if max(orders) > 1:
        both = small / whole  # p q
        square = d * d
        found[2] = both * square
        found[2] -= precision
        if g:
            found[2] += step * g
    if max(orders) > 2:
        lead = np.where(second_leads, odds - 1.0, 1.0 - odds) / whole  # p_0 - p_1
        found[3] = both * d * (lead * square + 3 * g)
    if max(orders) > 3:
        found[4] = both * ((1 - 6 * both) * square * square + 6 * g * lead * square + 3 * g * g)
    return [found[order] for order in orders]
