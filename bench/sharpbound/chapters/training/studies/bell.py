"""Study ``bell``: is the weighting of Karras et al. bell-shaped, and in which measure?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import torch

from sharpbound import targets
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import read_options, sweep_points
from sharpbound.chapters.training.network import Network
from sharpbound.chapters.training.objective import Objective
from sharpbound.chapters.training.weighting import Measure, edm_density, weights
from sharpbound.errors import InputError
from sharpbound.rates.verdict import judge_values
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series, table

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {"study": "bell", "width": 256, "depth": 1, "points": 64, "seed": 1}
"""[training]: the untrained network next to which the weighting is shown."""
FINE = np.geomspace(1e-3, 1e3, 200_001)
MEASURES: tuple[Measure, ...] = get_args(Measure)


class Bell(Experiment):
    """A row per noise level ``sigma``: the weighting in each measure, the loss of an untrained network,
    and the weights that would give every level the same mean rate of training.
    """

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        read_options(case.options, DEFAULTS, "training")
        sweep_points(case.sweep, ("sigma",))
        levels = case.sweep["sigma"]
        if len(levels) < 3 or levels != sorted(levels) or levels[0] <= 0:
            raise InputError("must hold 3 or more increasing positive levels", key="sweep.sigma")
        targets.build(case.target)
        if case.metrics != ["modes"]:
            raise InputError("measure modes", key="measure.metric")
        claim.transfer("modes")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "training")
        return [Cell(self.kind, {"target": case.target, "options": options, "sigma": case.sweep["sigma"]})]

    def measure(self, cell: Cell) -> list[Row]:
        options, sigma = cell.params["options"], np.array(cell.params["sigma"], dtype=float)
        target, seed = targets.build(cell.params["target"]), options["seed"]
        data = target.sample(options["points"], torch.Generator().manual_seed(seed)).numpy()
        network = Network.initial(target.dim, options["width"], options["depth"], seed)
        objective = Objective.draw(data, sigma, np.ones_like(sigma), seed)
        diagonal = np.diag(network.tangent_kernel(objective.inputs)).reshape(objective.noise.shape)
        loss = 2 * objective.level_losses(objective.residuals(network(objective.inputs)))
        equal = weights("equalising", sigma, diagonal)
        densities = {name: edm_density(sigma, name) / edm_density(FINE, name).max() for name in MEASURES}
        return [
            {"sigma": float(s), "untrained-loss": float(loss[i]), "equalising": float(equal[i]), "floor": 0.0}
            | {"floor_kind": "closed-form"}
            | {f"{name}-weight": float(density[i]) for name, density in densities.items()}
            | {"modes": max(maxima(edm_density(FINE, name)) for name in MEASURES)}
            for i, s in enumerate(sigma)
        ]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        peaks = {name: float(FINE[np.argmax(edm_density(FINE, name))]) for name in MEASURES}
        modes = [maxima(edm_density(FINE, name)) for name in MEASURES]
        judged = judge_values(modes, [claim.predict({})] * len(modes), 1e-9)
        sigma, equal = (np.array([row[key] for row in rows]) for key in ("sigma", "equalising"))
        found = ", ".join(f"{peaks[name]:.4g} ({name})" for name in MEASURES)
        shape = "falls throughout" if (np.diff(equal) < 0).all() else f"has {maxima(equal)} inner maxima"
        reason = (
            f"the weighting has one maximum in each measure, at sigma = {found}: a peak means nothing "
            f"without its measure; "
            f"the weights that equalise the levels' rates of training are no bell, they are a curve that "
            f"{shape}"
        )
        columns = ["measure", "peak at σ", "inner maxima"]
        return Conclusion(
            judged.verdict,
            None,
            None,
            {"reason": reason},
            lambda: {
                "figures": [
                    lines(
                        "bell",
                        "The weighting of Karras et al. in three measures",
                        axis("noise level σ", "log"),
                        axis("weight / its maximum"),
                        [series(name, sigma, [row[f"{name}-weight"] for row in rows]) for name in MEASURES],
                        "log-sigma and sigma: on |σS + ξ|² per d log σ and per dσ; network: on the loss of the "
                        "preconditioned "
                        "network per d log σ, where it is the lognormal density itself.",
                    ),
                    lines(
                        "levels",
                        "What an untrained network asks for",
                        axis("noise level σ", "log"),
                        axis("value", "log"),
                        [
                            series(
                                "loss of the level at initialisation",
                                sigma,
                                [row["untrained-loss"] for row in rows],
                            ),
                            series("weight that equalises the rates", sigma, equal),
                        ],
                        "The equalising weight is 1/(σ² tr K), K the tangent kernel of the level.",
                    ),
                ],
                "tables": [
                    table(
                        "peaks",
                        "Where the bell peaks",
                        columns,
                        list(zip(MEASURES, peaks.values(), modes, strict=True)),
                    )
                ],
            },
        )


def maxima(values: np.ndarray) -> int:
    """Number of inner local maxima of a sampled curve."""
    rise = np.sign(np.diff(values))
    rise = rise[rise != 0]
    return int(((rise[:-1] > 0) & (rise[1:] < 0)).sum())
