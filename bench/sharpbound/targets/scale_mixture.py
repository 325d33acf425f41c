"""Derivatives of the log density of a scale mixture of normals, N(0, v_k) with weights w_k.

In q = z^2 the density is sum_k c_k exp(-q/(2 v_k)), so with L(q) its logarithm and pi_k(q) the posterior
weights, L' = -E[u], L'' = Var u, L''' = -k3(u), L'''' = k4(u) for u = 1/(2 v) under pi, and

    f(z) = L(z^2):  f' = 2 z L',  f'' = 2 L' + 4 z^2 L'',  f''' = 12 z L'' + 8 z^3 L''',
    f'''' = 12 L'' + 48 z^2 L''' + 16 z^4 L''''.

One posterior serves all orders. The ratio of two weights is monotone in q, so that points of like size share a short
window of the components, and one of them as reference: u_r - u_k = a^2 (C_k - C_r)/(2 v_k v_r), whose large terms would
cancel otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_LEFT, _RIGHT = 60.0, 45.0
"""Weights below e^-60 of the largest are left out, e^-45 for the wider components: u, to the fourth power, is large
for narrow ones alone."""
_LIKE, _MANY = 6.0, 192
"""Points of like size are within this factor of each other; and the most that are worked on at once."""
_NOTHING = -700.0
"""log of a weight taken for any smaller one: numpy's exp takes five times as long where it underflows."""
_AHEAD = 20.0
"""log of how far the leading component may be ahead of the reference, beyond which points are unlike after all."""


def scale_mixture_derivatives(
    z: Array, orders: Sequence[int], log_weights: Array, variances: Array, a: float, sigma: float
) -> list[Array]:
    """(d/dz)^k log sum_j w_j N(z; 0, a^2 C_j + sigma^2) for each k of ``orders`` (0..4), z (n,).

    z : >= 0. log_weights, variances : (K,), log w_j and C_j, these in increasing order.
    """
    v = a * a * variances + sigma * sigma
    log_c = log_weights - 0.5 * np.log(2 * math.pi * v)
    core = math.sqrt(v[log_c.argmax()])  # of which nearer points see the same components
    size = np.hypot(z, core)
    rank = size.argsort()
    z, size = z[rank], size[rank]
    out = np.empty((len(orders), z.size))
    i = 0
    while i < z.size:
        j = min(int(size.searchsorted(_LIKE * size[i], "right")), i + _MANY)
        while (window := _window(log_c, -0.5 / v, z[i] * z[i], z[j - 1] * z[j - 1])) is None:
            j = (i + j) // 2
        first, reference, last = window
        # (u_r - u_k)/unit, unit = a^2/(2 v_r)
        gap = (variances[first:last] - variances[reference]) / v[first:last]
        relative = log_c[first:last] - log_c[reference]
        parts = _derivatives(z[i:j], max(orders), relative, gap, log_c[reference], 0.5 / v[reference], a)
        for row, order in zip(out, orders, strict=True):
            row[rank[i:j]] = parts[order]
        i = j
    return list(out)


def _window(log_c: Array, slope: Array, low: float, high: float) -> tuple[int, int, int] | None:
    """The range of components that matter for q from ``low`` to ``high``, and one that leads in between; None where
    it is too far from leading at an end.
    """
    at_low, at_high = log_c + slope * low, log_c + slope * high
    reference = int((log_c + slope * math.sqrt(low * high)).argmax())
    top_low, top_high = at_low.max(), at_high.max()
    if low < high and max(top_low - at_low[reference], top_high - at_high[reference]) > _AHEAD:
        return None
    first = int((at_low > top_low - _LEFT).argmax())
    last = len(log_c) - int((at_high > top_high - _RIGHT)[::-1].argmax())
    return min(first, reference), reference, max(last, reference + 1)


def _derivatives(
    z: Array, most: int, relative: Array, gap: Array, log_c: float, half: float, a: float
) -> list[Array]:
    """All orders up to ``most`` from the log weights, less the reference's ``log_c``, and (u_r - u_k)/unit;
    ``half`` is 1/(2 v_r).
    """
    q = z * z
    unit = a * a * half
    pi = np.stack([q, np.ones_like(q)], 1) @ np.stack(
        [unit * gap, relative]
    )  # one pass over them, where sums take two
    np.maximum(pi, _NOTHING, out=pi)
    np.exp(pi, out=pi)
    mass, total = pi @ np.ones_like(gap), pi @ gap
    found = [log_c - q * half + np.log(mass)]
    if most > 0:
        mean = total / mass
        first = unit * mean - half
        found.append(2 * z * first)
    if most > 1:
        centred = gap - mean[:, None]
        pi *= centred
        variance = _dots(pi, centred) / mass
        second = unit**2 * variance
        found.append(2 * first + 4 * q * second)
    if most > 2:
        pi *= centred
        third = unit**3 * _dots(pi, centred) / mass
        found.append(z * (12 * second + 8 * q * third))
    if most > 3:
        pi *= centred
        fourth = unit**4 * (_dots(pi, centred) / mass - 3 * variance**2)
        found.append(12 * second + 48 * q * third + 16 * q * q * fourth)
    return found


def _dots(x: Array, y: Array) -> Array:
    """Row by row inner products."""
    return np.einsum("nk,nk->n", x, y)
