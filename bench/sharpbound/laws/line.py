"""The law of any sampler's output on the line, by the engine that suits it."""

from __future__ import annotations

from sharpbound.distances.ratio import Ratio1D
from sharpbound.laws.density import density_law
from sharpbound.laws.transport import StartLaw, transport_law
from sharpbound.processes.ladder import Ladder
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ScoreField
from sharpbound.targets.base import Target1D


def line_law(
    target: Target1D, ladder: Ladder, sampler: Sampler, score: ScoreField, init: str | StartLaw = "normal"
) -> Ratio1D:
    """Transport for deterministic samplers, the density engine for stochastic ones.

    ``init``: "normal", "exact", or any law to start from.
    """
    engine = transport_law if sampler.deterministic else density_law
    return engine(target, ladder, sampler, score, init)
