"""Derivatives of the log density of a scale mixture of normals, N(0, v_k) with weights w_k.

In q = z^2 the density is sum_k c_k exp(-q/(2 v_k)), so with L(q) its logarithm and pi_k(q) the posterior
weights, L' = -E[u], L'' = Var u, L''' = -k3(u), L'''' = k4(u) for u = 1/(2 v) under pi, and

    f(z) = L(z^2):  f' = 2 z L',  f'' = 2 L' + 4 z^2 L'',  f''' = 12 z L'' + 8 z^3 L''',
    f'''' = 12 L'' + 48 z^2 L''' + 16 z^4 L''''.

One posterior serves all orders. Everything is measured from the leading component r: u_r - u_k =
a^2 (C_k - C_r)/(2 v_k v_r), whose large terms would cancel otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_BLOCK = 1 << 16
"""Points times components worked on at once: the temporaries then stay in cache."""


def scale_mixture_derivatives(
    z: Array, orders: Sequence[int], log_weights: Array, variances: Array, a: float, sigma: float
) -> list[Array]:
    """(d/dz)^k log sum_j w_j N(z; 0, a^2 C_j + sigma^2) for each k of ``orders`` (0..4), z (n,).

    log_weights, variances : (K,), log w_j and C_j.
    """
    v = a * a * variances + sigma * sigma
    log_c = log_weights - 0.5 * np.log(2 * math.pi * v)
    block = max(1, _BLOCK // len(v))
    parts = [
        _derivatives(z[i : i + block], orders, log_c, variances, v, a)
        for i in range(0, max(z.size, 1), block)
    ]
    return parts[0] if len(parts) == 1 else [np.concatenate(each) for each in zip(*parts, strict=True)]


def _derivatives(
    z: Array, orders: Sequence[int], log_c: Array, variances: Array, v: Array, a: float
) -> list[Array]:
    q = z * z
    exponent = np.multiply.outer(q, -0.5 / v)
    exponent += log_c
    r = exponent.argmax(1)
    half_v_r = 0.5 / v[r]
    # (u_r - u_k)/unit, unit = a^2/(2 v_r)
    gap = np.subtract(variances, variances[r, None], out=exponent)
    gap /= v
    unit = a * a * half_v_r
    pi = gap * (q * unit)[:, None]
    pi += log_c
    pi -= log_c[r, None]
    np.exp(pi, out=pi)
    mass = pi @ np.ones_like(v)  # several times faster than a reduction
    found = {0: log_c[r] - q * half_v_r + np.log(mass)}
    if max(orders) > 0:
        pi /= mass[:, None]
        mean = _dots(pi, gap)
        first = unit * mean - half_v_r
        found[1] = 2 * z * first
    if max(orders) > 1:
        gap -= mean[:, None]
        pi *= gap
        variance = _dots(pi, gap)
        second = unit**2 * variance
        found[2] = 2 * first + 4 * q * second
    if max(orders) > 2:
        pi *= gap
        third = unit**3 * _dots(pi, gap)
        found[3] = z * (12 * second + 8 * q * third)
    if max(orders) > 3:
        pi *= gap
        fourth = unit**4 * (_dots(pi, gap) - 3 * variance**2)
        found[4] = 12 * second + 48 * q * third + 16 * q * q * fourth
    return [found[order] for order in orders]


def _dots(x: Array, y: Array) -> Array:
    """Row by row inner products."""
    return np.einsum("nk,nk->n", x, y)
