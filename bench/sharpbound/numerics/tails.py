"""What an integral has beyond its last panels, where the integrand goes on like a power of the distance.

Heavy tails do so at once. In lighter ones the exponent read off the last panel is large, and what is left nothing.
"""

from __future__ import annotations

import math

import numpy as np

from sharpbound.numerics.quadrature import Array, Panels

DIVERGENT = 1e-6
"""Distance of a tail's exponent from 1 up to which the integral is infinite."""
_LEAST = 1e-300


def beyond(panels: Panels, f: Array, end: int, centre: float) -> tuple[float, float]:
    """int |f| beyond panel ``end``, on the side away from ``centre``, and the error of that.

    f ~ |u - centre|^-k has L |f(L)|/(k - 1) beyond |u - centre| = L; the exponents of the two halves of the panel
    differ as far as that is not yet so. Infinite where k is 1 or less.
    """
    outwards = slice(None) if panels.mid[end] > centre else slice(None, None, -1)
    log_f = np.log(np.abs(f[end, outwards]) + _LEAST)
    log_u = np.log(np.abs(panels.nodes[end, outwards] - centre))
    k, k_before = (
        -(log_f[j] - log_f[i]) / (log_u[j] - log_u[i]) for i, j in ((panels.n // 2, -1), (0, panels.n // 2))
    )
    if not k > 1 + DIVERGENT:
        return math.inf, 0.0
    edge = math.log(abs((panels.hi if panels.mid[end] > centre else panels.lo)[end] - centre))
    rest = math.exp(log_f[-1] + log_u[-1] - (k - 1) * (edge - log_u[-1])) / (k - 1)
    return rest, rest * min(10 * abs(k - k_before) / (k - 1), 1.0)
