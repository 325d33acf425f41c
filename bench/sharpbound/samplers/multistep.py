"""What multistep samplers share: a past that holds the predictions of earlier steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array
from sharpbound.samplers.base import Past, Sampler

NODES = 16
"""Gauss-Legendre nodes on what one step sees of a smooth weight: integrated to rounding."""


STARTS = ("lower-order", "third-order")


@dataclass(frozen=True)
class Multistep(Sampler):
    """A sampler that keeps its last predictions, of noise or data as its formula has them.

    Its past is ((t+1, prediction at level t+1), (t+2, ...), ...), newest first, when the step t -> t-1 begins. The
    error of this step alone is that from the exact past: predictions at points of one exact trajectory.

    ``start``: what the first steps do, when there are fewer of them than the formula needs. "lower-order", as
    published: the same formula with those there are; one step of order 1 leaves an error of order h^2.
    "third-order": DPM-Solver-3's step in the sampler's own form, whose error is of order h^4.
    """

    start: str = "lower-order"

    history = True
    nfe = 1

    def __post_init__(self) -> None:
        if self.start not in STARTS:
            raise InputError(f"must be {' or '.join(STARTS)}, got {self.start!r}", key="sampler.start")


def recalled(past: Past, t: int, prediction: Tensor, keep: int) -> Past:
    """The past with the prediction made at level t put first, cut to the ``keep`` newest.

    At the start of a run there are fewer of them, and the samplers' first steps are of lower order.
    """
    return ((t, prediction), *past)[:keep]


def lagrange(nodes: Array, x: Array) -> Array:
    """Lagrange polynomials of distinct ``nodes`` (k,) at ``x`` (n,), shape (k, n)."""
    rows = [
        np.prod([(x - other) / (node - other) for other in np.delete(nodes, j)], axis=0) * np.ones_like(x)
        for j, node in enumerate(nodes)
    ]
    return np.stack(rows)
