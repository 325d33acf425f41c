"""Path KL of the frozen-score sampler, exactly: E_I + E_D + E_S.

Along a ladder v_0 > v_1 > ... > v_N of noise variances the sampler makes

    X_{k+1} = X_k + (v_k - v_{k+1}) s_k(X_k) + sqrt(v_k - v_{k+1}) Z.

True and sampled paths share the same Brownian bridges between the v_k, and the true score is a
martingale of the reverse process, so that the path KL *equals* (Wang, He & Tao 2406.12839 bound it)

    E_I = KL(p_{v_0} | q_init),
    E_D = 1/2 [int I dv - sum (v_k - v_{k+1}) I(v_k)],
    E_S = 1/2 sum (v_k - v_{k+1}) E |s_k - score_{v_k}|^2.

Any process a X0 + sigma W is of this kind in the coordinate x/a, with v = sigma^2/a^2; DDPM on a
variance-preserving ladder *is* the frozen-score sampler there. One set of formulas serves both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpbound.errors import InputError
from sharpbound.marginals.divergence import initialisation_error
from sharpbound.marginals.fisher import Information, information
from sharpbound.numerics.gauss import gauss_legendre
from sharpbound.processes.ladder import Ladder
from sharpbound.targets.base import Target

Array = NDArray[np.float64]

_NODES, _WEIGHTS = gauss_legendre(16)


@dataclass(frozen=True)
class PathKL:
    """The three exact parts of the path KL."""

    initial: float
    discretisation: float
    score: float

    @property
    def total(self) -> float:
        return self.initial + self.discretisation + self.score


def variances(ladder: Ladder) -> Array:
    """v_k = (sigma/a)^2 in the order of sampling, noisiest first, down to the ladder's stop level."""
    v = (ladder.sigma[ladder.stop :] / ladder.a[ladder.stop :])[::-1] ** 2
    if v[-1] <= 0:
        raise InputError("the path KL needs a positive noise level to stop at", key="forward")
    return v


def decompose(
    target: Target,
    ladder: Ladder,
    squared_errors: Array | None = None,
    *,
    exact_start: bool = False,
    info: Information | None = None,
) -> PathKL:
    """The path KL of the frozen-score sampler on ``ladder``, in nats.

    ``squared_errors``: E |s_k - score|^2 at the levels ``v`` of `variances` but the last, for the score of
    X0 + sqrt(v) W; none means exact. ``info`` spares the tabulation where it is known.
    """
    v = variances(ladder)
    info = information(target, v[-1], v[0]) if info is None else info
    return PathKL(
        initial=0.0 if exact_start else initialisation_error(target, ladder),
        discretisation=discretisation_error(info, v),
        score=0.0 if squared_errors is None else score_error(v, squared_errors),
    )


def discretisation_error(information: Information, v: Array) -> float:
    """E_D = 1/2 sum_k int_{v_{k+1}}^{v_k} (v - v_{k+1}) J(v) dv, for a decreasing ladder ``v``.

    The same number as 1/2 [int I dv - sum (v_k - v_{k+1}) I(v_k)] after integration by parts, but a
    sum of positive terms: no digits are lost when the ladder is fine.
    """
    lower, ratio = v[1:], np.log(v[:-1] / v[1:])
    pieces = np.ceil(ratio).astype(int)  # panels at most one unit of log v wide, where J is smooth
    lower, width = np.repeat(lower, pieces), np.repeat(ratio / pieces, pieces)
    index = np.arange(len(lower)) - np.repeat(np.cumsum(pieces) - pieces, pieces)
    log_rise = width[:, None] * (index[:, None] + 0.5 * (_NODES + 1))  # log(v / v_{k+1})
    nodes = lower[:, None] * np.exp(log_rise)
    integrand = lower[:, None] * np.expm1(log_rise) * information.decay(nodes) * nodes
    return 0.25 * float((width * (integrand @ _WEIGHTS)).sum())


def score_error(v: Array, squared_errors: Array) -> float:
    """E_S = 1/2 sum (v_k - v_{k+1}) E |s_k - score|^2, errors given at v_0..v_{N-1}."""
    return 0.5 * float(-np.diff(v) @ squared_errors)
