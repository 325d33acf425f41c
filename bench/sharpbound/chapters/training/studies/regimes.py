"""Studies ``speciation`` and ``collapse``: when the reverse process decides for a class, and for a point."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import read_options, sweep_points
from sharpbound.chapters.training.speciation import (
    collapse_times,
    same_class_probability,
    speciation_time,
    splitting_time,
)
from sharpbound.chapters.value_verdict import conclude_values
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, lines, series

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

SPECIATION: dict[str, Any] = {"study": "speciation"}
COLLAPSE: dict[str, Any] = {"study": "collapse", "n": 20000, "sigma": 1.0, "queries": 100, "seed": 1}
"""[training]: training points, their standard deviation, and queries, each with training points of its
own.
"""
SPECIATION_TOLERANCE = 1e-3
COLLAPSE_TOLERANCE = 0.02
"""The claims are limits: of a large eigenvalue, and of a large dimension at a fixed log n / d."""
Z95 = 1.96


class Speciation(Experiment):
    """A row per ``sigma``, the square root of the largest eigenvalue of two classes N(+-m, 1), sigma^2 = 1
    + m^2: the time at which the law of X_t splits in two.
    """

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        read_options(case.options, SPECIATION, "training")
        sweep_points(case.sweep, ("sigma",))
        if min(case.sweep["sigma"]) <= math.sqrt(2):
            raise InputError("must exceed sqrt(2), where the data have one mode", key="sweep.sigma")
        if case.metrics != ["speciation-time"]:
            raise InputError("measure speciation-time", key="measure.metric")
        claim.transfer("speciation-time")

    def cells(self, case: Case) -> list[Cell]:
        return [Cell(self.kind, point) for point in sweep_points(case.sweep, ("sigma",))]

    def measure(self, cell: Cell) -> list[Row]:
        sigma = float(cell.params["sigma"])
        separation = math.sqrt(sigma**2 - 1)
        claimed = speciation_time(sigma**2)
        shift = separation * math.exp(-claimed)
        row: Row = {
            "sigma": sigma,
            "speciation-time": splitting_time(separation),
            "speciation-time_floor": 1e-13,
        }
        return [
            row | {"floor": 1e-13, "floor_kind": "closed-form", "clones-agree": same_class_probability(shift)}
        ]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        found = conclude_values(claim, rows[-1:], "speciation-time", SPECIATION_TOLERANCE)
        last = rows[-1]
        off = [row["speciation-time"] - claim.predict(row) for row in rows]
        found.details["reason"] = (
            f"at sigma = {last['sigma']:g}: {found.details['reason']}; the difference falls like "
            f"1/sigma^2, from "
            f"{off[0]:.2g} to {off[-1]:.2g}, and two paths cloned there agree with probability "
            f"{last['clones-agree']:.4f}"
        )
        shifted = np.linspace(-3.0, 3.0, 61)
        curves = []
        for row in rows[:: max(1, len(rows) // 3)]:
            sigma = row["sigma"]
            start = speciation_time(sigma**2)
            times = shifted[shifted + start > 0]
            y = [same_class_probability(math.sqrt(sigma**2 - 1) * math.exp(-(start + s))) for s in times]
            curves.append(series(f"σ = {sigma:g}", times, y, "line"))
        x = [row["sigma"] for row in rows]
        return replace(
            found,
            draw=lambda: {
                "figures": [
                    lines(
                        "times",
                        f"{case.title}: measured and claimed",
                        axis("σ, root of the largest eigenvalue", "log"),
                        axis("time"),
                        [
                            series(
                                "X_t has one mode from here on",
                                x,
                                [row["speciation-time"] for row in rows],
                                "points",
                            ),
                            series("½ log Λ", x, [claim.predict(row) for row in rows], "line"),
                        ],
                        "The law of X_t is an equal mixture of two classes with unit variance.",
                    ),
                    lines(
                        "clones",
                        "Two reverse paths cloned at a time t: do they end in the same class?",
                        axis("t - t_S"),
                        axis("probability of the same class"),
                        curves,
                        "Seen from the speciation time the curves of all data fall on one.",
                        vlines=[{"at": 0.0, "label": "speciation time"}],
                        hlines=[{"at": 0.7752, "label": "φ = .7752"}],
                    ),
                ]
            },
        )


class Collapse(Experiment):
    """A row per dimension ``d``: the median over queries of the time at which the point that a query was
    noised from has half of the posterior weight.
    """

    kind = "training"

    def validate(self, case: Case, claim: Claim) -> None:
        read_options(case.options, COLLAPSE, "training")
        sweep_points(case.sweep, ("d",))
        if not all(isinstance(d, int) and d >= 3 for d in case.sweep["d"]):
            raise InputError("must hold whole numbers >= 3", key="sweep.d")
        if case.metrics != ["collapse-time"]:
            raise InputError("measure collapse-time", key="measure.metric")
        claim.transfer("collapse-time")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, COLLAPSE, "training")
        return [Cell(self.kind, {"options": options, **point}) for point in sweep_points(case.sweep, ("d",))]

    def measure(self, cell: Cell) -> list[Row]:
        options, dim = cell.params["options"], cell.params["d"]
        times = collapse_times(dim, options["n"], options["sigma"], options["queries"], options["seed"])
        doubt = Z95 * 1.2533 * float(times.std(ddof=1)) / math.sqrt(len(times))  # sqrt(pi/2): of a median
        row: Row = {
            "d": dim,
            "collapse-time": float(np.median(times)),
            "collapse-time_floor": doubt,
            "floor": doubt,
            "floor_kind": "statistical",
        }
        return [row | {"low": float(np.quantile(times, 0.1)), "high": float(np.quantile(times, 0.9))}]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        options = read_options(case.options, COLLAPSE, "training")
        fixed = {"n": float(options["n"]), "sigma": float(options["sigma"])}
        found = conclude_values(claim, rows[-1:], "collapse-time", COLLAPSE_TOLERANCE, **fixed)
        ratios = [row["collapse-time"] / claim.predict({**fixed, **row}) for row in rows]
        found.details["ratio"] = ratios
        found.details["reason"] = (
            f"at d = {rows[-1]['d']}: {found.details['reason']}; measured over claimed is {ratios[0]:.3f} "
            f"at d = "
            f"{rows[0]['d']}"
        )
        d = [row["d"] for row in rows]
        return replace(
            found,
            draw=lambda: {
                "figures": [
                    lines(
                        "collapse",
                        f"{case.title}: {options['n']} training points",
                        axis("dimension", "log"),
                        axis("time"),
                        [
                            series(
                                "half of the weight on one point: median, and 10 to 90 % of the queries",
                                d,
                                [row["collapse-time"] for row in rows],
                                "points",
                                low=[row["low"] for row in rows],
                                high=[row["high"] for row in rows],
                            ),
                            series(
                                "claimed t_C", d, [claim.predict({**fixed, **row}) for row in rows], "line"
                            ),
                        ],
                        "The empirical score leads every path to a training point once one has most of the "
                        "posterior weight.",
                    )
                ]
            },
        )
