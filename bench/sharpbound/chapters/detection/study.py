"""Kind ``detection``: whether mistakes in samplers are noticed, and samplers without one left alone."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.detection.detect import detect, gaussian_problem, mixture_problem, random_problem
from sharpbound.chapters.detection.mutants import MUTANTS, Finding, Mutant, agree
from sharpbound.chapters.options import read_options
from sharpbound.errors import InputError
from sharpbound.records.document import Conclusion, Row
from sharpbound.records.figures import table
from sharpbound.samplers import SAMPLERS

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {"runs": 100, "mixture_T": [16, 32], "run_T": [16, 32], "seed": 0}
RUNS_PER_CELL = 10
STOCHASTIC_EVERY = 10
"""Of the unmutated runs one in ten is of a stochastic sampler, whose law takes longer."""
EXACT_ON_GAUSSIANS = "ddpm-covariance"
"""Its error on the unmutated runs' targets is zero, and has neither order nor constant to compare."""


class Detection(Experiment):
    """One cell per mutant; unmutated samplers on random problems, ten to a cell.

    A mutant is caught where its error has another order or constant than its original's on a Gaussian or, if it
    does not show there, on a mixture.
    An unmutated run passes where the laws of two independent engines agree in both.
    """

    kind = "detection"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "detection")
        if case.metrics != ["w2"]:
            raise InputError('mutants are compared in W2; write metric = "w2"', key="measure.metric")
        if list(case.sweep) != ["T"]:
            raise InputError("a detection case sweeps T alone", key="sweep")
        for key, T in (
            ("sweep.T", case.sweep["T"]),
            ("detection.mixture_T", options["mixture_T"]),
            ("detection.run_T", options["run_T"]),
        ):
            _check_doubling(T, key)
        if options["runs"] < 0:
            raise InputError("must not be negative", key="detection.runs")

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "detection")
        mutated = [
            Cell(self.kind, {"mutant": mutant.name, "T": case.sweep["T"], "mixture_T": options["mixture_T"]})
            for mutant in MUTANTS
        ]
        starts = range(0, options["runs"], RUNS_PER_CELL)
        unmutated = [
            Cell(
                self.kind,
                {
                    "runs": [first, min(first + RUNS_PER_CELL, options["runs"])],
                    "T": options["run_T"],
                    "seed": options["seed"],
                },
            )
            for first in starts
        ]
        return mutated + unmutated

    def measure(self, cell: Cell) -> list[Row]:
        params = cell.params
        if "runs" in params:
            return [_unmutated(run, params["T"], params["seed"]) for run in range(*params["runs"])]
        mutant = next(one for one in MUTANTS if one.name == params["mutant"])
        found, problem = detect(mutant, gaussian_problem(params["T"])), "gaussian"
        if not found.by:
            found, problem = detect(mutant, mixture_problem(params["mixture_T"])), "mixture"
        return [_mutated(mutant, found, problem)]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        mutants = [row for row in rows if "mutant" in row]
        runs = [row for row in rows if "mutant" not in row]
        missed = [row["mutant"] for row in mutants if not row["caught"]]
        alarms = [row for row in runs if row["caught"]]
        reason = (
            f"{len(mutants) - len(missed)} of {len(mutants)} mutants caught, "
            f"{len(runs) - len(alarms)} of {len(runs)} unmutated runs passed"
        )
        details = {"reason": reason, "missed": missed, "alarms": alarms}
        verdict = "refuted" if missed or alarms else "confirmed"
        return Conclusion(verdict, None, None, details, lambda: {"tables": [_table(mutants)]})


def _check_doubling(T: Any, key: str) -> None:
    good = len(T) >= 2 and all(isinstance(t, int) and t >= 2 for t in T)
    if not good or any(fine != 2 * coarse for coarse, fine in itertools.pairwise(T)):
        raise InputError(f"must double from value to value, e.g. [16, 32, 64]; got {T}", key=key)


def _mutated(mutant: Mutant, found: Finding, problem: str) -> Row:
    numbers = {"order": found.slope_original, "mutant_order": found.slope, "ratio": found.ratio}
    return {
        "mutant": mutant.name,
        "wrong": mutant.wrong,
        "caught": found.by,
        "problem": problem,
        **{name: value if np.isfinite(value) else None for name, value in numbers.items()},
        "floor_kind": found.kind,
        "engine": found.engine,
    }


def _unmutated(run: int, T: Sequence[int], seed: int) -> Row:
    rng = np.random.default_rng([seed, run])
    stochastic = run % STOCHASTIC_EVERY == 0
    names = [
        name
        for name, sampler in SAMPLERS.items()
        if sampler.deterministic != stochastic
        and "vp" in sampler.kinds
        and not (stochastic and sampler.history)
        and name != EXACT_ON_GAUSSIANS
    ]
    name = names[int(rng.integers(len(names)))]
    finding = agree(random_problem(rng, T), SAMPLERS[name])
    ratio = finding.ratio if np.isfinite(finding.ratio) else None
    row: Row = {"run": run, "sampler": name, "caught": finding.by, "ratio": ratio}
    return row | {"floor_kind": finding.kind, "engine": finding.engine}


def _table(rows: Sequence[Row]) -> dict[str, Any]:
    return table(
        "mutants",
        "Every mutant, what is wrong with it, and what gave it away: the order of the original and its own (slope "
        "between the two finest rows), and the ratio of its W2 to the original's at the largest T.",
        ["mutant", "what is wrong", "caught by", "on the", "order", "mutant's order", "ratio of W2"],
        [
            [row["mutant"], row["wrong"], row["caught"] or "not caught"]
            + [row[key] for key in ("problem", "order", "mutant_order", "ratio")]
            for row in rows
        ],
    )
