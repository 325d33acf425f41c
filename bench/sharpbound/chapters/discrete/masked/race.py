"""Categorical draws in reduced precision: an exponential race, or a Gumbel maximum, with uniforms that stop short of 1.

A token is drawn as the argmin of E_i/p_i, E_i = -log U_i, which is the argmax of log p_i + Gumbel noise. In float32 the
uniforms are multiples of 2^-24 below 1, so that no E_i is below c = -log(1 - 2^-24) and no Gumbel noise above -log c:
rare tokens win less often than they should (2409.02908). With U_i uniform on (0, e^{-c}) the law of the winner is
known: with p_1 >= p_2 >= ..., P_m = p_1 + ... + p_m and z_m = c/p_m, the first m are in the race between z_m and
z_{m+1}, and

    P(i wins) = p_i sum_{m >= i} e^{mc} (e^{-P_m z_m} - e^{-P_m z_{m+1}})/P_m.
"""

from __future__ import annotations

import math

import numpy as np

from sharpbound.numerics.quadrature import Array

BITS = {"float32": 24, "bfloat16": 8, "float16": 11}
"""Of the significand: uniforms below 1 are at most 1 - 2^-bits."""


def raced(p: Array, bits: int) -> Array:
    """The law of the winner, for laws along the last axis."""
    c = -math.log1p(-(2.0**-bits))
    order = np.argsort(-p, axis=-1, kind="stable")
    sorted_p = np.take_along_axis(p, order, -1)
    total = np.cumsum(sorted_p, axis=-1)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        z = c / sorted_p
        after = np.concatenate([z[..., 1:], np.full_like(z[..., :1], np.inf)], -1)
        m = np.arange(1, p.shape[-1] + 1)
        terms = np.exp(m * c - total * z) * -np.expm1(-total * (after - z)) / total
    terms = np.where(np.isfinite(z), terms, 0.0)
    wins = sorted_p * np.cumsum(terms[..., ::-1], axis=-1)[..., ::-1]
    out = np.empty_like(p)
    np.put_along_axis(out, order, wins / wins.sum(-1, keepdims=True), -1)
    return out
