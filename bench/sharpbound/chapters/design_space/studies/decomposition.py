"""Study ``decomposition``: the path KL of the engine against E_I + E_D + E_S, which knows no kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sharpbound import processes, samplers, targets
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.options import read_options, sweep_points
from sharpbound.chapters.value_verdict import conclude_values
from sharpbound.errors import InputError
from sharpbound.laws import Problem, chains
from sharpbound.laws.path_kl_parts import decompose, variances
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import axis, bars, series
from sharpbound.scores.base import ExactScore
from sharpbound.scores.shifted import ShiftedScore

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {"study": "decomposition", "score_error": 0.0}
"""[design]: v E|s - score|^2 at every level."""
TOLERANCE = 1e-9


class Decomposition(Experiment):
    """A row per number of steps T: the engine's path KL, the three parts, and the ratio, which is to be 1."""

    kind = "design-space"

    def validate(self, case: Case, claim: Claim) -> None:
        read_options(case.options, DEFAULTS, "design")
        if case.metrics != ["decomposition-ratio"]:
            raise InputError("measure decomposition-ratio", key="measure.metric")
        claim.transfer("decomposition-ratio")
        targets.build(case.target)
        sampler = samplers.build(case.sampler)
        for point in sweep_points(case.sweep, ("T",)):
            sampler.check(processes.build(case.forward, point["T"]))

    def cells(self, case: Case) -> list[Cell]:
        fixed = {"target": case.target, "forward": case.forward, "sampler": case.sampler}
        fixed["options"] = read_options(case.options, DEFAULTS, "design")
        return [Cell(self.kind, {**fixed, **point}) for point in sweep_points(case.sweep, ("T",))]

    def measure(self, cell: Cell) -> list[Row]:
        params = cell.params
        target, ladder = targets.build(params["target"]), processes.build(params["forward"], params["T"])
        sampler, init = samplers.build(params["sampler"]), params["sampler"].get("init", "normal")
        error = float(params["options"]["score_error"])
        score = ShiftedScore(ExactScore(target, ladder), error)
        kl, engine = chains.solve(Problem(target, ladder, sampler, score, init))
        parts = decompose(target, ladder, error / variances(ladder)[:-1], exact_start=init == "exact")
        return [
            {
                "T": params["T"],
                "decomposition-ratio": kl.value / parts.total,
                "decomposition-ratio_floor": kl.floor / parts.total,
                "floor": kl.floor / parts.total,
                "floor_kind": kl.kind,
                "engine": engine,
                "path-kl": kl.value,
                "initialisation": parts.initial,
                "discretisation": parts.discretisation,
                "score": parts.score,
            }
        ]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        found = conclude_values(claim, rows, "decomposition-ratio", TOLERANCE)
        steps = [row["T"] for row in rows]
        names = {
            "path-kl": "path KL of the engine",
            "initialisation": "E_I",
            "discretisation": "E_D",
            "score": "E_S",
        }
        return replace(
            found,
            draw=lambda: {
                "figures": [
                    bars(
                        "parts",
                        case.title,
                        axis("steps T", values=[str(n) for n in steps]),
                        axis("KL divergence (nats)"),
                        [series(name, steps, [row[key] for row in rows]) for key, name in names.items()],
                        "The first bar is computed from the kernels of the two chains, the other three from the "
                        "Fisher "
                        "information; they add up to it.",
                    )
                ]
            },
        )
