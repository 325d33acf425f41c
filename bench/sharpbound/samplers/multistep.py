"""What samplers with a memory share: the predictions of earlier steps, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor

from sharpbound.errors import InputError
from sharpbound.numerics.quadrature import Array
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler, Step

NODES = 16
"""Gauss-Legendre nodes on what one step sees of a smooth weight: integrated to rounding."""


STARTS = ("lower-order", "third-order")


@dataclass(frozen=True)
class Multistep(Sampler):
    """A sampler that keeps its last predictions.

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

    def check(self, ladder: Ladder) -> None:
        super().check(ladder)
        if self.start == "third-order" and ladder.kind == "sub-vp":
            raise InputError("a third-order start needs levels between those of sub-vp", key="sampler.start")


def remember(step: Step, t: int, prediction: Tensor, keep: int) -> list[tuple[int, Tensor]]:
    """Add the prediction made at level t to the memory; the ``keep`` newest with their levels.

    At the start of a run there are fewer of them, and the samplers' first steps are of lower order.
    """
    past: list[tuple[int, Any]] = step.memory.get("predictions", [])
    step.memory["predictions"] = [(t, prediction), *past][:keep]
    return step.memory["predictions"]


def lagrange(nodes: Array, x: Array) -> Array:
    """Lagrange polynomials of distinct ``nodes`` (k,) at ``x`` (n,), shape (k, n)."""
    rows = [
        np.prod([(x - other) / (node - other) for other in np.delete(nodes, j)], axis=0) * np.ones_like(x)
        for j, node in enumerate(nodes)
    ]
    return np.stack(rows)
