"""Study ``lazy``: with growing width, does descent follow the tangent kernel of initialisation?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound import targets
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import read_options, sweep_points
from sharpbound.chapters.training.descent import descend, kernel_drift, predict
from sharpbound.chapters.training.studies.descent import problem
from sharpbound.chapters.training.weighting import check_weighting
from sharpbound.chapters.value_verdict import conclude_values
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "study": "lazy",
    "depth": 1,
    "points": 2,
    "levels": 2,
    "sigma_min": 0.5,
    "sigma_max": 4.0,
    "weighting": "uniform",
    "step": 1.0,
    "iterations": 40,
    "seeds": 8,
}
"""[training]: the problem of study descent, how long it is trained, and the number of networks to average over."""
TOLERANCE = 0.02
Z95 = 1.96


class Lazy(Experiment):
    """A row per ``width``, means over networks: ``rate-ratio``, the fall of log loss over all iterations in
    units of the fall that the tangent kernel of initialisation predicts; ``kernel-drift``, the relative
    change of the kernel by training; ``kernel-spread``, that from one network to the next.
    """

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "training")
        sweep_points(case.sweep, ("width",))
        widths = case.sweep["width"]
        if not all(isinstance(m, int) and m > 0 for m in widths) or widths != sorted(widths):
            raise InputError("must hold increasing whole numbers", key="sweep.width")
        for key, least in {"seeds": 2, "iterations": 1, "levels": 2, "points": 1}.items():
            if options[key] < least:
                raise InputError(f"must be at least {least}", key=f"training.{key}")
        check_weighting(options["weighting"])
        if case.metrics != ["rate-ratio"]:
            raise InputError("measure rate-ratio", key="measure.metric")
        targets.build(case.target)
        claim.transfer("rate-ratio")

    def cells(self, case: Case) -> list[Cell]:
        fixed = {"target": case.target, "options": read_options(case.options, DEFAULTS, "training")}
        return [Cell(self.kind, {**fixed, **point}) for point in sweep_points(case.sweep, ("width",))]

    def measure(self, cell: Cell) -> list[Row]:
        options, target = cell.params["options"], targets.build(cell.params["target"])
        last = options["iterations"]
        ratios, rates, drifts, kernels = [], [], [], []
        _, fixed = problem(target, {**options, "width": 8, "seed": 0})  # one set of data and noise for all
        for seed in range(options["seeds"]):
            network, _ = problem(target, {**options, "width": cell.params["width"], "seed": seed})
            prediction = predict(network, fixed)
            step = options["step"] * prediction.stable_step
            run = descend(network, fixed, step, last)
            first, end = prediction.losses(step, np.array([0, last]))
            rates.append(math.log(run.losses[0] / run.losses[-1]) / last)
            ratios.append(rates[-1] * last / math.log(first / end))
            drifts.append(kernel_drift(network, run.network, fixed))
            kernels.append(network.tangent_kernel(fixed.inputs))
        mean = np.mean(kernels, axis=0)
        spread = float(np.linalg.norm(np.std(kernels, axis=0, ddof=1)) / np.linalg.norm(mean))
        doubt = Z95 * float(np.std(ratios, ddof=1)) / math.sqrt(len(ratios))
        row: Row = {"width": cell.params["width"], "rate-ratio": float(np.mean(ratios))}
        row |= {
            "rate-ratio_floor": doubt,
            "floor": doubt,
            "floor_kind": "statistical",
            "rate": float(np.mean(rates)),
        }
        return [row | {"kernel-drift": float(np.mean(drifts)), "kernel-spread": spread}]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        found = conclude_values(claim, rows[-1:], "rate-ratio", TOLERANCE)
        first, last = rows[0], rows[-1]
        found.details["reason"] = (
            f"at width {last['width']}: {found.details['reason']}; from width {first['width']} on the kernel's "
            f"change by training falls from {first['kernel-drift']:.2g} to {last['kernel-drift']:.2g}, its spread "
            f"over networks from {first['kernel-spread']:.2g} to {last['kernel-spread']:.2g}"
        )
        width = np.array([row["width"] for row in rows], dtype=float)
        columns = {
            "kernel-drift": "change of the kernel by training",
            "kernel-spread": "spread of the kernel over networks",
        }
        curves = [series(label, width, [row[key] for row in rows]) for key, label in columns.items()]
        curves.append(series("|rate ratio - 1|", width, [abs(row["rate-ratio"] - 1) for row in rows]))
        root = first["kernel-drift"] * np.sqrt(width[0] / width)
        curves.append(series("∝ 1/√width", width, root, "dashed"))
        ratio, doubt = (np.array([row[key] for row in rows]) for key in ("rate-ratio", "floor"))
        return replace(
            found,
            draw=lambda: {
                "figures": [
                    lines(
                        "lazy",
                        f"{case.title}: what becomes stationary",
                        axis("width", "log"),
                        axis("relative change", "log"),
                        curves,
                        "Means over networks; in the limit of infinite width the kernel is one fixed matrix.",
                    ),
                    lines(
                        "ratio",
                        f"{case.title}: measured over predicted rate",
                        axis("width", "log"),
                        axis("ratio"),
                        [
                            series(
                                "mean and 95 % interval", width, ratio, low=ratio - doubt, high=ratio + doubt
                            )
                        ],
                        "The fall of the logarithm of the loss over the whole run, in units of the prediction from the "
                        "spectrum of the tangent kernel at initialisation.",
                        hlines=[{"at": 1.0, "label": "infinite width"}],
                    ),
                ]
            },
        )
