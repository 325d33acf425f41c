"""Study ``song-or-karras``: which schedule, and how much noise, is best at which score error on which
data.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from sharpbound import targets
from sharpbound.chapters import columns
from sharpbound.chapters.base import Cell, Experiment
from sharpbound.chapters.design_space.output import MOMENTS, churned_law
from sharpbound.chapters.design_space.song_or_karras import crossover_scale, output_loss, path_loss
from sharpbound.chapters.design_space.studies.candidates import candidate, churns, names_on_map
from sharpbound.chapters.design_space.studies.song_or_karras_figures import against_churn, cuts, maps
from sharpbound.chapters.options import read_options, sweep_points
from sharpbound.distances.base import Measured
from sharpbound.errors import InputError
from sharpbound.laws import NotMeasured, distance
from sharpbound.laws.path_kl_parts import decompose, variances
from sharpbound.marginals.fisher import information
from sharpbound.processes.ladder import Ladder
from sharpbound.rates import judge_ordering
from sharpbound.records.document import Conclusion, Row
from sharpbound.targets.base import Target

if TYPE_CHECKING:
    from sharpbound.suite.case import Case
    from sharpbound.suite.claim import Claim

DEFAULTS: dict[str, Any] = {
    "study": "song-or-karras",
    "first": "exponential",
    "second": "edm",
    "powers": [1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 20.0],
    "churns": [0.0, 0.5, 1.0],
    "T": 50,
    "sigma_min": 0.002,
    "sigma_max": 80.0,
}
"""[design]: the claim is that ``first`` is no worse than ``second``. Each is a schedule, with the amount of fresh
noise after a slash if it is not 1: ``exponential``, ``edm/churn-0``; ``churn-<eta>`` alone is the exponential
schedule's. The map shows the best among ``powers`` of the polynomial schedules, the exponential one being the
limit of large powers; or, where the two differ in churn, among all pairs of these and ``churns``."""

METRICS = ("path-kl", "kl")
SWEEPABLE = ("score_error", "sigma")
RELATIVE_FLOOR = 1e-9
"""Of the closed forms, on Gaussian data; the engine knows its own."""


class SongOrKarras(Experiment):
    """A row per (score_error, sigma): normalised score error v E|s - score|^2 at every level, and the
    scale of the data, which multiplies the [target] (by default N(0, 1)). Samplers start from the exact p_T.

    Gaussian data are in closed form; others take ``path-kl`` by quadrature and ``kl`` by the engine of
    output laws.
    """

    kind = "design-space"

    def validate(self, case: Case, claim: Claim) -> None:
        options = read_options(case.options, DEFAULTS, "design")
        for key in ("powers", "churns"):
            if not all(isinstance(value, (int, float)) for value in options[key]):
                raise InputError("must hold numbers", key=f"design.{key}")
        for name in (options["first"], options["second"], *names_on_map(options, bool(case.target))):
            candidate(name, options)
        if len(case.metrics) != 1 or case.metrics[0] not in METRICS:
            raise InputError(f"measure one of {', '.join(METRICS)}", key="measure.metric")
        if claim.kind != "ordering":
            raise InputError("use a claim that is an ordering", key="case.claim")
        if churns(options) and case.metrics != ["kl"]:
            raise InputError("the path KL is that of churn 1; measure kl", key="design.first")
        sweep_points(case.sweep, SWEEPABLE)
        for name in SWEEPABLE:
            if name not in case.sweep:
                raise InputError("is missing; give it one value or more", key=f"sweep.{name}")
        if min(case.sweep["sigma"]) <= 0 or min(case.sweep["score_error"]) < 0:
            raise InputError("the data scale is positive, the score error not negative", key="sweep")
        if case.target:
            targets.build(case.target)
        claim.transfer(case.metrics[0])

    def cells(self, case: Case) -> list[Cell]:
        options = read_options(case.options, DEFAULTS, "design")
        fixed = {"target": case.target, "options": options, "metric": case.metrics[0]}
        return [Cell(self.kind, {**fixed, **point}) for point in sweep_points(case.sweep, SWEEPABLE)]

    def measure(self, cell: Cell) -> list[Row]:
        params, options = cell.params, cell.params["options"]
        scale, error, metric = params["sigma"], params["score_error"], params["metric"]
        on_target = bool(params["target"])
        names = dict.fromkeys([options["first"], options["second"], *names_on_map(options, on_target)])
        row: Row = {"score_error": error, "sigma": scale}
        by: dict[str, str | None] = {}
        kinds: dict[str, str | None] = {}
        for name in names:
            ladder, churn = candidate(name, options)
            if on_target:
                try:
                    found, by[name] = _on_target(
                        _scaled(params["target"], scale), ladder, error, metric, churn
                    )
                except NotMeasured as reason:
                    row |= {name: None, f"{name}_floor": None, "note": str(reason)}
                    by[name], kinds[name] = None, None
                    continue
            else:
                found, by[name] = _on_gaussian(ladder, scale, error, metric, churn)
            row |= {name: found.value, f"{name}_floor": found.floor}
            kinds[name] = found.kind
        first = options["first"]
        row |= {metric: row[first], f"{metric}_floor": row[f"{first}_floor"], "floor": row[f"{first}_floor"]}
        row |= {"floor_kind": kinds[first], "engine": by[first]}
        row |= {f"{name}_engine": by[name] for name in names if by[name] not in (None, by[first])}
        row |= {
            f"{name}_floor_kind": kinds[name] for name in names if kinds[name] not in (None, kinds[first])
        }
        return [row]

    def conclude(self, case: Case, claim: Claim, rows: Sequence[Row]) -> Conclusion:
        options = read_options(case.options, DEFAULTS, "design")
        first, second = options["first"], options["second"]
        a, b = columns.values(rows, first), columns.values(rows, second)
        floors = columns.floors(rows, first), columns.floors(rows, second)
        known = np.isfinite(a) & np.isfinite(b)  # where the engine has both laws
        if not known.any():
            return Conclusion("inconclusive", None, None, {"reason": "no output law of the two was measured"})
        judged = judge_ordering(a[known], b[known], *(floor[known] for floor in floors))
        better = a < b
        reason = f"{first} beats {second} at {better.sum()} of {known.sum()} points"
        reason += _holds(case, rows, better) + "; "
        crossover = _crossover(case, options)
        if crossover is not None:
            reason += f"with the exact score exponential beats edm below a data scale of {crossover:.4f}; "
        ratio = [r if np.isfinite(r) else None for r in (a / b).tolist()]
        details: dict[str, Any] = {"reason": reason + judged.reason, "ratio": ratio}

        def draw() -> dict[str, Any]:
            several = len(case.sweep["sigma"]) > 1
            figures = maps(case, rows, options) if several and len(case.sweep["score_error"]) > 1 else []
            figures += [cuts(case, rows, a / b, options, crossover)] if several or not churns(options) else []
            figures += [against_churn(case, rows, options)] if churns(options) else []
            return {"figures": figures}

        return Conclusion(judged.verdict, None, None, details, draw)


# -- losses ------------------------------------------------------------------------------------


def _on_gaussian(
    ladder: Ladder, scale: float, error: float, metric: str, churn: float
) -> tuple[Measured, str]:
    v = variances(ladder)
    path = metric == "path-kl"
    value = path_loss(v, scale, error) if path else output_loss(v, scale, error, churn)
    return Measured(value, RELATIVE_FLOOR * value, "closed-form"), "path-parts" if path else MOMENTS


def _on_target(
    target: Target, ladder: Ladder, error: float, metric: str, churn: float
) -> tuple[Measured, str]:
    if metric == "path-kl":
        v = variances(ladder)
        info = information(target, v[-1], v[0])
        value = decompose(target, ladder, error / v[:-1], exact_start=True, info=info).total
        return Measured(value, RELATIVE_FLOOR * value), "path-parts"
    law = churned_law(target, ladder, error, churn, "exact")
    found = distance(law, "kl")
    if not (math.isfinite(found.value) and math.isfinite(found.floor)):
        raise NotMeasured(
            f"the output law of {ladder.name} with {ladder.T} steps is not resolved: use more steps"
        )
    return found, law.engine


LENGTHS = ("mean", "std", "means", "stds", "points", "low", "high", "loc", "scale", "radius")
SQUARES = ("cov", "covs")


def _scaled(spec: dict[str, Any], scale: float) -> Target:
    """The target with all its lengths multiplied by ``scale``."""
    return targets.build(_grown(spec, scale))


def _grown(spec: dict[str, Any], scale: float) -> dict[str, Any]:
    grown = dict(spec)
    for keys, factor in ((LENGTHS, scale), (SQUARES, scale**2)):
        for key in set(keys) & set(spec):
            grown[key] = (factor * np.asarray(spec[key], dtype=float)).tolist()
    if "factor" in spec:
        grown["factor"] = _grown(spec["factor"], scale)
    if "factors" in spec:
        grown["factors"] = [_grown(factor, scale) for factor in spec["factors"]]
    return grown


# -- what is shown -----------------------------------------------------------------------------


def _holds(case: Case, rows: Sequence[Row], better: Any) -> str:
    """Per score error, the data scales at which the first is the better one."""
    if better.all() or not better.any():
        return ""
    parts = []
    for error in case.sweep["score_error"]:
        here = [
            row["sigma"] for row, won in zip(rows, better, strict=True) if won and row["score_error"] == error
        ]
        where = f"{len(here)} of {len(case.sweep['sigma'])} data scales"
        if here and len(here) < len(case.sweep["sigma"]):
            where += f", {min(here):g} to {max(here):g}"
        parts.append(f"{where} at score error {error:g}")
    return f" ({'; '.join(parts[:: max(1, len(parts) // 3)])})"


def _crossover(case: Case, options: dict[str, Any]) -> float | None:
    """Data scale at which the two schedules tie under the exact score, on Gaussian data."""
    if case.target or {options["first"], options["second"]} != {"exponential", "edm"}:
        return None
    loss = path_loss if case.metrics[0] == "path-kl" else output_loss
    return crossover_scale(options["T"], options["sigma_min"], options["sigma_max"], loss=loss)
