"""One audited sampler on one ladder: W2, the error whose norm it is, and a floor that sees rounding inside the sampler.

Every run is made twice, the second time on levels moved by some 1e-6. In float64 that changes the error by a
few millionths of itself; what is rounded to float32 anywhere inside is rounded anew, and the error changes by what the
rounding does. The change is the floor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sharpbound.chapters.audit.guided import Guided, GuidedQuantiles
from sharpbound.chapters.audit.quick import quick_score
from sharpbound.chapters.audit.to_the_data import end_of
from sharpbound.chapters.audit.views import View, moved
from sharpbound.chapters.sampling import measured_row
from sharpbound.errors import InputError, NotMeasured
from sharpbound.laws.probe import Probed, Quantiles, probe_deterministic, probe_stochastic, rounding
from sharpbound.processes import Ladder
from sharpbound.samplers import ExactScore, PlainSampler, Sampler
from sharpbound.samplers.own import Score, noisiest_first
from sharpbound.targets import Target1D

NODES = 601
"""Quantiles; the W2 of an error that is smooth in them is then good to some 1e-9 of itself."""


@dataclass(frozen=True)
class Point:
    """One number of steps. ``probed`` is None where W2 alone is known; ``note`` says why nothing is.

    The error of the quadrature is in ``floor`` and not in ``doubt``, what an order is read with: the nodes and their
    weights are the same at every T, so the sum over them is a norm of the error, of the same order.
    """

    T: int
    w2: float | None
    floor: float | None
    doubt: float | None
    probed: Probed | None = None
    noise: float = 0.0
    """What rounding inside the sampler does, a part of the doubt."""
    note: str | None = None

    @property
    def row(self) -> dict[str, Any]:
        told = {"T": self.T, "w2": self.w2, "w2_floor": self.floor, "floor": self.floor}
        return told | ({"note": self.note} if self.note else {})


@dataclass
class Bench:
    """A sampler on a target, with the exact score.

    unit : roundoff of the sampler's output.
    """

    sampler: Sampler
    target: Target1D
    unit: float = 2.0**-53
    guided: Guided | None = None
    """With guidance: its score and its law in the place of the target's."""
    known: dict[tuple[View, int], Point] = field(default_factory=dict)

    @cached_property
    def quantiles(self) -> Quantiles:
        if self.guided is not None:
            return GuidedQuantiles(self.guided, NODES)
        return Quantiles(self.target, NODES)

    def point(self, view: View, T: int) -> Point:
        """On ``view`` with ``T`` steps; each is measured once."""
        if (view, T) not in self.known:
            self.known[view, T] = self._point(view.ladder(T), T)
        return self.known[view, T]

    def _point(self, ladder: Ladder, T: int) -> Point:
        try:
            if isinstance(self.sampler, PlainSampler):
                return self._of_function(ladder, T)
            return self._of_law(ladder, T)
        except NotMeasured as reason:
            return Point(T, None, None, None, note=str(reason))
        except InputError as mistake:  # it has kept its contract on a small problem
            return Point(T, None, None, None, note=mistake.message)

    def _of_function(self, ladder: Ladder, T: int) -> Point:
        found, again = self.probe(ladder), self.probe(moved(ladder))
        if not math.isfinite(found.w2 + found.quadrature):
            raise NotMeasured("W2 is not finite: the output is too large")
        change = found.norm(again.errors - found.errors)
        truth = self.quantiles.at(ladder.level(ladder.stop))
        doubt = change + rounding(self.unit, T, truth, self.quantiles.weights)
        return Point(T, found.w2, doubt + found.quadrature, doubt, found, noise=change)

    def probe(self, ladder: Ladder) -> Probed:
        """One run from the exact law of the first level, against that of the last."""
        assert isinstance(self.sampler, PlainSampler)
        start, end = ladder.level(ladder.T), end_of(self.sampler, ladder)
        a, sigma = noisiest_first(ladder)
        call = self.sampler.answer

        if self.sampler.stochastic:
            return probe_stochastic(
                self.target, lambda x, noise: call(self.score, x, a, sigma, noise), start, end
            )
        return probe_deterministic(self.quantiles, lambda x: call(self.score, x, a, sigma), start, end)

    @cached_property
    def score(self) -> Score:
        return quick_score(self.target) if self.guided is None else self.guided.score

    def _of_law(self, ladder: Ladder, T: int) -> Point:
        self.sampler.check(ladder)
        row = measured_row(self.target, ladder, self.sampler, ExactScore(self.target, ladder), "exact", "law")
        return Point(T, row["w2"], row["w2_floor"], row["w2_floor"], note=row["w2_note"] or None)


def scale_of(bench: Bench, view: View) -> float:
    """Root mean square of the truth at the end of ``view``: what rounding is relative to."""
    ladder = view.ladder(4)
    truth: NDArray[np.float64] = bench.quantiles.at(ladder.level(ladder.stop))
    return math.sqrt(float(bench.quantiles.weights @ truth**2))
