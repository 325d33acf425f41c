"""Where the error comes from: initialisation, early stopping, discretisation, score.

In total variation each is the distance between two neighbours of the chain

    p_0  --early stopping--  p_stop  --discretisation--  exact start and score
         --initialisation--  Gaussian start  --score--  the sampler as it is,

so that their sum bounds the whole (triangle inequality). In path KL they add up with equality,

    KL(true reverse chain | sampler) = E_I + E_D + E_S,

on every process for samplers whose mean is the exact posterior mean (DDPM; the frozen-score sampler on
VE ladders), by the chain rule and because the exact mean leaves no cross term with the error.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sharpbound.chapters.score_error.laws import Outputs, distance, output_law, path_added, start_law
from sharpbound.distances.products import LineFactor, ProductLaw
from sharpbound.distances.ratio import Ratio1D
from sharpbound.errors import NotMeasured
from sharpbound.laws import path_kl
from sharpbound.laws.difference import Law
from sharpbound.marginals.divergence import initialisation_error
from sharpbound.marginals.panels import log_density, marginal_panels
from sharpbound.samplers.base import Sampler
from sharpbound.scores.base import ExactScore
from sharpbound.scores.injection import Injection
from sharpbound.targets import Target1D

COLUMNS = ("initialisation", "early-stopping", "discretisation", "score")
NOTHING = -700.0
"""log of a density that is none."""


@dataclass(frozen=True)
class Budget:
    """The four parts (None where one has no number), and the whole."""

    initialisation: float | None
    early_stopping: float | None
    discretisation: float | None
    score: float | None
    total: float | None

    @property
    def parts(self) -> dict[str, float | None]:
        values = (self.initialisation, self.early_stopping, self.discretisation, self.score)
        return dict(zip(COLUMNS, values, strict=True))

    @property
    def dominating(self) -> str:
        """The name of the largest part."""
        known = {name: value for name, value in self.parts.items() if value is not None}
        return max(known, key=lambda name: known[name])


def tv_budget(given: Outputs, injection: Injection, sampler: Sampler, init: str = "normal") -> Budget:
    """The four steps from the data to the output in total variation, of which ``given`` holds the last two;
    their sum is at least ``total``.
    """
    start = 0.0 if init == "exact" else _tv(start_law(injection, sampler))
    exact = given.exact if init == "exact" else output_law(injection, sampler, "exact", exact=True)
    return Budget(start, early_stopping(injection), _tv(exact), _tv(given.added), _tv(given.wrong))


def path_budget(injection: Injection, sampler: Sampler, init: str = "normal") -> Budget:
    """E_I, E_D, E_S and the path KL they add up to, each by its own route; early stopping costs no path KL."""
    ladder = injection.ladder
    exact = sum(
        part.count * path_kl(part.target, ladder, sampler, ExactScore(part.target, ladder), "exact").value
        for part in injection.parts
    )
    start = 0.0 if init == "exact" else initialisation_error(injection.target, ladder)
    score = path_added(injection, sampler).value
    return Budget(start, 0.0, exact, score, start + exact + score)


def early_stopping(injection: Injection) -> float | None:
    """TV(p_0, p_stop): None where the data have no density (then it is 1 whatever the noise)."""
    target, ladder = injection.target, injection.ladder
    if not target.has_density:
        return None
    level = ladder.level(ladder.stop)
    factors = [LineFactor(_stopped(part.target, level)) for part in injection.parts]
    return _tv(ProductLaw(factors, [part.count for part in injection.parts]))


def _stopped(target: Target1D, level: tuple[float, float]) -> Ratio1D:
    """p_stop against the data."""
    panels = marginal_panels(target, *level)
    y = panels.nodes
    log_p = log_density(target, y, *level)
    log_data = np.maximum(log_density(target, y, 1.0, 0.0), NOTHING)
    return Ratio1D(panels, y, y, log_p, log_data - log_p, 0.0, 0.0)


def _tv(law: Law) -> float | None:
    try:
        return distance(law, "tv").value
    except NotMeasured:
        return None
