"""Total weights beta_j on |sigma_j S + xi|^2, and the measure in which a weighting is bell-shaped.

A continuous weighting is a density in log sigma; on a grid it is multiplied by the spacing of log sigma.
Song et al. (2011.13456) weight |S + xi/sigma|^2 by sigma^2 with uniform time: on the exponential
schedule that is weight one per unit of log sigma, so on a log-uniform grid Song *is* uniform. Karras et
al. (2206.00364, table 1) draw log sigma ~ N(P, s^2) and weight by (sigma^2 + sigma_d^2)/(sigma sigma_d)^2
on the denoiser, which on |sigma S + xi|^2 is (sigma^2 + sigma_d^2)/sigma_d^2 times the lognormal.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sharpbound.errors import InputError

Array = NDArray[np.float64]

Measure = Literal["log-sigma", "sigma", "network"]

WEIGHTINGS = ("uniform", "song", "edm", "equalising")


def edm_density(
    sigma: Array,
    measure: Measure = "log-sigma",
    mean: float = -1.2,
    std: float = 1.2,
    sigma_data: float = 0.5,
) -> Array:
    """EDM's weighting, up to a constant, in a named measure.

    ``log-sigma``: on |sigma S + xi|^2 per d log sigma; ``sigma``: the same per d sigma; ``network``: on
    the loss of EDM's preconditioned network F, per d log sigma, where it is the lognormal itself.
    """
    bell = np.exp(-((np.log(sigma) - mean) ** 2) / (2 * std**2))
    factors = {
        "log-sigma": (sigma**2 + sigma_data**2) / sigma_data**2,
        "sigma": (sigma**2 + sigma_data**2) / sigma_data**2 / sigma,
        "network": np.ones_like(sigma),
    }
    if measure not in factors:
        raise InputError(f"unknown measure {measure!r}; choose one of {', '.join(factors)}")
    return bell * factors[measure]


def check_weighting(name: str, key: str = "training.weighting") -> None:
    """Raise InputError, naming ``key``, unless ``name`` is one of WEIGHTINGS."""
    if name not in WEIGHTINGS:
        raise InputError(f"unknown weighting {name!r}; choose one of {', '.join(WEIGHTINGS)}", key=key)


def weights(name: str, sigma: Array, diagonal: Array | None = None) -> Array:
    """beta_j (N,) on the increasing levels ``sigma`` (N >= 2), scaled to mean one.

    ``equalising`` needs the ``diagonal`` (n, N, d) of the tangent kernel: it gives every level the same
    trace of D K D, the same mean rate of training: beta_j = 1/(sigma_j^2 tr K_jj).
    Raises InputError for an unknown name, and for ``equalising`` without the diagonal.
    """
    check_weighting(name)
    spacing = np.abs(np.gradient(np.log(sigma)))
    if name == "uniform":
        beta = np.ones_like(sigma)
    elif name == "song":
        beta = spacing
    elif name == "edm":
        beta = spacing * edm_density(sigma)
    elif diagonal is None:
        raise InputError("the equalising weights need the tangent kernel", key="training.weighting")
    else:
        beta = 1 / (sigma**2 * diagonal.sum((0, 2)))
    return beta / beta.mean()
